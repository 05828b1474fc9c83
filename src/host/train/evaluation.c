#include "train/evaluation.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "metrics/measures.h"

#define MOST_DATA 10000 /* pictures of the training that are held against */
#define NAME_SIZE 64

struct limn_training_evaluation {
  const limn_config *config;
  unsigned metrics;
  int first; /* of them: what decides */
  limn_evaluate_options options;
  limn_judge judge;
  limn_linear_algebra algebra;
  limn_session *session;
  limn_picture_set *data, *drawn;
  limn_judged seen_data;
  limn_moments data_moments;
  limn_balls data_balls;
  uint64_t every;
  double share; /* of a run's arithmetic */
  char by[LIMN_BEST_BY];
  char names[LIMN_EVALUATION_MEASURES][NAME_SIZE];
  double seconds, last_seconds;
  int times;
};

static bool evaluates(const limn_config *config) { return config->evaluate_every > 0 || config->evaluate_time > 0; }

static limn_judge_options judge_of(const limn_config *config, unsigned metrics) {
  return (limn_judge_options){.features = config->features,
                              .size = config->feature_size,
                              .logits = limn_metrics_needs(metrics) & LIMN_NEEDS_LOGITS,
                              .device = config->device,
                              .threads = config->threads};
}

limn_status limn_training_evaluation_bytes(const limn_config *config, const limn_card *card, size_t *bytes) {
  unsigned metrics;
  limn_judge judge;
  *bytes = 0;
  if (!evaluates(config))
    return LIMN_OK;
  LIMN_TRY(limn_metrics_parse(config->evaluate_metrics, &metrics));
  limn_judge_options options = judge_of(config, metrics);
  options.planning = true;
  options.card = card;
  LIMN_TRY(limn_judge_open(&judge, &options));
  *bytes = limn_extractor_bytes(judge.extractor);
  limn_judge_close(&judge);
  return LIMN_OK;
}

limn_status limn_training_evaluation_open(limn_training_evaluation **out, const limn_config *config) {
  unsigned metrics;
  *out = NULL;
  if (!evaluates(config))
    return LIMN_OK;
  LIMN_TRY(limn_metrics_parse(config->evaluate_metrics, &metrics));
  if (limn_metrics_needs(metrics) & LIMN_NEEDS_SETS)
    return limn_fail(
        LIMN_USAGE,
        "evaluate_metrics %s: elbo, nll, modes, probe and copies are for limn evaluate, when the run has ended",
        config->evaluate_metrics);
  limn_training_evaluation *e = calloc(1, sizeof *e);
  if (!e)
    return limn_fail_memory("evaluations");
  e->config = config;
  e->metrics = metrics;
  e->first = limn_metrics_first(config->evaluate_metrics);
  e->options = (limn_evaluate_options){.seed = config->seed};
  limn_status status = limn_linear_algebra_open(&e->algebra, config->threads);
  const limn_judge_options options = judge_of(config, metrics);
  if (status == LIMN_OK)
    status = limn_judge_open(&e->judge, &options);
  if (status != LIMN_OK) {
    limn_training_evaluation_close(e);
    return status;
  }
  *out = e;
  return LIMN_OK;
}

void limn_training_evaluation_close(limn_training_evaluation *e) {
  if (!e)
    return;
  limn_moments_release(&e->data_moments);
  limn_balls_release(&e->data_balls);
  limn_judged_release(&e->seen_data);
  limn_picture_set_close(e->data);
  limn_picture_set_close(e->drawn);
  limn_judge_close(&e->judge);
  free(e);
}

/* Whether evaluate_share is a bound. */
static bool is_bounded(const limn_config *config) { return config->evaluate_share > 0 && config->evaluate_share < 1; }

static double flops_of(const limn_program *program) {
  limn_program_info info = {0};
  if (program)
    limn_program_get_info(program, &info);
  return info.flops;
}

/* By arithmetic, which is the same on every machine, and not by the clock. */
static void choose_period(limn_training_evaluation *e) {
  const limn_session *s = e->session;
  const limn_config *c = e->config;
  double step = limn_session_flops(s);
  double picture = flops_of(limn_sampler_program(s->sampler)) / limn_sampler_chunk(s->sampler);
  double evaluation = c->evaluate_count * (picture + limn_extractor_flops(e->judge.extractor));
  uint64_t asked = (uint64_t)c->evaluate_every, times = 1;
  if (asked == 0)
    return;
  double share = evaluation / (evaluation + (double)asked * step);
  if (step > 0 && is_bounded(c) && share > c->evaluate_share)
    times = (uint64_t)ceil(evaluation * (1 - c->evaluate_share) / (c->evaluate_share * (double)asked * step));
  e->every = asked * times;
  e->share = evaluation / (evaluation + (double)e->every * step);
}

limn_status limn_training_evaluation_begin(limn_training_evaluation *e, limn_session *session,
                                           const limn_training_data *data) {
  const limn_config *c = e->config;
  e->session = session;
  LIMN_TRY(limn_dataset_set_open(&e->data, data->dataset, data->training, data->training_count, c, MOST_DATA, c->seed));
  LIMN_TRY(limn_sampler_set_open(&e->drawn, session->sampler, &session->model, (uint32_t)c->evaluate_count, c->seed));
  const limn_judge_watch watch = {.stop = session->stop};
  LIMN_TRY(limn_judge_see(&e->judge, e->data, true, &watch, &e->seen_data));
  limn_feature_set rows = limn_judged_set(&e->seen_data, 0, "the training's pictures");
  if (limn_metrics_needs(e->metrics) & LIMN_NEEDS_MOMENTS)
    LIMN_TRY(limn_moments_of(&e->data_moments, &e->algebra, &rows));
  if (limn_metrics_take(e->metrics, "prdc"))
    LIMN_TRY(limn_balls_find(&e->data_balls, &e->algebra, &rows, LIMN_NEIGHBOURS));
  choose_period(e);
  snprintf(e->by, sizeof e->by, "%s of %.40s %.8s %s at %d, %d against %u", limn_metrics[e->first].name,
           e->judge.info.network->name, e->judge.info.checksum, e->judge.taps[0], e->judge.info.size, c->evaluate_count,
           e->seen_data.count);
  return LIMN_OK;
}

