#include "metrics/picture_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/philox.h"
#include "data/source.h"
#include "metrics/picture_set_kinds.h"

#define READ_AT_ONCE 256 /* numbers that are looked up at a time */

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

static bool is_there(const char *folder, const char *name) {
  char path[4096];
  struct stat info;
  return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && stat(path, &info) == 0;
}

bool limn_path_is_generator(const char *path) {
  static const char *const endings[] = {".safetensors", ".pt", ".pth"};
  struct stat info;
  char folder[4096];
  if (stat(path, &info) != 0)
    return false;
  if (S_ISDIR(info.st_mode))
    return is_there(path, "checkpoints") && is_there(path, "config.yaml");
  for (size_t i = 0; i < sizeof endings / sizeof *endings; ++i)
    if (ends_with(path, endings[i]))
      return true;
  /* The marks of a run, checkpoints/latest and best. */
  const char *slash = strrchr(path, '/');
  if (!slash || snprintf(folder, sizeof folder, "%.*s/..", (int)(slash - path), path) >= (int)sizeof folder)
    return false;
  return is_there(folder, "checkpoints") && is_there(folder, "config.yaml");
}

/* The first of a permutation, in the order of the set. */
limn_status limn_picture_set_choose(limn_picture_set *set, uint32_t count, uint64_t seed) {
  limn_picture_set_info *info = &set->info;
  uint32_t all = info->available;
  if (count > all)
    return limn_fail(LIMN_DATA, "%u pictures are wanted and there are %u; leave --number out to take all", count, all);
  info->count = count ? count : all;
  if (info->count == all)
    return LIMN_OK;
  uint32_t *order = malloc(all * sizeof *order);
  bool *taken = calloc(all, 1);
  set->order = malloc(info->count * sizeof *set->order);
  limn_status status = order && taken && set->order ? LIMN_OK : limn_fail_memory("a choice of pictures");
  if (status == LIMN_OK) {
    limn_philox_permutation(seed, LIMN_STREAM_CHOICE, 0, order, all);
    for (uint32_t i = 0; i < info->count; ++i)
      taken[order[i]] = true;
    for (uint32_t i = 0, at = 0; i < all; ++i)
      if (taken[i])
        set->order[at++] = i;
    const uint64_t choice[] = {info->count, seed};
    info->fingerprint = limn_hash_bytes(info->fingerprint, choice, sizeof choice);
  }
  free(order);
  free(taken);
  return status;
}

void limn_picture_cut_middle(limn_image *image, int margin) {
  size_t channels = (size_t)image->channels, stride = (size_t)image->width * channels;
  size_t row = stride - (size_t)margin * channels;
  const uint8_t *from = image->pixels + (size_t)(margin / 2) * (stride + channels);
  image->height -= margin;
  image->width -= margin;
  for (int h = 0; h < image->height && margin > 0; ++h)
    memmove(image->pixels + (size_t)h * row, from + (size_t)h * stride, row);
}

limn_status limn_picture_set_open(limn_picture_set **out, const char *path, const limn_picture_set_options *options) {
  *out = NULL;
  limn_picture_set *set = NULL;
  if (limn_path_is_generator(path))
    return limn_generator_set_open(out, path, options);
  LIMN_TRY(limn_files_set_open(&set, path, options));
  bool fewer = options->or_fewer && options->count > set->info.available;
  limn_status status = limn_picture_set_choose(set, fewer ? 0 : options->count, options->seed);
  if (status != LIMN_OK) {
    limn_picture_set_close(set);
    return limn_fail(status, "%s: %s", path, limn_error_message());
  }
  *out = set;
  return LIMN_OK;
}

void limn_picture_set_close(limn_picture_set *set) {
  if (!set)
    return;
  free(set->order);
  set->kind->close(set);
}

void limn_picture_set_get_info(const limn_picture_set *set, limn_picture_set_info *out) { *out = set->info; }

static uint32_t number_of(const limn_picture_set *set, uint32_t index) {
  return set->order ? set->order[index] : index;
}

limn_status limn_picture_set_read(limn_picture_set *set, uint32_t first, uint32_t count, limn_image *images) {
  uint32_t numbers[READ_AT_ONCE];
  limn_status status = LIMN_OK;
  memset(images, 0, count * sizeof *images);
  for (uint32_t done = 0, some; done < count && status == LIMN_OK; done += some) {
    some = count - done < READ_AT_ONCE ? count - done : READ_AT_ONCE;
    for (uint32_t i = 0; i < some; ++i)
      numbers[i] = number_of(set, first + done + i);
    status = set->kind->read(set, numbers, some, images + done);
  }
  for (uint32_t i = 0; i < count && status != LIMN_OK; ++i)
    limn_image_release(&images[i]);
  return status;
}

int limn_picture_set_label(const limn_picture_set *set, uint32_t index) {
  return set->kind->label(set, number_of(set, index));
}

const char *limn_picture_set_class_name(const limn_picture_set *set, int label) {
  return set->kind->class_name(set, label);
}

const char *limn_picture_set_name(const limn_picture_set *set, uint32_t index, char *buffer, size_t size) {
  return set->kind->name(set, number_of(set, index), buffer, size);
}
