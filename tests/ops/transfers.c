#include "transfers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"
#include "setup.h"

static limn_status check_floats(limn_tensor *tensor, float *sent, float *got, size_t count) {
  LIMN_TRY(limn_tensor_download(tensor, got));
  for (size_t i = 0; i < count; ++i)
    if (got[i] != 0)
      return limn_fail(LIMN_FAILED, "element %zu of a new tensor is %g, not 0", i, (double)got[i]);
  limn_philox_uniform(OPS_SEED, LIMN_STREAM_SAMPLE, 0, 0, sent, count);
  LIMN_TRY(limn_tensor_upload(tensor, sent));
  memset(got, 0, count * sizeof *got);
  LIMN_TRY(limn_tensor_download(tensor, got));
  for (size_t i = 0; i < count; ++i)
    if (got[i] != sent[i])
      return limn_fail(LIMN_FAILED, "element %zu was sent as %.9g and came back as %.9g", i, (double)sent[i],
                       (double)got[i]);
  return LIMN_OK;
}

static limn_status check_tensor(limn_device *device, limn_role role, limn_shape shape) {
  size_t count = (size_t)limn_shape_count(shape);
  limn_tensor *tensor = NULL;
  float *sent = malloc(count * sizeof *sent), *got = malloc(count * sizeof *got);
  limn_status status = sent && got ? LIMN_OK : limn_fail_memory("a tensor to send");
  if (status != LIMN_OK)
    goto cleanup;
  LIMN_TRY_OR_CLEANUP(status, device->ops->tensor_create(device, role, shape, &tensor));
  LIMN_TRY_OR_CLEANUP(status, check_floats(tensor, sent, got, count));
cleanup:
  if (status != LIMN_OK)
    limn_fail(status, "role %d, shape (%d, %d, %d, %d): %s", (int)role, shape.n, shape.c, shape.h, shape.w,
              limn_error_message());
  if (tensor)
    device->ops->tensor_destroy(tensor);
  free(sent);
  free(got);
  return status;
}

limn_status transfers_check(limn_device *device) {
  static const limn_shape shapes[] = {{1, 1, 1, 1},   {2, 3, 5, 7},   {1, 20, 3, 3},  {4, 16, 2, 2},
                                      {20, 16, 3, 3}, {32, 32, 4, 4}, {16, 1, 4, 4},  {3, 100, 1, 1},
                                      {64, 32, 1, 1}, {1, 24, 5, 7},  {24, 40, 3, 5}, {2, 48, 1, 9}};
  for (int role = LIMN_ROLE_INPUT; role <= LIMN_ROLE_OPTIMIZER; ++role)
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
      LIMN_TRY(check_tensor(device, (limn_role)role, shapes[i]));
  return LIMN_OK;
}
