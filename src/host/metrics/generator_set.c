/* Picture sets that a generator draws: picture i is that of latent code i, as `limn sample --seed` would write it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "limn/generator.h"
#include "metrics/picture_set_kinds.h"

#define USUAL_COUNT 10000

typedef struct generator_set {
  limn_picture_set set; /* first, so that one is the other */
  limn_generator *generator;
  limn_generator_info about;
  uint64_t seed;
  float *codes, *pixels; /* of `capacity` pictures */
  uint32_t capacity;
} generator_set;

static void close_generator(limn_picture_set *set) {
  generator_set *g = (generator_set *)set;
  limn_generator_close(g->generator);
  free(g->codes);
  free(g->pixels);
  free(g);
}

static size_t picture_size(const generator_set *g) {
  return (size_t)g->about.channels * (size_t)g->about.height * (size_t)g->about.width;
}

static limn_status make_room(generator_set *g, uint32_t count) {
  if (count <= g->capacity)
    return LIMN_OK;
  free(g->codes);
  free(g->pixels);
  g->capacity = 0;
  g->codes = malloc((size_t)count * (size_t)g->about.latent * sizeof *g->codes);
  g->pixels = malloc((size_t)count * picture_size(g) * sizeof *g->pixels);
  if (!g->codes || !g->pixels)
    return limn_fail_memory("pictures");
  g->capacity = count;
  return LIMN_OK;
}

static limn_status check_finite(const generator_set *g, const uint32_t *numbers, uint32_t count) {
  for (size_t i = 0, size = picture_size(g); i < count * size; ++i)
    if (!isfinite(g->pixels[i]))
      return limn_fail(LIMN_DATA,
                       "sample %u has pixels that are not finite: the training had diverged; name an earlier "
                       "checkpoint",
                       numbers[i / size]);
  return LIMN_OK;
}

static limn_status draw(limn_picture_set *set, const uint32_t *numbers, uint32_t count, limn_image *images) {
  generator_set *g = (generator_set *)set;
  LIMN_TRY(make_room(g, count));
  for (uint32_t i = 0; i < count; ++i)
    LIMN_TRY(
        limn_generator_latents(g->generator, g->seed, numbers[i], 1, g->codes + (size_t)i * (size_t)g->about.latent));
  LIMN_TRY(limn_generator_run(g->generator, g->codes, (int)count, g->pixels));
  LIMN_TRY(check_finite(g, numbers, count));
  for (uint32_t i = 0; i < count; ++i)
    LIMN_TRY(limn_image_grid(&images[i], g->pixels + i * picture_size(g), 1, g->about.channels, g->about.height,
                             g->about.width, 0, 1, 1));
  return LIMN_OK;
}

static int no_label(const limn_picture_set *set, uint32_t number) {
  (void)set;
  (void)number;
  return -1;
}

static const char *name_of(const limn_picture_set *set, uint32_t number, char *buffer, size_t size) {
  snprintf(buffer, size, "sample %u of seed %" PRIu64, number, ((const generator_set *)set)->seed);
  return buffer;
}

static const limn_picture_kind generator_kind = {close_generator, draw, no_label, name_of};

limn_status limn_generator_set_open(limn_picture_set **out, const char *path, const limn_picture_set_options *options) {
  generator_set *g = calloc(1, sizeof *g);
  *out = NULL;
  if (!g)
    return limn_fail_memory("a set of pictures");
  g->set.kind = &generator_kind;
  g->seed = options->seed;
  limn_status status = limn_generator_open(
      &g->generator, path,
      &(limn_generator_options){.device = options->device, .threads = options->threads, .raw = options->raw});
  if (status != LIMN_OK) {
    close_generator(&g->set);
    return status;
  }
  limn_generator_get_info(g->generator, &g->about);
  snprintf(g->set.info.kind, sizeof g->set.info.kind, "%s at step %" PRIu64, g->about.model, g->about.step);
  g->set.info.channels = g->about.channels;
  g->set.info.height = g->about.height;
  g->set.info.width = g->about.width;
  g->set.info.count = options->count ? options->count : USUAL_COUNT;
  *out = &g->set;
  return LIMN_OK;
}
