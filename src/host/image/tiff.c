/* TIFF files through libtiff: the first picture of a file. */
#include "image/library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#define KIND         "TIFF"
#define MOST_SAMPLES 8 /* of a pixel; what is beyond colour and alpha is left out */

/* In the order of `names`. */
typedef union tiff_library {
  void *all[12];
  struct {
    __typeof__(TIFFOpenOptionsAlloc) *options_alloc;
    __typeof__(TIFFOpenOptionsFree) *options_free;
    __typeof__(TIFFOpenOptionsSetMaxSingleMemAlloc) *options_set_most;
    __typeof__(TIFFOpenOptionsSetErrorHandlerExtR) *options_set_error;
    __typeof__(TIFFOpenOptionsSetWarningHandlerExtR) *options_set_warning;
    __typeof__(TIFFClientOpenExt) *open;
    __typeof__(TIFFClose) *close;
    __typeof__(TIFFGetFieldDefaulted) *get;
    __typeof__(TIFFIsTiled) *is_tiled;
    __typeof__(TIFFRGBAImageOK) *can_convert;
    __typeof__(TIFFReadRGBAImageOriented) *convert;
    __typeof__(TIFFReadScanline) *read_row;
  };
} tiff_library;

static const char *const names[] = {"TIFFOpenOptionsAlloc",
                                    "TIFFOpenOptionsFree",
                                    "TIFFOpenOptionsSetMaxSingleMemAlloc",
                                    "TIFFOpenOptionsSetErrorHandlerExtR",
                                    "TIFFOpenOptionsSetWarningHandlerExtR",
                                    "TIFFClientOpenExt",
                                    "TIFFClose",
                                    "TIFFGetFieldDefaulted",
                                    "TIFFIsTiled",
                                    "TIFFRGBAImageOK",
                                    "TIFFReadRGBAImageOriented",
                                    "TIFFReadScanline"};
_Static_assert(sizeof(tiff_library) == sizeof names, "a name for each function");

typedef struct tiff_file {
  tiff_library lib;
  const limn_image_input *input;
  uint64_t at; /* libtiff's place in the input */
  TIFF *tiff;
  char problem[160]; /* libtiff's words on the first error */
  uint32_t height, width;
  uint16_t bits, samples, photometric, orientation;
  int channels;
  bool multiplied; /* colours were, by their alpha */
  bool direct;     /* rows are read as they are stored; else libtiff makes RGBA of them */
} tiff_file;

static bool owns(const limn_image_input *input) {
  static const char *const marks[] = {"II*\0", "MM\0*", "II+\0", "MM\0+"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; ++i)
    if (input->size >= 4 && limn_image_begins(input, marks[i], 4))
      return input->size < 10 || memcmp(input->bytes + 8, "CR", 2) != 0; /* a camera's raw file */
  return false;
}

static tmsize_t read_some(thandle_t handle, void *to, tmsize_t size) {
  tiff_file *file = handle;
  const uint64_t left = file->at < file->input->size ? file->input->size - file->at : 0;
  const size_t taken = (uint64_t)size < left ? (size_t)size : (size_t)left;
  if (taken > 0)
    memcpy(to, file->input->bytes + file->at, taken);
  file->at += taken;
  return (tmsize_t)taken;
}

static tmsize_t write_nothing(thandle_t handle, void *from, tmsize_t size) {
  (void)handle, (void)from, (void)size;
  return -1;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
  tiff_file *file = handle;
  file->at = offset + (whence == SEEK_CUR ? file->at : whence == SEEK_END ? file->input->size : 0);
  return file->at;
}

static toff_t size_of(thandle_t handle) { return ((const tiff_file *)handle)->input->size; }

static int close_nothing(thandle_t handle) {
  (void)handle;
  return 0;
}

/* The file as mapped memory. Without it libtiff (4.5) takes uncompressed tiles of most sizes for broken. */
static int map(thandle_t handle, void **base, toff_t *size) {
  const tiff_file *file = handle;
  *base = (void *)(uintptr_t)file->input->bytes; /* it only reads there */
  *size = file->input->size;
  return 1;
}

static void unmap(thandle_t handle, void *base, toff_t size) { (void)handle, (void)base, (void)size; }

static int on_error(TIFF *tiff, void *context, const char *module, const char *format, va_list arguments) {
  tiff_file *file = context;
  (void)tiff, (void)module;
  if (!file->problem[0]) {
    vsnprintf(file->problem, sizeof file->problem, format, arguments);
    file->problem[strcspn(file->problem, "\n")] = '\0';
  }
  return 1;
}

static int on_warning(TIFF *tiff, void *context, const char *module, const char *format, va_list arguments) {
  (void)tiff, (void)context, (void)module, (void)format, (void)arguments;
  return 1;
}

