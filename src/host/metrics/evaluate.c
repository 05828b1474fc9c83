/* limn_evaluate: two sets of pictures, a judge that sees both, and the measures of what it saw. */
#include "limn/evaluate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/error.h"
#include "metrics/measures.h"
#include "metrics/statistics.h"

typedef struct evaluator {
  const limn_evaluate_options *options;
  limn_evaluation *out;
  unsigned metrics;
  limn_config *run; /* of the run that is judged, where there is one */
  limn_picture_set *pictures, *data;
  char *data_path;
  bool data_is_statistics;
  limn_judge judge;
  limn_judged seen, seen_data;
  limn_measured measured;
} evaluator;

/* The settings of the run that the path is or lies in; nothing where it is an export. */
static limn_status read_run(evaluator *e) {
  const char *path = e->options->pictures, *slash = strrchr(path, '/');
  char file[4096];
  struct stat info;
  bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
  snprintf(file, sizeof file, "%.*s%sconfig.yaml",
           folder  ? 4000
           : slash ? (int)(slash - path + 1)
                   : 0,
           path, folder ? "/" : "../");
  if (stat(file, &info) != 0)
    return LIMN_OK;
  return limn_config_create_from_file(&e->run, file);
}

/* What the pictures are held against: as named, else what the run was trained on. */
static limn_status find_data(evaluator *e) {
  const char *path = e->options->data ? e->options->data : e->run && e->run->data ? e->run->data : "";
  e->data_path = strdup(path);
  if (!e->data_path)
    return limn_fail_memory("a path");
  if (!path[0] && (limn_metrics_needs(e->metrics) & (LIMN_NEEDS_DATA | LIMN_NEEDS_MOMENTS)))
    return limn_fail(LIMN_USAGE, "%s are to be held against what? name pictures with --data PATH",
                     e->options->pictures);
  e->data_is_statistics = limn_is_statistics(path);
  unsigned with_features = 0;
  for (int i = 0; i < LIMN_METRICS; ++i)
    if (limn_metrics[i].needs & LIMN_NEEDS_DATA)
      with_features |= 1u << i;
  if (!e->data_is_statistics || !(e->metrics & with_features))
    return LIMN_OK;
  if (e->options->metrics)
    return limn_fail(LIMN_USAGE,
                     "%s holds a mean and a covariance, which are enough for fd alone; name pictures for "
                     "the other measures",
                     path);
  e->metrics &= ~with_features;
  return LIMN_OK;
}

/* Both sets come to one form: the one that is asked for, else a run's own. */
static void choose_form(const evaluator *e, const limn_picture_set_info *judged, limn_picture_set_options *out) {
  if (e->run) {
    limn_config_background(e->run, out->form.background);
    out->form.fit = (limn_fit)e->run->fit;
    out->max_pixels = e->run->max_pixels;
    if (!e->options->data) {
      out->form.crop = e->run->crop;
      out->labels = e->run->labels;
      out->label_column = e->run->label_column;
    }
  } else {
    memset(out->form.background, 255, sizeof out->form.background);
  }
  out->form.height = judged && judged->height ? judged->height : e->options->height;
  out->form.width = judged && judged->height ? judged->width : e->options->width;
  out->form.channels = judged ? judged->channels : 0;
}

static limn_picture_set_options set_options(const evaluator *e) {
  const limn_evaluate_options *o = e->options;
  return (limn_picture_set_options){
      .count = o->count, .seed = o->seed, .raw = o->raw, .device = o->device, .threads = o->threads};
}

static void tell_set(const limn_picture_set *set, limn_evaluated_set *out) {
  limn_picture_set_info info;
  limn_picture_set_get_info(set, &info);
  snprintf(out->kind, sizeof out->kind, "%s", info.kind);
  out->count = info.count;
  out->available = info.available;
}

static limn_status open_sets(evaluator *e) {
  const char *path = e->options->pictures;
  limn_picture_set_options options = set_options(e);
  limn_picture_set_info info;
  if (limn_path_is_generator(path)) {
    LIMN_TRY(read_run(e));
    if (e->options->height)
      return limn_fail(LIMN_USAGE, "%s draws pictures of its own size; leave --size out", path);
  }
  LIMN_TRY(find_data(e));
  choose_form(e, NULL, &options);
  LIMN_TRY(limn_picture_set_open(&e->pictures, path, &options));
  tell_set(e->pictures, &e->out->pictures);
  if (!e->data_path[0] || e->data_is_statistics || !(limn_metrics_needs(e->metrics) & ~(unsigned)LIMN_NEEDS_LOGITS))
    return LIMN_OK;
  limn_picture_set_get_info(e->pictures, &info);
  options = set_options(e);
  if (!info.available) /* a generator's pictures: all of the data, unless a number is asked for */
    choose_form(e, &info, &options);
  else
    choose_form(e, NULL, &options);
  LIMN_TRY(limn_picture_set_open(&e->data, e->data_path, &options));
  tell_set(e->data, &e->out->data);
  return LIMN_OK;
}

struct waiting {
  const limn_evaluate_options *options;
  const char *what;
};

