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

/* What to try: a penalty that is large for its rate is the first to overflow. */
static const char *way_out(const limn_config *c) {
  return c->r1 > 0 || c->r2 > 0 || c->gradient_penalty > 0 ? "a lower lr, or less of r1, r2 and gradient_penalty"
                                                           : "a lower lr";
}

limn_status limn_trainer_diverged(const limn_trainer *t, uint64_t step) {
  char path[LIMN_PATH_SIZE];
  if (!t->result->checkpoint)
    return limn_fail(LIMN_DIVERGED, "%s at step %" PRIu64 ", before the first checkpoint; try %s", limn_error_message(),
                     step, way_out(t->config));
  return limn_fail(LIMN_DIVERGED, "%s at step %" PRIu64 "; the last good checkpoint is %s", limn_error_message(), step,
                   limn_run_checkpoint_path(t->run, t->result->checkpoint, path, sizeof path));
}
