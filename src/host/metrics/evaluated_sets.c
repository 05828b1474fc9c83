#include "metrics/evaluated_sets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "metrics/statistics.h"

#define LEAST_DATA       10000
#define STACKED_PICTURES 26000 /* PacGAN's, Lin et al. 2018 */
#define STACKED_DATA     5000  /* of which three times as many digits are learned */

static limn_picture_set_options from_options(const limn_evaluate_options *o) {
  limn_picture_set_options out = {.count = o->count     ? o->count
                                           : o->stacked ? STACKED_PICTURES
                                                        : 0,
                                  .or_fewer = !o->count,
                                  .seed = o->seed,
                                  .raw = o->raw,
                                  .prior = o->prior,
                                  .components = o->components,
                                  .device = o->device,
                                  .threads = o->threads};
  memset(out.form.background, 255, sizeof out.form.background);
  out.form.height = o->height;
  out.form.width = o->width;
  return out;
}

/* Other pictures come to the form in which a run has its own. */
static void take_form(const limn_evaluated_sets *s, limn_picture_set_options *out) {
  limn_picture_set_info info;
  limn_picture_set_get_info(s->pictures, &info);
  if (!info.height) /* files, each as it is or as the options say */
    return;
  out->form.channels = info.channels;
  out->form.height = info.height;
  out->form.width = info.width;
  if (!s->run)
    return;
  out->form.crop = s->run->crop;
  out->form.fit = (limn_fit)s->run->fit;
  out->max_pixels = s->run->max_pixels;
  limn_config_background(s->run, out->form.background);
}

static uint32_t data_count(const limn_evaluated_sets *s, const limn_evaluate_options *o) {
  limn_picture_set_info info;
  if (o->stacked && !o->data_count)
    return STACKED_DATA;
  limn_picture_set_get_info(s->pictures, &info);
  return o->data_count ? o->data_count : info.count > LEAST_DATA ? info.count : LEAST_DATA;
}

/* Up to `most` pictures of a path. */
static limn_status open_files(const limn_evaluated_sets *s, const limn_evaluate_options *o, const char *path,
                              uint32_t most, limn_picture_set **out) {
  limn_picture_set_options options = from_options(o);
  take_form(s, &options);
  options.count = most;
  options.or_fewer = most != o->data_count;
  if (path == o->data) {
    options.labels = o->labels;
    options.label_column = o->label_column;
  }
  return limn_picture_set_open(out, path, &options);
}

/* What the run was trained on, and what was held out of that. */
static limn_status open_own_data(limn_evaluated_sets *s, const limn_evaluate_options *o, unsigned wants) {
  limn_run_data *d = &s->run_data;
  const limn_data_watch watch = {.stop = o->stop};
  if (o->labels)
    LIMN_TRY(limn_config_set(s->run, "labels", o->labels, LIMN_FROM_FLAG));
  if (o->label_column)
    LIMN_TRY(limn_config_set(s->run, "label_column", o->label_column, LIMN_FROM_FLAG));
  limn_status status = limn_run_data_open(d, s->run, &watch);
  if (status == LIMN_DATA)
    return limn_fail(status, "what %s was trained on: %s; name other pictures with --data PATH", o->pictures,
                     limn_error_message());
  LIMN_TRY(status);
  uint32_t most = data_count(s, o);
  bool all = wants & LIMN_WANTS_DATA;
  if (all && o->data_count > d->training_count)
    return limn_fail(LIMN_DATA, "%u pictures of %s are wanted and there are %u", o->data_count, s->run->data,
                     d->training_count);
  if (all)
    LIMN_TRY(limn_dataset_set_open(&s->data, d->dataset, d->training, d->training_count, s->run, most, o->seed));
  if ((wants & LIMN_WANTS_HELD_OUT) && d->held_out_count)
    LIMN_TRY(limn_dataset_set_open(&s->held_out, d->dataset, d->held_out, d->held_out_count, s->run,
                                   o->count ? o->count : d->held_out_count, o->seed));
  return LIMN_OK;
}

