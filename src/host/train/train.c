/* The training loop: steps, and between them measures, drawings, validation and checkpoints. */
#include "limn/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "train/optimizer.h"
#include "train/trainer.h"

#define READ_INTERVAL 0.25 /* seconds between looks at the measures: as often as a person wants to see them */

static double learning_rate(const limn_trainer *t, uint64_t step) {
  float hyper[4];
  limn_optimizer_hyper(t->config, t->config->lr, step, step, t->session.horizon, hyper);
  return (double)hyper[0] * t->session.rate_factor;
}

/* A verdict of which nothing follows. */
static void tell_verdict(const limn_trainer *t, limn_verdict verdict, uint64_t step) {
  char text[1024];
  if (verdict != LIMN_VERDICT_NONE)
    limn_trainer_notice(t, "%s", limn_alarm_tell(&t->alarm, t->config, verdict, step, text, sizeof text));
}

/* One step's measures: into metrics.jsonl when it is a step to be logged. */
static limn_status log_step(limn_trainer *t, uint64_t step, const float *values, limn_measure *measures) {
  int count = t->session.measure_count;
  for (int i = 0; i < count; ++i) {
    measures[i] = (limn_measure){t->session.measures[i], (double)values[i]};
    if (!isfinite(values[i])) {
      limn_fail(LIMN_DIVERGED, "%s is not finite", measures[i].name);
      return limn_trainer_diverged(t, step);
    }
  }
  limn_trend_add(&t->trend, measures, count);
  tell_verdict(t, limn_alarm_add_step(&t->alarm, t->config, step, measures, count), step);
  measures[count] = (limn_measure){"lr", learning_rate(t, step - 1)};
  measures[count + 1] = (limn_measure){"images_per_second", t->speed};
  return step % t->log_every == 0 || (t->finished && step == t->state.step)
             ? limn_trainer_log(t, step, measures, (size_t)count + 2)
             : LIMN_OK;
}

/* Reads the measures of all steps since the last time. */
static limn_status read_measures(limn_trainer *t) {
  if (t->read == t->state.step)
    return LIMN_OK;
  float values[LIMN_RING_ROWS * LIMN_MAX_MEASURES];
  limn_measure measures[LIMN_MAX_MEASURES + 2];
  int count = (int)(t->state.step - t->read), columns = t->session.measure_count;
  LIMN_TRY(limn_session_measures(&t->session, t->read, count, values));
  double time = limn_clock(), seconds = time - t->read_time;
  int batches = t->session.algorithm->batches_per_step(t->config);
  t->speed = (double)count * t->config->batch * batches / (seconds > 1e-9 ? seconds : 1e-9);
  t->read_time = time;
  for (int i = 0; i < count; ++i)
    LIMN_TRY(log_step(t, ++t->read, values + (size_t)i * (size_t)columns, measures));
  float gate; /* also shut by a discriminator's further step, which has no measures */
  LIMN_TRY(limn_tensor_download(limn_store_find(t->session.store, "gate"), &gate));
  if (gate != 0) {
    limn_fail(LIMN_DIVERGED, "a loss or gradient is not finite");
    return limn_trainer_diverged(t, t->state.step);
  }
  double left = t->steps ? (double)(t->steps - t->state.step) * seconds / count : -1;
  double allowed = t->config->time - (time - t->started);
  if (t->config->time > 0 && (left < 0 || allowed < left))
    left = allowed > 0 ? allowed : 0;
  limn_trainer_pass_on_note(t);
  limn_trainer_tell(t, (limn_event){.kind = LIMN_EVENT_STEPS,
                                    .images_per_second = t->speed,
                                    .seconds_left = left,
                                    .measures = measures,
                                    .measure_count = (size_t)columns});
  return LIMN_OK;
}

static bool by_equilibrium(const limn_trainer *t) { return t->config->until == LIMN_UNTIL_EQUILIBRIUM; }

/* Whether what was measured so far says that the run is done. */
static bool is_stale(const limn_trainer *t) {
  return by_equilibrium(t) ? limn_ending_of(&t->ending, t->config, limn_trainer_separates(t)) != LIMN_ENDING_NONE
                           : t->config->patience > 0 && t->state.worse >= (uint64_t)t->config->patience;
}

