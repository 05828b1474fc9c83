/* Training: from a config to a run folder. */
#ifndef LIMN_TRAIN_H
#define LIMN_TRAIN_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "limn/config.h"
#include "limn/pictures.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct limn_measure {
  const char *name; /* "loss_d", "elbo", ... as in metrics.jsonl */
  double value;
} limn_measure;

typedef enum limn_event_kind {
  LIMN_EVENT_START,      /* text: one line on device, data and network; path: the run folder */
  LIMN_EVENT_STEPS,      /* some steps are done: step, steps, speed, measures */
  LIMN_EVENT_SAMPLES,    /* path: a picture was written */
  LIMN_EVENT_CHECKPOINT, /* path: a checkpoint was written */
  LIMN_EVENT_VALIDATION, /* measures of the held-out part */
  LIMN_EVENT_EVALUATION, /* measures of pictures that were drawn */
  LIMN_EVENT_NOTICE,     /* text: one line the user should see */
} limn_event_kind;

/* Everything borrowed for the call. */
typedef struct limn_event {
  limn_event_kind kind;
  uint64_t step, steps;                   /* done; in all (0: not known, a run by time) */
  double images_per_second, seconds_left; /* seconds_left < 0: not known */
  const limn_measure *measures;
  size_t measure_count;
  const char *path, *text;
} limn_event;

typedef struct limn_train_options {
  const limn_config *config; /* required */
  /* A run folder to go on with; NULL: a new run. What config leaves at its defaults is then the run's; what it sets
   * otherwise and cannot change is refused (limn_config_resume). */
  const char *resume;
  const limn_picture_source *source; /* what to train on, in the place of the setting `data`; NULL: that */
  void (*on_event)(void *context, const limn_event *event); /* called from the training thread; may be NULL */
  void *context;
  /* Not 0: finish the step, save, return. A validation and pictures that are due wait until the run goes on. May be
   * NULL. */
  const volatile sig_atomic_t *stop;
  const volatile sig_atomic_t *save; /* changes: save at the end of the step and go on. May be NULL */
} limn_train_options;

typedef struct limn_train_result {
  char path[4096];     /* the run folder, "" when none was made */
  char picture[4096];  /* the run's last sample picture, "" when none */
  uint64_t step;       /* steps done in all */
  uint64_t checkpoint; /* step of the last good checkpoint */
  double seconds;      /* of this call */
  int stopped;         /* 1: by *stop */
  uint32_t broken;     /* pictures that were left out */
  limn_other_files other_files;
} limn_train_result;

/* Trains until the config's length is reached. The same config, data, device and threads give the same bytes: on the
 * CPU always, on CUDA with the setting `deterministic`. LIMN_DIVERGED names the step and the last good checkpoint; it
 * also says that a GAN has collapsed, where on_collapse is to end the run for it.
 * result is filled as far as the run came, on failure too.
 *
 * Nothing is printed and no signal handler is touched: progress comes as events, an end is asked for by *stop. Threads
 * may train at once, each into a run folder of its own, and get what they would get alone; the setting `isa` alone is
 * the process's: the first run fixes it. */
LIMN_API limn_status limn_train(const limn_train_options *options, limn_train_result *result);

#ifdef __cplusplus
}
#endif
#endif
