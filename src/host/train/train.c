/* The training loop: steps, and between them measures, drawings, validation and checkpoints. */
#include "limn/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "image/image.h"
#include "run/run.h"
#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/training_data.h"

#define PATH_SIZE        4096
#define READ_INTERVAL    0.25 /* seconds between looks at the measures: as often as a person wants to see them */
#define KEPT_CHECKPOINTS 3

struct trainer {
  const limn_train_options *options;
  limn_train_result *result;
  limn_config *config;
  limn_training_data data;
  limn_loader *loader;
  limn_session session;
  limn_run *run;
  limn_progress_state state;
  uint64_t steps; /* 0: by time */
  uint64_t begun; /* steps that were done before this call */
  uint64_t read;  /* steps whose measures have been read */
  uint64_t log_every, checkpoint_every, sample_every, validate_every;
  double started, read_time, speed;
  sig_atomic_t saves; /* value of *save that was acted on */
  bool finished;      /* the run has reached its length */
  bool stale;         /* the last validation ended the run's patience */
};

static void tell(const struct trainer *t, limn_event event) {
  event.step = t->state.step;
  event.steps = t->steps;
  if (t->options->on_event)
    t->options->on_event(t->options->context, &event);
}

static limn_status next_batch(void *context, const uint8_t **nchw) {
  struct trainer *t = context;
  return limn_loader_next(t->loader, nchw);
}

/* Adds to the message that something is not finite where that was, and what is left. */
static limn_status diverged(const struct trainer *t, uint64_t step) {
  char path[PATH_SIZE];
  if (!t->result->checkpoint)
    return limn_fail(LIMN_DIVERGED, "%s at step %" PRIu64 ", before the first checkpoint; try a lower lr",
                     limn_error_message(), step);
  return limn_fail(LIMN_DIVERGED, "%s at step %" PRIu64 "; the last good checkpoint is %s", limn_error_message(), step,
                   limn_run_checkpoint_path(t->run, t->result->checkpoint, path, sizeof path));
}

static double learning_rate(const struct trainer *t, uint64_t step) {
  float hyper[4];
  limn_optimizer_hyper(t->config, t->config->lr, step, t->session.horizon, hyper);
  return (double)hyper[0];
}

/* One step's measures: into metrics.jsonl when it is a step to be logged. */
static limn_status log_step(struct trainer *t, uint64_t step, const float *values, limn_measure *measures) {
  int count = t->session.measure_count;
  for (int i = 0; i < count; ++i) {
    measures[i] = (limn_measure){t->session.measures[i], (double)values[i]};
    if (!isfinite(values[i])) {
      limn_fail(LIMN_DIVERGED, "%s is not finite", measures[i].name);
      return diverged(t, step);
    }
  }
  measures[count] = (limn_measure){"lr", learning_rate(t, step - 1)};
  measures[count + 1] = (limn_measure){"images_per_second", t->speed};
  return step % t->log_every == 0 || (t->finished && step == t->state.step)
             ? limn_run_log(t->run, step, measures, (size_t)count + 2)
             : LIMN_OK;
}

/* Reads the measures of all steps since the last time. */
static limn_status read_measures(struct trainer *t) {
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
    return diverged(t, t->state.step);
  }
  double left = t->steps ? (double)(t->steps - t->state.step) * seconds / count : -1;
  double allowed = t->config->time - (time - t->started);
  if (t->config->time > 0 && (left < 0 || allowed < left))
    left = allowed > 0 ? allowed : 0;
  tell(t, (limn_event){.kind = LIMN_EVENT_STEPS,
                       .images_per_second = t->speed,
                       .seconds_left = left,
                       .measures = measures,
                       .measure_count = (size_t)columns});
  return LIMN_OK;
}

