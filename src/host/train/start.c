/* Everything up to the first step: a run that begins, or one that goes on. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "config/settings.h"
#include "train/memory.h"
#include "train/trainer.h"

/* A path that means the same from every folder, since a run may go on from another one. */
static limn_status make_absolute(char **path) {
  if (!*path || !(*path)[0] || (*path)[0] == '/')
    return LIMN_OK;
  char *here = getcwd(NULL, 0), *absolute = NULL;
  if (!here)
    return limn_fail(LIMN_FAILED, "cannot tell which folder this is: %s", strerror(errno));
  size_t size = strlen(here) + strlen(*path) + 2;
  absolute = malloc(size);
  if (absolute)
    snprintf(absolute, size, "%s/%s", here, *path);
  free(here);
  if (!absolute)
    return limn_fail_memory("a path");
  free(*path);
  *path = absolute;
  return LIMN_OK;
}

/* The settings that an old run goes on with, and a line on those that make it another one; LIMN_USAGE names those that
 * cannot change. */
static limn_status merge_settings(limn_trainer *t, char *changes, size_t size) {
  char path[LIMN_PATH_SIZE];
  limn_config *run = NULL;
  snprintf(path, sizeof path, "%s/config.yaml", limn_run_path(t->run));
  LIMN_TRY(limn_config_create_from_file(&run, path));
  limn_status status = limn_config_resume(t->config, run);
  if (status == LIMN_OK)
    limn_config_inexact_changes(t->config, run, changes, size);
  if (status == LIMN_OK && t->config->steps && t->config->steps != run->steps)
    t->asked = "steps";
  else if (status == LIMN_OK && t->config->epochs > 0 && t->config->epochs != run->epochs)
    t->asked = "epochs";
  limn_config_destroy(run);
  return status;
}

/* The run folder, as far as it can be had before the data are read: an old run is opened, so that nobody else goes on
 * with it meanwhile; a new one is made later, when it is clear that it can start. */
static limn_status open_run(limn_trainer *t, char *changes, size_t size) {
  changes[0] = '\0';
  if (!t->options->resume)
    return limn_run_check_free(t->config->out ? t->config->out : "");
  LIMN_TRY(limn_run_resume(&t->run, t->options->resume));
  snprintf(t->result->path, sizeof t->result->path, "%s", limn_run_path(t->run));
  return merge_settings(t, changes, size);
}

/* The checkpoint to go on from, into path; false for a run that starts over, or starts. */
static bool find_checkpoint(const limn_trainer *t, char *path, size_t size) {
  uint64_t step = 0;
  if (!t->run || limn_run_marked(t->run, "latest", &step) != LIMN_OK)
    return false;
  limn_run_checkpoint_path(t->run, step, path, size);
  return true;
}

/* --init, where a run begins. */
static limn_status load_initial_weights(limn_trainer *t) {
  const char *path = t->config->init;
  return path && path[0] ? limn_checkpoint_load_weights(t->session.store, &t->session.model, path) : LIMN_OK;
}

static limn_status describe(limn_trainer *t) {
  return limn_run_describe(t->run, t->session.device->description, t->data.info.fingerprint);
}

static limn_status begin_run(limn_trainer *t) {
  LIMN_TRY(load_initial_weights(t));
  LIMN_TRY(limn_run_create(&t->run, t->config, t->config->out ? t->config->out : ""));
  limn_status status = limn_trainer_try_room(t);
  if (status != LIMN_OK) {
    limn_run_discard(t->run);
    t->run = NULL;
    return status;
  }
  snprintf(t->result->path, sizeof t->result->path, "%s", limn_run_path(t->run));
  return describe(t);
}

/* Says so when what follows need not be what an unbroken run would have computed. */
static void tell_whether_exact(const limn_trainer *t, const char *changes) {
  const char *before = limn_run_device(t->run), *now = t->session.device->description;
  bool moved = before[0] && strcmp(before, now) != 0;
  if (t->state.step > 0 && moved)
    limn_trainer_notice(t, "no longer bit-exact from step %" PRIu64 " on: trained by %s, now by %s", t->state.step,
                        before, now);
  else if (t->state.step > 0 && changes[0])
    limn_trainer_notice(t, "no longer bit-exact from step %" PRIu64 " on: %s", t->state.step, changes);
}

