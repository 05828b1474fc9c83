/* What the files of a run are called. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "run/folder.h"

const char *limn_run_checkpoint_path(const limn_run *run, uint64_t step, char *buffer, size_t size) {
  snprintf(buffer, size, "%s/checkpoints/%06" PRIu64 ".safetensors", run->path, step);
  return buffer;
}

const char *limn_run_sample_path(const limn_run *run, uint64_t step, const char *suffix, char *buffer, size_t size) {
  snprintf(buffer, size, "%s/samples/%06" PRIu64 "%s.png", run->path, step, suffix ? suffix : "");
  return buffer;
}

const char *limn_run_checkpoint_name(uint64_t step, char name[LIMN_CHECKPOINT_NAME]) {
  snprintf(name, LIMN_CHECKPOINT_NAME, "%06" PRIu64 ".safetensors", step);
  return name;
}

bool limn_run_step_of(const char *name, uint64_t *step) {
  char digits[LIMN_CHECKPOINT_NAME], again[LIMN_CHECKPOINT_NAME];
  size_t length = strspn(name, "0123456789");
  if (length >= sizeof digits)
    return false;
  memcpy(digits, name, length);
  digits[length] = '\0';
  return limn_text_to_uint64(digits, step) && strcmp(limn_run_checkpoint_name(*step, again), name) == 0;
}
