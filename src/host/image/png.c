/* PNG files through libpng. It reports errors by longjmp: each function that calls setjmp here keeps nothing in locals
 * that change after it, and owns nothing itself. */
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "image/decoder.h"
#include "image/encoder.h"

#define KIND "PNG"

typedef struct png_file {
  const limn_image_input *input; /* of a file that is read */
  size_t at;                     /* the next byte of the input */
  FILE *stream;                  /* of a file that is written */
  png_structp png;
  png_infop info;
  char problem[160];  /* libpng's words on the last error */
  bool out_of_memory; /* which libpng's words do not tell apart from a broken file */
} png_file;

static void on_error(png_structp png, png_const_charp text) {
  png_file *file = png_get_error_ptr(png);
  snprintf(file->problem, sizeof file->problem, "%s", text);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static png_voidp allocate(png_structp png, png_alloc_size_t size) {
  png_file *file = png_get_mem_ptr(png);
  void *memory = malloc(size);
  if (!memory)
    file->out_of_memory = true;
  return memory;
}

static void deallocate(png_structp png, png_voidp memory) {
  (void)png;
  free(memory);
}

static void read_bytes(png_structp png, png_bytep data, size_t size) {
  png_file *file = png_get_io_ptr(png);
  if (file->input->size - file->at < size)
    png_error(png, "it ends too early");
  memcpy(data, file->input->bytes + file->at, size);
  file->at += size;
}

static void write_bytes(png_structp png, png_bytep data, size_t size) {
  FILE *stream = png_get_io_ptr(png);
  if (fwrite(data, 1, size, stream) != size)
    png_error(png, strerror(errno));
}

static void flush_nothing(png_structp png) { (void)png; /* the durable file is flushed when it is published */ }

static limn_status fail_broken(const png_file *file) {
  if (file->out_of_memory)
    return limn_image_fail_memory(file->input);
  return limn_image_fail_broken(file->input, KIND, file->problem);
}

static bool read_header(png_file *file) {
  if (setjmp(png_jmpbuf(file->png)))
    return false;
  /* Sizes are checked by limn_image_check_size, whose message names a limit and a way out. */
  png_set_user_limits(file->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_read_fn(file->png, file, read_bytes);
  png_read_info(file->png, file->info);
  return true;
}

static void input_close(png_file *file) {
  if (file->png)
    png_destroy_read_struct(&file->png, &file->info, NULL);
}

/* Channels once a palette, less than 8 bits and a tRNS chunk are expanded. */
static int expanded_channels(const png_file *file) {
  int color = png_get_color_type(file->png, file->info);
  bool alpha = (color & PNG_COLOR_MASK_ALPHA) || png_get_valid(file->png, file->info, PNG_INFO_tRNS);
  return ((color & PNG_COLOR_MASK_COLOR) ? 3 : 1) + (alpha ? 1 : 0);
}

static limn_storage storage_of(const png_file *file) {
  if (png_get_color_type(file->png, file->info) == PNG_COLOR_TYPE_PALETTE)
    return LIMN_STORED_PALETTE;
  return png_get_bit_depth(file->png, file->info) == 16 ? LIMN_STORED_16_BIT : LIMN_STORED_PLAIN;
}

/* Rows of `stride` bytes, 16-bit samples in the machine's order. */
static bool read_rows(png_file *file, int height, uint8_t *rows, size_t stride) {
  if (setjmp(png_jmpbuf(file->png)))
    return false;
  png_structp png = file->png;
  png_set_expand(png);
  png_set_swap(png); /* of 16 bits alone; x86 has the low byte first */
  const int passes = png_set_interlace_handling(png);
  png_read_update_info(png, file->info);
  if (png_get_rowbytes(png, file->info) != stride)
    png_error(png, "its rows have an unexpected length");
  for (int pass = 0; pass < passes; ++pass)
    for (int y = 0; y < height; ++y)
      png_read_row(png, rows + (size_t)y * stride, NULL);
  png_read_end(png, NULL);
  return true;
}

/* The greatest sample by the bits that the file says are used; 65535 where it says nothing. */
static uint32_t most_of(const png_file *file) {
  png_color_8p bits = NULL;
  if (!png_get_sBIT(file->png, file->info, &bits))
    return UINT16_MAX;
  int used = bits->gray;
  if (png_get_color_type(file->png, file->info) & PNG_COLOR_MASK_COLOR) {
    used = bits->red > bits->green ? bits->red : bits->green;
    used = bits->blue > used ? bits->blue : used;
  }
  return used > 8 && used < 16 ? (1u << used) - 1 : UINT16_MAX;
}

/* `image` has the size and channels of the file. */
static limn_status read_pixels(png_file *file, limn_image *image) {
  const size_t stride = (size_t)image->width * (size_t)image->channels;
  if (png_get_bit_depth(file->png, file->info) < 16)
    return read_rows(file, image->height, image->pixels, stride) ? LIMN_OK : fail_broken(file);
  const uint32_t most = most_of(file);
  uint16_t *deep = malloc((size_t)image->height * stride * sizeof *deep);
  if (!deep)
    return limn_image_fail_memory(file->input);
  limn_status status = LIMN_OK;
  if (read_rows(file, image->height, (uint8_t *)deep, stride * sizeof *deep))
    limn_image_fill_deep(image, deep, most);
  else
    status = fail_broken(file);
  free(deep);
  return status;
}

static limn_status input_open(png_file *file, const limn_image_input *input, limn_picture_shape *shape) {
  *file = (png_file){.input = input};
  limn_status status;
  file->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, file, on_error, on_warning, file, allocate, deallocate);
  file->info = file->png ? png_create_info_struct(file->png) : NULL;
  if (!file->info) {
    status = limn_image_fail_memory(input);
    goto cleanup;
  }
  if (!read_header(file)) {
    status = fail_broken(file);
    goto cleanup;
  }
  *shape = (limn_picture_shape){.height = (int)png_get_image_height(file->png, file->info),
                                .width = (int)png_get_image_width(file->png, file->info),
                                .channels = expanded_channels(file),
                                .storage = storage_of(file)};
  LIMN_TRY_OR_CLEANUP(status, limn_image_check_size(input, shape->height, shape->width));
  return LIMN_OK;
cleanup:
  input_close(file);
  return status;
}

static limn_status png_read(limn_image *out, const limn_image_input *input) {
  png_file file;
  limn_picture_shape shape;
  LIMN_TRY(input_open(&file, input, &shape));
  limn_status status = limn_image_init(out, shape.height, shape.width, shape.channels);
  if (status == LIMN_OK)
    status = read_pixels(&file, out);
  if (status != LIMN_OK)
    limn_image_release(out);
  input_close(&file);
  return status;
}

static limn_status png_probe(limn_picture_shape *out, const limn_image_input *input) {
  png_file file;
  LIMN_TRY(input_open(&file, input, out));
  input_close(&file);
  return LIMN_OK;
}

static bool owns(const limn_image_input *input) { return limn_image_begins(input, "\x89PNG\r\n\x1a\n", 8); }

const limn_image_decoder limn_png_decoder = {
    .kind = KIND, .endings = ".png", .owns = owns, .probe = png_probe, .read = png_read};

static bool write_pixels(png_file *file, const limn_image *image) {
  if (setjmp(png_jmpbuf(file->png)))
    return false;
  png_structp png = file->png;
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_write_fn(png, file->stream, write_bytes, flush_nothing);
  png_set_IHDR(png, file->info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
               image->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, file->info);
  const size_t stride = (size_t)image->width * (size_t)image->channels;
  for (int y = 0; y < image->height; ++y)
    png_write_row(png, image->pixels + (size_t)y * stride);
  png_write_end(png, NULL);
  return true;
}

static limn_status png_write(FILE *stream, const limn_image *image, const char *path) {
  limn_status status = LIMN_OK;
  png_file file = {.stream = stream};
  file.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &file, on_error, on_warning, &file, allocate, deallocate);
  file.info = file.png ? png_create_info_struct(file.png) : NULL;
  if (!file.info)
    status = limn_fail_memory("writing a PNG file");
  else if (!write_pixels(&file, image))
    status = limn_fail(LIMN_FAILED, "%s: cannot write: %s", path, file.problem);
  if (file.png)
    png_destroy_write_struct(&file.png, &file.info);
  return status;
}

static const char *const endings[] = {".png", NULL};
const limn_image_encoder limn_png_encoder = {
    .kind = KIND, .endings = endings, .largest_side = INT32_MAX, .write = png_write};
