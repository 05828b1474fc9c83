#include "metrics/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "metrics/class_fit.h"
#include "metrics/labelled_pictures.h"
#include "metrics/learned.h"

/* A set's labels, and what the run makes of it. */
typedef struct seen {
  limn_labelled_pictures labelled;
  float *all, *rows;     /* of the set; of its pictures with labels, where that is not all of them */
  limn_labelled_set set; /* in these */
} seen;

typedef struct probe {
  const limn_measured *m;
  limn_learned learned;
  seen data, held_out;
  limn_class_fit fit;
} probe;

static void release_seen(seen *s) {
  limn_labelled_pictures_release(&s->labelled);
  free(s->all);
  free(s->rows);
}

static void release(probe *p) {
  release_seen(&p->data);
  release_seen(&p->held_out);
  limn_class_fit_release(&p->fit);
  limn_learned_close(&p->learned);
}

struct waiting {
  const limn_evaluate_options *options;
  const char *what;
};

static void pass_on(void *context, uint32_t done, uint32_t all) {
  const struct waiting *w = context;
  w->options->on_progress(w->options->context, w->what, done, all);
}

static limn_status see(probe *p, limn_picture_set *set, const char *what, seen *out) {
  struct waiting waiting = {p->m->options, what};
  const limn_judge_watch watch = {p->m->options->on_progress ? pass_on : NULL, &waiting, p->m->options->stop};
  limn_picture_set_info info;
  limn_picture_set_get_info(set, &info);
  LIMN_TRY(limn_learned_see(&p->learned, set, &watch, &out->all));
  const limn_feature_set features = {out->all, info.count, p->learned.features, what};
  return limn_labelled_pictures_rows(&out->labelled, &features, &out->set, &out->rows);
}

static bool has_labels(const limn_picture_set *set) {
  limn_picture_set_info info;
  if (!set)
    return false;
  limn_picture_set_get_info(set, &info);
  return info.class_count > 0;
}

static limn_status look(probe *p) {
  const limn_evaluate_options *o = p->m->options;
  const limn_evaluated_sets *sets = p->m->sets;
  LIMN_TRY(limn_labelled_pictures_init(&p->data.labelled, sets->data, "the data"));
  if (has_labels(sets->held_out)) { /* before anything takes time */
    LIMN_TRY(limn_labelled_pictures_init(&p->held_out.labelled, sets->held_out, "the held-out pictures"));
    LIMN_TRY(
        limn_labelled_pictures_renumber(&p->held_out.labelled, &p->data.labelled.classes, "the held-out pictures"));
  } else if (o->held_out) {
    return limn_fail(LIMN_USAGE, "%s: no labels to hold the probe's against; name held-out pictures with labels",
                     o->held_out);
  }
  LIMN_TRY(limn_learned_open(&p->learned, o->pictures, o->device, o->threads));
  LIMN_TRY(see(p, sets->data, "data", &p->data));
  return p->held_out.labelled.count ? see(p, sets->held_out, "held out", &p->held_out) : LIMN_OK;
}

static limn_status add(limn_evaluation *out, const char *name, double value, uint32_t count, int better,
                       const char *protocol) {
  limn_score *score = limn_evaluation_add(out, "probe", better, value);
  if (!score)
    return limn_fail_memory("scores");
  score->deviation = limn_share_error(value, count);
  snprintf(score->name, sizeof score->name, "%s", name);
  snprintf(score->protocol, sizeof score->protocol, "%s", protocol);
  return LIMN_OK;
}

/* Of the class that most pictures are of: what a probe that has learned nothing gets right. */
static double largest_share(const limn_labelled_pictures *pictures) {
  uint32_t largest = 0, *counts = calloc((size_t)pictures->classes.count, sizeof *counts);
  for (uint32_t i = 0; counts && i < pictures->count; ++i)
    if (++counts[pictures->labels[i]] > largest)
      largest = counts[pictures->labels[i]];
  free(counts);
  return (double)largest / pictures->count;
}

static limn_status tell(const probe *p, limn_evaluation *out) {
  const limn_class_fit *fit = &p->fit;
  const bool tested = p->held_out.labelled.count > 0;
  const uint32_t count = tested ? p->held_out.labelled.count : fit->validated;
  double accuracy = fit->accuracy;
  char text[128];
  if (tested)
    LIMN_TRY(limn_linear_model_accuracy(&accuracy, &fit->model, &p->m->algebra, &p->held_out.set));
  snprintf(text, sizeof text,
           tested ? "of %u unseen pictures, standard error"
                  : "by cross-validation over %u pictures, "
                    "standard error",
           count);
  LIMN_TRY(add(out, "probe accuracy", accuracy, count, 1, text));
  snprintf(text, sizeof text, "%s: %d numbers, L2, C %g, %u pictures", p->learned.what, p->learned.features, fit->c,
           fit->learned);
  LIMN_TRY(add(out, "on those it learned from", 0, 0, 0, text));
  limn_score *learned = &out->scores[out->score_count - 1];
  LIMN_TRY(limn_linear_model_accuracy(&learned->value, &fit->model, &p->m->algebra, &p->data.set));
  LIMN_TRY(add(out, "largest class", largest_share(tested ? &p->held_out.labelled : &p->data.labelled), 0, 0,
               "what always naming one class gets right"));
  if (tested)
    return LIMN_OK;
  return limn_evaluation_note(out, "the run was trained on the pictures that the probe is judged by: name others with "
                                   "--held-out PATH");
}

limn_status limn_take_probe(const limn_measured *m, limn_evaluation *out) {
  probe p = {.m = m};
  limn_status status;
  if (!limn_path_is_generator(m->options->pictures))
    return limn_fail(LIMN_USAGE, "%s holds pictures: probe asks what a run has learned; name one",
                     m->options->pictures);
  LIMN_TRY_OR_CLEANUP(status, look(&p));
  LIMN_TRY_OR_CLEANUP(status, limn_class_fit_take(&p.fit, &m->algebra, &p.data.set, m->options->seed));
  LIMN_TRY_OR_CLEANUP(status, tell(&p, out));
cleanup:
  release(&p);
  return status;
}
