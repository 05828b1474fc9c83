/* The CUDA runtime: devices, versions and errors. */
#include <stdio.h>

#include "virtual_gpu.h"

namespace virtual_gpu {
namespace {

thread_local cudaError_t last = cudaSuccess;
cudaError_t ended = cudaSuccess;

/* Those that the virtual GPU answers, and their like. */
#define ERRORS(X)                                                                                                      \
  X(cudaSuccess, "no error")                                                                                           \
  X(cudaErrorInvalidValue, "invalid argument")                                                                         \
  X(cudaErrorMemoryAllocation, "out of memory")                                                                        \
  X(cudaErrorInvalidConfiguration, "invalid configuration argument")                                                   \
  X(cudaErrorInvalidDevice, "invalid device ordinal")                                                                  \
  X(cudaErrorInvalidResourceHandle, "invalid resource handle")                                                         \
  X(cudaErrorIllegalState, "not possible in this state")                                                               \
  X(cudaErrorNotReady, "device not ready")                                                                             \
  X(cudaErrorIllegalAddress, "a kernel touched memory that is not its own")                                            \
  X(cudaErrorLaunchOutOfResources, "the launch asks for too much")                                                     \
  X(cudaErrorLaunchFailure, "a kernel failed")                                                                         \
  X(cudaErrorStreamCaptureUnsupported, "not permitted during a capture")                                               \
  X(cudaErrorStreamCaptureInvalidated, "an earlier error spoilt the capture")                                          \
  X(cudaErrorStreamCaptureMerge, "would merge two captures")                                                           \
  X(cudaErrorStreamCaptureUnmatched, "a capture ends on the stream on which it began")                                 \
  X(cudaErrorStreamCaptureUnjoined, "a stream of the capture was not joined")                                          \
  X(cudaErrorStreamCaptureIsolation, "a capture cannot wait for work outside of it")                                   \
  X(cudaErrorStreamCaptureImplicit, "the legacy stream cannot wait for a capture")                                     \
  X(cudaErrorCapturedEvent, "the event belongs to a capture")                                                          \
  X(cudaErrorUnknown, "unknown error")

} // namespace

cudaError_t report(cudaError_t error) {
  if (error)
    last = error;
  return error;
}

cudaError_t lost() { return ended; }

void lose(cudaError_t error) { ended = error; }

} // namespace virtual_gpu

using namespace virtual_gpu;

extern "C" {

cudaError_t cudaGetDeviceCount(int *count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  VIRTUAL_GPU_ENTER();
  return device == 0 ? cudaSuccess : report(cudaErrorInvalidDevice);
}

cudaError_t cudaGetDevice(int *device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

/* An error that ended the context stays; others are forgotten once read. */
cudaError_t cudaGetLastError(void) {
  guard held(lock());
  cudaError_t error = ended ? ended : last;
  last = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError(void) {
  guard held(lock());
  return ended ? ended : last;
}

cudaError_t cudaDeviceReset(void) {
  guard held(lock());
  finish_everything();
  free_everything();
  ended = last = cudaSuccess;
  return cudaSuccess;
}

const char *cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define NAME(code, meaning)                                                                                            \
  case code:                                                                                                           \
    return #code;
    ERRORS(NAME)
  default:
    return "unrecognized error code";
  }
}

const char *cudaGetErrorString(cudaError_t error) {
  switch (error) {
#define MEANING(code, meaning)                                                                                         \
  case code:                                                                                                           \
    return meaning;
    ERRORS(MEANING)
  default:
    return "unrecognized error code";
  }
}

} // extern "C"
