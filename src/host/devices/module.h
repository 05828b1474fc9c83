/* The door between the library and a device in a shared object: liblimn_cuda.so, which is opened when it is asked for,
 * so that a machine without NVIDIA's libraries needs none of them.
 *
 * The module has its own copies of graph/, base/ and what else it needs of devices/, all hidden. Errors alone are
 * shared: the message of a failure belongs to the calling thread, in the library. */
#ifndef LIMN_DEVICES_MODULE_H
#define LIMN_DEVICES_MODULE_H

#include "devices/device.h"

/* Grows with every change of what crosses the door: this header, device.h, or graph.h. */
#define LIMN_MODULE_ABI 6

/* What the library gives. Static: it outlives the module. */
typedef struct limn_host {
  int abi;
  const char *version;                                          /* limn_version() of the library */
  limn_status (*fail)(limn_status status, const char *message); /* limn_fail with a finished message */
  const char *(*message)(void);                                 /* limn_error_message */
} limn_host;

/* What the module gives. Static too; `abi` stays the first member, whatever else changes. */
typedef struct limn_module {
  int abi;
  const char *version;
  limn_status (*device_create)(limn_device **out, const limn_device_options *options);
} limn_module;

/* The one symbol that a module exports; never NULL. The module compares no versions: that is the library's part. */
#define LIMN_MODULE_SYMBOL "limn_module_open"
LIMN_API const limn_module *limn_module_open(const limn_host *host);

/* The CUDA module: the file that the environment names in LIMN_CUDA_MODULE, else liblimn_cuda.so beside the program or
 * library, in ../lib/limn or ../lib, or in the folder that was compiled in. It is opened for good; doing so again is
 * cheap. LIMN_DEVICE names what is missing and what brings it. */
limn_status limn_module_load(const limn_module **out);

/* LIMN_OK where a CUDA device may be there: a quick look for NVIDIA's driver. LIMN_CUDA_MODULE counts as one. */
limn_status limn_module_expected(void);

#endif
