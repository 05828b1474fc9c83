#include "metrics/perceptual.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/parallel.h"
#include "infer/codec.h"
#include "infer/extractor.h"
#include "infer/feature_files.h"
#include "metrics/map_distance.h"
#include "metrics/picture_planes.h"

enum { TARGET, DECODED, SIDES };

typedef struct comparing {
  const limn_measured *m;
  limn_picture_set *held_out;
  limn_codec *codec;
  limn_codec_info info;
  limn_extractor *extractor;
  limn_extractor_info seen;
  limn_resize_protocol protocol;
  size_t picture; /* numbers of one */

  /* of a batch */
  uint8_t *bytes;
  float *pixels[SIDES]; /* (batch, C, H, W) in [0, 1]: what was explained, and what was made of it */
  float *mean;          /* (batch, latent) */
  double *distances;    /* (batch) */
  /* of `at_once` pictures of it */
  uint32_t at_once;
  float *resized;                    /* (at_once, 3, size, size) */
  float *maps[SIDES][LIMN_MAX_TAPS]; /* (at_once, widths[tap]) */

  double sum, squares; /* of the distances, and of their squares */
} comparing;

static limn_status open_extractor(comparing *c) {
  const limn_evaluate_options *o = c->m->options;
  const limn_feature_network *network;
  limn_safetensors *file;
  char path[4096];
  const char *taps[LIMN_MAX_TAPS];
  int count = 0;
  if (o->protocol)
    LIMN_TRY(limn_protocol_find(o->protocol, &c->protocol));
  LIMN_TRY(
      limn_feature_file_open(&file, o->features ? o->features : LIMN_DEFAULT_FEATURES, &network, path, sizeof path));
  limn_safetensors_close(file);
  for (; !o->tap && network->taps[count]; ++count)
    taps[count] = network->taps[count];
  if (o->tap)
    taps[count++] = o->tap;
  LIMN_TRY(limn_extractor_open(&c->extractor, &(limn_extractor_options){.features = o->features,
                                                                        .device = o->device,
                                                                        .threads = o->threads,
                                                                        .size = o->size,
                                                                        .taps = taps,
                                                                        .tap_count = count,
                                                                        .maps = true}));
  limn_extractor_get_info(c->extractor, &c->seen);
  return LIMN_OK;
}

static limn_status make_room(comparing *c) {
  const size_t batch = (size_t)c->info.batch, side = (size_t)c->seen.size;
  c->at_once = (uint32_t)c->seen.batch;
  c->picture = (size_t)c->info.channels * (size_t)c->info.height * (size_t)c->info.width;
  c->bytes = malloc(batch * c->picture);
  c->mean = malloc(batch * (size_t)c->info.latent * sizeof *c->mean);
  c->distances = malloc(batch * sizeof *c->distances);
  c->resized = malloc(c->at_once * 3 * side * side * sizeof *c->resized);
  bool whole = c->bytes && c->mean && c->distances && c->resized;
  for (int s = 0; s < SIDES; ++s) {
    c->pixels[s] = malloc(batch * c->picture * sizeof(float));
    whole = whole && c->pixels[s];
    for (int t = 0; t < c->seen.tap_count; ++t) {
      c->maps[s][t] = malloc((size_t)c->at_once * (size_t)c->seen.widths[t] * sizeof(float));
      whole = whole && c->maps[s][t];
    }
  }
  return whole ? LIMN_OK : limn_fail_memory("pictures and their maps");
}

static void release(comparing *c) {
  limn_codec_close(c->codec);
  limn_extractor_close(c->extractor);
  free(c->bytes);
  free(c->mean);
  free(c->distances);
  free(c->resized);
  for (int s = 0; s < SIDES; ++s) {
    free(c->pixels[s]);
    for (int t = 0; t < LIMN_MAX_TAPS; ++t)
      free(c->maps[s][t]);
  }
}

struct resizing {
  const comparing *c;
  const float *pixels;
};

/* Through bytes, as pictures in files would come. */
static limn_status resize(void *context, uint32_t i) {
  const struct resizing *r = context;
  const comparing *c = r->c;
  const int side = c->seen.size;
  limn_image image;
  LIMN_TRY(
      limn_image_grid(&image, r->pixels + i * c->picture, 1, c->info.channels, c->info.height, c->info.width, 0, 1, 1));
  limn_status status = limn_protocol_resize(c->protocol, &image, side, side, c->seen.scale, c->seen.shift,
                                            c->resized + i * 3 * (size_t)side * (size_t)side);
  limn_image_release(&image);
  return status;
}