/* *best: whether this is the best so far, by the measure that decides. */
static void compare(limn_trainer *t, double objective, bool *best) {
  *best = t->state.best_step == 0 || objective < t->state.best_objective;
  t->state.worse = *best ? 0 : t->state.worse + 1;
  if (*best) {
    t->state.best_step = t->state.step;
    t->state.best_objective = objective;
    snprintf(t->state.best_by, sizeof t->state.best_by, "%s", limn_trainer_best_by(t));
  }
  if (by_equilibrium(t))
    limn_ending_add(&t->ending, t->config, t->state.step, objective);
  t->stale = is_stale(t);
}

/* *best: whether this is the best so far, and hence to be kept. *cut_off: whether a stop came before its end; then
 * nothing has come of it. */
static limn_status validate(limn_trainer *t, bool *best, bool *cut_off) {
  char names[LIMN_MAX_MEASURES][48];
  limn_validation v;
  LIMN_TRY(t->session.algorithm->validate(&t->session, &v));
  *cut_off = limn_trainer_stopping(t);
  if (*cut_off)
    return LIMN_OK;
  for (size_t i = 0; i < v.count; ++i) {
    snprintf(names[i], sizeof names[i], "validation_%s", v.measures[i].name);
    v.measures[i].name = names[i];
    if (!isfinite(v.measures[i].value)) {
      limn_fail(LIMN_DIVERGED, "%s is not finite", names[i]);
      return limn_trainer_diverged(t, t->state.step);
    }
  }
  if (!t->evaluation && t->session.algorithm->validation_decides)
    compare(t, v.objective, best);
  if (by_equilibrium(t) && limn_trainer_separates(t))
    limn_ending_add_separation(&t->ending, v.measures[0].value);
  LIMN_TRY(limn_trainer_log(t, t->state.step, v.measures, v.count));
  limn_trainer_tell(t, (limn_event){.kind = LIMN_EVENT_VALIDATION, .measures = v.measures, .measure_count = v.count});
  return LIMN_OK;
}

/* The same by pictures that are drawn. */
static limn_status evaluate(limn_trainer *t, bool *best, bool *cut_off) {
  limn_measure measures[LIMN_EVALUATION_MEASURES];
  size_t count;
  double objective;
  limn_status status = limn_training_evaluation_take(t->evaluation, measures, &count, &objective);
  if (status == LIMN_DIVERGED)
    return limn_trainer_diverged(t, t->state.step);
  LIMN_TRY(status);
  *cut_off = count == 0;
  if (*cut_off)
    return LIMN_OK;
  t->evaluated = limn_clock();
  compare(t, objective, best);
  LIMN_TRY(limn_trainer_log(t, t->state.step, measures, count));
  limn_trainer_tell(t, (limn_event){.kind = LIMN_EVENT_EVALUATION, .measures = measures, .measure_count = count});
  return LIMN_OK;
}

/* Looks at samples, and acts on what is found. *changed: the weights are other ones now, or the run is to end, for what
 * t->failure says. */
static limn_status watch(limn_trainer *t, bool *changed) {
  limn_sight sight;
  limn_status status = limn_watch_take(t->watch, &sight);
  if (status == LIMN_DIVERGED)
    return limn_trainer_diverged(t, t->state.step);
  LIMN_TRY(status);
  const limn_measure measures[] = {
      {"watch_variety", sight.variety}, {"watch_spread", sight.spread}, {"watch_distance", sight.distance}};
  LIMN_TRY(limn_trainer_log(t, t->state.step, measures, sizeof measures / sizeof *measures));
  const limn_verdict verdict = limn_alarm_add_look(&t->alarm, t->config, t->state.step, &sight);
  status = limn_trainer_act(t, verdict, changed);
  if (status != LIMN_DIVERGED)
    return status;
  snprintf(t->failure, sizeof t->failure, "%s", limn_error_message());
  *changed = true;
  return LIMN_OK;
}

static limn_status save(limn_trainer *t, bool best) {
  LIMN_TRY(read_measures(t)); /* what is not finite is found here, before it could be saved */
  return limn_trainer_save(t, best);
}

static bool due(uint64_t step, uint64_t every, bool last) { return last || step % every == 0; }

static bool is_saved(const limn_trainer *t) { return t->result->checkpoint == t->state.step; }

