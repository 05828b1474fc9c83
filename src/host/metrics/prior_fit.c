/* limn_prior_fit: codes of training pictures, a mixture fitted on them, a file beside the checkpoint. */
#include "limn/prior.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "infer/codec.h"
#include "infer/mixture_file.h"
#include "metrics/mixture_fit.h"
#include "metrics/picture_planes.h"
#include "metrics/run_data.h"

#define MOST_CODES 50000

typedef struct fitting {
  const limn_prior_options *options;
  const char *path;
  int components;
  char file[PATH_MAX], checkpoint[PATH_MAX];
  limn_mixture_origin origin;
  limn_config *run; /* its settings, with the data's place */
  limn_run_data data;
  limn_picture_set *pictures; /* of `data` */
  limn_codec *codec;
  limn_codec_info info;
  uint8_t *bytes; /* of a batch */
  float *codes;   /* (origin.count, latent) */
} fitting;

static void release(fitting *f) {
  free(f->bytes);
  free(f->codes);
  limn_codec_close(f->codec);
  limn_picture_set_close(f->pictures);
  limn_run_data_close(&f->data);
  limn_config_destroy(f->run);
}

static limn_status open_pictures(fitting *f) {
  const limn_prior_options *o = f->options;
  const limn_data_watch watch = {.stop = o->stop};
  LIMN_TRY(limn_config_of_run(&f->run, f->checkpoint));
  if (!f->run) /* a checkpoint alone, which says all but where the pictures are */
    LIMN_TRY(limn_config_copy(&f->run, f->info.config));
  if (o->data)
    LIMN_TRY(limn_config_set(f->run, "data", o->data, LIMN_FROM_FLAG));
  if (!f->run->data[0])
    return limn_fail(LIMN_USAGE,
                     "%s does not say what it was trained on: name it: limn sample %s --prior gmm --data PATH", f->path,
                     f->path);
  limn_status status = limn_run_data_open(&f->data, f->run, &watch);
  if (status == LIMN_DATA)
    return limn_fail(status, "what %s was trained on: %s; fit it where that is: limn sample %s --prior gmm --data PATH",
                     f->path, limn_error_message(), f->path);
  LIMN_TRY(status);
  LIMN_TRY(limn_dataset_set_open(&f->pictures, f->data.dataset, f->data.training, f->data.training_count, f->run,
                                 MOST_CODES, f->run->seed));
  limn_picture_set_info about;
  limn_picture_set_get_info(f->pictures, &about);
  f->origin.count = about.count;
  f->origin.data = about.fingerprint;
  return LIMN_OK;
}

static limn_status open_codec(fitting *f) {
  const limn_prior_options *o = f->options;
  LIMN_TRY(
      limn_codec_open(&f->codec, f->checkpoint, &(limn_codec_options){.device = o->device, .threads = o->threads}));
  limn_codec_get_info(f->codec, &f->info);
  f->origin.step = f->info.step;
  f->origin.seed = f->info.config->seed;
  return LIMN_OK;
}

static limn_status tell(const fitting *f, const char *what, uint32_t done, uint32_t all) {
  const limn_prior_options *o = f->options;
  if (o->on_progress)
    o->on_progress(o->context, what, done, all);
  if (o->stop && *o->stop)
    return limn_fail(LIMN_FAILED, "stopped after %u of %u pictures", done, all);
  return LIMN_OK;
}

static limn_status take_codes(fitting *f) {
  const limn_codec_info *info = &f->info;
  const int form[3] = {info->channels, info->height, info->width};
  const size_t picture = (size_t)form[0] * (size_t)form[1] * (size_t)form[2], latent = (size_t)info->latent;
  const uint32_t batch = (uint32_t)info->batch, count = f->origin.count;
  f->bytes = malloc(batch * picture);
  f->codes = malloc((count ? count : 1) * latent * sizeof *f->codes);
  if (!f->bytes || !f->codes)
    return limn_fail_memory("codes of pictures");
  for (uint32_t first = 0, some; first < count; first += some) {
    some = count - first < batch ? count - first : batch;
    LIMN_TRY(limn_picture_set_read_planes(f->pictures, first, some, form, f->bytes));
    LIMN_TRY(limn_codec_encode(f->codec, f->bytes, first, (int)some, &(limn_codes){.mean = f->codes + first * latent}));
    LIMN_TRY(tell(f, "codes", first + some, count));
  }
  return LIMN_OK;
}

static void pass_on(void *context, int step, int most) { tell(context, "fit", (uint32_t)step, (uint32_t)most); }

static limn_status fit_mixture(fitting *f) {
  const limn_feature_set codes = {f->codes, f->origin.count, f->info.latent, "the codes of the training pictures"};
  limn_linear_algebra algebra;
  limn_mixture mixture = {0};
  limn_mixture_fit fit = {
      .algebra = &algebra, .codes = &codes, .on_progress = pass_on, .context = f, .stop = f->options->stop};
  LIMN_TRY(limn_linear_algebra_open(&algebra, f->options->threads));
  limn_status status = limn_mixture_start(&mixture, &fit, f->components, f->origin.seed);
  if (status == LIMN_OK)
    status = limn_mixture_improve(&mixture, &fit);
  f->origin.log_likelihood = fit.log_likelihood;
  if (status == LIMN_OK) /* the last step has been told; now it is over */
    status = tell(f, "fit", 1, 1);
  if (status == LIMN_OK)
    status = limn_mixture_write(f->file, &mixture, &f->origin);
  limn_mixture_release(&mixture);
  return status;
}

/* Whether the one that is there will do. */
static bool is_there(fitting *f) {
  limn_mixture mixture;
  limn_mixture_origin origin;
  if (limn_mixture_read(&mixture, &origin, f->file, f->origin.checkpoint) != LIMN_OK)
    return false;
  bool serves = mixture.components == f->components;
  f->info.latent = mixture.width;
  limn_mixture_release(&mixture);
  if (f->options->data && serves)
    serves = open_codec(f) == LIMN_OK && open_pictures(f) == LIMN_OK && f->origin.data == origin.data;
  if (serves)
    f->origin = origin;
  return serves;
}

static limn_status make(fitting *f, bool *found) {
  LIMN_TRY(limn_mixture_locate(f->path, f->components, f->file, f->checkpoint, sizeof f->file));
  LIMN_TRY(limn_sha256_file(f->checkpoint, f->origin.checkpoint));
  *found = is_there(f);
  if (*found)
    return LIMN_OK;
  if (!f->codec)
    LIMN_TRY(open_codec(f));
  if (!f->pictures)
    LIMN_TRY(open_pictures(f));
  LIMN_TRY(take_codes(f));
  return fit_mixture(f);
}

limn_status limn_prior_fit(const char *path, const limn_prior_options *options, limn_prior_info *out) {
  const limn_prior_options usual = {0};
  fitting f = {.options = options ? options : &usual, .path = path};
  bool found = false;
  f.components = f.options->components ? f.options->components : LIMN_PRIOR_COMPONENTS;
  if (f.components < 1 || f.components > LIMN_MOST_COMPONENTS)
    return limn_fail(LIMN_USAGE, "a mixture of %d components was asked for; it takes 1 to %d", f.components,
                     LIMN_MOST_COMPONENTS);
  limn_status status = make(&f, &found);
  if (status == LIMN_OK && out) {
    *out = (limn_prior_info){.components = f.components,
                             .latent = f.info.latent,
                             .count = f.origin.count,
                             .log_likelihood = f.origin.log_likelihood,
                             .found = found};
    snprintf(out->file, sizeof out->file, "%s", f.file);
  }
  release(&f);
  return status;
}
