/* The contract between the files of the virtual GPU. None of it is seen by production code, which knows CUDA's, cuDNN's
 * and cuBLAS' own headers only. */
#ifndef VIRTUAL_GPU_H
#define VIRTUAL_GPU_H

#include <cuda_runtime_api.h>
#include <stddef.h>
#include <stdint.h>

#include <functional>
#include <mutex>
#include <random>

#if defined(__SANITIZE_ADDRESS__)
#define VIRTUAL_GPU_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VIRTUAL_GPU_ASAN 1
#endif
#endif
#ifdef VIRTUAL_GPU_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define __asan_poison_memory_region(p, n)   ((void)(p), (void)(n))
#define __asan_unpoison_memory_region(p, n) ((void)(p), (void)(n))
#endif

namespace virtual_gpu {

/* ---- settings.cpp: the environment, made failures, what is alive ---- */

enum class call { malloc, host, copy, launch, capture, graph, execute, plan, gemm, sync, create, count };

/* Counts a call of this kind; true when it is the one that LIMN_VIRTUAL_GPU_FAIL names. */
bool fails(call kind);
/* What the program holds: "stream" +1 when it is made, -1 when it is destroyed. */
void alive(const char *what, int change);
std::minstd_rand &random_numbers();
/* How long work of the card takes that was measured here: so long or, where LIMN_VIRTUAL_GPU_CLOCK says so, 1 to 2 ms
 * by chance. */
double told_seconds(double measured);
double measured_seconds(); /* a clock */
double host_seconds();     /* the host's: that one; where time is by chance, what host_works adds up to */
void host_works(double seconds);
/* Held by every call that the program makes; calls come from any thread. */
std::recursive_mutex &lock();
using guard = std::lock_guard<std::recursive_mutex>;

/* A mistake of the program under test: one line on standard error, then abort. */
[[noreturn]] void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- card.cpp ---- */

const char *card_properties(); /* cuDNN's JSON */
size_t card_memory();          /* bytes */

/* ---- runtime.cpp: errors ---- */

/* Makes it the thread's last error, and returns it. */
cudaError_t report(cudaError_t error);
/* The error that ended the context, which every call answers from then on; cudaSuccess while it lives. */
cudaError_t lost();
void lose(cudaError_t error);

#define VIRTUAL_GPU_ENTER()                                                                                            \
  virtual_gpu::guard held(virtual_gpu::lock());                                                                        \
  if (cudaError_t lost_ = virtual_gpu::lost())                                                                         \
  return virtual_gpu::report(lost_)

/* ---- memory.cpp ---- */

bool is_device(const void *p);             /* of the device's address range, live or not */
bool is_live(const void *p, size_t bytes); /* inside one allocation */
bool is_pinned(const void *p, size_t bytes);
void open_device();                      /* device memory may be touched... */
void close_device();                     /* ...and faults again */
void check_overruns(const char *kernel); /* of the bytes behind each allocation */
void free_everything();

/* ---- streams.cpp, graphs.cpp ---- */

/* Puts work on the stream, or into the graph that it captures. */
cudaError_t enqueue(cudaStream_t stream, std::function<void()> run);
/* For calls that a capture forbids: the error, and the capture is spoilt; cudaSuccess while there is none. */
cudaError_t refuse_in_capture();
bool is_capturing(cudaStream_t stream);
void finish_stream(cudaStream_t stream); /* runs work until nothing of the stream is left */
void finish_everything();

/* ---- fibers.cpp ---- */

const char *running_kernel(); /* NULL: none; for messages */

} // namespace virtual_gpu

#endif
