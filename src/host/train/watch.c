#include "train/watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "checkpoint/average.h"
#include "metrics/picture_set.h"
#include "train/variety.h"

#define SHARE 0.01 /* of a run's arithmetic */

struct limn_watch {
  limn_session *session;
  int count, length;     /* pictures; floats that describe one */
  float *codes, *pixels; /* (count, latent), (count, C, H, W) */
  float *data, *drawn;   /* (count, length) */
  double *nearest;       /* (count): room for distances; a run allocates nothing once it goes */
  limn_variety of_data;
  uint64_t every;
};

void limn_watch_close(limn_watch *w) {
  if (!w)
    return;
  free(w->codes);
  free(w->pixels);
  free(w->data);
  free(w->drawn);
  free(w->nearest);
  free(w);
}

static double flops_of(const limn_program *program) {
  limn_program_info info = {0};
  if (program)
    limn_program_get_info(program, &info);
  return info.flops;
}

/* By arithmetic, as evaluations do it: a run that goes on looks where it would have. */
static uint64_t choose_period(const limn_watch *w) {
  const limn_session *s = w->session;
  const uint64_t asked = (uint64_t)s->config->watch_every;
  const int chunk = limn_sampler_chunk(s->sampler), chunks = (w->count + chunk - 1) / chunk;
  double look = chunks * flops_of(limn_sampler_program(s->sampler)), step = limn_session_flops(s);
  if (s->statistics)
    look += limn_average_batches(s->batch.n) * flops_of(s->statistics);
  const double least = step > 0 ? look * (1 - SHARE) / (SHARE * step) : 0;
  return asked * (uint64_t)fmax(1, ceil(least / (double)asked));
}

static limn_status allocate(limn_watch *w) {
  const limn_shape shape = w->session->batch;
  const size_t count = (size_t)w->count, picture = (size_t)shape.c * (size_t)shape.h * (size_t)shape.w;
  const int latent = w->session->config->latent;
  w->length = limn_variety_length(shape.c);
  w->codes = malloc(count * (size_t)latent * sizeof *w->codes);
  w->pixels = malloc(count * picture * sizeof *w->pixels);
  w->data = malloc(count * (size_t)w->length * sizeof *w->data);
  w->drawn = malloc(count * (size_t)w->length * sizeof *w->drawn);
  w->nearest = malloc(count * sizeof *w->nearest);
  if (!w->codes || !w->pixels || !w->data || !w->drawn || !w->nearest)
    return limn_fail_memory("the watch over samples");
  limn_sampler_codes(w->session->config->seed, latent, 0, w->count, w->codes);
  return LIMN_OK;
}

/* A picture as it is kept to one as it is drawn. */
static void describe_image(const limn_watch *w, const limn_image *image, float *out) {
  const size_t channels = (size_t)image->channels, plane = (size_t)image->height * (size_t)image->width;
  for (size_t c = 0; c < channels; ++c)
    for (size_t i = 0; i < plane; ++i)
      w->pixels[c * plane + i] = (float)image->pixels[i * channels + c] / 255;
  limn_variety_describe(w->pixels, image->channels, image->height, image->width, out);
}

static limn_status describe_data(limn_watch *w, const limn_training_data *data) {
  const limn_config *c = w->session->config;
  limn_picture_set *set = NULL;
  LIMN_TRY(
      limn_dataset_set_open(&set, data->dataset, data->training, data->training_count, c, (uint32_t)w->count, c->seed));
  limn_status status = LIMN_OK;
  for (int i = 0; i < w->count && status == LIMN_OK; ++i) {
    limn_image image = {0};
    status = limn_picture_set_read(set, (uint32_t)i, 1, &image);
    if (status == LIMN_OK)
      describe_image(w, &image, w->data + (size_t)i * (size_t)w->length);
    limn_image_release(&image);
  }
  limn_picture_set_close(set);
  if (status == LIMN_OK)
    w->of_data = limn_variety_take(w->data, w->count, w->length, w->nearest);
  return status;
}

limn_status limn_watch_open(limn_watch **out, bool *blind, limn_session *session, const limn_training_data *data) {
  const limn_config *c = session->config;
  const uint32_t wanted = (uint32_t)c->watch_count, there = data->training_count;
  *out = NULL;
  *blind = false;
  if (c->watch_every == 0)
    return LIMN_OK;
  limn_watch *w = calloc(1, sizeof *w);
  if (!w)
    return limn_fail_memory("the watch over samples");
  w->session = session;
  w->count = (int)(wanted < there ? wanted : there);
  limn_status status = LIMN_OK;
  *blind = w->count < LIMN_WATCH_LEAST;
  if (!*blind)
    status = allocate(w);
  if (!*blind && status == LIMN_OK)
    status = describe_data(w, data);
  *blind = *blind || (status == LIMN_OK && !(w->of_data.nearest > 0));
  if (*blind || status != LIMN_OK) {
    limn_watch_close(w);
    return status;
  }
  w->every = choose_period(w);
  *out = w;
  return LIMN_OK;
}

uint64_t limn_watch_every(const limn_watch *w) { return w->every; }
int limn_watch_count(const limn_watch *w) { return w->count; }

limn_status limn_watch_take(limn_watch *w, limn_sight *out) {
  const limn_shape shape = w->session->batch;
  const size_t picture = (size_t)shape.c * (size_t)shape.h * (size_t)shape.w;
  LIMN_TRY(limn_session_settle_average(w->session));
  LIMN_TRY(limn_sampler_draw(w->session->sampler, w->codes, w->count, w->pixels));
  for (int i = 0; i < w->count; ++i)
    limn_variety_describe(w->pixels + (size_t)i * picture, shape.c, shape.h, shape.w,
                          w->drawn + (size_t)i * (size_t)w->length);
  const limn_variety drawn = limn_variety_take(w->drawn, w->count, w->length, w->nearest);
  const double away = limn_variety_away(w->drawn, w->count, w->data, w->count, w->length, w->nearest);
  if (!isfinite(drawn.mean))
    return limn_fail(LIMN_DIVERGED, "a picture that the generator draws is not finite");
  *out = (limn_sight){.variety = drawn.nearest / w->of_data.nearest,
                      .spread = drawn.mean / w->of_data.mean,
                      .distance = away / w->of_data.nearest};
  return LIMN_OK;
}