static limn_status write_drawing(struct trainer *t, const limn_drawing *d) {
  limn_image grid = {0};
  limn_shape shape = t->session.batch;
  char path[PATH_SIZE];
  limn_run_sample_path(t->run, t->state.step, d->suffix, path, sizeof path);
  limn_status status = limn_image_grid(&grid, d->pixels, d->count, shape.c, shape.h, shape.w, 0, 1, d->columns);
  if (status == LIMN_OK)
    status = limn_image_write_png(&grid, path);
  limn_image_release(&grid);
  if (status == LIMN_OK) {
    snprintf(t->result->picture, sizeof t->result->picture, "%s", path);
    tell(t, (limn_event){.kind = LIMN_EVENT_SAMPLES, .path = path});
  }
  return status;
}

static limn_status draw(struct trainer *t) {
  limn_drawing drawings[2];
  int count = 0;
  LIMN_TRY(t->session.algorithm->draw(&t->session, drawings, &count));
  for (int i = 0; i < count; ++i)
    LIMN_TRY(write_drawing(t, &drawings[i]));
  return LIMN_OK;
}

/* *best: whether this is the best so far, and hence to be kept. */
static limn_status validate(struct trainer *t, bool *best) {
  float values[LIMN_MAX_MEASURES];
  char names[LIMN_MAX_MEASURES][48];
  limn_measure measures[LIMN_MAX_MEASURES] = {{"loss", 0}};
  double objective;
  size_t count = 0;
  LIMN_TRY(t->session.algorithm->validate(&t->session, values, &objective));
  for (int i = 0; i < t->session.measure_count; ++i) {
    const char *name = t->session.measures[i];
    if (strcmp(name, "grad_norm") == 0 || strcmp(name, "beta") == 0) /* of training alone */
      continue;
    snprintf(names[count], sizeof names[count], "validation_%s", name);
    measures[count] = (limn_measure){names[count], (double)values[i]};
    ++count;
  }
  if (!isfinite(objective)) {
    limn_fail(LIMN_DIVERGED, "%s is not finite", measures[0].name);
    return diverged(t, t->state.step);
  }
  *best = t->state.best_step == 0 || objective < t->state.best_objective;
  t->state.worse = *best ? 0 : t->state.worse + 1;
  if (*best) {
    t->state.best_step = t->state.step;
    t->state.best_objective = objective;
  }
  t->stale = t->config->patience > 0 && t->state.worse >= (uint64_t)t->config->patience;
  LIMN_TRY(limn_run_log(t->run, t->state.step, measures, count));
  tell(t, (limn_event){.kind = LIMN_EVENT_VALIDATION, .measures = measures, .measure_count = count});
  return LIMN_OK;
}

static limn_status save(struct trainer *t, bool best) {
  char path[PATH_SIZE];
  LIMN_TRY(read_measures(t)); /* what is not finite is found here, before it could be saved */
  LIMN_TRY(limn_run_flush(t->run));
  limn_run_checkpoint_path(t->run, t->state.step, path, sizeof path);
  limn_status status = limn_checkpoint_save(&t->session, &t->state, path);
  if (status == LIMN_DIVERGED) /* an update that overflowed: no measure shows it before the next step */
    return diverged(t, t->state.step);
  LIMN_TRY(status);
  LIMN_TRY(limn_run_mark(t->run, "latest", t->state.step));
  if (best)
    LIMN_TRY(limn_run_mark(t->run, "best", t->state.step));
  LIMN_TRY(limn_run_prune(t->run, KEPT_CHECKPOINTS));
  t->result->checkpoint = t->state.step;
  tell(t, (limn_event){.kind = LIMN_EVENT_CHECKPOINT, .path = path});
  return LIMN_OK;
}

static bool due(uint64_t step, uint64_t every, bool last) { return last || step % every == 0; }

static bool wants_save(struct trainer *t) {
  if (!t->options->save || *t->options->save == t->saves)
    return false;
  t->saves = *t->options->save;
  return true;
}

