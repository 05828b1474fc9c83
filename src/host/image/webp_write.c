/* WebP files through libwebp, made in memory: lossless, so that a sample is what the network drew. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <webp/encode.h>

#include "base/error.h"
#include "image/encoder.h"

#define EFFORT 6 /* of 9: cwebp's own choice */

static bool import_pixels(WebPPicture *picture, const limn_image *image) {
  if (image->channels == 3)
    return WebPPictureImportRGB(picture, image->pixels, image->width * 3);
  /* WebP knows no grey: three times the same. */
  const size_t count = (size_t)image->height * (size_t)image->width;
  uint8_t *rgb = malloc(count * 3);
  for (size_t i = 0; rgb && i < count * 3; ++i)
    rgb[i] = image->pixels[i / 3];
  bool good = rgb && WebPPictureImportRGB(picture, rgb, image->width * 3);
  free(rgb);
  return good;
}

static limn_status webp_write(FILE *stream, const limn_image *image, const char *path) {
  WebPConfig config;
  WebPPicture picture;
  WebPMemoryWriter made;
  if (!WebPConfigInit(&config) || !WebPConfigLosslessPreset(&config, EFFORT) || !WebPPictureInit(&picture))
    return limn_fail(LIMN_FAILED, "libwebp is another version than the one that Limn was built with; build it again");
  WebPMemoryWriterInit(&made);
  picture.use_argb = 1;
  picture.height = image->height;
  picture.width = image->width;
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &made;
  limn_status status = LIMN_OK;
  if (!import_pixels(&picture, image))
    status = limn_fail_memory("writing a WebP file");
  else if (!WebPEncode(&config, &picture))
    status = limn_fail(LIMN_FAILED, "%s: cannot write: libwebp's error %d", path, (int)picture.error_code);
  else if (fwrite(made.mem, 1, made.size, stream) != made.size)
    status = limn_fail(LIMN_FAILED, "%s: cannot write: %s", path, strerror(errno));
  WebPPictureFree(&picture);
  WebPMemoryWriterClear(&made);
  return status;
}

static const char *const endings[] = {".webp", NULL};
const limn_image_encoder limn_webp_encoder = {
    .kind = "WebP", .endings = endings, .largest_side = WEBP_MAX_DIMENSION, .write = webp_write};
