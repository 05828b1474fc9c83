/* A device that runs nothing: it shows each graph that is compiled for it. So a test sees the very graphs that a
 * training session builds. */
#ifndef LIMN_TESTS_SUPPORT_SPY_DEVICE_H
#define LIMN_TESTS_SUPPORT_SPY_DEVICE_H

#include <stdlib.h>

#include "devices/device.h"

typedef struct spy_device {
  limn_device base;
  void (*see)(void *context, int index, const limn_graph *graph); /* index: 0 for the first graph compiled */
  void *context;
  int programs;
} spy_device;

static inline void spy_destroy(limn_device *device) { (void)device; }

static inline limn_status spy_tensor_create(limn_device *device, limn_role role, limn_shape shape, limn_tensor **out) {
  *out = malloc(sizeof **out);
  if (!*out)
    return LIMN_FAILED;
  **out = (limn_tensor){.device = device, .role = role, .shape = shape};
  return LIMN_OK;
}

static inline void spy_tensor_destroy(limn_tensor *tensor) { free(tensor); }

static inline limn_status spy_program_create(limn_device *device, const limn_graph *graph, limn_tensor *const *leaves,
                                             const limn_program_options *options, limn_program **out) {
  spy_device *spy = (spy_device *)device;
  (void)leaves;
  (void)options;
  *out = malloc(sizeof **out);
  if (!*out)
    return LIMN_FAILED;
  (*out)->device = device;
  spy->see(spy->context, spy->programs++, graph);
  return LIMN_OK;
}

static inline void spy_program_destroy(limn_program *program) { free(program); }

static inline const limn_device_ops *spy_ops(void) {
  static const limn_device_ops ops = {.kind = "spy",
                                      .destroy = spy_destroy,
                                      .tensor_create = spy_tensor_create,
                                      .tensor_destroy = spy_tensor_destroy,
                                      .program_create = spy_program_create,
                                      .program_destroy = spy_program_destroy};
  return &ops;
}

#endif
