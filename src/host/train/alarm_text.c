/* What the alarm says, and how it lies in checkpoints. */
#include <inttypes.h>
#include <stdio.h>

#include "train/alarm.h"
#include "train/state_text.h"

static const char *tell_collapse(const limn_alarm *a, const limn_config *c, uint64_t step, char *text, size_t size) {
  const char *rates = c->lr_d > 0 && c->lr_d != c->lr ? "lr and lr_d nearer to each other" : "a lower lr";
  snprintf(text, size,
           "the generator has collapsed: samples at step %" PRIu64
           " hardly differ (watch_variety %.2g, watch_spread %.2g; 1: as the data), whatever the losses say; try %s, "
           "beta1 0.5 or 0, pack 2, minibatch_stddev, --augment diffaugment, or --on-collapse restore",
           step, a->sight.variety, a->sight.spread, rates);
  return text;
}

static const char *tell_divergence(const limn_alarm *a, uint64_t step, char *text, size_t size) {
  snprintf(text, size,
           "the training diverges: gradient norms (d %.2g, g %.2g on average up to step %" PRIu64
           ") are over a hundred times those of the first steps (d %.2g, g %.2g at most); try a lower lr and lr_d, "
           "clip 1, or "
           "spectral_norm",
           a->means.grad_norm_d, a->means.grad_norm_g, step, a->early_d, a->early_g);
  return text;
}

static const char *tell_saturation(const limn_alarm *a, const limn_config *c, uint64_t step, char *text, size_t size) {
  const char *loss = c->loss == LIMN_GAN_MINIMAX ? "loss non_saturating (minimax has no slope where the "
                                                   "discriminator is sure)"
                                                 : "a lower lr_d";
  snprintf(text, size,
           "the generator learns nothing: its gradient has the norm %.2g on average up to step %" PRIu64
           ", after up to %.2g (d_fake %.2g); try %s, or fewer d_steps",
           a->means.grad_norm_g, step, a->most_g, a->means.d_fake, loss);
  return text;
}

static const char *tell_generator_won(const limn_alarm *a, const limn_config *c, uint64_t step, char *text,
                                      size_t size) {
  snprintf(text, size,
           "the generator has won: the discriminator errs more often than by chance (loss_d %.2g, d_real %.2g, d_fake "
           "%.2g on average up to step %" PRIu64 "), so nothing says what pictures should look like; try %s",
           a->means.loss_d, a->means.d_real, a->means.d_fake, step,
           c->lr_d > 0 && c->lr_d < c->lr ? "a higher lr_d, or a lower lr"
                                          : "a lower lr with the old one as lr_d, or more d_steps");
  return text;
}

static const char *tell_ahead(const limn_alarm *a, uint64_t step, char *text, size_t size) {
  snprintf(
      text, size,
      "the discriminator is winning: it errs on few pictures (d_real %.2g, d_fake %.2g, loss_d %.2g, loss_g %.2g on "
      "average up to step %" PRIu64
      "), while samples are varied (watch_variety %.2g); they may stay rough; try a lower lr_d, a penalty (norm_d none "
      "with r1 1), or --augment diffaugment where pictures are few",
      a->means.d_real, a->means.d_fake, a->means.loss_d, a->means.loss_g, step, a->sight.variety);
  return text;
}

static const char *tell_discriminator_won(const limn_alarm *a, uint64_t step, char *text, size_t size) {
  snprintf(text, size,
           "the discriminator has won: it errs on no picture (loss_d %.2g on average over the steps up to %" PRIu64
           "), and the generator learns little from it; try a lower lr_d, a penalty (norm_d none with r1 1), "
           "spectral_norm, --augment diffaugment where pictures are few, or another loss",
           a->balance.mean, step);
  return text;
}

const char *limn_alarm_tell(const limn_alarm *a, const limn_config *c, limn_verdict verdict, uint64_t step,
                            char *buffer, size_t size) {
  switch (verdict) {
  case LIMN_VERDICT_COLLAPSED:
    return tell_collapse(a, c, step, buffer, size);
  case LIMN_VERDICT_DIVERGING:
    return tell_divergence(a, step, buffer, size);
  case LIMN_VERDICT_SATURATED:
    return tell_saturation(a, c, step, buffer, size);
  case LIMN_VERDICT_GENERATOR_WON:
    return tell_generator_won(a, c, step, buffer, size);
  case LIMN_VERDICT_DISCRIMINATOR_WON:
    return tell_discriminator_won(a, step, buffer, size);
  case LIMN_VERDICT_DISCRIMINATOR_AHEAD:
    return tell_ahead(a, step, buffer, size);
  default:
    break;
  }
  buffer[0] = '\0';
  return buffer;
}

static void list_signals(limn_state_list *list, limn_signals *s) {
  double *const all[] = {&s->loss_d, &s->loss_g, &s->d_real, &s->d_fake, &s->grad_norm_d, &s->grad_norm_g};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
    limn_state_number(list, all[i]);
}

static limn_state_list list_fields(limn_alarm *a) {
  limn_state_list list = {.count = 0};
  double *const numbers[] = {&a->balance.sum,    &a->balance.mean, &a->sight.variety, &a->sight.spread,
                             &a->sight.distance, &a->usual,        &a->most,          &a->early_d,
                             &a->early_g,        &a->most_g,       &a->rate_factor};
  uint64_t *const counts[] = {&a->balance.count, &a->balance.lost, &a->steps,   &a->since,      &a->looks,
                              &a->told,          &a->restores,     &a->healthy, &a->has_healthy};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; ++i)
    limn_state_count(&list, counts[i]);
  for (int v = 0; v < LIMN_VERDICTS; ++v)
    limn_state_count(&list, &a->in_a_row[v]);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i)
    limn_state_number(&list, numbers[i]);
  for (int i = 0; i < LIMN_ALARM_LOOKS; ++i)
    limn_state_number(&list, &a->before[i]);
  list_signals(&list, &a->sums);
  list_signals(&list, &a->means);
  return list;
}

const char *limn_alarm_write(const limn_alarm *alarm, char *buffer, size_t size) {
  limn_alarm copy = *alarm;
  const limn_state_list list = list_fields(&copy);
  return limn_state_write(&list, buffer, size);
}

void limn_alarm_read(limn_alarm *alarm, const char *text) {
  limn_alarm read;
  limn_alarm_init(&read);
  const limn_state_list list = list_fields(&read);
  limn_alarm_init(alarm);
  if (limn_state_read(&list, text))
    *alarm = read;
}