uint64_t limn_training_evaluation_every(const limn_training_evaluation *e) { return e->every; }

double limn_training_evaluation_wait(const limn_training_evaluation *e) {
  const double share = e->config->evaluate_share, time = e->config->evaluate_time;
  const double least = is_bounded(e->config) ? e->last_seconds * (1 - share) / share : 0;
  return time > 0 ? (time > least ? time : least) : INFINITY;
}

const char *limn_training_evaluation_measure(const limn_training_evaluation *e) { return limn_metrics[e->first].name; }

const char *limn_training_evaluation_by(const limn_training_evaluation *e) { return e->by; }

const char *limn_training_evaluation_tell(const limn_training_evaluation *e, char *buffer, size_t size) {
  if (e->every == 0) {
    char time[32];
    int used = snprintf(buffer, size, "evaluated every %s by %s",
                        limn_config_get(e->config, "evaluate_time", time, sizeof time), e->by);
    if (is_bounded(e->config) && used > 0 && (size_t)used < size)
      snprintf(buffer + used, size - (size_t)used, ", in at most %g %% of the time", 100 * e->config->evaluate_share);
    return buffer;
  }
  int length = snprintf(buffer, size, "evaluated every %" PRIu64 " steps by %s: %.1f %% of the arithmetic", e->every,
                        e->by, 100 * e->share);
  if (e->every != (uint64_t)e->config->evaluate_every && length > 0 && (size_t)length < size)
    snprintf(buffer + length, size - (size_t)length,
             "; every %" PRId64 " would take more than evaluate_share, fewer pictures (evaluate_count) less",
             e->config->evaluate_every);
  return buffer;
}

/* "FD-lite0" becomes "evaluation_fd_lite0". */
static const char *name_measure(limn_training_evaluation *e, size_t index, const char *score) {
  char *name = e->names[index];
  snprintf(name, NAME_SIZE, "evaluation_%s", score);
  for (char *at = name; *at; ++at)
    *at = *at == '-' || *at == ' ' ? '_' : (char)tolower((unsigned char)*at);
  return name;
}

static limn_status measure(limn_training_evaluation *e, const limn_judged *seen, limn_evaluation *out) {
  limn_measured m = {.options = &e->options,
                     .judge = &e->judge,
                     .algebra = e->algebra,
                     .pictures = limn_judged_set(seen, 0, "samples"),
                     .data = limn_judged_set(&e->seen_data, 0, "the training's pictures"),
                     .data_moments = e->data_moments,
                     .data_balls = &e->data_balls};
  if (seen->tap_count > 1)
    m.logits = limn_judged_set(seen, 1, "samples");
  limn_status status = LIMN_OK;
  if (limn_metrics_needs(e->metrics) & LIMN_NEEDS_MOMENTS)
    status = limn_moments_of(&m.pictures_moments, &m.algebra, &m.pictures);
  for (int i = 0; i < LIMN_METRICS && status == LIMN_OK; ++i)
    if (e->metrics >> i & 1)
      status = limn_metrics[i].take(&m, out);
  limn_moments_release(&m.pictures_moments);
  return status;
}

static void tell_scores(limn_training_evaluation *e, const limn_evaluation *scores, limn_measure *measures,
                        size_t *count, double *objective) {
  bool decided = false;
  for (size_t i = 0; i < scores->score_count && i < LIMN_EVALUATION_MEASURES; ++i) {
    const limn_score *score = &scores->scores[i];
    measures[i] = (limn_measure){name_measure(e, i, score->name), score->value};
    *count = i + 1;
    if (!decided && strcmp(score->metric, limn_metrics[e->first].name) == 0) {
      *objective = score->better < 0 ? score->value : -score->value;
      decided = true;
    }
  }
}

limn_status limn_training_evaluation_take(limn_training_evaluation *e, limn_measure measures[LIMN_EVALUATION_MEASURES],
                                          size_t *count, double *objective) {
  const volatile sig_atomic_t *stop = e->session->stop;
  double began = limn_clock();
  limn_judged seen;
  limn_evaluation *scores;
  *count = 0;
  *objective = NAN;
  LIMN_TRY(limn_session_settle_average(e->session));
  limn_status status = limn_judge_see(&e->judge, e->drawn, false, &(limn_judge_watch){.stop = stop}, &seen);
  if (stop && *stop) {
    limn_judged_release(&seen);
    return LIMN_OK;
  }
  if (status == LIMN_DATA)
    return limn_fail(LIMN_DIVERGED, "%s", limn_error_message());
  LIMN_TRY(status);
  scores = calloc(1, sizeof *scores);
  status = scores ? measure(e, &seen, scores) : limn_fail_memory("an evaluation");
  if (status == LIMN_OK)
    tell_scores(e, scores, measures, count, objective);
  limn_evaluation_destroy(scores);
  limn_judged_release(&seen);
  e->last_seconds = limn_clock() - began;
  e->seconds += e->last_seconds;
  ++e->times;
  return status;
}

double limn_training_evaluation_seconds(const limn_training_evaluation *e, int *times) {
  *times = e->times;
  return e->seconds;
}
