/* What kernels need of the compiler, under nvcc. Tests compile the same kernels for the host, with a header of the same
 * name on the include path; so kernels launch and share memory by these macros alone. */
#ifndef LIMN_LAUNCH_H
#define LIMN_LAUNCH_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

/* A template's instance goes in parentheses: LIMN_LAUNCH((kernel<float, 4>), ...). */
#define LIMN_LAUNCH(kernel, grid, block, shared, stream, ...)                                                          \
  kernel<<<(grid), (block), (shared), (stream)>>>(__VA_ARGS__)

/* LIMN_SHARED(float, tile, [32][33]); */
#define LIMN_SHARED(type, name, dims) __shared__ type name dims

/* type *name: the bytes that the launch asked for. */
#define LIMN_DYNAMIC_SHARED(type, name)                                                                                \
  extern __shared__ __align__(16) unsigned char limn_dynamic_shared[];                                                 \
  type *name = reinterpret_cast<type *>(limn_dynamic_shared)

#endif
