/* A module without a device behind it, for the tests of the door (unit/module.c). Compiled several times: STUB_ABI and
 * STUB_VERSION say what it claims to be, STUB_WORKS whether it has a device. */
#include "devices/module.h"

#include <stdio.h>
#include <stdlib.h>

static const limn_host *library;

static void stub_destroy(limn_device *device) { free(device); }

static const limn_device_ops stub_ops = {.kind = "stub", .destroy = stub_destroy};

/* Its description, or its error, is what it was asked for. */
static limn_status stub_create(limn_device **out, const limn_device_options *options) {
  char asked[96], message[128];
  snprintf(asked, sizeof asked, "%d, %.20s, %s", options->index, options->precision ? options->precision : "none",
           options->deterministic ? "deterministic" : "free");
  if (!STUB_WORKS) {
    snprintf(message, sizeof message, "the stub has\nno card %s", asked);
    return library->fail(LIMN_DEVICE, message);
  }
  limn_device *device = calloc(1, sizeof *device);
  if (!device)
    return library->fail(LIMN_FAILED, "out of memory for a stub");
  device->ops = &stub_ops;
  device->seed = options->seed;
  snprintf(device->description, sizeof device->description, "stub %s", asked);
  *out = device;
  return LIMN_OK;
}

static const limn_module module = {.abi = STUB_ABI, .version = STUB_VERSION, .device_create = stub_create};

const limn_module *limn_module_open(const limn_host *host) {
  library = host;
  return &module;
}
