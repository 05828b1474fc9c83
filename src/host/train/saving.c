/* What a training writes down: lines of metrics, pictures, checkpoints; and what it does when the disk is full. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "image/image.h"
#include "train/trainer.h"

#define ROOM_INTERVAL 2 /* seconds between looks whether there is room again */

/* After a write that failed: whether it is worth another try. It is where the disk was full, the run is to wait for
 * room, and room has come; what failed with room for a checkpoint left failed for another reason. */
static bool has_found_room(const limn_trainer *t, limn_status status) {
  uint64_t bytes = limn_checkpoint_bytes(t->session.store);
  char message[1024];
  if (status != LIMN_FAILED || t->config->on_full_disk != LIMN_FULL_DISK_WAIT)
    return false;
  snprintf(message, sizeof message, "%s", limn_error_message());
  bool waited = false, room;
  while (!(room = limn_run_has_room(t->run, bytes)) && !limn_trainer_stopping(t)) {
    if (!waited)
      limn_trainer_notice(t, "%s: waiting for room for a checkpoint, %.1f MB", message, (double)bytes / 1e6);
    waited = true;
    sleep(ROOM_INTERVAL); /* a signal ends it early */
  }
  if (waited && room)
    limn_trainer_notice(t, "there is room again: going on");
  else
    limn_fail(status, "%s", message);
  return waited && room;
}

limn_status limn_trainer_try_room(const limn_trainer *t) {
  limn_status status;
  do
    status = limn_run_try_room(t->run, limn_checkpoint_bytes(t->session.store));
  while (has_found_room(t, status));
  return status;
}

limn_status limn_trainer_log(limn_trainer *t, uint64_t step, const limn_measure *measures, size_t count) {
  limn_status status;
  do
    status = limn_run_log(t->run, step, measures, count);
  while (has_found_room(t, status));
  return status;
}

static limn_status write_drawing(limn_trainer *t, const limn_drawing *d) {
  limn_image grid = {0};
  limn_shape shape = t->session.batch;
  char path[LIMN_PATH_SIZE];
  limn_run_sample_path(t->run, t->state.step, d->suffix, path, sizeof path);
  LIMN_TRY(limn_image_grid(&grid, d->pixels, d->count, shape.c, shape.h, shape.w, 0, 1, d->columns));
  limn_status status;
  do
    status = limn_image_write(&grid, path);
  while (has_found_room(t, status));
  limn_image_release(&grid);
  if (status == LIMN_OK) {
    snprintf(t->result->picture, sizeof t->result->picture, "%s", path);
    limn_trainer_tell(t, (limn_event){.kind = LIMN_EVENT_SAMPLES, .path = path});
  }
  return status;
}

limn_status limn_trainer_draw(limn_trainer *t) {
  limn_drawing drawings[2];
  int count = 0;
  LIMN_TRY(t->session.algorithm->draw(&t->session, drawings, &count));
  for (int i = 0; i < count; ++i)
    LIMN_TRY(write_drawing(t, &drawings[i]));
  return LIMN_OK;
}

/* What the alarm knows, into the state; and whether this checkpoint is one that a restore may go back to. Only those
 * that are due count, not those of a stop: a run that was stopped is to restore what the unbroken one would. */
static void note_alarm(limn_trainer *t) {
  if (t->config->on_collapse == LIMN_COLLAPSE_RESTORE && t->watch && t->state.step % t->checkpoint_every == 0 &&
      limn_alarm_is_calm(&t->alarm)) {
    t->alarm.has_healthy = 1;
    t->alarm.healthy = t->state.step;
  }
  if (limn_alarm_is_new(&t->alarm))
    t->state.watch[0] = '\0';
  else
    limn_alarm_write(&t->alarm, t->state.watch, sizeof t->state.watch);
}

/* The old checkpoints go last, when the new one is safe. */
static limn_status write_checkpoint(limn_trainer *t, const char *path, bool best) {
  LIMN_TRY(limn_run_flush(t->run));
  LIMN_TRY(limn_session_settle_average(&t->session));
  t->state.settled = t->session.statistics != NULL;
  note_alarm(t);
  limn_ending_write(&t->ending, t->state.ending, sizeof t->state.ending);
  LIMN_TRY(limn_checkpoint_save(t->session.store, t->config, &t->state, path));
  LIMN_TRY(limn_run_mark(t->run, "latest", t->state.step));
  if (best)
    LIMN_TRY(limn_run_mark(t->run, "best", t->state.step));
  if (t->alarm.has_healthy && t->alarm.healthy == t->state.step)
    LIMN_TRY(limn_run_mark(t->run, LIMN_HEALTHY, t->state.step));
  t->result->checkpoint = t->state.step;
  return limn_run_prune(t->run, t->state.step, t->config->keep, (uint64_t)t->config->keep_every);
}

limn_status limn_trainer_save(limn_trainer *t, bool best) {
  char path[LIMN_PATH_SIZE];
  limn_run_checkpoint_path(t->run, t->state.step, path, sizeof path);
  limn_status status;
  do
    status = write_checkpoint(t, path, best);
  while (has_found_room(t, status));
  if (status == LIMN_DIVERGED) /* an update that overflowed: no measure shows it before the next step */
    return limn_trainer_diverged(t, t->state.step);
  LIMN_TRY(status);
  limn_trainer_tell(t, (limn_event){.kind = LIMN_EVENT_CHECKPOINT, .path = path});
  return LIMN_OK;
}
