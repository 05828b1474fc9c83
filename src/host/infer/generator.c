/* Trained generators: a file opened for making pictures. */
#include "limn/generator.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "image/image.h"
#include "infer/generator_file.h"
#include "infer/mixture_file.h"
#include "infer/sampler.h"

/* Pictures a pass; no more than a batch of the training, which the user chose by the memory there is. */
#define LARGEST_CHUNK 64

struct limn_generator {
  limn_device *device;
  limn_store *store;
  limn_sampler *sampler;
  limn_generator_info info;
  limn_mixture mixture; /* of zeros for the normal prior */
};

/* Which weights are drawn with. *average: the file has both, and the average is meant. */
static limn_status choose_weights(limn_generator *g, const limn_generator_file *file,
                                  const limn_generator_options *options, bool *average) {
  if (file->averaged && options->raw)
    return limn_fail(LIMN_USAGE, "%s holds the average alone; name its run for the weights themselves",
                     file->weights.path);
  *average = !file->single && limn_config_averages(file->config) && !options->raw;
  g->info.averaged = *average || file->averaged;
  return LIMN_OK;
}

struct opening {
  limn_generator *generator;
  const limn_generator_options *options;
};

/* Of the checkpoint `path`, which is open. */
static limn_status open_mixture(limn_generator *g, const limn_generator_file *file, int components) {
  char beside[PATH_MAX], checkpoint[PATH_MAX], hash[LIMN_SHA256_SIZE];
  if (file->model.row->training != LIMN_TRAINED_AS_VAE)
    return limn_fail(LIMN_USAGE,
                     "%s is of the model %s, which has no encoder whose codes a mixture could be fitted on; "
                     "leave --prior out",
                     file->weights.path, limn_config_model(file->config));
  if (file->single)
    return limn_fail(LIMN_USAGE,
                     "%s holds a decoder alone, and a mixture of codes lies beside checkpoints: name its run",
                     file->weights.path);
  if (components == 0)
    components = LIMN_PRIOR_COMPONENTS;
  LIMN_TRY(limn_mixture_locate(file->weights.path, components, beside, checkpoint, sizeof beside));
  if (access(beside, F_OK) != 0)
    return limn_fail(LIMN_DATA, "%s is not there: fit it by limn_prior_fit or limn sample --prior gmm --components %d",
                     beside, components);
  LIMN_TRY(limn_sha256_file(checkpoint, hash));
  LIMN_TRY(limn_mixture_read(&g->mixture, NULL, beside, hash));
  if (g->mixture.width != file->config->latent)
    return limn_fail(LIMN_DATA, "%s is of codes of %d numbers, not %d; delete it", beside, g->mixture.width,
                     file->config->latent);
  return LIMN_OK;
}

static limn_status make_generator(void *context, const limn_generator_file *file) {
  limn_generator *g = ((struct opening *)context)->generator;
  const limn_generator_options *options = ((struct opening *)context)->options;
  const limn_config *c = file->config;
  if (options->prior == LIMN_PRIOR_MIXTURE)
    LIMN_TRY(open_mixture(g, file, options->components));
  else if (!limn_model_draws(&file->model))
    return limn_fail(LIMN_USAGE,
                     "%s is of the model %s, whose codes follow no known distribution: limn sample --prior gmm "
                     "fits one on its codes; or train a vae, or an autoencoder with the regularizer mmd",
                     file->weights.path, limn_config_model(c));
  bool average = false;
  const int chunk = c->batch > 0 && c->batch < LARGEST_CHUNK ? c->batch : LARGEST_CHUNK;
  g->info = (limn_generator_info){.latent = c->latent,
                                  .channels = c->channels,
                                  .height = c->height,
                                  .width = c->width,
                                  .step = file->step,
                                  .seed = c->seed,
                                  .prior = options->prior};
  snprintf(g->info.model, sizeof g->info.model, "%s", limn_config_model(c));
  LIMN_TRY(choose_weights(g, file, options, &average));
  LIMN_TRY(limn_generator_file_make_store(file, options->device, options->threads, &g->device, &g->store));
  LIMN_TRY(limn_sampler_create(&g->sampler, g->store, &file->model, chunk, average));
  return average ? limn_checkpoint_fill_average(g->store, &file->model, limn_config_micro_batch(c), &file->weights)
                 : limn_checkpoint_fill_store(g->store, &file->weights);
}

limn_status limn_generator_open(limn_generator **out, const char *path, const limn_generator_options *options) {
  *out = NULL;
  limn_generator *g = calloc(1, sizeof *g);
  if (!g)
    return limn_fail_memory("a generator");
  const limn_generator_options usual = {0};
  limn_status status = limn_generator_file_use(path, make_generator, &(struct opening){g, options ? options : &usual});
  if (status != LIMN_OK) {
    limn_generator_close(g);
    return status;
  }
  *out = g;
  return LIMN_OK;
}

void limn_generator_close(limn_generator *g) {
  if (!g)
    return;
  limn_mixture_release(&g->mixture);
  limn_sampler_destroy(g->sampler);
  limn_store_destroy(g->store);
  limn_device_destroy(g->device);
  free(g);
}

void limn_generator_get_info(const limn_generator *g, limn_generator_info *out) { *out = g->info; }

limn_status limn_generator_latents(const limn_generator *g, uint64_t seed, uint64_t first, int count, float *z) {
  if (count < 0)
    return limn_fail(LIMN_USAGE, "%d latent codes were asked for", count);
  if (g->info.prior == LIMN_PRIOR_MIXTURE)
    limn_mixture_codes(&g->mixture, seed, first, count, z);
  else
    limn_sampler_codes(seed, g->info.latent, first, count, z);
  return LIMN_OK;
}

limn_status limn_generator_run(limn_generator *g, const float *z, int count, float *pixels) {
  return limn_sampler_draw(g->sampler, z, count, pixels);
}

void limn_latent_interpolate(const float *from, const float *to, int latent, double t, float *z) {
  double dot = 0, from_norm = 0, to_norm = 0;
  for (int i = 0; i < latent; ++i) {
    dot += (double)from[i] * (double)to[i];
    from_norm += (double)from[i] * (double)from[i];
    to_norm += (double)to[i] * (double)to[i];
  }
  double cosine = from_norm > 0 && to_norm > 0 ? dot / sqrt(from_norm * to_norm) : 1;
  double angle = acos(cosine > 1 ? 1 : cosine < -1 ? -1 : cosine), sine = sin(angle);
  /* Parallel codes lie on no one great circle; the straight line is the limit. */
  double a = sine > 1e-6 ? sin((1 - t) * angle) / sine : 1 - t, b = sine > 1e-6 ? sin(t * angle) / sine : t;
  for (int i = 0; i < latent; ++i)
    z[i] = (float)(a * (double)from[i] + b * (double)to[i]);
}

limn_status limn_check_picture_path(const char *path) { return limn_image_check_target(path); }

limn_status limn_write_pictures(const char *path, const float *pixels, int count, int channels, int height, int width,
                                int columns) {
  limn_image image = {0};
  limn_status status = limn_image_grid(&image, pixels, count, channels, height, width, 0, 1, columns);
  if (status == LIMN_OK)
    status = limn_image_write(&image, path);
  limn_image_release(&image);
  return status;
}
