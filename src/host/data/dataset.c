#include "data/dataset.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "data/parallel.h"
#include "data/source.h"

#define HASHED_PICTURES 1024 /* whose bytes count in the fingerprint where decoding is dear */

struct limn_dataset {
  limn_data_source *source;
  limn_dataset_options options;
  limn_dataset_info info;
  size_t picture_bytes;
  const uint8_t *pixels; /* (count, C, H, W); NULL: decoded at each read */
  uint8_t *owned_pixels; /* `pixels` where it does not belong to the source */
};

/* What opening needs to know of each picture. */
typedef struct survey {
  limn_dataset *dataset;
  limn_picture_shape *shapes; /* (count) */
  uint64_t *hashes;           /* (count), of the pixels before conversion; 0: not taken */
  uint32_t stride;            /* every stride-th picture is hashed */
} survey;

static limn_status probe_one(void *context, uint32_t i) {
  const survey *all = context;
  limn_data_source *source = all->dataset->source;
  return source->ops->probe(source, i, &all->shapes[i]);
}

/* Size and channels of the data set, from the options or from the pictures. */
static limn_status settle_shape(const survey *all) {
  limn_dataset *dataset = all->dataset;
  const limn_data_source *source = dataset->source;
  limn_dataset_info *info = &dataset->info;
  info->height = dataset->options.height ? dataset->options.height : all->shapes[0].height;
  info->width = dataset->options.width ? dataset->options.width : all->shapes[0].width;
  info->channels = dataset->options.channels ? dataset->options.channels : 1;
  for (uint32_t i = 0; i < source->count; ++i) {
    const limn_picture_shape *shape = &all->shapes[i];
    if (!dataset->options.height && (shape->height != info->height || shape->width != info->width)) {
      char first[PATH_MAX], other[PATH_MAX];
      return limn_fail(LIMN_DATA,
                       "%s is %d x %d pixels, but %s is %d x %d; give one size for all with --size, e.g. --size 64",
                       source->ops->name(source, 0, first, sizeof first), info->height, info->width,
                       source->ops->name(source, i, other, sizeof other), shape->height, shape->width);
    }
    if (!dataset->options.channels && shape->channels >= 3)
      info->channels = 3;
  }
  dataset->picture_bytes = (size_t)info->channels * (size_t)info->height * (size_t)info->width;
  return LIMN_OK;
}

static void to_planar(const limn_image *image, uint8_t *chw) {
  size_t channels = (size_t)image->channels, area = (size_t)image->height * (size_t)image->width;
  if (channels == 1) {
    memcpy(chw, image->pixels, area);
    return;
  }
  for (size_t c = 0; c < channels; ++c)
    for (size_t i = 0; i < area; ++i)
      *chw++ = image->pixels[i * channels + c];
}

static uint64_t hash_pixels(const uint8_t *pixels, size_t size) { return limn_hash_bytes(1, pixels, size); }

/* Decodes a picture and makes it like all others. hash may be NULL. */
static limn_status decode(const limn_dataset *dataset, uint32_t index, uint8_t *chw, uint64_t *hash) {
  limn_data_source *source = dataset->source;
  const limn_dataset_info *info = &dataset->info;
  limn_image image = {0};
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, source->ops->read(source, index, &image));
  if (hash)
    *hash = hash_pixels(image.pixels, (size_t)image.height * (size_t)image.width * (size_t)image.channels);
  if (!chw)
    goto cleanup;
  if (!dataset->options.height && (image.height != info->height || image.width != info->width)) {
    char name[PATH_MAX];
    status = limn_fail(LIMN_DATA, "%s: %d x %d pixels now, changed since the data set was opened",
                       source->ops->name(source, index, name, sizeof name), image.height, image.width);
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, limn_image_convert(&image, info->channels, dataset->options.background));
  LIMN_TRY_OR_CLEANUP(
      status, limn_image_resize(&image, info->height, info->width, dataset->options.fit, dataset->options.background));
  to_planar(&image, chw);
cleanup:
  limn_image_release(&image);
  return status;
}

/* One picture's part of opening: its pixels, where they are kept, and its hash, where it is taken. */
static limn_status decode_one(void *context, uint32_t i) {
  const survey *all = context;
  limn_dataset *dataset = all->dataset;
  uint64_t *hash = i % all->stride == 0 ? &all->hashes[i] : NULL;
  if (dataset->owned_pixels)
    return decode(dataset, i, dataset->owned_pixels + (size_t)i * dataset->picture_bytes, hash);
  if (!hash)
    return LIMN_OK;
  if (!dataset->pixels)
    return decode(dataset, i, NULL, hash);
  *hash = hash_pixels(dataset->pixels + (size_t)i * dataset->picture_bytes, dataset->picture_bytes);
  return LIMN_OK;
}

/* Decodes into memory what fits there. */
static limn_status decode_all(survey *all, size_t memory_limit) {
  limn_dataset *dataset = all->dataset;
  limn_data_source *source = dataset->source;
  const limn_picture_shape *first = &all->shapes[0];
  const uint8_t *dense = source->ops->dense ? source->ops->dense(source) : NULL;
  bool as_it_is =
      dataset->info.channels == 1 && first->height == dataset->info.height && first->width == dataset->info.width;
  bool fits = dataset->picture_bytes <= memory_limit / source->count;
  if (dense && as_it_is) {
    dataset->pixels = dense;
  } else if (fits) {
    dataset->pixels = dataset->owned_pixels = malloc(dataset->picture_bytes * source->count);
    if (!dataset->pixels)
      return limn_fail(LIMN_FAILED, "out of memory for %u decoded pictures (%.1f GB); give a smaller --size",
                       source->count, (double)dataset->picture_bytes * source->count * 1e-9);
  }
  all->stride = source->cheap ? 1 : (source->count + HASHED_PICTURES - 1) / HASHED_PICTURES;
  LIMN_TRY(limn_parallel_for(source->count, dataset->options.workers, decode_one, all));
  if (dataset->owned_pixels && source->ops->forget)
    source->ops->forget(source);
  dataset->info.memory_bytes = dataset->pixels ? dataset->picture_bytes * source->count : 0;
  return LIMN_OK;
}

