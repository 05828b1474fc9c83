/* What a training run says while it goes: on a terminal one live line, in a log a plain line now and then. */
#ifndef LIMN_CLI_PROGRESS_H
#define LIMN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "limn/train.h"

typedef struct cli_progress {
  int verbosity;       /* -1 quiet, 0, 1 verbose */
  bool live, colour;   /* standard error is a terminal; it may be coloured */
  bool shown;          /* a live line stands on the screen */
  bool pending;        /* `line` was not printed yet (not a terminal) */
  bool printed;        /* a line of steps was */
  double last;         /* when, in seconds of the monotonic clock */
  char line[1024];     /* of the last steps */
  char validation[96]; /* of the last validation, "" before */
} cli_progress;

void cli_progress_init(cli_progress *progress, int verbosity);
/* limn_train_options.on_event; context is the cli_progress. */
void cli_progress_event(void *context, const limn_event *event);
/* Leaves the last state on the screen, complete, on a line of its own. Harmless when called again. */
void cli_progress_finish(cli_progress *progress);

#endif
