/* JPEG 2000 files and bare codestreams through OpenJPEG. */
#include "image/library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openjpeg.h>

#define KIND "JPEG 2000"

/* In the order of `names`. */
typedef union jp2_library {
  void *all[15];
  struct {
    __typeof__(opj_create_decompress) *create;
    __typeof__(opj_destroy_codec) *destroy;
    __typeof__(opj_set_default_decoder_parameters) *set_defaults;
    __typeof__(opj_setup_decoder) *setup;
    __typeof__(opj_set_error_handler) *set_error;
    __typeof__(opj_stream_create) *stream_create;
    __typeof__(opj_stream_destroy) *stream_destroy;
    __typeof__(opj_stream_set_read_function) *stream_set_read;
    __typeof__(opj_stream_set_skip_function) *stream_set_skip;
    __typeof__(opj_stream_set_seek_function) *stream_set_seek;
    __typeof__(opj_stream_set_user_data) *stream_set_data;
    __typeof__(opj_stream_set_user_data_length) *stream_set_length;
    __typeof__(opj_read_header) *read_header;
    __typeof__(opj_decode) *decode;
    __typeof__(opj_image_destroy) *image_destroy;
  };
} jp2_library;

static const char *const names[] = {"opj_create_decompress",
                                    "opj_destroy_codec",
                                    "opj_set_default_decoder_parameters",
                                    "opj_setup_decoder",
                                    "opj_set_error_handler",
                                    "opj_stream_create",
                                    "opj_stream_destroy",
                                    "opj_stream_set_read_function",
                                    "opj_stream_set_skip_function",
                                    "opj_stream_set_seek_function",
                                    "opj_stream_set_user_data",
                                    "opj_stream_set_user_data_length",
                                    "opj_read_header",
                                    "opj_decode",
                                    "opj_image_destroy"};
_Static_assert(sizeof(jp2_library) == sizeof names, "a name for each function");

typedef struct jp2_file {
  jp2_library lib;
  const limn_image_input *input;
  size_t at; /* the library's place in the input */
  opj_codec_t *codec;
  opj_stream_t *stream;
  opj_image_t *image;
  char problem[160]; /* the library's words on the first error */
  int64_t height, width;
  int channels;
} jp2_file;

static bool is_codestream(const limn_image_input *input) {
  return input->size >= 4 && limn_image_begins(input, "\xff\x4f\xff\x51", 4);
}

static bool owns(const limn_image_input *input) {
  static const char mark[] = {0, 0, 0, 12, 'j', 'P', ' ', ' ', '\r', '\n', (char)0x87, '\n'};
  return is_codestream(input) || (input->size >= 8 && limn_image_begins(input, mark, sizeof mark));
}

static OPJ_SIZE_T read_some(void *to, OPJ_SIZE_T size, void *context) {
  jp2_file *file = context;
  const size_t left = file->input->size - file->at, taken = size < left ? size : left;
  if (taken == 0)
    return (OPJ_SIZE_T)-1;
  memcpy(to, file->input->bytes + file->at, taken);
  file->at += taken;
  return taken;
}

static OPJ_OFF_T skip(OPJ_OFF_T count, void *context) {
  jp2_file *file = context;
  const size_t left = file->input->size - file->at;
  if (count < 0)
    return -1;
  const size_t taken = (uint64_t)count < left ? (size_t)count : left;
  file->at += taken;
  return (OPJ_OFF_T)taken;
}

static OPJ_BOOL seek(OPJ_OFF_T to, void *context) {
  jp2_file *file = context;
  if (to < 0 || (uint64_t)to > file->input->size)
    return OPJ_FALSE;
  file->at = (size_t)to;
  return OPJ_TRUE;
}

static void on_error(const char *text, void *context) {
  jp2_file *file = context;
  if (file->problem[0])
    return;
  snprintf(file->problem, sizeof file->problem, "%s", text);
  file->problem[strcspn(file->problem, "\n")] = '\0';
}

static limn_status fail_broken(const jp2_file *file) {
  return limn_image_fail_broken(file->input, KIND, file->problem[0] ? file->problem : "its data make no sense");
}

static void input_close(jp2_file *file) {
  if (file->image)
    file->lib.image_destroy(file->image);
  if (file->codec)
    file->lib.destroy(file->codec);
  if (file->stream)
    file->lib.stream_destroy(file->stream);
}

