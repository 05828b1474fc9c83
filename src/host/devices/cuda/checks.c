/* Errors of CUDA as ours. */
#include "base/error.h"
#include "devices/cuda/cuda.h"

/* Errors of work that was put on the GPU earlier: CUDA tells them at whatever call comes next. */
static bool is_late(cudaError_t error) {
  return error == cudaErrorIllegalAddress || error == cudaErrorLaunchFailure || error == cudaErrorMisalignedAddress ||
         error == cudaErrorIllegalInstruction || error == cudaErrorInvalidPc || error == cudaErrorHardwareStackError ||
         error == cudaErrorLaunchTimeout || error == cudaErrorECCUncorrectable;
}

limn_status cuda_check(const struct cuda_device *device, cudaError_t error, const char *what) {
  if (error == cudaSuccess)
    return LIMN_OK;
  cudaGetLastError(); /* an error that has been told is over, where CUDA allows it */
  if (is_late(error))
    return limn_fail(LIMN_DEVICE, "cuda:%d: work on the GPU failed: %s (noticed at: %s)", device->index,
                     cudaGetErrorString(error), what);
  if (error == cudaErrorNoKernelImageForDevice)
    return limn_fail(LIMN_DEVICE,
                     "cuda:%d: liblimn_cuda.so has no code for this GPU; build it with its architecture in "
                     "LIMN_CUDA_ARCHITECTURES",
                     device->index);
  return limn_fail(LIMN_DEVICE, "cuda:%d: %s failed: %s", device->index, what, cudaGetErrorString(error));
}

limn_status cuda_allocate(struct cuda_device *device, void **out, size_t bytes) {
  *out = NULL;
  cudaError_t error = cudaMalloc(out, bytes);
  if (error != cudaErrorMemoryAllocation)
    return cuda_check(device, error, "allocating memory");
  cudaGetLastError();
  device->base.starved = 1;
  const bool large = bytes >= 100000;
  return limn_fail(LIMN_DEVICE, "%s has no %.1f %s of memory left; use a smaller --batch or size",
                   device->base.description, (double)bytes / (large ? 1e6 : 1e3), large ? "MB" : "kB");
}

limn_status cuda_refuse_planning(const struct cuda_device *device) {
  return device->planning ? limn_fail(LIMN_DEVICE, "%s is there for plans only", device->base.description) : LIMN_OK;
}

void cuda_call_check(const struct limn_call *call, cudaError_t error, const char *what) {
  if (*call->status == LIMN_OK)
    *call->status = cuda_check(call->device, error, what);
}
