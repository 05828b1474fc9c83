/* Shared libraries of NVIDIA's, wherever they lie: with the system's, in a toolkit, in the prefix that
 * scripts/setup-cuda makes, or in a Python environment. */
#ifndef LIMN_DEVICES_LIBRARIES_H
#define LIMN_DEVICES_LIBRARIES_H

#include <stddef.h>

#include "limn/status.h"

/* What Limn opens, in order of dependency: a later one may need an earlier one. */
typedef enum limn_library {
  LIMN_LIBRARY_CUBLAS_LT,
  LIMN_LIBRARY_CUBLAS,
  LIMN_LIBRARY_NVRTC, /* compiles cuDNN's fused plans; opened by cuDNN when it needs it */
  LIMN_LIBRARY_CUDNN, /* opens its own parts, from its own folder */
  LIMN_LIBRARY_COUNT
} limn_library;

/* "libcudnn.so.9" */
const char *limn_library_file(limn_library library);
/* "run scripts/setup-cuda, or pip install nvidia-cudnn-cu13": for the file that a message names; never NULL. */
const char *limn_library_remedy(const char *file);

/* Opens the library for the whole process and leaves it open: where the dynamic linker finds it, else from the first
 * folder that has it. *handle (may be NULL) is never to be closed. LIMN_DEVICE names the file and what brings it. */
limn_status limn_library_open(limn_library library, void **handle);

/* Opens all of them; what is missing is left out. */
void limn_library_open_all(void);

/* The file that an opened library came from, "" where that is not known. Returns `path`. */
const char *limn_library_path(void *handle, char *path, size_t size);

/* The folder of the program, or of the shared library, that this code is in; "" where that is not known. Returns
 * `folder`. */
const char *limn_library_own_folder(char *folder, size_t size);

#endif