static bool wants_save(limn_trainer *t) {
  if (!t->options->save || *t->options->save == t->saves)
    return false;
  t->saves = *t->options->save;
  return true;
}

/* The discriminator is asked whenever samples are judged, too. */
static bool wants_validation(const limn_trainer *t) {
  return limn_trainer_validates(t) &&
         (due(t->state.step, t->validate_every, t->finished) || (t->evaluating && limn_trainer_separates(t)));
}

/* What is due behind this step. A stop waits for the checkpoint alone: the validation and the pictures that it cuts off
 * are made up for when the run goes on, so that it goes on as if it had not been stopped. *last: whether it ends here.
 */
static limn_status follow_up(limn_trainer *t, bool must_save, bool *last) {
  bool best = false, changed = false;
  if (t->watching)
    LIMN_TRY(watch(t, &changed));
  bool cut_off = limn_trainer_stopping(t) || t->failure[0];
  const bool validating = wants_validation(t);
  if (validating && !cut_off)
    LIMN_TRY(validate(t, &best, &cut_off));
  const bool evaluating = t->evaluating;
  if (evaluating && !cut_off)
    LIMN_TRY(evaluate(t, &best, &cut_off));
  *last = t->finished || t->stale;
  /* The best by what it draws keeps its samples. */
  bool drawing = due(t->state.step, t->sample_every, *last) || (evaluating && best);
  if (drawing && !cut_off)
    LIMN_TRY(limn_trainer_draw(t));
  t->state.pending = cut_off && (validating || evaluating || drawing);
  if (must_save || changed || best || limn_trainer_stopping(t) || due(t->state.step, t->checkpoint_every, *last))
    LIMN_TRY(save(t, best));
  if (t->failure[0])
    return limn_fail(LIMN_DIVERGED, "%s; step %" PRIu64 " is saved", t->failure, t->state.step);
  t->result->stopped = t->state.pending || (!*last && limn_trainer_stopping(t) && is_saved(t));
  *last = *last || t->result->stopped;
  t->read_time = limn_clock(); /* the speed is that of the steps */
  return LIMN_OK;
}

/* Whether one is due: by steps, by time, at the end. */
static bool wants_evaluation(const limn_trainer *t) {
  if (!t->evaluation || t->finished)
    return t->evaluation != NULL;
  return (t->evaluate_every && t->state.step % t->evaluate_every == 0) ||
         limn_clock() - t->evaluated >= limn_training_evaluation_wait(t->evaluation);
}

static limn_status after_step(limn_trainer *t, bool *last) {
  uint64_t step = t->state.step;
  bool asked = wants_save(t);
  bool out_of_time = t->config->time > 0 && limn_clock() - t->started >= t->config->time;
  t->finished = out_of_time || (t->steps && step >= t->steps);
  t->evaluating = wants_evaluation(t);
  t->watching = t->watch && step % t->watch_every == 0;
  bool pausing = t->watching || asked || limn_trainer_stopping(t) || due(step, t->sample_every, t->finished) ||
                 due(step, t->checkpoint_every, t->finished) || wants_validation(t) || t->evaluating;
  bool first = t->read == t->begun; /* a user wants to see that it runs */
  if (pausing || first || limn_clock() - t->read_time >= READ_INTERVAL || step - t->read >= LIMN_RING_ROWS)
    LIMN_TRY(read_measures(t));
  return pausing ? follow_up(t, asked, last) : LIMN_OK;
}

/* "--steps ", "--set horizon=": what the value of a limit is written behind. */
static const char *option_of(const char *limit, char buffer[32]) {
  const char *flag = limn_setting_find(limit)->flag;
  snprintf(buffer, 32, flag ? "--%s " : "--set %s=", flag ? flag : limit);
  return buffer;
}

/* Which limit ends the run, where that may not be what the caller meant. */
static void tell_end(const limn_trainer *t) {
  char value[64], asked[64], option[32];
  if (!t->steps)
    return;
  limn_config_get(t->config, t->limit, value, sizeof value);
  option_of(t->limit, option);
  if (t->finished)
    limn_trainer_notice(t,
                        "the run has its length already: it ends by %s %s, at step %" PRIu64
                        "; go on with a higher limit, %sN, or with another one and %s0",
                        t->limit, value, t->steps, option, option);
  else if (t->asked && strcmp(t->asked, t->limit) != 0)
    limn_trainer_notice(t, "the run ends by %s %s, at step %" PRIu64 ", before %s %s: give %s0 too to go on", t->limit,
                        value, t->steps, t->asked, limn_config_get(t->config, t->asked, asked, sizeof asked), option);
}

