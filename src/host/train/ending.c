#include "train/ending.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "train/state_text.h"

void limn_ending_add(limn_ending *e, const limn_config *config, uint64_t step, double objective) {
  e->before[e->count % LIMN_ENDING_SMOOTH] = objective;
  if (++e->count < LIMN_ENDING_SMOOTH)
    return;
  double sum = 0;
  for (int i = 0; i < LIMN_ENDING_SMOOTH; ++i)
    sum += e->before[i];
  e->mean = sum / LIMN_ENDING_SMOOTH;
  if (e->count > LIMN_ENDING_SMOOTH && e->mean >= e->best - config->until_gain * fabs(e->best)) {
    ++e->without;
    return;
  }
  e->best = e->mean;
  e->best_step = step;
  e->without = 0;
}

void limn_ending_add_separation(limn_ending *e, double separation) {
  e->separation = separation;
  e->has_separation = 1;
}

static bool is_balanced(const limn_ending *e, const limn_config *config) {
  return e->has_separation && e->separation <= config->until_separation;
}

limn_ending_reason limn_ending_of(const limn_ending *e, const limn_config *config, bool separates) {
  const uint64_t patience = (uint64_t)config->patience;
  if (config->until != LIMN_UNTIL_EQUILIBRIUM || e->without < patience)
    return LIMN_ENDING_NONE;
  if (!separates)
    return LIMN_ENDING_CONVERGED;
  if (is_balanced(e, config))
    return LIMN_ENDING_EQUILIBRIUM;
  return e->without >= LIMN_ENDING_GIVEN_UP * patience ? LIMN_ENDING_STANDSTILL : LIMN_ENDING_NONE;
}

/* "the mean of 3 of fd is 231 and was 229 at step 6500: no better by 1 % for 5 measurements" */
static void tell_quality(const limn_ending *e, const limn_config *c, const char *measure, char *text, size_t size) {
  if (e->count < LIMN_ENDING_SMOOTH) {
    snprintf(text, size, "%s was measured %" PRIu64 " times, and it takes %d", measure, e->count, LIMN_ENDING_SMOOTH);
    return;
  }
  if (e->without == 0) {
    snprintf(text, size, "the mean of %d of %s is %.4g, the best so far", LIMN_ENDING_SMOOTH, measure, fabs(e->mean));
    return;
  }
  snprintf(text, size,
           "the mean of %d of %s is %.4g and was %.4g at step %" PRIu64 ": not %g %% better for %" PRIu64
           " measurement%s",
           LIMN_ENDING_SMOOTH, measure, fabs(e->mean), fabs(e->best), e->best_step, 100 * c->until_gain, e->without,
           e->without == 1 ? "" : "s");
}

static void tell_balance(const limn_ending *e, const limn_config *c, bool separates, char *text, size_t size) {
  text[0] = '\0';
  if (separates && !e->has_separation)
    snprintf(text, size, ", and it was not measured yet how well the discriminator separates held-out pictures");
  else if (separates)
    snprintf(text, size,
             ", and the discriminator scores held-out pictures above samples in %.0f %% of pairs, %s %g %% "
             "(until_separation)",
             100 * e->separation, is_balanced(e, c) ? "no more than" : "over", 100 * c->until_separation);
}

const char *limn_ending_tell(const limn_ending *e, const limn_config *c, bool separates, const char *measure,
                             uint64_t step, char *buffer, size_t size) {
  static const char *const news[] = {[LIMN_ENDING_NONE] = "no equilibrium by step",
                                     [LIMN_ENDING_EQUILIBRIUM] = "equilibrium at step",
                                     [LIMN_ENDING_CONVERGED] = "converged at step",
                                     [LIMN_ENDING_STANDSTILL] = "a standstill without equilibrium at step"};
  const limn_ending_reason reason = limn_ending_of(e, c, separates);
  char quality[256], balance[192];
  tell_quality(e, c, measure, quality, sizeof quality);
  tell_balance(e, c, separates, balance, sizeof balance);
  snprintf(buffer, size, "%s %" PRIu64 ": %s%s%s",
           reason == LIMN_ENDING_CONVERGED || separates ? news[reason] : "not converged by step", step, quality,
           balance,
           reason == LIMN_ENDING_STANDSTILL ? "; more filters, a higher lr or a lower lr_d may take it further" : "");
  return buffer;
}

static limn_state_list list_fields(limn_ending *e) {
  limn_state_list list = {.count = 0};
  limn_state_count(&list, &e->count);
  for (int i = 0; i < LIMN_ENDING_SMOOTH; ++i)
    limn_state_number(&list, &e->before[i]);
  limn_state_number(&list, &e->mean);
  limn_state_number(&list, &e->best);
  limn_state_count(&list, &e->best_step);
  limn_state_count(&list, &e->without);
  limn_state_number(&list, &e->separation);
  limn_state_count(&list, &e->has_separation);
  return list;
}

const char *limn_ending_write(const limn_ending *ending, char *buffer, size_t size) {
  limn_ending copy = *ending;
  const limn_state_list list = list_fields(&copy);
  buffer[0] = '\0';
  return copy.count || copy.has_separation ? limn_state_write(&list, buffer, size) : buffer;
}

void limn_ending_read(limn_ending *ending, const char *text) {
  limn_ending read = {0};
  const limn_state_list list = list_fields(&read);
  *ending = (limn_ending){0};
  if (limn_state_read(&list, text))
    *ending = read;
}
