/* Pictures from the caller's function. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/source.h"

#define MESSAGE_SIZE 512

typedef struct callback_source {
  limn_data_source base;
  limn_picture_source pictures;
} callback_source;

static const limn_picture_source *pictures_of(const limn_data_source *base) {
  return &((const callback_source *)base)->pictures;
}

static void callback_destroy(limn_data_source *base) { free(base); }

static limn_status callback_probe(limn_data_source *base, uint32_t index, limn_picture_shape *out) {
  const limn_picture_source *pictures = pictures_of(base);
  (void)index;
  *out = (limn_picture_shape){.height = pictures->height, .width = pictures->width, .channels = pictures->channels};
  return LIMN_OK;
}

static limn_status ask(const limn_picture_source *pictures, uint32_t index, uint8_t *chw) {
  char message[MESSAGE_SIZE] = "";
  limn_status status = pictures->read(pictures->context, index, chw, message, sizeof message);
  if (status == LIMN_OK)
    return LIMN_OK;
  message[MESSAGE_SIZE - 1] = '\0';
  return limn_fail(status > LIMN_OK || status < LIMN_DIVERGED ? LIMN_FAILED : status, "picture %u: %s", index,
                   message[0] ? message : "its source failed and did not say why");
}

static limn_status callback_read(limn_data_source *base, uint32_t index, limn_image *out) {
  const limn_picture_source *pictures = pictures_of(base);
  size_t channels = (size_t)pictures->channels, area = (size_t)pictures->height * (size_t)pictures->width;
  limn_status status = limn_image_init(out, pictures->height, pictures->width, pictures->channels);
  if (status != LIMN_OK || channels == 1)
    return status == LIMN_OK ? ask(pictures, index, out->pixels) : status;
  uint8_t *planes = malloc(channels * area);
  if (!planes)
    return limn_fail_memory("a picture");
  status = ask(pictures, index, planes);
  if (status == LIMN_OK)
    limn_image_from_planes(out, planes);
  free(planes);
  return status;
}

static int callback_label(const limn_data_source *base, uint32_t index) {
  (void)base;
  (void)index;
  return -1;
}

static const char *callback_class_name(const limn_data_source *base, int label) {
  (void)base;
  (void)label;
  return NULL;
}

static const char *callback_name(const limn_data_source *base, uint32_t index, char *buffer, size_t size) {
  (void)base;
  snprintf(buffer, size, "picture %u", index);
  return buffer;
}

static uint64_t callback_identify(const limn_data_source *base, uint32_t index, uint64_t hash) {
  (void)base;
  (void)index;
  return hash;
}

static const limn_source_ops callback_ops = {
    .kind = "made by the caller",
    .destroy = callback_destroy,
    .probe = callback_probe,
    .read = callback_read,
    .label = callback_label,
    .class_name = callback_class_name,
    .name = callback_name,
    .identify = callback_identify,
};

limn_status limn_callback_open(limn_data_source **out, const limn_picture_source *pictures) {
  *out = NULL;
  if (!pictures->read)
    return limn_fail(LIMN_USAGE, "the source of pictures has no read function");
  if (pictures->count == 0 || pictures->count > INT32_MAX)
    return limn_fail(LIMN_USAGE, "a source of %u pictures cannot be used: 1 to %d can", pictures->count, INT32_MAX);
  if ((pictures->channels != 1 && pictures->channels != 3) || pictures->height < 1 || pictures->width < 1)
    return limn_fail(LIMN_USAGE, "pictures of %d x %d x %d cannot be used: channels are 1 or 3, sides at least 1",
                     pictures->channels, pictures->height, pictures->width);
  callback_source *source = malloc(sizeof *source);
  if (!source)
    return limn_fail_memory("a source of pictures");
  *source = (callback_source){.base = {.ops = &callback_ops, .count = pictures->count}, .pictures = *pictures};
  *out = &source->base;
  return LIMN_OK;
}
