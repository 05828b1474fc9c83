#include <stdlib.h>

#include "base/error.h"
#include "base/philox.h"
#include "data/loader.h"

limn_status limn_split(uint32_t count, double part, uint64_t seed, uint32_t **training, uint32_t *training_count,
                       uint32_t **validation, uint32_t *validation_count) {
  *training = *validation = NULL;
  *training_count = *validation_count = 0;
  if (count == 0)
    return limn_fail(LIMN_DATA, "no pictures to divide into training and validation");
  if (!(part >= 0.0 && part < 1.0))
    return limn_fail(LIMN_USAGE, "a validation part of %g is not possible; give 0 to 0.5", part);
  uint32_t held_out = (uint32_t)((double)count * part + 0.5);
  if (held_out == 0 && part > 0.0)
    held_out = 1;
  if (held_out >= count) /* there is always something to train on */
    held_out = count - 1;
  uint32_t *order = malloc(count * sizeof *order);
  char *is_held_out = calloc(count, 1);
  *training = malloc((count - held_out) * sizeof **training);
  *validation = malloc((held_out ? held_out : 1) * sizeof **validation);
  limn_status status = LIMN_OK;
  if (!order || !is_held_out || !*training || !*validation) {
    free(*training);
    free(*validation);
    *training = *validation = NULL;
    status = limn_fail_memory("dividing the data set");
    goto cleanup;
  }
  limn_philox_permutation(seed, LIMN_STREAM_SPLIT, 0, order, count);
  for (uint32_t i = 0; i < held_out; ++i)
    is_held_out[order[i]] = 1;
  /* Both parts keep the order of the data set. */
  for (uint32_t i = 0; i < count; ++i)
    if (is_held_out[i])
      (*validation)[(*validation_count)++] = i;
    else
      (*training)[(*training_count)++] = i;
cleanup:
  free(order);
  free(is_held_out);
  return status;
}
