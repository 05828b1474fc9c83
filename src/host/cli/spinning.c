#include "spinning.h"

#include <stdlib.h>
#include <unistd.h>

/* libgomp's own 300,000 rounds are some milliseconds: on a machine that does something else too, a thread that waits
 * for another burns the time that the other needs, and steps take tens of times as long. 5,000 rounds outlast the gaps
 * between a step's kernels, so that a quiet machine loses nothing (docs/performance.md). */
#define ROUNDS "5000"

void cli_limit_spinning(char **argv) {
  if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY") || setenv("GOMP_SPINCOUNT", ROUNDS, 1) != 0)
    return;
  execv("/proc/self/exe", argv);
}
