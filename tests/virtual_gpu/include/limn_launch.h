/* CUDA C++ for the host: what Limn's kernels may use, under the same names as the header of this name for nvcc. Threads
 * of a block are fibers in random order, blocks too; arguments are frozen at the launch; shared memory is born full of
 * NaN. */
#ifndef LIMN_LAUNCH_H
#define LIMN_LAUNCH_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <math.h>
#include <string.h>
#include <vector_functions.h>
#include <vector_types.h>

#include <functional>
#include <tuple>
#include <type_traits>

/* A static of the function would be shared memory that keeps its values from block to block. */
#undef __shared__
#define __shared__ use_LIMN_SHARED_instead
#undef __constant__
#define __constant__
#undef __launch_bounds__
#define __launch_bounds__(...)

#define LIMN_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                                    \
  virtual_gpu::launch(#kernel, kernel, grid, block, shared_bytes, stream __VA_OPT__(, ) __VA_ARGS__)

/* LIMN_SHARED(float, tile, [16][17]): tile is a float[16][17]. */
#define LIMN_SHARED(type, name, dims)                                                                                  \
  static char name##_key;                                                                                              \
  auto &name = *static_cast<type(*) dims>(virtual_gpu::shared(&name##_key, sizeof(type dims)))
#define LIMN_DYNAMIC_SHARED(type, name) type *name = static_cast<type *>(virtual_gpu::dynamic_shared())

#pragma GCC visibility push(hidden)

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
enum { warpSize = 32 };

namespace virtual_gpu {

constexpr size_t MAX_ARGUMENT_BYTES = 4096; /* what every GPU and toolkit takes */

/* Memory of the running block; the same key gives its threads the same memory. */
void *shared(const void *key, size_t bytes);
void *dynamic_shared();
/* The place of the barrier is its identity: a compiler may copy the call, never the line. */
void barrier(const char *file, int line);

struct launch_shape {
  dim3 grid, block;
  size_t shared_bytes;
};

/* Puts a kernel, whose threads each call `thread`, on the stream. Errors are for cudaGetLastError. */
void enqueue_kernel(const char *name, const launch_shape &shape, cudaStream_t stream, std::function<void()> thread);
/* Ends the program unless p is NULL or live device memory. */
void check_kernel_pointer(const char *name, const void *p);

template <class P> void check_kernel_argument(const char *name, const P &p) {
  if constexpr (std::is_pointer_v<P>)
    check_kernel_pointer(name, reinterpret_cast<const void *>(p));
}

template <class... P> constexpr size_t argument_bytes() {
  size_t bytes = 0;
  ((bytes = (bytes + alignof(P) - 1) / alignof(P) * alignof(P) + sizeof(P)), ...);
  return bytes;
}

/* Takes arguments with the conversions that a call of the kernel would make, and no others. */
template <class... P> struct frozen {
  static std::tuple<P...> arguments(P... p) { return std::tuple<P...>(p...); }
};

template <class... P, class... A>
void launch(const char *name, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
            A &&...a) {
  static_assert(argument_bytes<P...>() <= MAX_ARGUMENT_BYTES, "a kernel takes up to 4 KB of arguments");
  std::tuple<P...> arguments = frozen<P...>::arguments(std::forward<A>(a)...);
  std::apply([&](const P &...p) { (check_kernel_argument(name, p), ...); }, arguments);
  enqueue_kernel(name, {grid, block, shared_bytes}, stream, [=] { std::apply(kernel, arguments); });
}

} // namespace virtual_gpu

#define __syncthreads() virtual_gpu::barrier(__FILE__, __LINE__)

#include "virtual_gpu_device.h"

#pragma GCC visibility pop
#endif