/* Marks that checkpoint, if it is there and is not marked. */
static limn_status mend_mark(limn_trainer *t, const char *mark, uint64_t step) {
  char path[LIMN_PATH_SIZE];
  uint64_t marked = 0;
  bool lost = limn_run_marked(t->run, mark, &marked) != LIMN_OK || marked != step;
  return lost && access(limn_run_checkpoint_path(t->run, step, path, sizeof path), F_OK) == 0
             ? limn_run_mark(t->run, mark, step)
             : LIMN_OK;
}

/* What a kill may have come before, once the checkpoint was there: marks, the end of the old ones. */
static limn_status finish_checkpoint(limn_trainer *t) {
  if (t->state.best_step > 0)
    LIMN_TRY(mend_mark(t, "best", t->state.best_step));
  if (t->alarm.has_healthy)
    LIMN_TRY(mend_mark(t, LIMN_HEALTHY, t->alarm.healthy));
  return limn_run_prune(t->run, t->state.step, t->config->keep, (uint64_t)t->config->keep_every);
}

/* A best that was decided by something else is none. */
static void forget_other_best(limn_trainer *t) {
  if (t->state.best_step == 0 || !limn_trainer_decides(t) || strcmp(t->state.best_by, limn_trainer_best_by(t)) == 0)
    return;
  limn_trainer_notice(t, "the best checkpoint so far, of step %" PRIu64 ", was chosen by %s: it is chosen anew by %s",
                      t->state.best_step, t->state.best_by[0] ? t->state.best_by : "held-out pictures",
                      t->evaluation ? limn_training_evaluation_by(t->evaluation) : "held-out pictures");
  t->state.best_step = t->state.worse = 0;
  t->ending = (limn_ending){0};
}

static limn_status continue_run(limn_trainer *t, const char *checkpoint, const char *changes) {
  char path[LIMN_PATH_SIZE];
  if (!checkpoint) {
    limn_trainer_notice(t, "the run has no checkpoint yet: it starts over");
    LIMN_TRY(load_initial_weights(t));
  } else {
    LIMN_TRY(limn_checkpoint_load(t->session.store, &t->state, checkpoint));
    LIMN_TRY(limn_frozen_file_compare(checkpoint, t->config, t->state.frozen, t->session.frozen));
    t->session.settled = t->state.settled;
    limn_alarm_read(&t->alarm, t->state.watch);
    limn_ending_read(&t->ending, t->state.ending);
    t->session.rate_factor = t->alarm.rate_factor;
    t->result->checkpoint = t->result->step = t->state.step;
    forget_other_best(t);
    LIMN_TRY(finish_checkpoint(t));
  }
  if (!t->steps || t->state.step < t->steps || t->state.pending)
    LIMN_TRY(limn_trainer_try_room(t));
  limn_run_newest_picture(t->run, t->state.step, t->result->picture, sizeof t->result->picture);
  tell_whether_exact(t, changes);
  LIMN_TRY(limn_run_truncate_metrics(t->run, t->state.step, !t->state.pending));
  LIMN_TRY(describe(t));
  snprintf(path, sizeof path, "%s/config.yaml", limn_run_path(t->run));
  return limn_config_write(t->config, path);
}

static void tell_notice(void *context, const char *text) { limn_trainer_notice(context, "%s", text); }

static limn_status open_data(limn_trainer *t) {
  const limn_data_watch watch = {.notice = tell_notice, .context = t, .stop = t->options->stop};
  LIMN_TRY(limn_training_data_open(&t->data, t->config, t->options->source, &watch));
  t->result->broken = t->data.info.broken;
  t->result->other_files = t->data.info.other_files;
  uint64_t known = t->run ? limn_run_data_fingerprint(t->run) : 0;
  if (known && t->data.info.fingerprint && known != t->data.info.fingerprint)
    return limn_fail(LIMN_DATA, "%s is not the data that %s was trained on; start a new run with --init",
                     t->options->source ? "the caller's source" : t->config->data, t->options->resume);
  return LIMN_OK;
}

