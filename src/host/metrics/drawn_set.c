/* Picture sets that are drawn: picture i is that of latent code i of a seed, as `limn sample --seed` would write it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "infer/generator_file.h"
#include "limn/generator.h"
#include "metrics/picture_set_kinds.h"

#define USUAL_COUNT 10000

typedef struct drawn_set {
  limn_picture_set set;      /* first, so that one is the other */
  limn_generator *generator; /* of a file, owned; or */
  limn_sampler *sampler;     /* of a training, borrowed */
  int latent;
  uint64_t seed;
  float *codes, *pixels; /* of `capacity` pictures */
  uint32_t capacity;
} drawn_set;

static void close_drawn(limn_picture_set *set) {
  drawn_set *d = (drawn_set *)set;
  limn_generator_close(d->generator);
  free(d->codes);
  free(d->pixels);
  free(d);
}

static size_t picture_size(const drawn_set *d) {
  return (size_t)d->set.info.channels * (size_t)d->set.info.height * (size_t)d->set.info.width;
}

static limn_status make_room(drawn_set *d, uint32_t count) {
  if (count <= d->capacity)
    return LIMN_OK;
  free(d->codes);
  free(d->pixels);
  d->capacity = 0;
  d->codes = malloc((size_t)count * (size_t)d->latent * sizeof *d->codes);
  d->pixels = malloc((size_t)count * picture_size(d) * sizeof *d->pixels);
  if (!d->codes || !d->pixels)
    return limn_fail_memory("pictures");
  d->capacity = count;
  return LIMN_OK;
}

static limn_status check_finite(const drawn_set *d, const uint32_t *numbers, uint32_t count) {
  for (size_t i = 0, size = picture_size(d); i < count * size; ++i)
    if (!isfinite(d->pixels[i]))
      return limn_fail(LIMN_DATA,
                       "sample %u has pixels that are not finite: the training had diverged; name an earlier "
                       "checkpoint",
                       numbers[i / size]);
  return LIMN_OK;
}

static limn_status draw(limn_picture_set *set, const uint32_t *numbers, uint32_t count, limn_image *images) {
  drawn_set *d = (drawn_set *)set;
  const limn_picture_set_info *info = &set->info;
  if (!d->sampler && !d->generator)
    return limn_fail(LIMN_FAILED, "the generator was not opened to draw");
  LIMN_TRY(make_room(d, count));
  for (uint32_t i = 0; i < count; ++i) {
    float *code = d->codes + (size_t)i * (size_t)d->latent;
    if (d->sampler)
      limn_sampler_codes(d->seed, d->latent, numbers[i], 1, code);
    else
      LIMN_TRY(limn_generator_latents(d->generator, d->seed, numbers[i], 1, code));
  }
  LIMN_TRY(d->sampler ? limn_sampler_draw(d->sampler, d->codes, (int)count, d->pixels)
                      : limn_generator_run(d->generator, d->codes, (int)count, d->pixels));
  LIMN_TRY(check_finite(d, numbers, count));
  for (uint32_t i = 0; i < count; ++i)
    LIMN_TRY(limn_image_grid(&images[i], d->pixels + i * picture_size(d), 1, info->channels, info->height, info->width,
                             0, 1, 1));
  return LIMN_OK;
}

static int no_label(const limn_picture_set *set, uint32_t number) {
  (void)set;
  (void)number;
  return -1;
}

static const char *name_of(const limn_picture_set *set, uint32_t number, char *buffer, size_t size) {
  snprintf(buffer, size, "sample %u of seed %" PRIu64, number, ((const drawn_set *)set)->seed);
  return buffer;
}

static const limn_picture_kind drawn_kind = {close_drawn, draw, no_label, name_of, NULL};

static limn_status create(drawn_set **out, uint32_t count, uint64_t seed) {
  drawn_set *d = calloc(1, sizeof *d);
  if (!d)
    return limn_fail_memory("a set of pictures");
  d->set.kind = &drawn_kind;
  d->set.info.count = count ? count : USUAL_COUNT;
  d->seed = seed;
  *out = d;
  return LIMN_OK;
}

static void tell(drawn_set *d, const char *model, uint64_t step, int channels, int height, int width) {
  limn_picture_set_info *info = &d->set.info;
  snprintf(info->kind, sizeof info->kind, "%s at step %" PRIu64, model, step);
  info->channels = channels;
  info->height = height;
  info->width = width;
}

/* Also of what draws nothing: an autoencoder. */
static limn_status tell_file(void *context, const limn_generator_file *file) {
  const limn_config *c = file->config;
  tell(context, limn_config_model(c), file->step, c->channels, c->height, c->width);
  return LIMN_OK;
}

static limn_status open_generator(drawn_set *d, const char *path, const limn_picture_set_options *options) {
  limn_generator_info about;
  if (options->undrawn)
    return limn_generator_file_use(path, tell_file, d);
  LIMN_TRY(limn_generator_open(&d->generator, path,
                               &(limn_generator_options){.device = options->device,
                                                         .threads = options->threads,
                                                         .raw = options->raw,
                                                         .prior = options->prior,
                                                         .components = options->components}));
  limn_generator_get_info(d->generator, &about);
  d->latent = about.latent;
  tell(d, about.model, about.step, about.channels, about.height, about.width);
  const size_t length = strlen(d->set.info.kind);
  if (options->prior == LIMN_PRIOR_MIXTURE)
    snprintf(d->set.info.kind + length, sizeof d->set.info.kind - length, ", gmm of %d",
             options->components ? options->components : LIMN_PRIOR_COMPONENTS);
  return LIMN_OK;
}

limn_status limn_generator_set_open(limn_picture_set **out, const char *path, const limn_picture_set_options *options) {
  drawn_set *d = NULL;
  *out = NULL;
  LIMN_TRY(create(&d, options->count, options->seed));
  limn_status status = open_generator(d, path, options);
  if (status == LIMN_OK)
    *out = &d->set;
  else
    close_drawn(&d->set);
  return status;
}

limn_status limn_sampler_set_open(limn_picture_set **out, limn_sampler *sampler, const limn_model *model,
                                  uint32_t count, uint64_t seed) {
  drawn_set *d = NULL;
  const limn_config *config = model->config;
  *out = NULL;
  LIMN_TRY(create(&d, count, seed));
  d->sampler = sampler;
  d->latent = config->latent;
  d->set.info.channels = config->channels;
  d->set.info.height = config->height;
  d->set.info.width = config->width;
  snprintf(d->set.info.kind, sizeof d->set.info.kind, "%s", limn_config_model(config));
  *out = &d->set;
  return LIMN_OK;
}
