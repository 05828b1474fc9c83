/* A run of each model that has much in it, of 12 steps on grey pictures of 16x16 pixels. */
#ifndef LIMN_TESTS_SUPPORT_MODEL_RUNS_H
#define LIMN_TESTS_SUPPORT_MODEL_RUNS_H

#include "support/made_weights.h"
#include "support/run_files.h"

#define STEPS 12

static const char *const dcgan[] = {"d_steps",      "2", "steps",     "12", "ema", "0.9", "checkpoint_every", "6",
                                    "sample_every", "6", "log_every", "1",  NULL};
static const char *const sngan[] = {"steps",
                                    "12",
                                    "d_steps",
                                    "2",
                                    "minibatch_stddev",
                                    "true",
                                    "ema",
                                    "0.9",
                                    "gradient_penalty",
                                    "1",
                                    "penalty_every",
                                    "4",
                                    "checkpoint_every",
                                    "6",
                                    "sample_every",
                                    "6",
                                    "log_every",
                                    "1",
                                    NULL};
static const char *const r3gan[] = {"steps",
                                    "12",
                                    "minibatch_stddev",
                                    "true",
                                    "augment",
                                    "ada",
                                    "ada_pictures",
                                    "64",
                                    "instance_noise",
                                    "0.1",
                                    "checkpoint_every",
                                    "6",
                                    "sample_every",
                                    "6",
                                    "log_every",
                                    "1",
                                    NULL};
static const char *const projected[] = {
    "steps", "12", "head_filters", "2", "checkpoint_every", "6", "sample_every", "6", "log_every", "1", NULL};
static const char *const vae[] = {"importance_samples", "3", "steps",        "12", "validation", "0.25",
                                  "checkpoint_every",   "6", "sample_every", "6",  "log_every",  "1",
                                  "validate_every",     "4", "patience",     "50", NULL};
static const char *const autoencoder[] = {
    "steps", "12",        "noise", "0.3",        "regularizer", "mmd", "checkpoint_every", "6", "sample_every",
    "6",     "log_every", "1",     "validation", "0",           NULL};
static const struct {
  const char *model;
  const char *const *settings;
  const char *pictures[3]; /* of the last step */
} kinds[] = {
    {"dcgan", dcgan, {"samples/000012.png", "samples/000006.png", NULL}},
    {"sngan", sngan, {"samples/000012.png", "samples/000006.png", NULL}},
    {"r3gan", r3gan, {"samples/000012.png", "samples/000006.png", NULL}},
    {"projected", projected, {"samples/000012.png", "samples/000006.png", NULL}},
    {"vae", vae, {"samples/000012.png", "samples/000006-reconstructions.png", NULL}},
    {"autoencoder", autoencoder, {"samples/000012-reconstructions.png", "samples/000006.png", NULL}},
};
#define KIND_COUNT LIMN_MODEL_COUNT
_Static_assert(sizeof kinds / sizeof *kinds == KIND_COUNT, "a row for each model, in their order");

/* Whether whole runs of the model are tried: on a CUDA device, where cuDNN plans each of its many convolutions for
 * minutes, those of residual networks with LIMN_TEST_WHOLE alone. */
static inline bool test_takes_runs_of(size_t k) {
  return strcmp(test_device(), "cpu") == 0 || getenv("LIMN_TEST_WHOLE") ||
         (k != LIMN_MODEL_SNGAN && k != LIMN_MODEL_R3GAN && k != LIMN_MODEL_PROJECTED);
}

/* Data to train on, and the network that one of the models looks through, in a cache of the test: where that model is
 * not trained, the cache of cuDNN's plans stays. */
static inline void begin_model_runs(char data[TEST_PATH_SIZE]) {
  test_begin_with_data(data, 40);
  if (test_takes_runs_of(LIMN_MODEL_PROJECTED))
    use_made_network("efficientnet_lite0");
}

#endif
