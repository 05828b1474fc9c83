/* Picture sets of an opened data set: what a training has of its pictures. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/parallel.h"
#include "data/source.h"
#include "metrics/picture_set_kinds.h"

typedef struct dataset_set {
  limn_picture_set set; /* first, so that one is the other */
  limn_dataset *dataset;
  limn_dataset_info info;
  uint32_t *part; /* numbers in the data set */
  int crop;
} dataset_set;

static void close_dataset(limn_picture_set *set) {
  free(((dataset_set *)set)->part);
  free(set);
}

struct reading {
  dataset_set *set;
  const uint32_t *numbers;
  limn_image *images;
};

static limn_status read_one(void *context, uint32_t i) {
  const struct reading *r = context;
  const limn_dataset_info *info = &r->set->info;
  limn_image *image = &r->images[i];
  uint8_t *planes = malloc((size_t)info->channels * (size_t)info->height * (size_t)info->width);
  limn_status status =
      planes ? limn_image_init(image, info->height, info->width, info->channels) : limn_fail_memory("a picture");
  if (status == LIMN_OK)
    status = limn_dataset_read(r->set->dataset, r->set->part[r->numbers[i]], planes);
  if (status == LIMN_OK) {
    limn_image_from_planes(image, planes);
    limn_picture_cut_middle(image, r->set->crop);
  }
  free(planes);
  return status;
}

static limn_status read_dataset(limn_picture_set *set, const uint32_t *numbers, uint32_t count, limn_image *images) {
  return limn_parallel_for(count, 0, read_one, &(struct reading){(dataset_set *)set, numbers, images});
}

static int label_of(const limn_picture_set *set, uint32_t number) {
  const dataset_set *d = (const dataset_set *)set;
  return limn_dataset_label(d->dataset, d->part[number]);
}

static const char *class_name_of(const limn_picture_set *set, int label) {
  return limn_dataset_class_name(((const dataset_set *)set)->dataset, label);
}

static const char *name_of(const limn_picture_set *set, uint32_t number, char *buffer, size_t size) {
  snprintf(buffer, size, "picture %u of the data set", ((const dataset_set *)set)->part[number]);
  return buffer;
}

static const limn_picture_kind dataset_kind = {close_dataset, read_dataset, label_of, name_of, class_name_of};

static uint64_t identify(const dataset_set *d, uint32_t count) {
  const int64_t form[] = {d->info.channels, d->info.height, d->info.width, d->crop};
  if (!d->info.fingerprint)
    return 0;
  uint64_t hash = limn_hash_bytes(d->info.fingerprint, form, sizeof form);
  return limn_hash_bytes(hash, d->part, count * sizeof *d->part);
}

limn_status limn_dataset_set_open(limn_picture_set **out, limn_dataset *dataset, const uint32_t *part, uint32_t count,
                                  int crop, uint32_t most, uint64_t seed) {
  dataset_set *d = calloc(1, sizeof *d);
  *out = NULL;
  if (d)
    d->part = malloc((count ? count : 1) * sizeof *d->part);
  if (!d || !d->part) {
    free(d);
    return limn_fail_memory("a set of pictures");
  }
  for (uint32_t i = 0; i < count; ++i)
    d->part[i] = part[i];
  d->dataset = dataset;
  d->crop = crop;
  limn_dataset_get_info(dataset, &d->info);
  d->set.kind = &dataset_kind;
  d->set.info = (limn_picture_set_info){
      .available = count, .class_count = d->info.class_count, .fingerprint = identify(d, count)};
  snprintf(d->set.info.kind, sizeof d->set.info.kind, "%s", d->info.kind);
  limn_status status = limn_picture_set_choose(&d->set, most < count ? most : count, seed);
  if (status != LIMN_OK) {
    limn_picture_set_close(&d->set);
    return status;
  }
  *out = &d->set;
  return LIMN_OK;
}
