/* Evaluations in tests: small ones, by a network with made-up weights. */
#ifndef LIMN_TESTS_SUPPORT_EVALUATIONS_H
#define LIMN_TESTS_SUPPORT_EVALUATIONS_H

#include "limn/evaluate.h"
#include "support/made_weights.h"
#include "support/run_files.h"

/* In the test's folder: the network's weights, into whose path weights_file is made, and an empty cache. */
static inline void test_make_judge(char weights_file[TEST_PATH_SIZE]) {
  made_file *m = make_file(network_of("efficientnet_lite0"), "");
  write_made_file(m, "lite0.safetensors");
  free_file(m);
  snprintf(weights_file, TEST_PATH_SIZE, "%s", test_path("lite0.safetensors"));
  mkdir(test_path("cache"), 0777);
  setenv("LIMN_CACHE", test_path("cache"), 1);
}

/* Small: 32 pixels, two threads. */
static inline limn_evaluate_options test_evaluation_of(const char *weights_file, const char *pictures,
                                                       const char *against, const char *metrics) {
  return (limn_evaluate_options){.pictures = pictures,
                                 .data = against,
                                 .metrics = metrics,
                                 .features = weights_file,
                                 .size = 32,
                                 .seed = 1,
                                 .device = "cpu",
                                 .threads = 2};
}

static inline limn_evaluation *test_evaluate(const limn_evaluate_options *options) {
  limn_evaluation *e = NULL;
  cr_assert_eq(limn_evaluate(&e, options), LIMN_OK, "%s", limn_error_message());
  return e;
}

static inline const limn_score *test_score(const limn_evaluation *e, const char *name) {
  for (size_t i = 0; i < e->score_count; ++i)
    if (strcmp(e->scores[i].name, name) == 0)
      return &e->scores[i];
  cr_assert(false, "no %s", name);
  return NULL;
}

static inline double test_value(const limn_evaluation *e, const char *name) { return test_score(e, name)->value; }

/* The message is one line, with `piece` in it. */
static inline void test_expect_refusal(const limn_evaluate_options *options, limn_status status, const char *piece) {
  limn_evaluation *e = NULL;
  cr_expect_eq(limn_evaluate(&e, options), status, "%s: %s", piece, limn_error_message());
  cr_expect_null(e);
  cr_expect_not_null(strstr(limn_error_message(), piece), "\"%s\" is not in: %s", piece, limn_error_message());
  cr_expect_null(strchr(limn_error_message(), '\n'));
}

#endif
