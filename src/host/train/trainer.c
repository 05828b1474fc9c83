/* What the files of the loop share: telling the caller, and what is left when a training diverges. */
#include "train/trainer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

void limn_trainer_tell(const limn_trainer *t, limn_event event) {
  event.step = t->state.step;
  event.steps = t->steps;
  if (t->options->on_event)
    t->options->on_event(t->options->context, &event);
}

void limn_trainer_notice(const limn_trainer *t, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  limn_trainer_tell(t, (limn_event){.kind = LIMN_EVENT_NOTICE, .text = text});
}

void limn_trainer_pass_on_note(const limn_trainer *t) {
  char *note = t->session.device->note;
  if (note[0])
    limn_trainer_notice(t, "%s", note);
  note[0] = 0;
}

limn_status limn_trainer_diverged(const limn_trainer *t, uint64_t step) {
  char path[LIMN_PATH_SIZE], cause[512];
  limn_diagnose(&t->trend, t->config, cause, sizeof cause);
  if (!t->result->checkpoint)
    return limn_fail(LIMN_DIVERGED, "%s at step %" PRIu64 ", before the first checkpoint; %s", limn_error_message(),
                     step, cause);
  return limn_fail(LIMN_DIVERGED, "%s at step %" PRIu64 "; %s; the last good checkpoint is %s", limn_error_message(),
                   step, cause, limn_run_checkpoint_path(t->run, t->result->checkpoint, path, sizeof path));
}