/* What follows a step. *last: whether the run ends here. */
static limn_status after_step(struct trainer *t, bool *last) {
  bool interrupted = t->options->stop && *t->options->stop, best = false, asked = wants_save(t);
  bool out_of_time = t->config->time > 0 && limn_clock() - t->started >= t->config->time;
  t->finished = out_of_time || (t->steps && t->state.step >= t->steps);
  *last = interrupted || t->finished;
  /* Not where it is interrupted: the run would not go on as if it had not been. */
  bool validating =
      t->session.algorithm->validate && t->data.validation_count && due(t->state.step, t->validate_every, t->finished);
  bool pausing = validating || asked || due(t->state.step, t->sample_every, *last) ||
                 due(t->state.step, t->checkpoint_every, *last);
  bool first = t->read == t->begun; /* a user wants to see that it runs */
  if (pausing || first || limn_clock() - t->read_time >= READ_INTERVAL || t->state.step - t->read >= LIMN_RING_ROWS)
    LIMN_TRY(read_measures(t));
  t->result->stopped = interrupted;
  if (!pausing)
    return LIMN_OK;
  if (validating)
    LIMN_TRY(validate(t, &best));
  *last = *last || t->stale;
  if (due(t->state.step, t->sample_every, *last))
    LIMN_TRY(draw(t));
  if (due(t->state.step, t->checkpoint_every, *last) || best || asked)
    LIMN_TRY(save(t, best));
  t->read_time = limn_clock(); /* the speed is that of the steps */
  return LIMN_OK;
}

static limn_status run_steps(struct trainer *t) {
  bool last = t->steps && t->state.step >= t->steps;
  if (last)
    tell(t, (limn_event){.kind = LIMN_EVENT_NOTICE, .text = "the run has all its steps already; use --steps to go on"});
  if (!last && t->config->patience > 0 && t->state.worse >= (uint64_t)t->config->patience) {
    last = true;
    tell(t, (limn_event){.kind = LIMN_EVENT_NOTICE, .text = "the run was stopped early; use --patience to go on"});
  }
  t->read = t->begun = t->state.step;
  t->read_time = limn_clock();
  while (!last) {
    LIMN_TRY(limn_session_step(&t->session, t->state.step));
    t->result->step = ++t->state.step;
    LIMN_TRY(after_step(t, &last));
  }
  if (t->stale) {
    char text[160];
    snprintf(text, sizeof text,
             "stopped early: no better validation in %" PRIu64 " measurements; the best was at step %" PRIu64,
             t->state.worse, t->state.best_step);
    tell(t, (limn_event){.kind = LIMN_EVENT_NOTICE, .text = text});
  }
  return LIMN_OK;
}

static uint64_t chosen(int64_t setting, uint64_t otherwise) {
  return setting > 0 ? (uint64_t)setting : otherwise ? otherwise : 1;
}

/* Intervals that were not set follow from the length: about twenty pictures and ten checkpoints a run. */
static void choose_intervals(struct trainer *t) {
  uint64_t steps = t->steps ? t->steps : 10000;
  t->log_every = chosen(t->config->log_every, 10);
  t->sample_every = chosen(t->config->sample_every, steps / 20);
  t->checkpoint_every = chosen(t->config->checkpoint_every, steps / 10 > 500 ? steps / 10 : 500);
  t->validate_every = chosen(t->config->validate_every, steps / 20 > 100 ? steps / 20 : 100);
}

/* --init, where a run begins. */
static limn_status load_initial_weights(struct trainer *t) {
  const char *path = t->config->init;
  return path && path[0] ? limn_checkpoint_load_weights(&t->session, path) : LIMN_OK;
}

static limn_status open_run(struct trainer *t) {
  char path[PATH_SIZE];
  if (!t->options->resume) {
    LIMN_TRY(load_initial_weights(t));
    LIMN_TRY(limn_run_create(&t->run, t->config, t->config->out ? t->config->out : ""));
    snprintf(t->result->path, sizeof t->result->path, "%s", limn_run_path(t->run));
    return limn_run_describe(t->run, t->session.device->description, t->data.info.fingerprint);
  }
  LIMN_TRY(limn_run_open(&t->run, t->options->resume));
  snprintf(t->result->path, sizeof t->result->path, "%s", limn_run_path(t->run));
  uint64_t known = limn_run_data_fingerprint(t->run);
  if (known && known != t->data.info.fingerprint)
    return limn_fail(LIMN_DATA, "%s is not the data that %s was trained on; start a new run with --init",
                     t->config->data, t->options->resume);
  uint64_t step = 0;
  if (limn_run_marked(t->run, "latest", &step) != LIMN_OK) {
    tell(t, (limn_event){.kind = LIMN_EVENT_NOTICE, .text = "the run has no checkpoint yet: it starts over"});
    LIMN_TRY(load_initial_weights(t));
  } else {
    limn_run_checkpoint_path(t->run, step, path, sizeof path);
    LIMN_TRY(limn_checkpoint_load(&t->session, &t->state, path));
    t->result->checkpoint = t->result->step = t->state.step;
  }
  LIMN_TRY(limn_run_truncate_metrics(t->run, t->state.step));
  snprintf(path, sizeof path, "%s/config.yaml", limn_run_path(t->run));
  return limn_config_write(t->config, path);
}