static uint64_t fingerprint(const survey *all) {
  const limn_data_source *source = all->dataset->source;
  uint64_t hash = limn_hash_bytes(0, source->ops->kind, strlen(source->ops->kind));
  for (uint32_t i = 0; i < source->count; ++i) {
    const limn_picture_shape *shape = &all->shapes[i];
    uint8_t numbers[4 * 3 + 8]; /* written out byte by byte: the same on every machine */
    const uint32_t shape_words[3] = {(uint32_t)shape->height, (uint32_t)shape->width, (uint32_t)shape->channels};
    for (int j = 0; j < 12; ++j)
      numbers[j] = (uint8_t)(shape_words[j / 4] >> (8 * (j % 4)));
    for (int j = 0; j < 8; ++j)
      numbers[12 + j] = (uint8_t)(all->hashes[i] >> (8 * j));
    hash = limn_hash_bytes(source->ops->identify(source, i, hash), numbers, sizeof numbers);
  }
  return hash ? hash : 1;
}

static limn_status check_options(const limn_dataset_options *options) {
  if (options->height < 0 || options->width < 0 || !options->height != !options->width)
    return limn_fail(LIMN_USAGE, "a size of %d x %d pixels is not possible; give both sides, or none", options->height,
                     options->width);
  if (options->channels != 0 && options->channels != 1 && options->channels != 3)
    return limn_fail(LIMN_USAGE, "%d channels are not possible; give 1 or 3, or 0 to follow the data",
                     options->channels);
  if (options->height > 0 && options->height > LIMN_MAX_PICTURE_PIXELS / options->width)
    return limn_fail(LIMN_USAGE, "a size of %d x %d pixels is over the limit of %d in all", options->height,
                     options->width, LIMN_MAX_PICTURE_PIXELS);
  return LIMN_OK;
}

static size_t half_of_memory(void) {
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? (size_t)pages / 2 * (size_t)page : (size_t)1 << 30;
}

limn_status limn_dataset_open(limn_dataset **out, const char *path, const limn_dataset_options *options) {
  static const limn_dataset_options defaults = {0};
  *out = NULL;
  if (!options)
    options = &defaults;
  LIMN_TRY(check_options(options));
  size_t memory_limit = options->memory_limit ? options->memory_limit : half_of_memory();
  limn_status status = LIMN_OK;
  survey all = {0};
  limn_dataset *dataset = calloc(1, sizeof *dataset);
  if (!dataset)
    return limn_fail_memory("a data set");
  dataset->options = *options;
  const limn_source_options source_options = {.memory_limit = memory_limit,
                                              .max_pixels =
                                                  options->max_pixels ? options->max_pixels : LIMN_MAX_PICTURE_PIXELS,
                                              .labels = options->labels};
  LIMN_TRY_OR_CLEANUP(status, limn_source_open(&dataset->source, path, &source_options));
  dataset->options.labels = NULL; /* borrowed until here */
  limn_data_source *source = dataset->source;
  all.dataset = dataset;
  all.shapes = calloc(source->count, sizeof *all.shapes);
  all.hashes = calloc(source->count, sizeof *all.hashes);
  if (!all.shapes || !all.hashes) {
    status = limn_fail_memory("a survey of the data set");
    goto cleanup;
  }
  dataset->info.kind = source->ops->kind;
  dataset->info.count = source->count;
  dataset->info.class_count = source->class_count;
  LIMN_TRY_OR_CLEANUP(status, limn_parallel_for(source->count, options->workers, probe_one, &all));
  LIMN_TRY_OR_CLEANUP(status, settle_shape(&all));
  LIMN_TRY_OR_CLEANUP(status, decode_all(&all, memory_limit));
  dataset->info.fingerprint = fingerprint(&all);
  *out = dataset;
  dataset = NULL;
cleanup:
  free(all.shapes);
  free(all.hashes);
  limn_dataset_close(dataset);
  return status;
}

void limn_dataset_close(limn_dataset *dataset) {
  if (!dataset)
    return;
  if (dataset->source)
    dataset->source->ops->destroy(dataset->source);
  free(dataset->owned_pixels);
  free(dataset);
}

void limn_dataset_get_info(const limn_dataset *dataset, limn_dataset_info *out) { *out = dataset->info; }

limn_status limn_dataset_read(limn_dataset *dataset, uint32_t index, uint8_t *chw) {
  if (index >= dataset->info.count)
    return limn_fail(LIMN_USAGE, "no picture %u in a data set of %u", index, dataset->info.count);
  if (!dataset->pixels)
    return decode(dataset, index, chw, NULL);
  memcpy(chw, dataset->pixels + (size_t)index * dataset->picture_bytes, dataset->picture_bytes);
  return LIMN_OK;
}

int limn_dataset_label(const limn_dataset *dataset, uint32_t index) {
  return index < dataset->info.count ? dataset->source->ops->label(dataset->source, index) : -1;
}

const char *limn_dataset_class_name(const limn_dataset *dataset, int label) {
  if (label < 0 || label >= dataset->info.class_count)
    return NULL;
  return dataset->source->ops->class_name(dataset->source, label);
}
