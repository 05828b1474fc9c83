/* limn_evaluate: sets of pictures, a judge that sees them, and the measures of what it saw. */
#include "limn/evaluate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "metrics/measures.h"
#include "metrics/statistics.h"

typedef struct evaluator {
  const limn_evaluate_options *options;
  limn_evaluation *out;
  unsigned metrics;
  limn_evaluated_sets sets;
  limn_judge judge;
  limn_judged pictures, data, held_out;
  limn_measured measured;
} evaluator;

/* Stacked pictures are counted whole, not by their planes. */
static void tell_set(const evaluator *e, const limn_picture_set *set, limn_evaluated_set *out) {
  const uint32_t planes = e->options->stacked ? LIMN_STACKED_PLANES : 1;
  limn_picture_set_info info;
  if (!set)
    return;
  limn_picture_set_get_info(set, &info);
  snprintf(out->kind, sizeof out->kind, "%s", info.kind);
  out->count = info.count / planes;
  out->available = info.available / planes;
}

/* With these options. */
static unsigned needs_of(const evaluator *e) {
  const unsigned needs = limn_metrics_needs(e->metrics);
  const bool learned = e->options->stacked && e->options->classifier; /* and what they are held against is uniform */
  return (needs & LIMN_NEEDS_CLASSES) && !learned ? needs | LIMN_NEEDS_DATA : needs;
}

/* Not where nobody asks what it sees. */
static bool needs_judge(const evaluator *e) { return (needs_of(e) & LIMN_NEEDS_JUDGE) || e->options->statistics; }

static limn_status open_sets(evaluator *e) {
  unsigned needs = needs_of(e), wants = needs_judge(e) ? LIMN_WANTS_PICTURES : 0;
  if (needs & (LIMN_NEEDS_DATA | LIMN_NEEDS_MOMENTS | LIMN_NEEDS_DATA_SET))
    wants |= LIMN_WANTS_DATA;
  if (needs & LIMN_NEEDS_HELD_OUT)
    wants |= LIMN_WANTS_HELD_OUT;
  LIMN_TRY(limn_evaluated_sets_open(&e->sets, e->options, wants));
  tell_set(e, e->sets.pictures, &e->out->pictures);
  if (!needs_judge(e)) /* none is drawn */
    e->out->pictures.count = e->out->pictures.available = 0;
  tell_set(e, e->sets.data, &e->out->data);
  tell_set(e, e->sets.held_out, &e->out->held_out);
  if (!e->sets.statistics)
    return LIMN_OK;
  /* A mean and a covariance are enough for some. */
  const unsigned pictures = LIMN_NEEDS_DATA | LIMN_NEEDS_CLASSES | LIMN_NEEDS_DATA_SET;
  for (int i = 0; i < LIMN_METRICS; ++i) {
    bool taken = e->metrics >> i & 1;
    if (taken && (limn_metrics[i].needs & pictures) && e->options->metrics)
      return limn_fail(LIMN_USAGE, "%s holds a mean and a covariance, and %s needs the pictures: name them with --data",
                       e->options->data, limn_metrics[i].name);
    if (taken && (limn_metrics[i].needs & pictures))
      e->metrics &= ~(1u << i);
  }
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
  if (!needs_judge(e))
    return LIMN_OK;
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
  if (!set)
    return LIMN_OK;
  LIMN_TRY(limn_judge_see(&e->judge, set, !e->options->uncached, &watch, seen));
  out->cached = seen->cached;
  out->seconds = seen->seconds;
  return LIMN_OK;
}

