/* A session: one training in progress, without its folder: device, weights, programs, and what the algorithm measures.
 * The loop around it (train.c) owns the run folder and the data; the bench and the plan use a session alone. */
#ifndef LIMN_TRAIN_SESSION_H
#define LIMN_TRAIN_SESSION_H

#include <signal.h>

#include "data/batch.h"
#include "devices/device.h"
#include "infer/frozen_file.h"
#include "infer/sampler.h"
#include "limn/train.h"
#include "models/model.h"

#define LIMN_MAX_MEASURES 16
#define LIMN_RING_ROWS    64

struct limn_session;

/* Something to draw at a step: pictures in [0, 1], shown in rows of `columns`. */
typedef struct limn_drawing {
  const char *suffix; /* of the file: "" or "-reconstructions" */
  float *pixels;      /* (count, C, H, W); the session's */
  int count, columns;
} limn_drawing;

/* What was measured on held-out pictures. */
typedef struct limn_validation {
  limn_measure measures[LIMN_MAX_MEASURES];
  size_t count;
  double objective; /* what decides which checkpoint is the best: lower is better. NAN: nothing here does */
} limn_validation;

/* What a training algorithm gives to the session: the only code that knows the paper. */
typedef struct limn_algorithm {
  int (*batches_per_step)(const limn_config *config);            /* parts of a step, each of which takes a batch */
  float (*pixel_scale)(const limn_config *config, float *shift); /* x = scale * byte + shift */
  limn_status (*build)(struct limn_session *session);
  limn_status (*step)(struct limn_session *session, uint64_t step, int part, const limn_batch *batch);
  /* Fills up to 2 drawings. */
  limn_status (*draw)(struct limn_session *session, limn_drawing *drawings, int *count);
  /* Measures the held-out part. Ends early, with nothing measured, once *session->stop is set. */
  limn_status (*validate)(struct limn_session *session, limn_validation *out);
  bool validation_decides; /* it has an objective */
  bool reconstructs;       /* draw shows held-out pictures; where none is held out, a few training pictures */
} limn_algorithm;

extern const limn_algorithm limn_gan_algorithm, limn_vae_algorithm;

/* session.c */
const limn_algorithm *limn_algorithm_of(const limn_config *config);

typedef struct limn_session {
  const limn_config *config; /* resolved; borrowed */
  const limn_algorithm *algorithm;
  limn_model model;
  limn_device *device;
  limn_store *store;
  limn_shape batch;                  /* (N, C, H, W) of a micro-batch: what of a batch is on the device at once */
  double rate_factor;                /* what the learning rates are multiplied by: 1, less after a restore */
  uint64_t horizon;                  /* step at which schedules end */
  const volatile sig_atomic_t *stop; /* the caller's; may be NULL */
  bool planning;                     /* nothing can run */

  /* Held-out pictures, dense bytes; borrowed. Without any, drawings use what the caller gives as such. */
  const uint8_t *held_out;
  uint32_t held_out_count;

  const char *measures[LIMN_MAX_MEASURES]; /* columns of the ring */
  int measure_count;
  int recorded; /* of them: the first ones, which a program puts into the ring; the others are noted so far */
  /* Which of them: the algorithm's choice. `statistics` is there where an average is kept (checkpoint/average.h). */
  limn_program *train, *extra, *penalty, *statistics, *reconstruct, *validation;
  /* With micro-batches (accumulation.h) the three first only sum gradients, and so does `generator`; `update` then
   * applies the sums of them, and `update_generator` those of that one. */
  limn_program *generator, *update, *update_generator;
  limn_sampler *sampler;
  char frozen[LIMN_SHA256_SIZE]; /* of the file with a frozen network's weights (infer/frozen_file.h); "": there is none
                                  */
  bool settled;                  /* the average's statistics are those of its weights */
  int drawn, validation_batch;   /* reconstructions shown; pictures of a validation batch */
  float *pixels, *inputs, *targets; /* host memory for drawings */
  float *labels;                    /* (N), those of a micro-batch on their way */
} limn_session;

typedef struct limn_session_data {
  const uint8_t *held_out;
  uint32_t held_out_count;
  const volatile sig_atomic_t *stop; /* ends a validation early; may be NULL */
  bool blank;                        /* a checkpoint is loaded next: no initial weights are drawn */
  const limn_card *card;             /* plan for this card instead of running on the config's device. NULL: run */
  bool planning;                     /* of the programs alone, without the device's memory; nothing can run */
  const char *engines;               /* limn_device_options.engines; NULL: none */
} limn_session_data;

