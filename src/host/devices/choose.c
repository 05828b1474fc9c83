/* Choosing a device: the CPU, or CUDA's in its module. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu_device.h"
#include "devices/module.h"

/* missing: why there is no CUDA device although "auto" would have taken one; NULL: nobody asked for one. */
static limn_status create_cpu(limn_device **out, const limn_device_options *options, const char *missing) {
  limn_status status = limn_cpu_device_create(out, options);
  if (!missing)
    return status;
  if (status == LIMN_OK) {
    snprintf((*out)->note, sizeof(*out)->note, "no CUDA: %.200s; training on the CPU", missing);
    return LIMN_OK;
  }
  char message[512];
  snprintf(message, sizeof message, "%s", limn_error_message());
  return limn_fail(status, "%s (no CUDA: %.600s)", message, missing);
}

static limn_status create_cuda(limn_device **out, const limn_device_options *options, int index) {
  limn_device_options exact = *options;
  const limn_module *module;
  LIMN_TRY(limn_module_load(&module));
  exact.index = index;
  return module->device_create(out, &exact);
}

static limn_status create_best(limn_device **out, const limn_device_options *options) {
  char missing[1024];
  limn_status status = limn_module_expected();
  if (status == LIMN_OK)
    status = create_cuda(out, options, 0);
  if (status == LIMN_OK)
    return LIMN_OK;
  snprintf(missing, sizeof missing, "%s", limn_error_message());
  return create_cpu(out, options, missing);
}

/* N of "cuda:N", 0 of "cuda", -1 where it is neither. */
static int cuda_index(const char *name) {
  if (strcmp(name, "cuda") == 0)
    return 0;
  if (strncmp(name, "cuda:", 5) != 0)
    return -1;
  const char *digits = name + 5;
  size_t length = strspn(digits, "0123456789");
  return length > 0 && length <= 4 && !digits[length] ? atoi(digits) : -1;
}

limn_status limn_device_create(limn_device **out, const limn_device_options *options) {
  *out = NULL;
  const char *name = options->name ? options->name : "auto";
  if (strcmp(name, "auto") == 0)
    return create_best(out, options);
  if (strcmp(name, "cpu") == 0)
    return create_cpu(out, options, NULL);
  int index = cuda_index(name);
  if (index < 0)
    return limn_fail(LIMN_USAGE, "--device %s: there is no such device; use auto, cpu or cuda[:N]", name);
  return create_cuda(out, options, index);
}

void limn_device_destroy(limn_device *device) {
  if (device)
    device->ops->destroy(device);
}