static uint64_t chosen(int64_t setting, uint64_t otherwise) {
  return setting > 0 ? (uint64_t)setting : otherwise ? otherwise : 1;
}

/* Intervals that were not set follow from the length: about twenty pictures and ten checkpoints a run. */
static void choose_intervals(limn_trainer *t) {
  uint64_t steps = t->steps ? t->steps : 10000;
  t->log_every = chosen(t->config->log_every, 10);
  t->sample_every = chosen(t->config->sample_every, steps / 20);
  t->checkpoint_every = chosen(t->config->checkpoint_every, steps / 10 > 500 ? steps / 10 : 500);
  t->validate_every = chosen(t->config->validate_every, steps / 20 > 100 ? steps / 20 : 100);
}

/* Bytes that the run may take: the checkpoints that stay, the best and the one that is being written, and the pictures
 * as if they could not be compressed. A run by time is taken for one of ten thousand steps. */
static uint64_t disk_need(const limn_trainer *t) {
  uint64_t steps = t->steps ? t->steps : 10000;
  uint64_t checkpoints =
      (uint64_t)t->config->keep + limn_trainer_decides(t) + 1 + (t->config->on_collapse == LIMN_COLLAPSE_RESTORE);
  if (t->config->keep_every > 0)
    checkpoints += steps / (uint64_t)t->config->keep_every;
  uint64_t picture = (uint64_t)t->session.batch.c * (uint64_t)t->session.batch.h * (uint64_t)t->session.batch.w;
  uint64_t pictures = (uint64_t)t->config->sample_count * (steps / t->sample_every + 1);
  return checkpoints * limn_checkpoint_bytes(t->session.store) + pictures * picture;
}

/* Who lowers lr alone leaves the discriminator the faster one. */
static void tell_rates(const limn_trainer *t) {
  const limn_config *config = t->config;
  if (config->lr_d > config->lr && !config->resumed && !limn_config_has_projector(config) &&
      strcmp(limn_config_origin(config, "lr_d"), "default") == 0)
    limn_trainer_notice(t,
                        "the discriminator learns at %g, its default, faster than the generator: --set lr_d=0 gives it "
                        "the generator's rate",
                        config->lr_d);
}

static void announce(const limn_trainer *t) {
  int64_t parameters = 0;
  for (size_t i = 0; i < limn_store_count(t->session.store); ++i) {
    const char *name;
    const limn_tensor *tensor = limn_store_at(t->session.store, i, &name);
    parameters += tensor->role == LIMN_ROLE_PARAMETER ? limn_shape_count(tensor->shape) : 0;
  }
  char text[384];
  uint64_t need = disk_need(t), used = limn_run_bytes(t->run), free_bytes = limn_run_free_bytes(t->run);
  snprintf(text, sizeof text,
           "%s on %s; %u pictures of %dx%dx%d (%s), %u held out; %.2f M parameters; up to %.1f MB on disk",
           limn_config_model(t->config), t->session.device->description, t->data.info.count, t->config->channels,
           t->config->height, t->config->width, t->data.info.kind, t->data.validation_count, (double)parameters / 1e6,
           (double)need / 1e6);
  limn_trainer_tell(t, (limn_event){.kind = LIMN_EVENT_START, .text = text, .path = limn_run_path(t->run)});
  if (!limn_run_is_guarded(t->run))
    limn_trainer_notice(t, "%s: its file system has no locks, so nothing keeps a second training out: start none",
                        limn_run_path(t->run));
  limn_trainer_pass_on_note(t);
  tell_rates(t);
  if (t->evaluation)
    limn_trainer_notice(t, "%s", limn_training_evaluation_tell(t->evaluation, text, sizeof text));
  if (need > used && need - used > free_bytes)
    limn_trainer_notice(t,
                        "the run may take %.1f MB more and %.1f MB are free: make room, lower keep, or --set "
                        "on_full_disk=wait",
                        (double)(need - used) / 1e6, (double)free_bytes / 1e6);
}

