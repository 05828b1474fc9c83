/* tests/fixtures/metrics/metrics.safetensors (make_metrics.py says what is in it), and the machine's linear algebra. */
#ifndef LIMN_TESTS_METRICS_FIXTURE_H
#define LIMN_TESTS_METRICS_FIXTURE_H

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "limn/safetensors.h"
#include "metrics/linear_algebra.h"

static limn_safetensors *fixture;
static limn_linear_algebra algebra;

static inline void open_fixture(void) {
  cr_assert_eq(limn_linear_algebra_open(&algebra, 2), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_safetensors_open(&fixture, LIMN_SOURCE_DIR "/tests/fixtures/metrics/metrics.safetensors"), LIMN_OK,
               "%s", limn_error_message());
}
static inline void close_fixture(void) { limn_safetensors_close(fixture); }

static inline const limn_stored_tensor *stored(const char *name, const char *dtype) {
  const limn_stored_tensor *tensor = limn_safetensors_find(fixture, name);
  cr_assert_not_null(tensor, "the fixture has no %s", name);
  cr_assert_str_eq(tensor->dtype, dtype, "%s is %s", name, tensor->dtype);
  cr_assert_eq((uintptr_t)tensor->data % 4, 0);
  return tensor;
}

static inline limn_feature_set features_of(const char *name) {
  const limn_stored_tensor *tensor = stored(name, "F32");
  return (limn_feature_set){
      .rows = tensor->data, .count = (uint32_t)tensor->shape[0], .width = (int)tensor->shape[1], .name = name};
}

/* Number i of a tensor of doubles. */
static inline double number(const char *name, size_t i) {
  double value;
  memcpy(&value, (const char *)stored(name, "F64")->data + i * sizeof value, sizeof value);
  return value;
}

/* Relative to what is wanted. */
#define NEAR(got, want, tolerance, what)                                                                               \
  cr_expect(fabs((got) - (want)) <= (tolerance)*fabs(want), "%s is %.17g, not %.17g", what, (double)(got),             \
            (double)(want))

#define OK(call) cr_assert_eq((call), LIMN_OK, "%s", limn_error_message())

/* Fails with this status and a message of one line that has this in it. */
#define FAILS(call, status, part)                                                                                      \
  do {                                                                                                                 \
    cr_assert_eq((call), (status));                                                                                    \
    cr_expect_not_null(strstr(limn_error_message(), part), "no \"%s\" in: %s", part, limn_error_message());            \
    cr_expect_null(strchr(limn_error_message(), '\n'));                                                                \
  } while (0)

#endif
