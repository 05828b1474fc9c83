/* compare_checkpoints REFERENCE.safetensors OTHER.safetensors TOLERANCE
 *
 * Compares two checkpoints tensor by tensor: ||other - reference|| / ||reference|| has to be at most TOLERANCE, in
 * Euclidean norms. Both need the same tensors of the same shapes. Prints the tensors that are too far off, then the
 * worst one. Exit code 0: all are close enough, 1: not, 2: usage, 3: a file that cannot be read. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limn/safetensors.h"
#include "limn/status.h"

/* An element of the reference counts as at least this large: a tensor that is zero there may be rounding here. */
#define LEAST_ELEMENT 1e-6

enum { MOST_LINES = 20 };

/* Data may lie unaligned in the file. */
static float element(const limn_stored_tensor *t, size_t i) {
  float x;
  memcpy(&x, (const char *)t->data + i * sizeof x, sizeof x);
  return x;
}

static bool same_form(const limn_stored_tensor *a, const limn_stored_tensor *b) {
  return strcmp(a->dtype, b->dtype) == 0 && a->dims == b->dims && a->bytes == b->bytes &&
         memcmp(a->shape, b->shape, (size_t)a->dims * sizeof a->shape[0]) == 0;
}

/* Of tensors of one form. Other types than F32 are compared byte by byte: 0 or infinity. A number that is not finite is
 * infinitely far off. */
static double distance(const limn_stored_tensor *reference, const limn_stored_tensor *other) {
  if (strcmp(reference->dtype, "F32") != 0)
    return memcmp(reference->data, other->data, reference->bytes) == 0 ? 0 : (double)INFINITY;
  const size_t count = reference->bytes / sizeof(float);
  double difference = 0, size = 0;
  for (size_t i = 0; i < count; ++i) {
    const double r = (double)element(reference, i), d = (double)element(other, i) - r;
    difference += d * d;
    size += r * r;
  }
  const double relative = sqrt(difference) / (sqrt(size) + LEAST_ELEMENT * sqrt((double)count));
  return count == 0 ? 0 : isfinite(relative) ? relative : (double)INFINITY;
}

static int compare(const limn_safetensors *reference, const limn_safetensors *other, double tolerance) {
  const limn_stored_tensor *worst_tensor = NULL;
  const size_t count = limn_safetensors_count(reference);
  size_t bad = 0;
  double worst = -1;
  for (size_t i = 0; i < count; ++i) {
    const limn_stored_tensor *r = limn_safetensors_at(reference, i), *o = limn_safetensors_find(other, r->name);
    const bool comparable = o && same_form(r, o);
    const double far = comparable ? distance(r, o) : (double)INFINITY;
    if (far > worst) {
      worst = far;
      worst_tensor = r;
    }
    if (far <= tolerance || ++bad > MOST_LINES)
      continue;
    printf("%-12.3g %s%s\n", far, r->name, comparable ? "" : o ? " (another shape or type)" : " (missing)");
  }
  if (limn_safetensors_count(other) != count) {
    printf("%zu tensors, the reference has %zu\n", limn_safetensors_count(other), count);
    ++bad;
  }
  if (!worst_tensor) {
    printf("no tensors\n");
    return 1;
  }
  printf("%zu tensors, %zu too far off; worst %.3g (allowed %.3g): %s\n", count, bad, worst, tolerance,
         worst_tensor->name);
  return bad > 0;
}

int main(int count, char **arguments) {
  limn_safetensors *files[2] = {NULL, NULL};
  char *end = NULL;
  const double tolerance = count == 4 ? strtod(arguments[3], &end) : -1;
  if (count != 4 || end == arguments[3] || *end || !(tolerance >= 0)) {
    fprintf(stderr, "usage: compare_checkpoints REFERENCE.safetensors OTHER.safetensors TOLERANCE\n");
    return 2;
  }
  int code = 0;
  for (int i = 0; i < 2 && code == 0; ++i)
    if (limn_safetensors_open(&files[i], arguments[i + 1]) != LIMN_OK) {
      fprintf(stderr, "compare_checkpoints: %s\n", limn_error_message());
      code = 3;
    }
  if (code == 0)
    code = compare(files[0], files[1], tolerance);
  for (int i = 0; i < 2; ++i)
    limn_safetensors_close(files[i]);
  return code;
}