/* The run's own held-out part beside other data, where the run's are still to be had. */
static void open_own_held_out(limn_evaluated_sets *s, const limn_evaluate_options *o) {
  limn_evaluate_options own = *o;
  own.labels = own.label_column = NULL; /* of the other data */
  if (s->run && s->run->data && s->run->data[0] && s->run->validation > 0)
    open_own_data(s, &own, LIMN_WANTS_HELD_OUT);
}

static limn_status open_data(limn_evaluated_sets *s, const limn_evaluate_options *o, unsigned wants) {
  bool own = !o->data && s->run && s->run->data && s->run->data[0];
  if (o->held_out)
    LIMN_TRY(open_files(s, o, o->held_out, o->count ? o->count : UINT32_MAX, &s->held_out));
  wants &= o->held_out ? ~(unsigned)LIMN_WANTS_HELD_OUT : ~0u;
  if (own && wants)
    return open_own_data(s, o, wants);
  if (wants & LIMN_WANTS_HELD_OUT)
    open_own_held_out(s, o);
  if (o->data && limn_is_statistics(o->data)) {
    s->statistics = strdup(o->data);
    return s->statistics ? LIMN_OK : limn_fail_memory("a path");
  }
  if (!(wants & LIMN_WANTS_DATA))
    return LIMN_OK;
  if (!o->data)
    return limn_fail(LIMN_USAGE, "what is %s to be held against? name pictures with --data PATH", o->pictures);
  return open_files(s, o, o->data, data_count(s, o), &s->data);
}

static limn_status part(limn_picture_set **set) { return *set ? limn_planes_set_open(set, *set) : LIMN_OK; }

static limn_status part_planes(limn_evaluated_sets *s) {
  LIMN_TRY(part(&s->pictures));
  return part(&s->data);
}

static limn_status fit_prior(const limn_evaluate_options *o) {
  return limn_prior_fit(o->pictures,
                        &(limn_prior_options){.components = o->components,
                                              .device = o->device,
                                              .threads = o->threads,
                                              .on_progress = o->on_progress,
                                              .context = o->context,
                                              .stop = o->stop},
                        NULL);
}

limn_status limn_evaluated_sets_open(limn_evaluated_sets *s, const limn_evaluate_options *o, unsigned wants) {
  limn_picture_set_options options = from_options(o);
  options.undrawn = !(wants & LIMN_WANTS_PICTURES);
  *s = (limn_evaluated_sets){0};
  limn_status status = LIMN_OK;
  bool generator = limn_path_is_generator(o->pictures);
  if (generator && o->height)
    status = limn_fail(LIMN_USAGE, "%s draws pictures of its own size; leave --size out", o->pictures);
  else if (generator)
    status = limn_config_of_run(&s->run, o->pictures);
  if (status == LIMN_OK && o->prior == LIMN_PRIOR_MIXTURE && !options.undrawn)
    status = generator ? fit_prior(o)
                       : limn_fail(LIMN_USAGE,
                                   "%s is no run or checkpoint, of whose codes there could be a mixture; "
                                   "leave --prior out",
                                   o->pictures);
  if (status == LIMN_OK)
    status = limn_picture_set_open(&s->pictures, o->pictures, &options);
  if (status == LIMN_OK)
    status = open_data(s, o, wants & ~(unsigned)LIMN_WANTS_PICTURES);
  if (status == LIMN_OK && o->stacked)
    status = part_planes(s);
  if (status != LIMN_OK)
    limn_evaluated_sets_close(s);
  return status;
}

void limn_evaluated_sets_close(limn_evaluated_sets *s) {
  limn_picture_set_close(s->pictures);
  limn_picture_set_close(s->data);
  limn_picture_set_close(s->held_out);
  limn_run_data_close(&s->run_data);
  limn_config_destroy(s->run);
  free(s->statistics);
  *s = (limn_evaluated_sets){0};
}
