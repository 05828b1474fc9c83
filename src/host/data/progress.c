#include "data/progress.h"

#include "base/clock.h"

#define PATIENCE 2.0 /* seconds after which it is said what is going on */

void limn_progress_begin(limn_progress *progress) {
  *progress = (limn_progress){.caller = pthread_self(), .started = limn_clock()};
}

bool limn_progress_due(limn_progress *progress, uint32_t *done, double *seconds) {
  *done = progress->done++;
  if (!pthread_equal(pthread_self(), progress->caller) || progress->told) /* told: the caller's alone */
    return false;
  *seconds = limn_clock() - progress->started;
  progress->told = *seconds >= PATIENCE && *done > 0;
  return progress->told;
}