/* What a stopped run owes, and whether there is anything left to do. */
static limn_status begin_steps(limn_trainer *t, bool *last) {
  t->read = t->begun = t->state.step;
  t->read_time = limn_clock();
  t->finished = t->steps && t->state.step >= t->steps;
  *last = t->finished;
  if (!t->finished || !t->state.pending)
    tell_end(t);
  t->evaluated = limn_clock();
  LIMN_TRY(limn_trainer_save_start(t));
  if (t->state.pending) {
    t->evaluating = wants_evaluation(t);
    return follow_up(t, true, last);
  }
  if (!*last && is_stale(t)) {
    *last = true;
    limn_trainer_notice(t, "the run %s; use a higher --patience to go on",
                        by_equilibrium(t) ? "is at its end" : "was stopped early");
  }
  return LIMN_OK;
}

static limn_status run_step(limn_trainer *t) {
  const int parts = t->session.algorithm->batches_per_step(t->config);
  for (int part = 0; part < parts; ++part) {
    limn_batch batch;
    LIMN_TRY(limn_loader_next(t->loader, &batch));
    LIMN_TRY(limn_session_step(&t->session, t->state.step, part, &batch));
  }
  return LIMN_OK;
}

/* What they took, beside what was foretold by arithmetic. */
static void tell_evaluations(const limn_trainer *t) {
  int times = 0;
  double seconds = t->evaluation ? limn_training_evaluation_seconds(t->evaluation, &times) : 0;
  if (times > 0)
    limn_trainer_notice(t, "%d evaluation%s took %.3g s, %.1f %% of the time; the best was at step %" PRIu64, times,
                        times > 1 ? "s" : "", seconds, 100 * seconds / (limn_clock() - t->started), t->state.best_step);
}

/* What an end by equilibrium went by, or why it did not come. */
static void tell_ending(const limn_trainer *t) {
  char text[1024], best[96] = "";
  if (t->state.best_step > 0)
    snprintf(best, sizeof best, "; the best checkpoint is that of step %" PRIu64, t->state.best_step);
  limn_ending_tell(&t->ending, t->config, limn_trainer_separates(t),
                   t->evaluation ? limn_training_evaluation_measure(t->evaluation) : "the held-out loss", t->state.step,
                   text, sizeof text);
  limn_trainer_notice(t, "%s%s", text, best);
}

static limn_status run_steps(limn_trainer *t) {
  bool last;
  LIMN_TRY(begin_steps(t, &last));
  while (!last) {
    LIMN_TRY(run_step(t));
    t->result->step = ++t->state.step;
    LIMN_TRY(after_step(t, &last));
  }
  tell_evaluations(t);
  if (by_equilibrium(t) && !t->result->stopped)
    tell_ending(t);
  else if (t->stale)
    limn_trainer_notice(t, "stopped early: no better %s in %" PRIu64 " measurements; the best was at step %" PRIu64,
                        t->evaluation ? "evaluation" : "validation", t->state.worse, t->state.best_step);
  return LIMN_OK;
}

limn_status limn_train(const limn_train_options *options, limn_train_result *result) {
  *result = (limn_train_result){0};
  limn_trainer t = {
      .options = options, .result = result, .started = limn_clock(), .saves = options->save ? *options->save : 0};
  limn_alarm_init(&t.alarm);
  limn_status status = limn_trainer_start(&t);
  if (status == LIMN_OK && !t.loader)
    result->stopped = 1;
  else if (status == LIMN_OK)
    status = run_steps(&t);
  if (t.run && status == LIMN_OK)
    status = limn_run_flush(t.run);
  else if (t.run) /* the first error is the one to tell */
    limn_run_flush(t.run);
  result->seconds = limn_clock() - t.started;
  limn_watch_close(t.watch);
  limn_training_evaluation_close(t.evaluation);
  limn_loader_destroy(t.loader);
  limn_session_release(&t.session);
  limn_training_data_close(&t.data);
  limn_run_close(t.run);
  limn_config_destroy(t.config);
  return status;
}
