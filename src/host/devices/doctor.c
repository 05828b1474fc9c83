/* The machine as Limn sees it. */
#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory_limit.h"
#include "devices/cards.h"
#include "devices/libraries.h"
#include "devices/module.h"
#include "limn/tools.h"

struct report {
  limn_doctor_line *lines;
  size_t capacity, count;
};

/* Lines beyond the capacity are counted and not kept. */
static void add(struct report *r, const char *what, int usable, const char *found, const char *remedy) {
  if (r->count++ >= r->capacity)
    return;
  limn_doctor_line *line = &r->lines[r->count - 1];
  *line = (limn_doctor_line){.usable = usable};
  snprintf(line->what, sizeof line->what, "%s", what);
  snprintf(line->found, sizeof line->found, "%s", found);
  snprintf(line->remedy, sizeof line->remedy, "%s", remedy);
}

/* The driver's and the libraries' own versions are asked by name, as this file knows none of NVIDIA's headers. */
static void add_driver(struct report *r) {
  char found[192], path[PATH_MAX];
  int version = 0, (*ask)(int *);
  void *handle = dlopen("libcuda.so.1", RTLD_LAZY);
  if (!handle) {
    add(r, "NVIDIA driver", 0, "none (libcuda.so.1)", "for training on an NVIDIA GPU install its driver, 580 or later");
    return;
  }
  *(void **)&ask = dlsym(handle, "cuDriverGetVersion");
  if (!ask || ask(&version) != 0)
    version = 0;
  limn_library_path(handle, path, sizeof path);
  snprintf(found, sizeof found, "CUDA %d.%d, %.150s", version / 1000, version % 1000 / 10, path);
  add(r, "NVIDIA driver", version >= 13000, found,
      version >= 13000 ? "" : "Limn's CUDA module needs a driver for CUDA 13: 580 or later");
  dlclose(handle);
}

static void cudnn_version(void *handle, char *text, size_t size) {
  size_t (*ask)(void);
  *(void **)&ask = dlsym(handle, "cudnnGetVersion");
  size_t version = ask ? ask() : 0;
  snprintf(text, size, "%zu.%zu.%zu", version / 10000, version % 10000 / 100, version % 100);
}

static void cublas_version(void *handle, char *text, size_t size) {
  int part[3] = {0}, (*ask)(int, int *); /* 0, 1, 2: major, minor, patch */
  *(void **)&ask = dlsym(handle, "cublasGetProperty");
  for (int i = 0; ask && i < 3; ++i)
    ask(i, &part[i]);
  snprintf(text, size, "%d.%d.%d", part[0], part[1], part[2]);
}

static void add_library(struct report *r, const char *what, limn_library library,
                        void (*ask)(void *handle, char *text, size_t size)) {
  char version[48], path[PATH_MAX], found[192];
  void *handle;
  const char *file = limn_library_file(library);
  if (limn_library_open(library, &handle) != LIMN_OK) {
    snprintf(found, sizeof found, "none (%s)", file);
    add(r, what, 0, found, limn_library_remedy(file));
    return;
  }
  ask(handle, version, sizeof version);
  limn_library_path(handle, path, sizeof path);
  snprintf(found, sizeof found, "%s, %.140s", version, path);
  add(r, what, 1, found, "");
}

/* The device that the module makes. */
static void add_cuda(struct report *r, const limn_module *module) {
  limn_device *device = NULL;
  Dl_info info;
  char found[192];
  bool known = dladdr((const void *)module, &info) && info.dli_fname;
  snprintf(found, sizeof found, "%.30s, %.150s", module->version, known ? info.dli_fname : "");
  add(r, "CUDA module", 1, found, "");
  if (module->device_create(&device, &(limn_device_options){.name = "cuda"}) == LIMN_OK)
    add(r, "CUDA", 1, device->description, "");
  else
    add(r, "CUDA", 0, limn_error_message(), "");
  limn_device_destroy(device);
}

/* With all that it can do. */
static void add_cpu(struct report *r) {
  limn_device *device = NULL;
  if (limn_device_create(&device, &(limn_device_options){.name = "cpu", .precision = "bf16"}) == LIMN_OK ||
      limn_device_create(&device, &(limn_device_options){.name = "cpu"}) == LIMN_OK)
    add(r, "CPU", 1, device->description, "");
  else
    add(r, "CPU", 0, limn_error_message(), "");
  limn_device_destroy(device);
}

limn_status limn_doctor(limn_doctor_line *lines, size_t capacity, size_t *count) {
  struct report report = {lines, capacity, 0};
  add_cpu(&report);
  char memory[64];
  const limn_memory_limit limit = limn_memory_limit_read(NULL);
  snprintf(memory, sizeof memory, "%.1f GB, %.1f GB of it available", (double)limit.most / 1e9,
           (double)limit.available / 1e9);
  add(&report, "memory", 1, memory, "");
  add_driver(&report);
  const limn_module *module;
  if (limn_module_load(&module) != LIMN_OK)
    add(&report, "CUDA module", 0, limn_error_message(), "");
  else
    add_cuda(&report, module);
  /* Last, so that these are the ones that the module uses. */
  add_library(&report, "cuDNN", LIMN_LIBRARY_CUDNN, cudnn_version);
  add_library(&report, "cuBLAS", LIMN_LIBRARY_CUBLAS, cublas_version);
  *count = report.count;
  return LIMN_OK;
}

limn_status limn_doctor_card(char **text, const char *name) {
  *text = NULL;
  if (strncmp(name, "cuda", 4) != 0)
    return limn_fail(LIMN_USAGE, "%s is no card: name cuda or cuda:N", name);
  limn_device *device;
  LIMN_TRY(limn_device_create(&device, &(limn_device_options){.name = name, .planning = 1}));
  const limn_card *card = device->card;
  limn_status status = limn_card_text(text, card);
  if (status == LIMN_OK && (card->fp32 <= 0 || card->tf32 <= 0 || card->half <= 0 || card->bandwidth <= 0))
    status = limn_fail(LIMN_DATA,
                       "how fast a %s is Limn does not know: put in what is 0 of fp32, tf32, half (FLOP/s) "
                       "and bandwidth (bytes/s)",
                       card->name);
  limn_device_destroy(device);
  return status;
}
