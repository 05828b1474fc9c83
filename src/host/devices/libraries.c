#include "devices/libraries.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static const struct {
  const char *file, *remedy;
} libraries[LIMN_LIBRARY_COUNT] = {
    [LIMN_LIBRARY_CUBLAS_LT] = {"libcublasLt.so.13", "run scripts/setup-cuda, or pip install nvidia-cublas"},
    [LIMN_LIBRARY_CUBLAS] = {"libcublas.so.13", "run scripts/setup-cuda, or pip install nvidia-cublas"},
    [LIMN_LIBRARY_NVRTC] = {"libnvrtc.so.13", "run scripts/setup-cuda, or pip install nvidia-cuda-nvrtc"},
    [LIMN_LIBRARY_CUDNN] = {"libcudnn.so.9", "run scripts/setup-cuda, or pip install nvidia-cudnn-cu13"},
};

/* Folders that may hold them, the likeliest first: a pattern behind the value of an environment variable, or behind our
 * own folder. */
#define OWN_FOLDER "."
static const struct {
  const char *before, *pattern;
} places[] = {
    {"CUDA_HOME", "/lib64"},
    {"CUDA_HOME", "/lib"},
    {OWN_FOLDER, "/cuda/lib"}, /* scripts/setup-cuda's prefix: beside the program, or beside the build that it is in */
    {OWN_FOLDER, "/../cuda/lib"},
    {NULL, "/usr/local/cuda/lib64"},
    {NULL, "/usr/local/cuda-13*/lib64"},
    {"VIRTUAL_ENV", "/lib/python3*/site-packages/nvidia/*/lib"},
    {"CONDA_PREFIX", "/lib"},
    {"CONDA_PREFIX", "/lib/python3*/site-packages/nvidia/*/lib"},
    {"HOME", "/.local/lib/python3*/site-packages/nvidia/*/lib"},
    {NULL, "/usr/local/lib/python3*/*-packages/nvidia/*/lib"},
    {NULL, "/usr/lib/python3*/*-packages/nvidia/*/lib"},
};

const char *limn_library_file(limn_library library) { return libraries[library].file; }

const char *limn_library_remedy(const char *file) {
  for (size_t i = 0; i < LIMN_LIBRARY_COUNT; ++i)
    if (strcmp(file, libraries[i].file) == 0)
      return libraries[i].remedy;
  return "run scripts/setup-cuda";
}

/* Cuts a path at its last slash. */
static void cut_file_name(char *path) {
  char *slash = strrchr(path, '/');
  if (slash)
    *slash = '\0';
}

const char *limn_library_own_folder(char *folder, size_t size) {
  char path[PATH_MAX];
  Dl_info info;
  void *map = NULL;
  folder[0] = '\0';
  if (!dladdr1((const void *)libraries, &info, &map, RTLD_DL_LINKMAP) || !map)
    return folder;
  const char *object = ((const struct link_map *)map)->l_name; /* "" for the program itself */
  if (!realpath(object[0] ? object : "/proc/self/exe", path))
    return folder;
  cut_file_name(path);
  snprintf(folder, size, "%s", path);
  return folder;
}

const char *limn_library_path(void *handle, char *path, size_t size) {
  struct link_map *map = NULL;
  snprintf(path, size, "%s", dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map ? map->l_name : "");
  return path;
}

static void *open_file(const char *path) { return dlopen(path, RTLD_NOW | RTLD_GLOBAL); }

static void *open_in(const char *folder, const char *file) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s/%s", folder, file);
  if (length < 0 || (size_t)length >= sizeof path || access(path, R_OK) != 0)
    return NULL;
  return open_file(path);
}

/* In the folders of LIMN_CUDA_LIBRARIES, separated by colons. */
static void *open_in_list(const char *list, const char *file) {
  char *copy = strdup(list ? list : ""), *rest = copy, *folder;
  void *handle = NULL;
  while (!handle && rest && (folder = strsep(&rest, ":")) != NULL)
    if (folder[0])
      handle = open_in(folder, file);
  free(copy);
  return handle;
}

/* In the folders that match; of several versions the last, which is the newest. */
static void *open_in_pattern(const char *pattern, const char *file) {
  glob_t found;
  void *handle = NULL;
  if (glob(pattern, 0, NULL, &found) != 0)
    return NULL;
  for (size_t i = found.gl_pathc; !handle && i-- > 0;)
    handle = open_in(found.gl_pathv[i], file);
  globfree(&found);
  return handle;
}

/* Beside one of the others that is open: what the module was linked with leads to the rest. */
static void *open_beside_others(const char *file) {
  char folder[PATH_MAX];
  void *handle = NULL;
  for (size_t i = 0; !handle && i < LIMN_LIBRARY_COUNT; ++i) {
    void *other = dlopen(libraries[i].file, RTLD_LAZY | RTLD_NOLOAD);
    if (!other)
      continue;
    limn_library_path(other, folder, sizeof folder);
    dlclose(other);
    cut_file_name(folder);
    handle = open_in(folder, file);
  }
  return handle;
}

static void *open_anywhere(const char *file) {
  char own[PATH_MAX], pattern[PATH_MAX + 64];
  void *handle = open_in_list(getenv("LIMN_CUDA_LIBRARIES"), file);
  if (!handle) /* where the dynamic linker looks */
    handle = open_file(file);
  if (!handle)
    handle = open_beside_others(file);
  limn_library_own_folder(own, sizeof own);
  for (size_t i = 0; !handle && i < sizeof places / sizeof *places; ++i) {
    const char *before = places[i].before;
    const char *start = !before ? "" : strcmp(before, OWN_FOLDER) == 0 ? own : getenv(before);
    if (!start || (before && !start[0]))
      continue;
    snprintf(pattern, sizeof pattern, "%s%s", start, places[i].pattern);
    handle = open_in_pattern(pattern, file);
  }
  return handle;
}

/* NVRTC opens its second half by its bare name, which leads nowhere in a folder that the dynamic linker does not know:
 * unless it is open already. */
static void open_nvrtc_builtins(void *nvrtc) {
  int major = 0, minor = 0, (*version)(int *, int *);
  char folder[PATH_MAX], file[64];
  *(void **)&version = dlsym(nvrtc, "nvrtcVersion");
  if (!version || version(&major, &minor) != 0)
    return;
  snprintf(file, sizeof file, "libnvrtc-builtins.so.%d.%d", major, minor);
  limn_library_path(nvrtc, folder, sizeof folder);
  cut_file_name(folder);
  open_in(folder, file);
}

limn_status limn_library_open(limn_library library, void **handle) {
  const char *file = libraries[library].file;
  void *opened = open_anywhere(file);
  if (handle)
    *handle = opened;
  if (!opened)
    return limn_fail(LIMN_DEVICE, "%s is nowhere on this machine: %s; LIMN_CUDA_LIBRARIES=FOLDER says where it lies",
                     file, libraries[library].remedy);
  if (library == LIMN_LIBRARY_NVRTC)
    open_nvrtc_builtins(opened);
  return LIMN_OK;
}

void limn_library_open_all(void) {
  for (int i = 0; i < LIMN_LIBRARY_COUNT; ++i)
    limn_library_open((limn_library)i, NULL);
}
