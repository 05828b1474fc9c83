/* JPEG files through libjpeg-turbo: nearly lossless, colour at full resolution. Errors come by longjmp:
 * the function that calls setjmp keeps nothing in locals that change after it. */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it */
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/error.h"
#include "image/encoder.h"

#define QUALITY 95

typedef struct jpeg_output {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  jmp_buf give_up;
  char problem[JMSG_LENGTH_MAX]; /* libjpeg's words on the error */
} jpeg_output;

_Noreturn static void on_error(j_common_ptr jpeg) {
  jpeg_output *output = jpeg->client_data;
  if (jpeg->err->msg_code == JERR_FILE_WRITE)
    snprintf(output->problem, sizeof output->problem, "%s", strerror(errno));
  else
    jpeg->err->format_message(jpeg, output->problem);
  longjmp(output->give_up, 1);
}

static void print_nothing(j_common_ptr jpeg) { (void)jpeg; }

static bool compress(jpeg_output *output, FILE *stream, const limn_image *image) {
  if (setjmp(output->give_up))
    return false;
  struct jpeg_compress_struct *jpeg = &output->jpeg;
  jpeg_create_compress(jpeg);
  jpeg_stdio_dest(jpeg, stream);
  jpeg->image_height = (JDIMENSION)image->height;
  jpeg->image_width = (JDIMENSION)image->width;
  jpeg->input_components = image->channels;
  jpeg->in_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(jpeg);
  jpeg_set_quality(jpeg, QUALITY, TRUE);
  jpeg->optimize_coding = TRUE;
  jpeg->dct_method = JDCT_ISLOW; /* in whole numbers: the same on every machine */
  jpeg->comp_info[0].h_samp_factor = jpeg->comp_info[0].v_samp_factor = 1; /* the others have 1: 4:4:4 */
  jpeg_start_compress(jpeg, TRUE);
  const size_t stride = (size_t)image->width * (size_t)image->channels;
  while (jpeg->next_scanline < jpeg->image_height) {
    JSAMPROW row = image->pixels + (size_t)jpeg->next_scanline * stride;
    jpeg_write_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_compress(jpeg);
  return true;
}

static limn_status jpeg_write(FILE *stream, const limn_image *image, const char *path) {
  jpeg_output output = {.problem = ""};
  output.jpeg.err = jpeg_std_error(&output.errors);
  output.jpeg.client_data = &output;
  output.errors.error_exit = on_error;
  output.errors.output_message = print_nothing;
  limn_status status =
      compress(&output, stream, image) ? LIMN_OK : limn_fail(LIMN_FAILED, "%s: cannot write: %s", path, output.problem);
  jpeg_destroy_compress(&output.jpeg);
  return status;
}

static const char *const endings[] = {".jpg", ".jpeg", NULL};
const limn_image_encoder limn_jpeg_encoder = {
    .kind = "JPEG", .endings = endings, .largest_side = JPEG_MAX_DIMENSION, .write = jpeg_write};