static limn_status fail_broken(const tiff_file *file) {
  return limn_image_fail_broken(file->input, KIND, file->problem[0] ? file->problem : "its data make no sense");
}

static void input_close(tiff_file *file) {
  if (file->tiff)
    file->lib.close(file->tiff);
}

static limn_status start(tiff_file *file) {
  TIFFOpenOptions *options = file->lib.options_alloc();
  if (!options)
    return limn_image_fail_memory(file->input);
  file->lib.options_set_most(options, (tmsize_t)limn_image_file_limit(file->input->max_pixels));
  file->lib.options_set_error(options, on_error, file);
  file->lib.options_set_warning(options, on_warning, file);
  file->tiff = file->lib.open(file->input->name, "r", file, read_some, write_nothing, seek, close_nothing, size_of, map,
                              unmap, options);
  file->lib.options_free(options);
  return file->tiff ? LIMN_OK : fail_broken(file);
}

/* Which extra sample is alpha: 0 none, else EXTRASAMPLE_*. */
static int alpha_of(const tiff_file *file) {
  uint16_t count = 0, *kinds = NULL;
  file->lib.get(file->tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds);
  return count > 0 && kinds && (kinds[0] == EXTRASAMPLE_ASSOCALPHA || kinds[0] == EXTRASAMPLE_UNASSALPHA) ? kinds[0]
                                                                                                          : 0;
}

static limn_status describe(tiff_file *file) {
  const tiff_library *lib = &file->lib;
  uint16_t planes = 0, format = 0;
  uint32_t kind = 0;
  lib->get(file->tiff, TIFFTAG_SUBFILETYPE, &kind);
  lib->get(file->tiff, TIFFTAG_IMAGEWIDTH, &file->width);
  lib->get(file->tiff, TIFFTAG_IMAGELENGTH, &file->height);
  lib->get(file->tiff, TIFFTAG_BITSPERSAMPLE, &file->bits);
  lib->get(file->tiff, TIFFTAG_SAMPLESPERPIXEL, &file->samples);
  lib->get(file->tiff, TIFFTAG_PHOTOMETRIC, &file->photometric);
  lib->get(file->tiff, TIFFTAG_ORIENTATION, &file->orientation);
  lib->get(file->tiff, TIFFTAG_PLANARCONFIG, &planes);
  lib->get(file->tiff, TIFFTAG_SAMPLEFORMAT, &format);
  if (kind & FILETYPE_REDUCEDIMAGE)
    return limn_fail(LIMN_DATA, "%s: its first picture is a preview, as in a camera's raw file; convert or remove it",
                     file->input->name);
  LIMN_TRY(limn_image_check_size(file->input, file->height, file->width));
  if (file->samples < 1 || file->samples > MOST_SAMPLES)
    return limn_fail(LIMN_DATA, "%s: a TIFF file with %d samples a pixel, over the limit of %d; convert or remove it",
                     file->input->name, file->samples, MOST_SAMPLES);
  if (file->orientation < 1 || file->orientation > 8)
    file->orientation = 1;
  const bool grey = file->photometric == PHOTOMETRIC_MINISWHITE || file->photometric == PHOTOMETRIC_MINISBLACK;
  const bool rgb = file->photometric == PHOTOMETRIC_RGB;
  const int alpha = (grey || rgb) && file->samples > (grey ? 1 : 3) ? alpha_of(file) : 0;
  file->channels = (grey ? 1 : 3) + (alpha ? 1 : 0);
  file->direct = (grey || rgb) && planes == PLANARCONFIG_CONTIG && !lib->is_tiled(file->tiff) &&
                 (file->bits == 8 || file->bits == 16) && file->samples >= file->channels &&
                 (format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID);
  file->multiplied = alpha && (alpha == EXTRASAMPLE_ASSOCALPHA || !file->direct);
  char why[1024] = "";
  if (!file->direct && (format == SAMPLEFORMAT_IEEEFP || !lib->can_convert(file->tiff, why)))
    return limn_fail(
        LIMN_DATA, "%s: a TIFF file that is not read (%d bits, %d samples a pixel%s); convert or remove it",
        file->input->name, file->bits, file->samples, format == SAMPLEFORMAT_IEEEFP ? ", floating point" : "");
  return LIMN_OK;
}

static limn_status input_open(tiff_file *file, const limn_image_input *input, limn_picture_library *lacked) {
  *file = (tiff_file){.input = input};
  LIMN_TRY(limn_picture_library_open(LIMN_PICTURE_LIBTIFF, input, names, sizeof names / sizeof *names, file->lib.all,
                                     lacked));
  limn_status status = start(file);
  if (status == LIMN_OK)
    status = describe(file);
  if (status != LIMN_OK)
    input_close(file);
  return status;
}

