/* What an engine's time is: the card's, in which that of the host has no part. By the virtual GPU's clock of chance
 * each launch takes the card 1 to 2 ms, and the host 3 ms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/cuda/cuda.h"
#include "devices/module.h"

static char said[512];

static limn_status fail(limn_status status, const char *message) {
  snprintf(said, sizeof said, "%s", message);
  return status;
}
static const char *message(void) { return said; }

static int failures;
#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      ++failures;                                                                                                      \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                  \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fputc('\n', stderr);                                                                                             \
    }                                                                                                                  \
  } while (0)

static const cuda_operation operation = {.kind = LIMN_TASK_CONV,
                                         .x = {2, 8, 8, 8},
                                         .w = {8, 8, 4, 4},
                                         .y = {2, 8, 4, 4},
                                         .attrs = {2, 2, 1, 1},
                                         .type = LIMN_BF16,
                                         .result = LIMN_BF16,
                                         .activation = LIMN_PW_COUNT};

static void check_time(struct cuda_device *cuda, const cuda_plan *plan, const cuda_operation *o, int launches,
                       const char *what) {
  double seconds = 0;
  CHECK(cuda_measure_plan(cuda, plan, o, &seconds) == LIMN_OK, "%s: %s", what, said);
  CHECK(seconds >= launches * 1e-3 && seconds < launches * 2e-3, "%s: %g s", what, seconds);
}

int main(void) {
  const limn_host host = {.abi = LIMN_MODULE_ABI, .version = LIMN_VERSION, .fail = fail, .message = message};
  limn_device *device = NULL;
  cuda_plan *plan = NULL;
  setenv("LIMN_CACHE", "", 1);
  setenv("LIMN_VIRTUAL_GPU_CLOCK", "7", 1);
  if (limn_module_open(&host)->device_create(&device, &(limn_device_options){.precision = "bf16"}) != LIMN_OK) {
    fprintf(stderr, "%s\n", said);
    return 1;
  }
  struct cuda_device *cuda = (struct cuda_device *)device;
  CHECK(cuda_plan_create(&plan, cuda->planner, &operation) == LIMN_OK && plan, "%s", said);
  if (plan)
    check_time(cuda, plan, &operation, 1, "a convolution");
  cuda_plan_destroy(plan);
  cuda_operation fused = operation;
  fused.bias = true;
  fused.activation = LIMN_PW_LEAKY_RELU;
  fused.slope = 0.2F;
  check_time(cuda, NULL, &fused, 2, "a convolution and what follows");
  device->ops->destroy(device);
  puts(failures ? "failed" : "ok");
  return failures != 0;
}
