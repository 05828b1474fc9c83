#include "data/records.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "data/file_list.h"

#define LARGEST_LABEL 65535

static void records_forget(limn_data_source *base) {
  limn_record_source *source = (limn_record_source *)base;
  free(source->pixels);
  source->pixels = NULL;
}

static void records_destroy(limn_data_source *base) {
  limn_record_source *source = (limn_record_source *)base;
  records_forget(base);
  if (source->descriptor >= 0)
    close(source->descriptor);
  for (int i = 0; i < source->base.class_count; ++i)
    free(source->classes[i]);
  free(source->classes);
  free(source->labels);
  free(source->path);
  free(source);
}

static limn_status records_probe(limn_data_source *base, uint32_t index, limn_picture_shape *out) {
  const limn_record_source *source = (const limn_record_source *)base;
  (void)index;
  *out = (limn_picture_shape){.height = source->height, .width = source->width, .channels = source->channels};
  return LIMN_OK;
}

static const char *records_name(const limn_data_source *base, uint32_t index, char *buffer, size_t size) {
  snprintf(buffer, size, "picture %u of %s", index, ((const limn_record_source *)base)->path);
  return buffer;
}

static limn_status interleave(limn_image *image) {
  limn_image interleaved;
  LIMN_TRY(limn_image_init(&interleaved, image->height, image->width, image->channels));
  limn_image_from_planes(&interleaved, image->pixels);
  limn_image_release(image);
  *image = interleaved;
  return LIMN_OK;
}

static limn_status records_read(limn_data_source *base, uint32_t index, limn_image *out) {
  const limn_record_source *source = (const limn_record_source *)base;
  const size_t size = limn_records_picture_bytes(source);
  LIMN_TRY(limn_image_init(out, source->height, source->width, source->channels));
  limn_status status = LIMN_OK;
  if (source->pixels) {
    memcpy(out->pixels, source->pixels + (size_t)index * size, size);
  } else {
    char name[PATH_MAX];
    status = limn_read_at(source->descriptor, out->pixels, size, source->first + index * size,
                          records_name(base, index, name, sizeof name));
  }
  if (status == LIMN_OK && source->planar && source->channels > 1)
    status = interleave(out);
  if (status != LIMN_OK)
    limn_image_release(out);
  return status;
}

static int records_label(const limn_data_source *base, uint32_t index) {
  const limn_record_source *source = (const limn_record_source *)base;
  return source->labels ? source->labels[index] : -1;
}

static const char *records_class_name(const limn_data_source *base, int label) {
  return ((const limn_record_source *)base)->classes[label];
}

static uint64_t records_identify(const limn_data_source *base, uint32_t index, uint64_t hash) {
  const limn_record_source *source = (const limn_record_source *)base;
  if (!source->labels)
    return hash;
  const uint32_t label = (uint32_t)source->labels[index];
  const uint8_t bytes[2] = {(uint8_t)label, (uint8_t)(label >> 8)};
  return limn_hash_bytes(hash, bytes, sizeof bytes);
}

static const uint8_t *records_dense(const limn_data_source *base) {
  const limn_record_source *source = (const limn_record_source *)base;
  return source->channels == 1 ? source->pixels : NULL;
}

#define RECORD_OPS(kind_)                                                                                              \
  {                                                                                                                    \
    .kind = kind_, .destroy = records_destroy, .probe = records_probe, .read = records_read, .label = records_label,   \
    .class_name = records_class_name, .name = records_name, .identify = records_identify, .dense = records_dense,      \
    .forget = records_forget,                                                                                          \
  }

static const limn_source_ops ops_of[] = {
    [LIMN_RECORDS_IDX] = RECORD_OPS("idx"),
    [LIMN_RECORDS_CIFAR] = RECORD_OPS("cifar"),
    [LIMN_RECORDS_NPY] = RECORD_OPS("npy"),
};

limn_status limn_records_create(limn_record_source **out, limn_records_kind kind, const char *path) {
  limn_record_source *source = calloc(1, sizeof *source);
  *out = source;
  if (!source)
    return limn_fail_memory("a data set");
  source->base.ops = &ops_of[kind];
  source->base.cheap = true;
  source->descriptor = -1;
  source->path = strdup(path);
  if (source->path)
    return LIMN_OK;
  records_destroy(&source->base);
  *out = NULL;
  return limn_fail_memory("a file name");
}

size_t limn_records_picture_bytes(const limn_record_source *source) {
  return (size_t)source->channels * (size_t)source->height * (size_t)source->width;
}

limn_status limn_records_leave_on_disk(limn_record_source *source, uint64_t first) {
  source->first = first;
  source->descriptor = open(source->path, O_RDONLY | O_CLOEXEC);
  if (source->descriptor < 0)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", source->path, strerror(errno));
  return LIMN_OK;
}

limn_status limn_records_add_class(limn_record_source *source, const char *name) {
  const size_t count = (size_t)source->base.class_count;
  void *classes = source->classes;
  limn_status status = limn_grow(&classes, count, &source->class_capacity, sizeof *source->classes);
  source->classes = classes;
  LIMN_TRY(status);
  source->classes[count] = strdup(name);
  if (!source->classes[count])
    return limn_fail_memory("the classes of a data set");
  ++source->base.class_count;
  return LIMN_OK;
}

limn_status limn_records_number_classes(limn_record_source *source) {
  int32_t largest = -1;
  for (uint32_t i = 0; i < source->base.count; ++i) {
    if (source->labels[i] < 0 || source->labels[i] > LARGEST_LABEL)
      return limn_fail(LIMN_DATA, "%s: picture %u has the label %d; labels are 0 to %d", source->path, i,
                       source->labels[i], LARGEST_LABEL);
    if (source->labels[i] > largest)
      largest = source->labels[i];
  }
  for (int label = source->base.class_count; label <= largest; ++label) {
    char name[16];
    snprintf(name, sizeof name, "%d", label);
    LIMN_TRY(limn_records_add_class(source, name));
  }
  return LIMN_OK;
}
