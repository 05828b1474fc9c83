#include "metrics/learned.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "infer/generator_file.h"
#include "metrics/picture_planes.h"

static limn_status tell_training(void *context, const limn_generator_file *file) {
  *(limn_training *)context = file->model.row->training;
  return LIMN_OK;
}

static limn_status open_codec(limn_learned *l, const char *path, const char *device, int threads) {
  limn_codec_info info;
  LIMN_TRY(limn_codec_open(&l->codec, path, &(limn_codec_options){.device = device, .threads = threads}));
  limn_codec_get_info(l->codec, &info);
  l->channels = info.channels;
  l->height = info.height;
  l->width = info.width;
  l->features = info.latent;
  l->batch = info.batch;
  snprintf(l->what, sizeof l->what, "%s", info.distributed ? "means of the codes" : "codes");
  return LIMN_OK;
}

static limn_status open_discriminator(limn_learned *l, const char *path, const char *device, int threads) {
  limn_discriminator_info info;
  LIMN_TRY(limn_discriminator_open(&l->discriminator, path,
                                   &(limn_discriminator_options){.device = device, .threads = threads}));
  limn_discriminator_get_info(l->discriminator, &info);
  l->channels = info.channels;
  l->height = info.height;
  l->width = info.width;
  l->features = info.features;
  l->batch = info.batch;
  snprintf(l->what, sizeof l->what, "%d layers of D, max-pooled to %dx%d", info.layers, LIMN_POOLED_SIDE,
           LIMN_POOLED_SIDE);
  return LIMN_OK;
}

limn_status limn_learned_open(limn_learned *out, const char *path, const char *device, int threads) {
  limn_training training;
  *out = (limn_learned){0};
  LIMN_TRY(limn_generator_file_use(path, tell_training, &training));
  return training == LIMN_TRAINED_AS_GAN ? open_discriminator(out, path, device, threads)
                                         : open_codec(out, path, device, threads);
}

void limn_learned_close(limn_learned *l) {
  limn_codec_close(l->codec);
  limn_discriminator_close(l->discriminator);
  *l = (limn_learned){0};
}

/* With room for a batch. */
typedef struct reading {
  limn_learned *learned;
  limn_picture_set *set;
  uint8_t *bytes;
} reading;

static limn_status see_some(const reading *r, uint32_t first, uint32_t count, float *rows) {
  const int form[3] = {r->learned->channels, r->learned->height, r->learned->width};
  LIMN_TRY(limn_picture_set_read_planes(r->set, first, count, form, r->bytes));
  return r->learned->codec
             ? limn_codec_encode(r->learned->codec, r->bytes, first, (int)count, &(limn_codes){.mean = rows})
             : limn_discriminator_run(r->learned->discriminator, r->bytes, (int)count, rows);
}

static limn_status see_all(const reading *r, uint32_t count, const limn_judge_watch *watch, float *rows) {
  const uint32_t batch = (uint32_t)r->learned->batch;
  for (uint32_t first = 0, some; first < count; first += some) {
    some = count - first < batch ? count - first : batch;
    LIMN_TRY(see_some(r, first, some, rows + (size_t)first * (size_t)r->learned->features));
    if (watch->on_progress)
      watch->on_progress(watch->context, first + some, count);
    if (watch->stop && *watch->stop)
      return limn_fail(LIMN_FAILED, "stopped after %u of %u pictures", first + some, count);
  }
  return LIMN_OK;
}

limn_status limn_learned_see(limn_learned *l, limn_picture_set *set, const limn_judge_watch *watch, float **rows) {
  limn_picture_set_info info;
  limn_picture_set_get_info(set, &info);
  const size_t batch = (size_t)l->batch, picture = (size_t)l->channels * (size_t)l->height * (size_t)l->width;
  reading r = {l, set, malloc(batch * picture)};
  *rows = malloc((size_t)info.count * (size_t)l->features * sizeof **rows);
  limn_status status = LIMN_OK;
  if (!r.bytes || !*rows)
    status = limn_fail(LIMN_FAILED, "out of memory for %d numbers of each of %u pictures (%.1f GB); take fewer",
                       l->features, info.count, (double)info.count * l->features * 4e-9);
  if (status == LIMN_OK)
    status = see_all(&r, info.count, watch, *rows);
  free(r.bytes);
  if (status == LIMN_OK)
    return LIMN_OK;
  free(*rows);
  *rows = NULL;
  return status;
}