/* checkpoint: what is loaded next; NULL: nothing. */
static limn_status open_session(limn_trainer *t, const char *checkpoint) {
  int batches = limn_algorithm_of(t->config)->batches_per_step(t->config);
  limn_training_end end;
  LIMN_TRY(limn_training_find_end(t->config, t->data.training_count, batches, &end));
  t->steps = end.step;
  t->limit = end.limit;
  uint64_t horizon = t->config->horizon > 0 ? (uint64_t)t->config->horizon : t->steps;
  /* What falls over the run is fixed at its start: more steps do not stretch it. */
  if (limn_config_has_course(t->config))
    t->config->horizon = (int64_t)horizon;
  if (t->config->instance_noise > 0 && t->config->instance_noise_steps == 0)
    t->config->instance_noise_steps = (int64_t)horizon;
  char *engines = checkpoint ? limn_checkpoint_engines(checkpoint) : NULL;
  limn_status status = limn_session_open(&t->session, t->config, horizon,
                                         &(limn_session_data){.stop = t->options->stop,
                                                              .blank = checkpoint != NULL,
                                                              .engines = engines,
                                                              .held_out = t->data.held_out,
                                                              .held_out_count = t->data.held_out_count});
  free(engines);
  return status;
}

static limn_status begin_evaluation(limn_trainer *t) {
  if (!t->evaluation)
    return LIMN_OK;
  limn_status status = limn_training_evaluation_begin(t->evaluation, &t->session, &t->data);
  if (limn_trainer_stopping(t)) /* which is what it then fails for */
    return LIMN_OK;
  LIMN_TRY(status);
  t->evaluate_every = limn_training_evaluation_every(t->evaluation);
  return LIMN_OK;
}

static limn_status begin_watch(limn_trainer *t) {
  bool blind = false;
  LIMN_TRY(limn_watch_open(&t->watch, &blind, &t->session, &t->data));
  t->watch_every = t->watch ? limn_watch_every(t->watch) : 0;
  if (blind)
    limn_trainer_notice(t, "nobody watches for a collapse: it takes at least %d training pictures that differ",
                        LIMN_WATCH_LEAST);
  return LIMN_OK;
}

limn_status limn_trainer_start(limn_trainer *t) {
  char checkpoint[LIMN_PATH_SIZE], changes[256];
  LIMN_TRY(limn_config_copy(&t->config, t->options->config));
  LIMN_TRY(open_run(t, changes, sizeof changes));
  LIMN_TRY(limn_config_check(t->config));
  LIMN_TRY(make_absolute(&t->config->data));
  LIMN_TRY(make_absolute(&t->config->labels));
  LIMN_TRY(make_absolute(&t->config->init));
  LIMN_TRY(make_absolute(&t->config->pretrained_file));
  if (t->config->features && access(t->config->features, F_OK) == 0) /* a file, and no name */
    LIMN_TRY(make_absolute(&t->config->features));
  LIMN_TRY(limn_training_evaluation_open(&t->evaluation, t->config));
  limn_status status = open_data(t);
  if (limn_trainer_stopping(t)) /* which is what opening then fails for */
    return LIMN_OK;
  LIMN_TRY(status);
  bool goes_on = find_checkpoint(t, checkpoint, sizeof checkpoint);
  LIMN_TRY(open_session(t, goes_on ? checkpoint : NULL));
  snprintf(t->state.frozen, sizeof t->state.frozen, "%s", t->session.frozen);
  if (limn_trainer_stopping(t))
    return LIMN_OK;
  LIMN_TRY(begin_evaluation(t));
  if (limn_trainer_stopping(t))
    return LIMN_OK;
  LIMN_TRY(begin_watch(t));
  LIMN_TRY(t->run ? continue_run(t, goes_on ? checkpoint : NULL, changes) : begin_run(t));
  uint64_t first = t->state.step * (uint64_t)t->session.algorithm->batches_per_step(t->config);
  LIMN_TRY(limn_training_data_load(&t->data, t->config, first, &t->loader));
  choose_intervals(t);
  announce(t);
  return LIMN_OK;
}