static limn_storage storage_of(const tiff_file *file) {
  if (file->photometric == PHOTOMETRIC_PALETTE)
    return LIMN_STORED_PALETTE;
  if (file->photometric == PHOTOMETRIC_SEPARATED)
    return LIMN_STORED_CMYK;
  return file->bits == 16 ? LIMN_STORED_16_BIT : LIMN_STORED_PLAIN;
}

static limn_status tiff_probe(limn_picture_shape *out, const limn_image_input *input) {
  tiff_file file;
  LIMN_TRY(input_open(&file, input, &out->lacked));
  const bool swap = limn_exif_swaps_sides(file.orientation);
  *out = (limn_picture_shape){.height = (int32_t)(swap ? file.width : file.height),
                              .width = (int32_t)(swap ? file.height : file.width),
                              .channels = file.channels,
                              .storage = storage_of(&file),
                              .turned = file.orientation > 1};
  input_close(&file);
  return LIMN_OK;
}

/* The greatest sample that the file says there may be, where that is one of a whole number of bits. */
static uint32_t most_of(const tiff_file *file) {
  uint16_t most = 0;
  file->lib.get(file->tiff, TIFFTAG_MAXSAMPLEVALUE, &most);
  return most > 255 && (most & (most + 1u)) == 0 ? most : UINT16_MAX;
}

/* Rows as they are stored; `deep` instead of the picture's own pixels where samples have 16 bits. */
static bool read_rows(tiff_file *file, const limn_image *out, uint16_t *deep) {
  const size_t width = file->width, samples = file->samples, channels = (size_t)out->channels;
  uint16_t *row = malloc(width * samples * sizeof *row + 64);
  bool good = row != NULL;
  for (uint32_t y = 0; y < file->height && good; ++y) {
    good = file->lib.read_row(file->tiff, row, y, 0) == 1;
    for (size_t i = 0; i < width * channels && good; ++i) {
      const size_t from = i / channels * samples + i % channels, to = y * width * channels + i;
      if (deep)
        deep[to] = row[from];
      else
        out->pixels[to] = ((const uint8_t *)row)[from];
    }
  }
  free(row);
  return good;
}

static limn_status read_direct(tiff_file *file, limn_image *out) {
  uint16_t *deep = NULL;
  if (file->bits == 16) {
    deep = malloc((size_t)file->height * file->width * (size_t)out->channels * sizeof *deep);
    if (!deep)
      return limn_image_fail_memory(file->input);
  }
  limn_status status = read_rows(file, out, deep) ? LIMN_OK : fail_broken(file);
  if (status == LIMN_OK && deep)
    limn_image_fill_deep(out, deep, most_of(file));
  free(deep);
  if (status == LIMN_OK && file->photometric == PHOTOMETRIC_MINISWHITE)
    for (size_t i = 0; i < (size_t)file->height * file->width; ++i)
      out->pixels[i * (size_t)out->channels] = (uint8_t)(255 - out->pixels[i * (size_t)out->channels]);
  return status;
}

static limn_status read_converted(tiff_file *file, limn_image *out) {
  const size_t count = (size_t)file->height * file->width, channels = (size_t)out->channels;
  uint32_t *raster = malloc(count * sizeof *raster);
  if (!raster)
    return limn_image_fail_memory(file->input);
  /* The orientation that it has: as it is stored. 1: what is broken ends it. */
  const bool good =
      file->lib.convert(file->tiff, file->width, file->height, raster, file->orientation, 1) && !file->problem[0];
  for (size_t i = 0; i < count && good; ++i)
    for (size_t c = 0; c < channels; ++c) {
      const bool alpha = channels % 2 == 0 && c + 1 == channels;
      out->pixels[i * channels + c] = (uint8_t)(raster[i] >> (alpha ? 24 : 8 * c));
    }
  free(raster);
  return good ? LIMN_OK : fail_broken(file);
}

static limn_status tiff_read(limn_image *out, const limn_image_input *input) {
  tiff_file file;
  LIMN_TRY(input_open(&file, input, NULL));
  limn_status status = limn_image_init(out, (int)file.height, (int)file.width, file.channels);
  if (status == LIMN_OK)
    status = file.direct ? read_direct(&file, out) : read_converted(&file, out);
  if (status == LIMN_OK && file.multiplied)
    limn_image_divide_by_alpha(out);
  if (status == LIMN_OK)
    status = limn_image_turn_upright(out, file.orientation);
  if (status != LIMN_OK)
    limn_image_release(out);
  input_close(&file);
  return status;
}

const limn_image_decoder limn_tiff_decoder = {
    .kind = KIND, .endings = ".tif .tiff", .owns = owns, .probe = tiff_probe, .read = tiff_read};
