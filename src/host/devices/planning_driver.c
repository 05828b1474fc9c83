/* The planning driver (cmake/make_planning_driver.sh): a libcuda.so.1 for planning where NVIDIA's is not installed. */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>

#include "base/error.h"
#include "devices/cards.h"
#include "devices/libraries.h"

#define DRIVER_FILE "planning/libcuda.so.1"

limn_status limn_planning_driver_open(void) {
  char own[PATH_MAX], path[PATH_MAX + 64];
  if (dlopen("libcuda.so.1", RTLD_LAZY)) /* stays open: cuDNN asks for it too */
    return LIMN_OK;
  limn_library_own_folder(own, sizeof own);
  static const char *const inside[] = {"/", "/../lib/limn/", "/../lib/"};
  for (size_t i = 0; own[0] && i < sizeof inside / sizeof *inside; ++i) {
    snprintf(path, sizeof path, "%s%s" DRIVER_FILE, own, inside[i]);
    if (dlopen(path, RTLD_LAZY)) /* from now on it answers to the name libcuda.so.1 */
      return LIMN_OK;
  }
  if (dlopen(LIMN_MODULE_FOLDER "/" DRIVER_FILE, RTLD_LAZY))
    return LIMN_OK;
  return limn_fail(LIMN_DEVICE, "no NVIDIA driver and no %s beside limn", DRIVER_FILE);
}
