/* JPEG files through libjpeg-turbo. It reports errors by longjmp: each function that calls setjmp here keeps nothing in
 * locals that change after it, and owns nothing itself. */
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it */
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/error.h"
#include "image/decoder.h"

#define KIND       "JPEG"
#define MOST_SCANS 500 /* of a progressive file; each costs time, and cameras write about ten */
#define EXIF_START 6   /* "Exif", 0, 0 */

typedef struct jpeg_file {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  const limn_image_input *input;
  jmp_buf give_up;
  char problem[JMSG_LENGTH_MAX]; /* libjpeg's words on the error */
  bool out_of_memory;
  int orientation;
} jpeg_file;

_Noreturn static void on_error(j_common_ptr jpeg) {
  jpeg_file *file = jpeg->client_data;
  jpeg->err->format_message(jpeg, file->problem);
  file->out_of_memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
  longjmp(file->give_up, 1);
}

/* libjpeg goes on after lost data, with grey in their place: an error here. The warnings named here lose none. */
static void on_message(j_common_ptr jpeg, int level) {
  static const int harmless[] = {JWRN_EXTRANEOUS_DATA, JWRN_JFIF_MAJOR,        JWRN_ADOBE_XFORM,
                                 JWRN_NOT_SEQUENTIAL,  JWRN_BOGUS_PROGRESSION, JWRN_BOGUS_ICC};
  for (size_t i = 0; i < sizeof harmless / sizeof *harmless; ++i)
    if (jpeg->err->msg_code == harmless[i])
      return;
  if (level < 0)
    on_error(jpeg);
}

static void print_nothing(j_common_ptr jpeg) { (void)jpeg; }

static void on_progress(j_common_ptr jpeg) {
  jpeg_file *file = jpeg->client_data;
  if (file->jpeg.input_scan_number <= MOST_SCANS)
    return;
  snprintf(file->problem, sizeof file->problem, "more than %d scans", MOST_SCANS);
  longjmp(file->give_up, 1);
}

static limn_status fail_broken(const jpeg_file *file) {
  if (file->out_of_memory)
    return limn_image_fail_memory(file->input);
  return limn_image_fail_broken(file->input, KIND, file->problem);
}

static bool read_header(jpeg_file *file) {
  if (setjmp(file->give_up))
    return false;
  jpeg_create_decompress(&file->jpeg);
  file->jpeg.progress = &file->progress;
  jpeg_mem_src(&file->jpeg, file->input->bytes, file->input->size);
  jpeg_save_markers(&file->jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&file->jpeg, TRUE);
  return true;
}

/* Of a header that was read: libjpeg forgets its markers with the last row. */
static int find_orientation(const jpeg_file *file) {
  for (jpeg_saved_marker_ptr marker = file->jpeg.marker_list; marker; marker = marker->next)
    if (marker->marker == JPEG_APP0 + 1 && marker->data_length > EXIF_START &&
        memcmp(marker->data, "Exif\0", EXIF_START) == 0)
      return limn_exif_orientation(marker->data + EXIF_START, marker->data_length - EXIF_START);
  return 1;
}

static void input_close(jpeg_file *file) { jpeg_destroy_decompress(&file->jpeg); }

static limn_status input_open(jpeg_file *file, const limn_image_input *input) {
  memset(file, 0, sizeof *file);
  file->input = input;
  file->jpeg.err = jpeg_std_error(&file->errors);
  file->jpeg.client_data = file;
  file->errors.error_exit = on_error;
  file->errors.emit_message = on_message;
  file->errors.output_message = print_nothing;
  file->progress.progress_monitor = on_progress;
  limn_status status = LIMN_OK;
  if (!read_header(file))
    status = fail_broken(file);
  else if (file->jpeg.num_components != 1 && file->jpeg.num_components != 3 && file->jpeg.num_components != 4)
    status = limn_fail(LIMN_DATA, "%s: a JPEG file with %d colour components, not 1, 3 or 4; convert or remove it",
                       input->name, file->jpeg.num_components);
  else
    status = limn_image_check_size(input, file->jpeg.image_height, file->jpeg.image_width);
  if (status == LIMN_OK)
    file->orientation = find_orientation(file);
  else
    input_close(file);
  return status;
}

/* `image` has the size of the file and a channel for each of its components. */
static bool read_pixels(jpeg_file *file, const limn_image *image) {
  if (setjmp(file->give_up))
    return false;
  struct jpeg_decompress_struct *jpeg = &file->jpeg;
  jpeg->out_color_space = image->channels == 1 ? JCS_GRAYSCALE : image->channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_start_decompress(jpeg);
  const size_t stride = (size_t)image->width * (size_t)image->channels;
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW row = image->pixels + (size_t)jpeg->output_scanline * stride;
    jpeg_read_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_decompress(jpeg);
  return true;
}

/* Inks are stored inverted, as Adobe's programs began it and all that write CMYK now do: 255 is no ink. */
static void cmyk_to_rgb(limn_image *image) {
  const size_t count = (size_t)image->height * (size_t)image->width;
  const uint8_t *cmyk = image->pixels;
  uint8_t *rgb = image->pixels; /* in place: three bytes never overtake four */
  for (size_t i = 0; i < count; ++i, cmyk += 4, rgb += 3)
    for (int c = 0; c < 3; ++c)
      rgb[c] = (uint8_t)((cmyk[c] * cmyk[3] + 127) / 255);
  image->channels = 3;
}

static limn_status jpeg_read(limn_image *out, const limn_image_input *input) {
  jpeg_file file;
  LIMN_TRY(input_open(&file, input));
  limn_status status;
  LIMN_TRY_OR_CLEANUP(
      status, limn_image_init(out, (int)file.jpeg.image_height, (int)file.jpeg.image_width, file.jpeg.num_components));
  if (!read_pixels(&file, out)) {
    status = fail_broken(&file);
    goto cleanup;
  }
  if (out->channels == 4)
    cmyk_to_rgb(out);
  status = limn_image_turn_upright(out, file.orientation);
cleanup:
  if (status != LIMN_OK)
    limn_image_release(out);
  input_close(&file);
  return status;
}

static limn_status jpeg_probe(limn_picture_shape *out, const limn_image_input *input) {
  jpeg_file file;
  LIMN_TRY(input_open(&file, input));
  const int height = (int)file.jpeg.image_height, width = (int)file.jpeg.image_width;
  const bool swap = limn_exif_swaps_sides(file.orientation);
  *out = (limn_picture_shape){.height = swap ? width : height,
                              .width = swap ? height : width,
                              .channels = file.jpeg.num_components == 1 ? 1 : 3,
                              .storage = file.jpeg.num_components == 4 ? LIMN_STORED_CMYK : LIMN_STORED_PLAIN,
                              .turned = file.orientation > 1};
  input_close(&file);
  return LIMN_OK;
}

static bool owns(const limn_image_input *input) { return limn_image_begins(input, "\xff\xd8\xff", 3); }

const limn_image_decoder limn_jpeg_decoder = {
    .kind = KIND, .endings = ".jpg .jpeg .jpe .jfif", .owns = owns, .probe = jpeg_probe, .read = jpeg_read};
