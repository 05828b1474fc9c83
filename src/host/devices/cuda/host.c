/* The module's side of the door (devices/module.h): errors go to the library, the device comes from here. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"
#include "devices/module.h"

/* Which library opened this module: limn_fail has no object that it could hang off. */
static _Atomic(const limn_host *) the_host;

limn_status limn_fail(limn_status status, const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  return atomic_load(&the_host)->fail(status, line);
}

limn_status limn_fail_memory(const char *what) { return limn_fail(LIMN_FAILED, "out of memory for %s", what); }

const char *limn_error_message(void) { return atomic_load(&the_host)->message(); }

const char *limn_version(void) { return LIMN_VERSION; }

static const limn_module module = {
    .abi = LIMN_MODULE_ABI, .version = LIMN_VERSION, .device_create = cuda_device_create};

const limn_module *limn_module_open(const limn_host *host) {
  atomic_store(&the_host, host);
  return &module;
}
