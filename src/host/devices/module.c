/* Finding and opening the CUDA module. */
#include "devices/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "devices/libraries.h"

#define MODULE_FILE "liblimn_cuda.so"
#define PATH_SIZE   (PATH_MAX + 64) /* of a folder with what is appended to it */

static limn_status host_fail(limn_status status, const char *message) { return limn_fail(status, "%s", message); }

static const limn_host host = {
    .abi = LIMN_MODULE_ABI, .version = LIMN_VERSION, .fail = host_fail, .message = limn_error_message};

/* What the environment names, NULL when that is nothing. */
static const char *named_module(void) {
  const char *path = getenv("LIMN_CUDA_MODULE");
  return path && path[0] ? path : NULL;
}

limn_status limn_module_expected(void) {
  if (named_module())
    return LIMN_OK;
  void *driver = dlopen("libcuda.so.1", RTLD_LAZY);
  if (!driver)
    return limn_fail(LIMN_DEVICE, "no NVIDIA driver (libcuda.so.1)");
  dlclose(driver);
  return LIMN_OK;
}

/* The module's file into `path`. */
static limn_status find_module(char *path, size_t size) {
  char own[PATH_MAX];
  const char *named = named_module();
  if (named) { /* with a slash, so that dlopen takes it for a path and not for a name to look up */
    snprintf(path, size, "%s%s", strchr(named, '/') ? "" : "./", named);
    return LIMN_OK;
  }
  limn_library_own_folder(own, sizeof own);
  static const char *const inside[] = {"/", "/../lib/limn/", "/../lib/"};
  for (size_t i = 0; own[0] && i < sizeof inside / sizeof *inside; ++i) {
    snprintf(path, size, "%s%s%s", own, inside[i], MODULE_FILE);
    if (access(path, R_OK) == 0)
      return LIMN_OK;
  }
  snprintf(path, size, "%s/%s", LIMN_MODULE_FOLDER, MODULE_FILE);
  if (access(path, R_OK) == 0)
    return LIMN_OK;
  return limn_fail(
      LIMN_DEVICE,
      "this Limn has no CUDA module: there is no %s in %s or %s; run scripts/setup-cuda, then scripts/build",
      MODULE_FILE, own, LIMN_MODULE_FOLDER);
}

/* The library that dlopen missed, by its message ("libcudnn.so.9: cannot open shared object file: ..."), into `file`;
 * "" when that was not the reason. */
static void missing_library(const char *message, const char *module, char *file, size_t size) {
  const char *colon = strstr(message, ": cannot open shared object file");
  size_t length = colon ? (size_t)(colon - message) : 0;
  if (length >= size || (length == strlen(module) && strncmp(message, module, length) == 0))
    length = 0; /* it is the module itself that is missing */
  memcpy(file, message, length);
  file[length] = '\0';
}

static const char *last_linker_error(void) {
  const char *message = dlerror();
  return message ? message : "unknown error";
}

static limn_status open_failed(const char *path, const char *message) {
  const char *by = named_module() ? "LIMN_CUDA_MODULE=" : "the CUDA module ";
  char missing[128];
  missing_library(message, path, missing, sizeof missing);
  if (missing[0])
    return limn_fail(LIMN_DEVICE, "%s%s needs %s, which is nowhere on this machine: %s", by, path, missing,
                     limn_library_remedy(missing));
  /* dlopen's message mostly begins with the path. */
  size_t length = strlen(path);
  if (strncmp(message, path, length) == 0 && strncmp(message + length, ": ", 2) == 0)
    message += length + 2;
  return limn_fail(LIMN_DEVICE, "%s%s: %s; build it with scripts/build", by, path, message);
}

static limn_status open_module(const char *path, void **handle) {
  char message[1024], missing[128];
  for (int attempt = 0; attempt < 2; ++attempt) {
    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (*handle)
      return LIMN_OK;
    snprintf(message, sizeof message, "%s", last_linker_error());
    missing_library(message, path, missing, sizeof missing);
    if (attempt > 0 || !missing[0])
      break;
    limn_library_open_all(); /* what is open already is not looked for */
  }
  return open_failed(path, message);
}

/* Asks an opened module for its table. */
static limn_status greet(void *handle, const char *path, const limn_module **out) {
  const limn_module *(*open_door)(const limn_host *);
  *(void **)&open_door = dlsym(handle, LIMN_MODULE_SYMBOL);
  if (!open_door)
    return limn_fail(LIMN_DEVICE, "%s is no module of Limn (it has no %s); build it with scripts/build", path,
                     LIMN_MODULE_SYMBOL);
  const limn_module *module = open_door(&host);
  if (module->abi != LIMN_MODULE_ABI)
    return limn_fail(LIMN_DEVICE, "%s has the interface %d, and this Limn %d: build both from the same sources", path,
                     module->abi, LIMN_MODULE_ABI);
  if (strcmp(module->version, LIMN_VERSION) != 0)
    return limn_fail(LIMN_DEVICE, "%s is of Limn %s, and this is %s: build both from the same sources", path,
                     module->version, LIMN_VERSION);
  *out = module;
  return LIMN_OK;
}

limn_status limn_module_load(const limn_module **out) {
  char path[PATH_SIZE];
  void *handle;
  *out = NULL;
  LIMN_TRY(find_module(path, sizeof path));
  LIMN_TRY(open_module(path, &handle));
  limn_status status = greet(handle, path, out);
  if (status != LIMN_OK)
    dlclose(handle);
  else /* cuDNN will ask for it; where it is missing, plans that need it fail and say so */
    limn_library_open(LIMN_LIBRARY_NVRTC, NULL);
  return status;
}