static limn_status start(jp2_file *file) {
  const jp2_library *lib = &file->lib;
  opj_dparameters_t parameters;
  file->codec = lib->create(is_codestream(file->input) ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
  file->stream = lib->stream_create(OPJ_J2K_STREAM_CHUNK_SIZE, OPJ_TRUE);
  if (!file->codec || !file->stream)
    return limn_image_fail_memory(file->input);
  lib->set_error(file->codec, on_error, file);
  lib->set_defaults(&parameters);
  lib->stream_set_read(file->stream, read_some);
  lib->stream_set_skip(file->stream, skip);
  lib->stream_set_seek(file->stream, seek);
  lib->stream_set_data(file->stream, file, NULL);
  lib->stream_set_length(file->stream, file->input->size);
  return lib->setup(file->codec, &parameters) && lib->read_header(file->stream, file->codec, &file->image)
             ? LIMN_OK
             : fail_broken(file);
}

static limn_status describe(jp2_file *file) {
  const opj_image_t *image = file->image;
  if (image->x1 <= image->x0 || image->y1 <= image->y0 || image->numcomps < 1)
    return limn_image_fail_broken(file->input, KIND, "it has no pixels");
  file->height = (int64_t)image->y1 - image->y0;
  file->width = (int64_t)image->x1 - image->x0;
  LIMN_TRY(limn_image_check_size(file->input, file->height, file->width));
  if (image->numcomps > 4)
    return limn_fail(LIMN_DATA, "%s: a JPEG 2000 file with %u components, over the limit of 4; convert or remove it",
                     file->input->name, image->numcomps);
  for (OPJ_UINT32 c = 0; c < image->numcomps; ++c)
    if (image->comps[c].prec < 1 || image->comps[c].prec > 16 || image->comps[c].dx < 1 || image->comps[c].dy < 1)
      return limn_fail(LIMN_DATA, "%s: a JPEG 2000 file of %u bits, over the limit of 16; convert or remove it",
                       file->input->name, image->comps[c].prec);
  file->channels = image->color_space == OPJ_CLRSPC_CMYK ? 3 : (int)image->numcomps;
  return LIMN_OK;
}

static limn_status input_open(jp2_file *file, const limn_image_input *input, limn_picture_library *lacked) {
  *file = (jp2_file){.input = input};
  LIMN_TRY(limn_picture_library_open(LIMN_PICTURE_OPENJPEG, input, names, sizeof names / sizeof *names, file->lib.all,
                                     lacked));
  limn_status status = start(file);
  if (status == LIMN_OK)
    status = describe(file);
  if (status != LIMN_OK)
    input_close(file);
  return status;
}

static limn_status jp2_probe(limn_picture_shape *out, const limn_image_input *input) {
  jp2_file file;
  LIMN_TRY(input_open(&file, input, &out->lacked));
  *out = (limn_picture_shape){.height = (int32_t)file.height,
                              .width = (int32_t)file.width,
                              .channels = file.channels,
                              .storage = file.image->color_space == OPJ_CLRSPC_CMYK ? LIMN_STORED_CMYK
                                         : file.image->comps[0].prec > 8            ? LIMN_STORED_16_BIT
                                                                                    : LIMN_STORED_PLAIN};
  input_close(&file);
  return LIMN_OK;
}

/* The sample of a component at a place of the picture, as a byte; components may have fewer rows and columns. */
static uint8_t sample_at(const opj_image_t *image, OPJ_UINT32 c, OPJ_UINT32 y, OPJ_UINT32 x) {
  const opj_image_comp_t *component = &image->comps[c];
  const OPJ_UINT32 row = y / component->dy, column = x / component->dx;
  const size_t at = (size_t)(row < component->h ? row : component->h - 1) * component->w +
                    (column < component->w ? column : component->w - 1);
  const int64_t most = ((int64_t)1 << component->prec) - 1;
  int64_t value = component->data[at] + (component->sgnd ? (int64_t)1 << (component->prec - 1) : 0);
  value = value < 0 ? 0 : value > most ? most : value;
  return limn_image_to_byte((uint32_t)value, (uint32_t)most);
}

/* JPEG's YCbCr, which libraries leave as it is where the file does not say how it became so. */
static void ycc_to_rgb(uint8_t pixel[3]) {
  const double y = pixel[0], blue = pixel[1] - 128.0, red = pixel[2] - 128.0;
  const double rgb[3] = {y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue};
  for (int c = 0; c < 3; ++c)
    pixel[c] = (uint8_t)(rgb[c] < 0 ? 0 : rgb[c] > 255 ? 255 : rgb[c] + 0.5);
}

static void fill(const opj_image_t *image, limn_image *out) {
  uint8_t *to = out->pixels;
  for (OPJ_UINT32 y = 0; y < (OPJ_UINT32)out->height; ++y)
    for (OPJ_UINT32 x = 0; x < (OPJ_UINT32)out->width; ++x, to += out->channels) {
      uint8_t pixel[4] = {0};
      for (OPJ_UINT32 c = 0; c < image->numcomps; ++c)
        pixel[c] = sample_at(image, c, y, x);
      if (image->color_space == OPJ_CLRSPC_CMYK && image->numcomps == 4)
        for (int c = 0; c < 3; ++c) /* 255 is full ink */
          pixel[c] = (uint8_t)(((255 - pixel[c]) * (255 - pixel[3]) + 127) / 255);
      else if (image->color_space == OPJ_CLRSPC_SYCC && image->numcomps >= 3)
        ycc_to_rgb(pixel);
      memcpy(to, pixel, (size_t)out->channels);
    }
}

static limn_status decode(jp2_file *file, limn_image *out) {
  const OPJ_UINT32 before = file->image->numcomps;
  if (!file->lib.decode(file->codec, file->stream, file->image))
    return fail_broken(file);
  const opj_image_t *image = file->image;
  if (image->numcomps != before)
    return limn_fail(LIMN_DATA, "%s: a JPEG 2000 file with a palette, which is not read; convert or remove it",
                     file->input->name);
  for (OPJ_UINT32 c = 0; c < image->numcomps; ++c)
    if (!image->comps[c].data || image->comps[c].w < 1 || image->comps[c].h < 1)
      return limn_image_fail_broken(file->input, KIND, "a component has no samples");
  LIMN_TRY(limn_image_init(out, (int)file->height, (int)file->width, file->channels));
  fill(image, out);
  return LIMN_OK;
}

static limn_status jp2_read(limn_image *out, const limn_image_input *input) {
  jp2_file file;
  LIMN_TRY(input_open(&file, input, NULL));
  limn_status status = decode(&file, out);
  input_close(&file);
  return status;
}

const limn_image_decoder limn_jp2_decoder = {
    .kind = KIND, .endings = ".jp2 .j2k .j2c .jpc .jpx", .owns = owns, .probe = jp2_probe, .read = jp2_read};
