#include "train/diagnosis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RECENT 0.2 /* the rates at which the two means forget */
#define USUAL  0.005
#define RISEN  4 /* times the usual norm */

static const char *const norms[LIMN_TREND_NORMS] = {"grad_norm_d", "grad_norm_g", "grad_norm"};

void limn_trend_add(limn_trend *t, const limn_measure *measures, int count) {
  for (int i = 0; i < count; ++i)
    for (int n = 0; n < LIMN_TREND_NORMS; ++n)
      if (strcmp(measures[i].name, norms[n]) == 0) {
        const double value = measures[i].value, age = (double)t->steps + 1;
        t->recent[n] += fmax(RECENT, 1 / age) * (value - t->recent[n]);
        t->usual[n] += fmax(USUAL, 1 / age) * (value - t->usual[n]); /* at first the plain mean */
      }
  ++t->steps;
}

/* The norm that rose most; -1: none did. */
static int find_risen(const limn_trend *t, double *times) {
  int found = -1;
  *times = RISEN;
  for (int n = 0; n < LIMN_TREND_NORMS; ++n)
    if (t->usual[n] > 0 && t->recent[n] > *times * t->usual[n]) {
      *times = t->recent[n] / t->usual[n];
      found = n;
    }
  return found;
}

const char *limn_diagnose(const limn_trend *t, const limn_config *c, char *buffer, size_t size) {
  const bool penalised = c->r1 > 0 || c->r2 > 0 || c->gradient_penalty > 0;
  const char *penalties = penalised ? ", less of r1, r2 and gradient_penalty" : "";
  const char *clip = c->clip > 0 ? "" : ", or clip 1";
  double times;
  const int risen = find_risen(t, &times);
  const bool of_discriminator = risen >= 0 ? risen == 0 && c->lr_d > 0 : c->lr_d > c->lr;
  const char *rate = of_discriminator ? "a lower lr_d" : "a lower lr";
  if (strcmp(c->precision, "fp16") == 0)
    snprintf(buffer, size, "fp16 ends at 65504, which activations have likely passed: try precision bf16, or %s%s",
             rate, penalties);
  else if (risen >= 0)
    snprintf(buffer, size, "gradient norms rose %.2g-fold in the last steps (%s %.2g): try %s%s%s", times, norms[risen],
             t->recent[risen], rate, penalties, clip);
  else if (t->steps < 100)
    snprintf(buffer, size, "it came within the first steps, as of a rate that is too high: try %s or warmup%s%s", rate,
             penalties, clip);
  else
    snprintf(buffer, size, "gradient norms had not risen before, so one batch did it: try %s%s%s", rate, penalties,
             clip);
  return buffer;
}
