#include "metrics/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "infer/feature_files.h"

#define AT_ONCE 64 /* pictures that are read, resized and passed through together, about: whole passes */

static limn_status choose_taps(limn_judge *j, const limn_judge_options *options) {
  const char *features = options->features ? options->features : LIMN_DEFAULT_FEATURES;
  const limn_feature_network *network;
  char path[4096];
  limn_safetensors *file = NULL;
  if (!options->planning || limn_feature_network_find(&network, features) != LIMN_OK)
    LIMN_TRY(limn_feature_file_open(&file, features, &network, path, sizeof path));
  limn_safetensors_close(file);
  j->taps[0] = options->tap ? options->tap : network->judge;
  j->tap_count = 1;
  if (options->logits)
    j->taps[j->tap_count++] = network->logits;
  return LIMN_OK;
}

limn_status limn_judge_open(limn_judge *j, const limn_judge_options *options) {
  *j = (limn_judge){.protocol = LIMN_PROTOCOL_CLEAN_FID};
  if (options->protocol)
    LIMN_TRY(limn_protocol_find(options->protocol, &j->protocol));
  LIMN_TRY(choose_taps(j, options));
  LIMN_TRY(limn_extractor_open(&j->extractor, &(limn_extractor_options){.features = options->features,
                                                                        .device = options->device,
                                                                        .threads = options->threads,
                                                                        .size = options->size,
                                                                        .planning = options->planning,
                                                                        .card = options->card,
                                                                        .taps = j->taps,
                                                                        .tap_count = j->tap_count}));
  limn_extractor_get_info(j->extractor, &j->info);
  return LIMN_OK;
}

const char *limn_judge_identity(const limn_judge *j, char *buffer, size_t size) {
  snprintf(buffer, size, "%s %s at %d, %s, %s", j->info.network->name, j->info.checksum, j->info.size,
           limn_protocol_name(j->protocol), j->taps[0]);
  return buffer;
}

void limn_judge_scaling(const limn_judge *j, float scale[3], float shift[3]) {
  const limn_feature_network *network = j->info.network;
  bool symmetric = j->protocol == LIMN_PROTOCOL_PYTORCH_FID && network->distance;
  for (int c = 0; c < 3; ++c) {
    scale[c] = symmetric ? 1 / 127.5F : network->scale[c];
    shift[c] = symmetric ? -1 : network->shift[c];
  }
}

void limn_judge_close(limn_judge *j) {
  limn_extractor_close(j->extractor);
  j->extractor = NULL;
}

void limn_judged_release(limn_judged *judged) {
  free(judged->rows[0]);
  free(judged->rows[1]);
  *judged = (limn_judged){0};
}

/* A batch on its way through. */
struct batch {
  const limn_judge *judge;
  uint32_t size; /* pictures: a multiple of what the network takes at a time */
  limn_image *images;
  float *pixels; /* (size, 3, side, side) */
};

static limn_status resize_one(void *context, uint32_t i) {
  struct batch *b = context;
  const limn_extractor_info *info = &b->judge->info;
  float scale[3], shift[3];
  limn_judge_scaling(b->judge, scale, shift);
  size_t picture = 3 * (size_t)info->size * (size_t)info->size;
  return limn_protocol_resize(b->judge->protocol, &b->images[i], info->size, info->size, scale, shift,
                              b->pixels + i * picture);
}

static limn_status check_finite(const limn_judged *judged, limn_picture_set *set, uint32_t first, uint32_t count) {
  char name[4096], shown[4096];
  for (int t = 0; t < judged->tap_count; ++t)
    for (uint32_t i = first; i < first + count; ++i)
      for (int k = 0; k < judged->widths[t]; ++k)
        if (!isfinite(judged->rows[t][(size_t)i * (size_t)judged->widths[t] + (size_t)k]))
          return limn_fail(LIMN_DATA,
                           "%s: its features are not finite; are these weights of the network that they are named?",
                           limn_text_printable(limn_picture_set_name(set, i, name, sizeof name), shown, sizeof shown));
  return LIMN_OK;
}

static limn_status see_some(limn_judge *j, limn_picture_set *set, struct batch *b, uint32_t first, uint32_t count,
                            limn_judged *out) {
  float *rows[2] = {NULL};
  LIMN_TRY(limn_picture_set_read(set, first, count, b->images));
  limn_status status = limn_parallel_for(count, 0, resize_one, b);
  for (uint32_t i = 0; i < count; ++i)
    limn_image_release(&b->images[i]);
  LIMN_TRY(status);
  for (int t = 0; t < out->tap_count; ++t)
    rows[t] = out->rows[t] + (size_t)first * (size_t)out->widths[t];
  LIMN_TRY(limn_extractor_run(j->extractor, b->pixels, (int)count, rows));
  return check_finite(out, set, first, count);
}

static limn_status see_all(limn_judge *j, limn_picture_set *set, const limn_judge_watch *watch, limn_judged *out) {
  const uint32_t pass = (uint32_t)j->info.batch;
  struct batch b = {.judge = j, .size = pass < AT_ONCE ? AT_ONCE / pass * pass : pass};
  b.images = calloc(b.size, sizeof *b.images);
  b.pixels = malloc((size_t)b.size * 3 * (size_t)j->info.size * (size_t)j->info.size * sizeof *b.pixels);
  limn_status status = b.images && b.pixels ? LIMN_OK : limn_fail_memory("pictures for the network");
  for (uint32_t first = 0, some; first < out->count && status == LIMN_OK; first += some) {
    some = out->count - first < b.size ? out->count - first : b.size;
    status = see_some(j, set, &b, first, some, out);
    if (status == LIMN_OK && watch && watch->stop && *watch->stop)
      status = limn_fail(LIMN_FAILED, "stopped after %u of %u pictures", first + some, out->count);
    if (status == LIMN_OK && watch && watch->on_progress)
      watch->on_progress(watch->context, first + some, out->count);
  }
  free(b.images);
  free(b.pixels);
  return status;
}

static limn_status make_room(const limn_judge *j, uint32_t count, limn_judged *out) {
  out->count = count;
  out->tap_count = j->tap_count;
  for (int t = 0; t < j->tap_count; ++t) {
    out->widths[t] = j->info.widths[t];
    out->rows[t] = malloc((size_t)count * (size_t)out->widths[t] * sizeof **out->rows);
    if (!out->rows[t])
      return limn_fail(LIMN_FAILED, "out of memory for the features of %u pictures (%.1f GB); take fewer", count,
                       (double)count * out->widths[t] * 4e-9);
  }
  return LIMN_OK;
}

limn_status limn_judge_see(limn_judge *j, limn_picture_set *set, bool cache, const limn_judge_watch *watch,
                           limn_judged *out) {
  limn_picture_set_info info;
  char key[LIMN_JUDGE_KEY_SIZE];
  double began = limn_clock();
  *out = (limn_judged){0};
  limn_picture_set_get_info(set, &info);
  cache = cache && info.fingerprint;
  limn_judge_key(j, &info, key, sizeof key);
  if (cache && limn_feature_cache_load(j, key, info.count, out))
    return LIMN_OK;
  limn_status status = make_room(j, info.count, out);
  if (status == LIMN_OK)
    status = see_all(j, set, watch, out);
  if (status != LIMN_OK) {
    limn_judged_release(out);
    return status;
  }
  if (cache)
    limn_feature_cache_store(j, key, out);
  out->seconds = limn_clock() - began;
  return LIMN_OK;
}