static void announce(const struct trainer *t) {
  int64_t parameters = 0;
  for (int i = 0; i < 2; ++i)
    for (int l = 0; l < t->session.model.networks[i].layer_count; ++l)
      parameters += limn_layer_parameters(&t->session.model.networks[i].layers[l]);
  char text[384];
  snprintf(text, sizeof text, "%s on %s; %u pictures of %dx%dx%d (%s), %u held out; %.2f M parameters",
           limn_config_model(t->config), t->session.device->description, t->data.info.count, t->config->channels,
           t->config->height, t->config->width, t->data.info.kind, t->data.validation_count, (double)parameters / 1e6);
  tell(t, (limn_event){.kind = LIMN_EVENT_START, .text = text, .path = limn_run_path(t->run)});
  if (t->session.device->note[0])
    tell(t, (limn_event){.kind = LIMN_EVENT_NOTICE, .text = t->session.device->note});
}

static void tell_notice(void *context, const char *text) {
  tell(context, (limn_event){.kind = LIMN_EVENT_NOTICE, .text = text});
}

static limn_status train(struct trainer *t) {
  limn_status status;
  LIMN_TRY(limn_config_copy(&t->config, t->options->config));
  LIMN_TRY(limn_config_check(t->config));
  const limn_data_watch watch = {.notice = tell_notice, .context = t, .stop = t->options->stop};
  status = limn_training_data_open(&t->data, t->config, &watch);
  t->result->stopped = status == LIMN_FAILED && watch.stop && *watch.stop;
  if (status != LIMN_OK)
    return t->result->stopped ? LIMN_OK : status;
  int batches = limn_algorithm_of(t->config)->batches_per_step(t->config);
  t->steps = limn_training_steps(t->config, t->data.training_count, batches);
  uint64_t horizon = t->config->horizon > 0 ? (uint64_t)t->config->horizon : t->steps;
  if (t->config->schedule != LIMN_SCHEDULE_CONSTANT) /* fixed at the start: more steps do not stretch it */
    t->config->horizon = (int64_t)horizon;
  char *engines = t->options->resume ? limn_checkpoint_engines(t->options->resume) : NULL;
  limn_status status = limn_session_init(&t->session, t->config, horizon,
                                         &(limn_session_data){.next = next_batch,
                                                              .source = t,
                                                              .held_out = t->data.held_out,
                                                              .held_out_count = t->data.held_out_count,
                                                              .engines = engines});
  free(engines);
  LIMN_TRY(status);
  LIMN_TRY(open_run(t));
  LIMN_TRY(limn_training_data_load(&t->data, t->config, t->state.step * (uint64_t)batches, &t->loader));
  choose_intervals(t);
  announce(t);
  return run_steps(t);
}

limn_status limn_train(const limn_train_options *options, limn_train_result *result) {
  *result = (limn_train_result){0};
  struct trainer t = {
      .options = options, .result = result, .started = limn_clock(), .saves = options->save ? *options->save : 0};
  limn_status status = train(&t);
  if (t.run && status == LIMN_OK)
    status = limn_run_flush(t.run);
  else if (t.run) /* the first error is the one to tell */
    limn_run_flush(t.run);
  result->seconds = limn_clock() - t.started;
  limn_loader_destroy(t.loader);
  limn_session_release(&t.session);
  limn_training_data_close(&t.data);
  limn_run_close(t.run);
  limn_config_destroy(t.config);
  return status;
}
