#include "metrics/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "formats/npz.h"

#define JUDGE_SIZE 256

bool limn_is_statistics(const char *path) {
  size_t length = strlen(path);
  struct stat info;
  bool has = false;
  if (length < 4 || strcmp(path + length - 4, ".npz") != 0 || stat(path, &info) != 0)
    return false;
  return limn_npz_has(path, "mu", &has) == LIMN_OK && has;
}

/* What has to be the same for two distances to be compared. */
static const char *describe(const limn_judge *j, char *text, size_t size) {
  snprintf(text, size, "%s %.16s %s at %d by %s", j->info.network->name, j->info.checksum, j->taps[0], j->info.size,
           limn_protocol_name(j->protocol));
  return text;
}

static limn_status check_judge(const char *path, const limn_judge *judge) {
  char there[JUDGE_SIZE], here[JUDGE_SIZE];
  bool has = false;
  LIMN_TRY(limn_npz_has(path, "judge", &has));
  if (!has)
    return LIMN_OK;
  LIMN_TRY(limn_npz_read_text(path, "judge", there, sizeof there));
  if (strcmp(there, describe(judge, here, sizeof here)) == 0)
    return LIMN_OK;
  return limn_fail(LIMN_DATA, "%s was taken by %s and cannot be held against %s", path, there, here);
}

static bool are_finite(const double *values, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!isfinite(values[i]))
      return false;
  return true;
}

static limn_status read_arrays(const char *path, const limn_judge *judge, limn_moments *out) {
  const int width = judge->info.widths[0];
  const size_t wide = (size_t)width;
  uint64_t vector[1] = {0}, matrix[2] = {0}, scalar[1] = {0};
  double *mean = NULL, *covariance = NULL, *count = NULL;
  bool has = false;
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, limn_npz_read_doubles(path, "mu", 1, vector, &mean));
  matrix[0] = matrix[1] = vector[0];
  LIMN_TRY_OR_CLEANUP(status, limn_npz_read_doubles(path, "sigma", 2, matrix, &covariance));
  if (vector[0] != (uint64_t)width)
    LIMN_TRY_OR_CLEANUP(status,
                        limn_fail(LIMN_DATA, "%s has %llu features and %s of %s has %d: it is another network's", path,
                                  (unsigned long long)vector[0], judge->taps[0], judge->info.network->name, width));
  if (!are_finite(mean, wide) || !are_finite(covariance, wide * wide))
    LIMN_TRY_OR_CLEANUP(status, limn_fail(LIMN_DATA, "%s: its numbers are not finite", path));
  LIMN_TRY_OR_CLEANUP(status, limn_npz_has(path, "count", &has));
  if (has)
    LIMN_TRY_OR_CLEANUP(status, limn_npz_read_doubles(path, "count", 1, scalar, &count));
  memcpy(out->mean, mean, wide * sizeof *mean);
  memcpy(out->covariance, covariance, wide * wide * sizeof *covariance);
  out->count = has && scalar[0] == 1 && count[0] >= 0 ? (uint64_t)count[0] : 0;
cleanup:
  free(mean);
  free(covariance);
  free(count);
  return status;
}

limn_status limn_statistics_read(const char *path, const limn_judge *judge, limn_moments *out) {
  LIMN_TRY(check_judge(path, judge));
  LIMN_TRY(limn_moments_init(out, judge->info.widths[0]));
  limn_status status = read_arrays(path, judge, out);
  if (status != LIMN_OK)
    limn_moments_release(out);
  return status;
}

limn_status limn_statistics_write(const char *path, const limn_judge *judge, const limn_moments *moments) {
  const uint64_t width = (uint64_t)moments->width;
  const double count = (double)moments->count;
  char text[JUDGE_SIZE], descr[32];
  describe(judge, text, sizeof text);
  snprintf(descr, sizeof descr, "|S%zu", strlen(text));
  const limn_npz_array arrays[] = {
      {.name = "mu", .descr = "<f8", .dims = 1, .shape = {width}, .data = moments->mean},
      {.name = "sigma", .descr = "<f8", .dims = 2, .shape = {width, width}, .data = moments->covariance},
      {.name = "count", .descr = "<f8", .dims = 1, .shape = {1}, .data = &count},
      {.name = "judge", .descr = descr, .dims = 0, .data = text},
  };
  return limn_npz_write(path, arrays, sizeof arrays / sizeof *arrays, true);
}