static double distance_of(const comparing *c, uint32_t i) {
  double sum = 0;
  int maps = 0;
  for (int t = 0; t < c->seen.tap_count; ++t) {
    const size_t width = (size_t)c->seen.widths[t], pixels = (size_t)c->seen.pixels[t];
    if (pixels == 1 && !c->m->options->tap) /* vectors are no places of the picture */
      continue;
    sum += limn_map_distance(c->maps[TARGET][t] + i * width, c->maps[DECODED][t] + i * width, width / pixels, pixels);
    ++maps;
  }
  return sum / maps;
}

struct measuring {
  const comparing *c;
  uint32_t first;
};

static limn_status measure(void *context, uint32_t i) {
  const struct measuring *m = context;
  m->c->distances[m->first + i] = distance_of(m->c, i);
  return LIMN_OK;
}

static limn_status compare(comparing *c, uint32_t count) {
  for (uint32_t first = 0, some; first < count; first += some) {
    some = count - first < c->at_once ? count - first : c->at_once;
    for (int s = 0; s < SIDES; ++s) {
      struct resizing resizing = {c, c->pixels[s] + first * c->picture};
      LIMN_TRY(limn_parallel_for(some, 0, resize, &resizing));
      LIMN_TRY(limn_extractor_run(c->extractor, c->resized, (int)some, c->maps[s]));
    }
    LIMN_TRY(limn_parallel_for(some, 0, measure, &(struct measuring){c, first}));
  }
  return LIMN_OK;
}

static limn_status take_batch(comparing *c, uint32_t first, uint32_t count) {
  const int form[3] = {c->info.channels, c->info.height, c->info.width};
  LIMN_TRY(limn_picture_set_read_planes(c->held_out, first, count, form, c->bytes));
  LIMN_TRY(limn_codec_encode(c->codec, c->bytes, first, (int)count,
                             &(limn_codes){.mean = c->mean, .targets = c->pixels[TARGET]}));
  LIMN_TRY(limn_codec_decode(c->codec, c->mean, (int)count, c->pixels[DECODED]));
  LIMN_TRY(compare(c, count));
  for (uint32_t i = 0; i < count; ++i) {
    if (!isfinite(c->distances[i]))
      return limn_fail(LIMN_DATA, "the distance of held-out picture %u is not finite; had the training diverged?",
                       first + i);
    c->sum += c->distances[i];
    c->squares += c->distances[i] * c->distances[i];
  }
  return LIMN_OK;
}

static limn_status take_all(comparing *c, uint32_t count) {
  const limn_evaluate_options *o = c->m->options;
  const uint32_t batch = (uint32_t)c->info.batch;
  for (uint32_t first = 0, some; first < count; first += some) {
    some = count - first < batch ? count - first : batch;
    LIMN_TRY(take_batch(c, first, some));
    if (o->on_progress)
      o->on_progress(o->context, "held out", first + some, count);
    if (o->stop && *o->stop)
      return limn_fail(LIMN_FAILED, "stopped after %u of %u pictures", first + some, count);
  }
  return LIMN_OK;
}

static limn_status tell(const comparing *c, uint32_t count, limn_evaluation *out) {
  const limn_feature_network *network = c->seen.network;
  const double mean = c->sum / count;
  limn_score *score = limn_evaluation_add(out, "perceptual", -1, mean);
  if (!score)
    return limn_fail_memory("scores");
  if (count > 1)
    score->deviation = sqrt(fmax(c->squares / count - mean * mean, 0) / (count - 1));
  snprintf(score->name, sizeof score->name, "%.30s distance",
           network->short_name ? network->short_name : network->name);
  snprintf(score->protocol, sizeof score->protocol, "of reconstructions, %s at %d, %s, standard error",
           c->m->options->tap ? c->m->options->tap : "all maps", c->seen.size, limn_protocol_name(c->protocol));
  return LIMN_OK;
}

limn_status limn_take_perceptual(const limn_measured *m, limn_evaluation *out) {
  const limn_evaluate_options *o = m->options;
  comparing c = {.m = m, .held_out = m->sets->held_out, .protocol = LIMN_PROTOCOL_CLEAN_FID};
  limn_picture_set_info set;
  limn_status status;
  if (!c.held_out)
    return limn_fail(LIMN_USAGE, "%s held no pictures out of its training; name some with --held-out PATH",
                     o->pictures);
  limn_picture_set_get_info(c.held_out, &set);
  LIMN_TRY_OR_CLEANUP(status, limn_codec_open(&c.codec, o->pictures,
                                              &(limn_codec_options){
                                                  .device = o->device, .threads = o->threads, .pictures = set.count}));
  limn_codec_get_info(c.codec, &c.info);
  LIMN_TRY_OR_CLEANUP(status, open_extractor(&c));
  LIMN_TRY_OR_CLEANUP(status, make_room(&c));
  LIMN_TRY_OR_CLEANUP(status, take_all(&c, set.count));
  LIMN_TRY_OR_CLEANUP(status, tell(&c, set.count, out));
cleanup:
  release(&c);
  return status;
}
