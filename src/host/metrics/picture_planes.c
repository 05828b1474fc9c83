#include "metrics/picture_planes.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"

static limn_status to_planes(const limn_picture_set *set, uint32_t index, const limn_image *image, const int form[3],
                             uint8_t *bytes) {
  char name[4096], shown[4096];
  if (image->channels != form[0] || image->height != form[1] || image->width != form[2])
    return limn_fail(LIMN_USAGE, "%s is of %dx%dx%d, and the run's pictures are of %dx%dx%d",
                     limn_text_printable(limn_picture_set_name(set, index, name, sizeof name), shown, sizeof shown),
                     image->channels, image->height, image->width, form[0], form[1], form[2]);
  limn_image_to_planes(image, bytes);
  return LIMN_OK;
}

limn_status limn_picture_set_read_planes(limn_picture_set *set, uint32_t first, uint32_t count, const int form[3],
                                         uint8_t *bytes) {
  const size_t picture = (size_t)form[0] * (size_t)form[1] * (size_t)form[2];
  limn_image *images = calloc(count, sizeof *images);
  limn_status status = images ? limn_picture_set_read(set, first, count, images) : limn_fail_memory("pictures");
  const uint32_t there = status == LIMN_OK ? count : 0;
  for (uint32_t i = 0; i < there && status == LIMN_OK; ++i)
    status = to_planes(set, first + i, &images[i], form, bytes + i * picture);
  for (uint32_t i = 0; i < there; ++i)
    limn_image_release(&images[i]);
  free(images);
  return status;
}
