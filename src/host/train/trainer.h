/* A training in progress, as the files of the loop share it: start.c opens it, train.c runs its steps, saving.c writes
 * down what comes of them. */
#ifndef LIMN_TRAIN_TRAINER_H
#define LIMN_TRAIN_TRAINER_H

#include "checkpoint/checkpoint.h"
#include "limn/train.h"
#include "run/run.h"
#include "train/alarm.h"
#include "train/diagnosis.h"
#include "train/ending.h"
#include "train/evaluation.h"
#include "train/session.h"
#include "train/training_data.h"
#include "train/watch.h"

#define LIMN_PATH_SIZE 4096

typedef struct limn_trainer {
  const limn_train_options *options;
  limn_train_result *result;
  limn_config *config;
  limn_training_data data;
  limn_loader *loader;
  limn_session session;
  limn_training_evaluation *evaluation; /* NULL: the run is not evaluated */
  limn_watch *watch;                    /* NULL: nobody looks at samples */
  limn_run *run;
  limn_progress_state state;
  uint64_t steps;    /* 0: by time */
  const char *limit; /* the setting that ends it there: limn_training_end */
  const char *asked; /* "steps" or "epochs" where this call gave a run that goes on another such limit; else NULL */
  uint64_t begun;    /* steps that were done before this call */
  uint64_t read;     /* steps whose measures have been read */
  uint64_t log_every, checkpoint_every, sample_every, validate_every, evaluate_every, watch_every;
  double started, read_time, speed;
  sig_atomic_t saves; /* value of *save that was acted on */
  bool finished;      /* the run has reached its length */
  double evaluated;   /* when, the last time */
  bool evaluating;    /* behind this step */
  bool watching;      /* likewise */
  limn_alarm alarm;
  char failure[1024]; /* a verdict that ends the run behind this step's checkpoint; "": none */
  limn_trend trend;
  bool stale; /* the last validation or evaluation ended the run's patience */
  limn_ending ending;
} limn_trainer;

/* Calls the caller's on_event with the step filled in. */
void limn_trainer_tell(const limn_trainer *trainer, limn_event event);
/* A notice, printf-style. */
void limn_trainer_notice(const limn_trainer *trainer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What the device has to say since this was last asked, as a notice. */
void limn_trainer_pass_on_note(const limn_trainer *trainer);
static inline bool limn_trainer_stopping(const limn_trainer *t) { return t->options->stop && *t->options->stop; }
static inline bool limn_trainer_validates(const limn_trainer *t) {
  return t->session.algorithm->validate && t->data.validation_count > 0;
}

/* Whether anything says which checkpoint is the best. */
static inline bool limn_trainer_decides(const limn_trainer *t) {
  return t->evaluation || (limn_trainer_validates(t) && t->session.algorithm->validation_decides);
}

/* What decides which checkpoint is the best: limn_progress_state.best_by. */
static inline const char *limn_trainer_best_by(const limn_trainer *t) {
  return t->evaluation ? limn_training_evaluation_by(t->evaluation) : "";
}

/* Everything up to the first step: data, session, run folder, and what a run that goes on left there. Returns early,
 * with LIMN_OK, when it is to stop. */
limn_status limn_trainer_start(limn_trainer *trainer);

/* Whether a discriminator's separation is measured, which `until equilibrium` goes by. */
static inline bool limn_trainer_separates(const limn_trainer *t) {
  return limn_trainer_validates(t) && !t->session.algorithm->validation_decides;
}

/* Adds to the message that something is not finite where that was, and what is left. LIMN_DIVERGED. */
limn_status limn_trainer_diverged(const limn_trainer *trainer, uint64_t step);

/* The mark of the newest checkpoint that a restore may go back to, where on_collapse is restore. */
#define LIMN_HEALTHY "healthy"
/* What on_collapse says is to follow from a verdict at this step, or a line. LIMN_DIVERGED where the run is to end for
 * it, which is left to the caller. *restored: the weights are other ones now, and are to be saved. */
limn_status limn_trainer_act(limn_trainer *trainer, limn_verdict verdict, bool *restored);
/* The checkpoint of step 0, where a restore may have nothing else to go back to. */
limn_status limn_trainer_save_start(limn_trainer *trainer);

/* Whether there is room for a checkpoint before the first step; waits for it where the settings say so. */
limn_status limn_trainer_try_room(const limn_trainer *trainer);
/* Writes down; where the disk is full and the settings say so, once there is room again. */
limn_status limn_trainer_log(limn_trainer *trainer, uint64_t step, const limn_measure *measures, size_t count);
limn_status limn_trainer_draw(limn_trainer *trainer);
/* The checkpoint of this step and its marks; then the old ones go. The measures must have been read. */
limn_status limn_trainer_save(limn_trainer *trainer, bool best);

#endif