/* (config->batch, C, H0, W0): a training batch as it is loaded, all micro-batches one behind the other and `crop`
 * larger than the pictures that windows are cut to. */
limn_shape limn_session_bytes(const limn_config *config);

/* A size and channels for pictures that nobody reads, where the config sets none: 64x64, 3. */
void limn_session_assume_pictures(limn_config *config);

/* Makes the device, the model, its programs and its initial weights. config must be resolved (size, channels) and
 * outlive the session. */
limn_status limn_session_init(limn_session *session, const limn_config *config, uint64_t horizon,
                              const limn_session_data *data);
/* The same, but that after a failure what there is stays until it is released (memory.h asks it what would fit). */
limn_status limn_session_begin(limn_session *session, const limn_config *config, uint64_t horizon,
                               const limn_session_data *data);
void limn_session_release(limn_session *session);

/* One part of a step, 0 ... batches_per_step - 1 in order; step 0 is the first. The batch has the shape that
 * limn_session_bytes says, and is no longer needed when this returns. */
static inline limn_status limn_session_step(limn_session *session, uint64_t step, int part, const limn_batch *batch) {
  session->settled = false;
  return session->algorithm->step(session, step, part, batch);
}

/* For algorithms: the leaf with the ring, and a measure recorded in its next column. */
void limn_session_measure(limn_session *session, limn_graph *graph, const char *name, limn_value scalar);
limn_value limn_session_gate(limn_graph *graph);
/* The numbers of the pictures in the leaf of that name: a training batch, flipped, moved and cut as the settings say,
 * by random numbers of `stream`; and `count` pictures that are just as large as the networks' and stay as they are. */
limn_value limn_session_training_pictures(const limn_session *session, limn_graph *graph, const char *leaf,
                                          uint32_t stream);
limn_value limn_session_plain_pictures(const limn_session *session, limn_graph *graph, const char *leaf, int count);
/* The classes of a training batch's pictures, by number, -1: of none: (N, 1, 1, 1), in the leaf "labels". */
limn_value limn_session_labels(const limn_session *session, limn_graph *graph);
/* Micro-batch number `micro` of a training batch into the leaf of that name and, where a program reads them, into that
 * of the labels; or given pictures. LIMN_DATA when labels are read and there are none. */
limn_status limn_session_upload_batch(limn_session *session, const char *leaf, const limn_batch *batch, int micro);
limn_status limn_session_upload_pictures(limn_session *session, const char *leaf, const uint8_t *nchw);
limn_status limn_session_upload(limn_session *session, const char *leaf, const float *values);
/* Measures of the steps first ... first + count - 1 (at most LIMN_RING_ROWS, the last ones run): (count,
 * measure_count). */
limn_status limn_session_measures(limn_session *session, uint64_t first, int count, float *values);

/* Takes the average's statistics anew where a step has moved it since. It takes some twenty passes of the generator:
 * before pictures and checkpoints, not in every step. */
limn_status limn_session_settle_average(limn_session *session);

/* What a step is made of, in the order in which it runs, and how often each program runs in one: on average, since a
 * lazy penalty's does not run in each. Returns how many. */
typedef struct limn_session_part {
  limn_program *program;
  double times;
} limn_session_part;
#define LIMN_SESSION_PARTS 6
int limn_session_parts(const limn_session *session, limn_session_part parts[LIMN_SESSION_PARTS]);
/* Floating-point operations of a step. */
double limn_session_flops(const limn_session *session);

/* The programs that there are, into `programs`; returns how many. Borrowed. */
#define LIMN_SESSION_PROGRAMS 10
int limn_session_programs(const limn_session *session, const limn_program *programs[LIMN_SESSION_PROGRAMS]);

/* Calls build with an empty graph, which is destroyed afterwards. */
limn_status limn_session_build(limn_session *session, limn_status (*build)(limn_session *, limn_graph *));

/* Makes what draws a run's samples, a batch at a time. */
limn_status limn_session_build_samples(limn_session *session);
/* Draws them into session->pixels. */
limn_status limn_session_draw_samples(limn_session *session, limn_drawing *drawing);
#endif
