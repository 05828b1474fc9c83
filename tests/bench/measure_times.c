/* Times the measures of features for bench/measures: measure_times FOLDER COUNT WIDTH CLASSES THREADS, where FOLDER has
 * pictures and data, (COUNT, WIDTH) floats each, and logits, (COUNT, CLASSES). Its lines (side.h):
 *
 *   fd | kid | is | pr | prdc   milliseconds that it takes, once, and what it comes to: precision of pr, coverage of
 * prdc
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "metrics/frechet.h"
#include "metrics/inception_score.h"
#include "metrics/kernel_distance.h"
#include "metrics/manifold.h"
#include "side.h"

typedef struct measure_times {
  limn_linear_algebra algebra;
  limn_feature_set pictures, data, logits;
} measure_times;

static limn_status read_set(limn_feature_set *out, const char *folder, const char *name, uint32_t count, int width) {
  char path[4096], *bytes;
  size_t size;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  LIMN_TRY(limn_read_file(path, (size_t)1 << 31, &bytes, &size));
  *out = (limn_feature_set){.rows = (const float *)(void *)bytes, .count = count, .width = width, .name = name};
  return size >= (size_t)count * (size_t)width * sizeof(float) ? LIMN_OK
                                                               : limn_fail(LIMN_DATA, "%s is too short", path);
}

static limn_status begin(void *context, char **arguments) {
  measure_times *t = context;
  const uint32_t count = (uint32_t)atoi(arguments[1]);
  const int width = atoi(arguments[2]);
  LIMN_TRY(limn_linear_algebra_open(&t->algebra, atoi(arguments[4])));
  LIMN_TRY(read_set(&t->pictures, arguments[0], "pictures", count, width));
  LIMN_TRY(read_set(&t->data, arguments[0], "data", count, width));
  LIMN_TRY(read_set(&t->logits, arguments[0], "logits", count, atoi(arguments[3])));
  printf("CPU, %d threads\n", t->algebra.threads);
  return LIMN_OK;
}

static limn_status take_fd(const measure_times *t, double *value) {
  limn_moments a = {0}, b = {0};
  limn_status status = limn_moments_of(&a, &t->algebra, &t->pictures);
  if (status == LIMN_OK)
    status = limn_moments_of(&b, &t->algebra, &t->data);
  if (status == LIMN_OK)
    status = limn_frechet_distance(value, &t->algebra, &a, &b);
  limn_moments_release(&a);
  limn_moments_release(&b);
  return status;
}

static limn_status take_kid(const measure_times *t, double *value) {
  limn_kernel_distance found = {0};
  limn_status status =
      limn_kernel_distance_of(&found, &t->algebra, &t->pictures, &t->data,
                              &(limn_kernel_distance_options){.subsets = 100, .subset_size = 1000, .seed = 1});
  *value = found.mean;
  return status;
}

static limn_status take_is(const measure_times *t, double *value) {
  limn_inception_score found = {0};
  limn_status status = limn_inception_score_of(
      &found, &t->logits, &(limn_inception_score_options){.splits = 10, .shuffle = true, .seed = 1});
  *value = found.mean;
  return status;
}

static limn_status take_pr(const measure_times *t, double *value) {
  limn_manifold found = {0};
  limn_status status = limn_precision_recall(&found, &t->algebra, &t->data, &t->pictures, 3);
  *value = found.precision;
  return status;
}

static limn_status take_prdc(const measure_times *t, double *value) {
  limn_manifold found = {0};
  limn_status status = limn_prdc(&found, &t->algebra, &t->data, &t->pictures, 5);
  *value = found.coverage;
  return status;
}

static const struct {
  const char *name;
  limn_status (*take)(const measure_times *times, double *value);
} measures[] = {{"fd", take_fd}, {"kid", take_kid}, {"is", take_is}, {"pr", take_pr}, {"prdc", take_prdc}};

static limn_status answer(void *context, const char *line) {
  for (size_t i = 0; i < sizeof measures / sizeof *measures; ++i)
    if (strcmp(line, measures[i].name) == 0) {
      const double start = limn_clock();
      double value;
      LIMN_TRY(measures[i].take(context, &value));
      printf("%.3f %.17g\n", 1e3 * (limn_clock() - start), value);
      return LIMN_OK;
    }
  return limn_fail(LIMN_USAGE, "there is no measure %s", line);
}

int main(int argc, char **argv) {
  measure_times times = {0};
  const side here = {"measure_times", "FOLDER COUNT WIDTH CLASSES THREADS", begin, answer, &times};
  const int code = side_serve(&here, argc, argv);
  free((void *)times.pictures.rows);
  free((void *)times.data.rows);
  free((void *)times.logits.rows);
  return code;
}