static void pass_on(void *context, uint32_t done, uint32_t all) {
  const struct waiting *w = context;
  w->options->on_progress(w->options->context, w->what, done, all);
}

static limn_status see(evaluator *e, const char *what, limn_picture_set *set, limn_judged *seen,
                       limn_evaluated_set *out) {
  struct waiting waiting = {e->options, what};
  const limn_judge_watch watch = {e->options->on_progress ? pass_on : NULL, &waiting, e->options->stop};
  LIMN_TRY(limn_judge_see(&e->judge, set, !e->options->uncached, &watch, seen));
  out->cached = seen->cached;
  out->seconds = seen->seconds;
  return LIMN_OK;
}

static limn_status read_statistics(evaluator *e) {
  limn_moments *data = &e->measured.data_moments;
  LIMN_TRY(limn_statistics_read(e->data_path, &e->judge, data));
  snprintf(e->out->data.kind, sizeof e->out->data.kind, "statistics");
  e->out->data.count = (uint32_t)data->count;
  return LIMN_OK;
}

static limn_status take_moments(evaluator *e) {
  limn_measured *m = &e->measured;
  bool wanted = limn_metrics_needs(e->metrics) & LIMN_NEEDS_MOMENTS;
  if (wanted || e->options->statistics)
    LIMN_TRY(limn_moments_of(&m->pictures_moments, &m->algebra, &m->pictures));
  if (wanted && m->data.count)
    LIMN_TRY(limn_moments_of(&m->data_moments, &m->algebra, &m->data));
  return LIMN_OK;
}

static void tell_judge(const evaluator *e) {
  limn_evaluation *out = e->out;
  const limn_judge *j = &e->judge;
  snprintf(out->features, sizeof out->features, "%s", j->info.network->name);
  snprintf(out->tap, sizeof out->tap, "%s", j->taps[0]);
  snprintf(out->checksum, sizeof out->checksum, "%s", j->info.checksum);
  snprintf(out->protocol, sizeof out->protocol, "%s", limn_protocol_name(j->protocol));
  snprintf(out->device, sizeof out->device, "%s", j->info.device);
  out->size = j->info.size;
  out->width = j->info.widths[0];
  out->seed = e->options->seed;
}

static limn_status open_judge(evaluator *e) {
  const limn_evaluate_options *o = e->options;
  LIMN_TRY(
      limn_judge_open(&e->judge, &(limn_judge_options){.features = o->features,
                                                       .tap = o->tap,
                                                       .protocol = o->protocol,
                                                       .size = o->size,
                                                       .logits = limn_metrics_needs(e->metrics) & LIMN_NEEDS_LOGITS,
                                                       .device = o->device,
                                                       .threads = o->threads}));
  tell_judge(e);
  return LIMN_OK;
}

static limn_status look(evaluator *e) {
  limn_measured *m = &e->measured;
  LIMN_TRY(see(e, "pictures", e->pictures, &e->seen, &e->out->pictures));
  m->options = e->options;
  m->judge = &e->judge;
  m->pictures = limn_judged_set(&e->seen, 0, "pictures");
  if (e->seen.tap_count > 1)
    m->logits = limn_judged_set(&e->seen, 1, "pictures");
  if (e->data) {
    LIMN_TRY(see(e, "data", e->data, &e->seen_data, &e->out->data));
    m->data = limn_judged_set(&e->seen_data, 0, "data");
  }
  if (e->data_is_statistics)
    LIMN_TRY(read_statistics(e));
  return take_moments(e);
}

static limn_status evaluate(evaluator *e) {
  const limn_evaluate_options *o = e->options;
  if (!o->pictures || !o->pictures[0])
    return limn_fail(LIMN_USAGE, "no pictures are named that are to be judged");
  if (o->metrics || !o->statistics || o->data)
    LIMN_TRY(limn_metrics_parse(o->metrics, &e->metrics));
  LIMN_TRY(limn_linear_algebra_open(&e->measured.algebra, o->threads));
  LIMN_TRY(open_judge(e));
  LIMN_TRY(open_sets(e));
  LIMN_TRY(look(e));
  for (int i = 0; i < LIMN_METRICS; ++i)
    if (e->metrics >> i & 1)
      LIMN_TRY(limn_metrics[i].take(&e->measured, e->out));
  return o->statistics ? limn_statistics_write(o->statistics, &e->judge, &e->measured.pictures_moments) : LIMN_OK;
}

limn_status limn_evaluate(limn_evaluation **out, const limn_evaluate_options *options) {
  evaluator e = {.options = options, .out = calloc(1, sizeof *e.out)};
  *out = NULL;
  limn_status status = e.out ? evaluate(&e) : limn_fail_memory("an evaluation");
  limn_moments_release(&e.measured.pictures_moments);
  limn_moments_release(&e.measured.data_moments);
  limn_judged_release(&e.seen);
  limn_judged_release(&e.seen_data);
  limn_judge_close(&e.judge);
  limn_picture_set_close(e.pictures);
  limn_picture_set_close(e.data);
  limn_config_destroy(e.run);
  free(e.data_path);
  if (status == LIMN_OK)
    *out = e.out;
  else
    limn_evaluation_destroy(e.out);
  return status;
}