static limn_status look(evaluator *e) {
  limn_measured *m = &e->measured;
  m->options = e->options;
  m->sets = &e->sets;
  if (!needs_judge(e))
    return LIMN_OK;
  LIMN_TRY(see(e, "pictures", e->sets.pictures, &e->pictures, &e->out->pictures));
  /* What looks at the pictures alone reads them itself. */
  if (needs_of(e) & (LIMN_NEEDS_DATA | LIMN_NEEDS_MOMENTS))
    LIMN_TRY(see(e, "data", e->sets.data, &e->data, &e->out->data));
  if (limn_metrics_needs(e->metrics) & LIMN_NEEDS_DATA)
    LIMN_TRY(see(e, "held out", e->sets.held_out, &e->held_out, &e->out->held_out));
  m->judge = &e->judge;
  m->pictures = limn_judged_set(&e->pictures, 0, "pictures");
  m->logits = limn_judged_set(&e->pictures, 1, "pictures");
  m->data = limn_judged_set(&e->data, 0, "data");
  m->held_out = limn_judged_set(&e->held_out, 0, "held-out pictures");
  return LIMN_OK;
}

static limn_status take_moments(evaluator *e) {
  limn_measured *m = &e->measured;
  bool wanted = limn_metrics_needs(e->metrics) & LIMN_NEEDS_MOMENTS;
  if (wanted || e->options->statistics)
    LIMN_TRY(limn_moments_of(&m->pictures_moments, &m->algebra, &m->pictures));
  if (wanted && m->data.count)
    LIMN_TRY(limn_moments_of(&m->data_moments, &m->algebra, &m->data));
  if (!wanted || !e->sets.statistics)
    return LIMN_OK;
  LIMN_TRY(limn_statistics_read(e->sets.statistics, &e->judge, &m->data_moments));
  snprintf(e->out->data.kind, sizeof e->out->data.kind, "statistics");
  e->out->data.count = (uint32_t)m->data_moments.count;
  return LIMN_OK;
}

static limn_status choose_metrics(evaluator *e) {
  const limn_evaluate_options *o = e->options;
  const unsigned modes = 1u << limn_metrics_first("modes");
  if (o->metrics || !o->statistics || o->data || o->stacked)
    LIMN_TRY(limn_metrics_parse(o->metrics || !o->stacked ? o->metrics : "modes", &e->metrics));
  if (o->stacked && (e->metrics != modes || o->statistics))
    return limn_fail(LIMN_USAGE, "stacked pictures are seen digit by digit, for modes: leave other measures out");
  if ((o->classifier || o->save_classifier) && !(e->metrics & modes))
    return limn_fail(LIMN_USAGE, "a classifier is of the measure modes, which is not asked for: --metrics modes");
  return LIMN_OK;
}

/* Where results go, before the work is done that they come from. */
static limn_status check_targets(const limn_evaluate_options *o) {
  if (o->statistics)
    LIMN_TRY(limn_output_check(o->statistics));
  if (o->save_classifier)
    LIMN_TRY(limn_output_check(o->save_classifier));
  return o->sheet ? limn_image_check_target(o->sheet) : LIMN_OK;
}

static limn_status evaluate(evaluator *e) {
  const limn_evaluate_options *o = e->options;
  if (!o->pictures || !o->pictures[0])
    return limn_fail(LIMN_USAGE, "no pictures are named that are to be judged");
  LIMN_TRY(check_targets(o));
  LIMN_TRY(choose_metrics(e));
  if (needs_judge(e) || (limn_metrics_needs(e->metrics) & LIMN_NEEDS_DATA_SET))
    LIMN_TRY(limn_linear_algebra_open(&e->measured.algebra, o->threads));
  e->measured.algebra.stop = o->stop;
  LIMN_TRY(open_judge(e));
  LIMN_TRY(open_sets(e));
  LIMN_TRY(look(e));
  LIMN_TRY(take_moments(e));
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
  limn_judged_release(&e.pictures);
  limn_judged_release(&e.data);
  limn_judged_release(&e.held_out);
  limn_judge_close(&e.judge);
  limn_evaluated_sets_close(&e.sets);
  if (status == LIMN_OK)
    *out = e.out;
  else
    limn_evaluation_destroy(e.out);
  return status;
}
