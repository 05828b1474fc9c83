#include "metrics/lbfgs.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define PAIRS      10
#define HALVINGS   40
#define SUFFICIENT 1e-4 /* of the decrease that the slope promises: Armijo's condition */

typedef struct state {
  size_t count;
  double *memory; /* all that follows */
  double *x, *gradient, *next_x, *next_gradient;
  double *steps, *changes; /* (PAIRS, count), a ring: s of x and y of the gradient */
  double products[PAIRS];  /* s.y */
  int held, last;          /* pairs; the newest */
} state;

static double dot(const double *a, const double *b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += a[i] * b[i];
  return sum;
}

static void add(double *to, double times, const double *what, size_t count) {
  for (size_t i = 0; i < count; ++i)
    to[i] += times * what[i];
}

/* direction = -H gradient, H what the pairs say of the inverse second derivative (the two loops of algorithm 7.4). */
static void find_direction(const state *s, double *direction) {
  const size_t n = s->count;
  double alpha[PAIRS];
  for (size_t i = 0; i < n; ++i)
    direction[i] = -s->gradient[i];
  for (int i = 0; i < s->held; ++i) {
    const int k = (s->last - i + PAIRS) % PAIRS;
    alpha[k] = dot(s->steps + (size_t)k * n, direction, n) / s->products[k];
    add(direction, -alpha[k], s->changes + (size_t)k * n, n);
  }
  if (s->held > 0) {
    const double *change = s->changes + (size_t)s->last * n;
    const double scale = s->products[s->last] / dot(change, change, n);
    for (size_t i = 0; i < n; ++i)
      direction[i] *= scale;
  }
  for (int i = s->held - 1; i >= 0; --i) {
    const int k = (s->last - i + PAIRS) % PAIRS;
    const double beta = dot(s->changes + (size_t)k * n, direction, n) / s->products[k];
    add(direction, alpha[k] - beta, s->steps + (size_t)k * n, n);
  }
}

/* A pair whose product rounding has eaten says nothing; of a full ring it has taken the oldest's place. */
static void remember(state *s) {
  const size_t n = s->count;
  const int k = s->held == 0 ? 0 : (s->last + 1) % PAIRS;
  double *step = s->steps + (size_t)k * n, *change = s->changes + (size_t)k * n;
  for (size_t i = 0; i < n; ++i) {
    step[i] = s->next_x[i] - s->x[i];
    change[i] = s->next_gradient[i] - s->gradient[i];
  }
  s->products[k] = dot(step, change, n);
  if (!(s->products[k] > 1e-16 * dot(change, change, n))) {
    s->held -= s->held == PAIRS;
    return;
  }
  s->last = k;
  s->held += s->held < PAIRS;
}

static double largest(const double *values, size_t count) {
  double most = 0;
  for (size_t i = 0; i < count; ++i)
    most = fmax(most, fabs(values[i]));
  return most;
}

/* Halves the step until the value falls as it should. *moved false: it no longer does, for rounding. */
static limn_status search(state *s, const double *direction, double *value, limn_objective objective, void *context,
                          bool *moved) {
  const size_t n = s->count;
  const double slope = dot(s->gradient, direction, n);
  double length = s->held > 0 ? 1 : 1 / fmax(1, sqrt(dot(direction, direction, n)));
  *moved = false;
  for (int i = 0; i < HALVINGS && !*moved && slope < 0; ++i, length /= 2) {
    double there;
    memcpy(s->next_x, s->x, n * sizeof *s->x);
    add(s->next_x, length, direction, n);
    LIMN_TRY(objective(context, s->next_x, &there, s->next_gradient));
    if (there <= *value + SUFFICIENT * length * slope) {
      *moved = true;
      *value = there;
    }
  }
  return LIMN_OK;
}

static limn_status descend(state *s, double *direction, limn_objective objective, void *context,
                           const limn_lbfgs_options *options, int *steps) {
  const size_t bytes = s->count * sizeof *s->x;
  double value;
  LIMN_TRY(objective(context, s->x, &value, s->gradient));
  for (*steps = 0; *steps < options->most_steps && largest(s->gradient, s->count) > options->tolerance; ++*steps) {
    bool moved;
    find_direction(s, direction);
    LIMN_TRY(search(s, direction, &value, objective, context, &moved));
    if (!moved && s->held == 0)
      break;
    if (!moved) { /* once more down the gradient itself */
      s->held = 0;
      continue;
    }
    remember(s);
    memcpy(s->x, s->next_x, bytes);
    memcpy(s->gradient, s->next_gradient, bytes);
  }
  return LIMN_OK;
}

limn_status limn_lbfgs_minimise(double *x, size_t count, limn_objective objective, void *context,
                                const limn_lbfgs_options *options, int *steps) {
  state s = {.count = count, .memory = malloc((5 + 2 * PAIRS) * count * sizeof *s.memory)};
  if (!s.memory)
    return limn_fail_memory("the steps of a minimisation");
  s.x = s.memory;
  s.gradient = s.x + count;
  s.next_x = s.gradient + count;
  s.next_gradient = s.next_x + count;
  s.steps = s.next_gradient + count;
  s.changes = s.steps + PAIRS * count;
  double *direction = s.changes + PAIRS * count;
  memcpy(s.x, x, count * sizeof *x);
  limn_status status = descend(&s, direction, objective, context, options, steps);
  if (status == LIMN_OK)
    memcpy(x, s.x, count * sizeof *x);
  free(s.memory);
  return status;
}
