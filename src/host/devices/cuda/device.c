/* The CUDA device: creation and its one vtable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cache_folder.h"
#include "base/error.h"
#include "devices/cards.h"
#include "devices/cuda/cuda.h"

#define LEAST_CUDNN 91100 /* device properties as JSON, with which plans are described and kept */
#define LEAST_MAJOR 8     /* compute capability: Ampere, the first with bf16 and TF32 */

static void cuda_destroy(limn_device *base) {
  struct cuda_device *cuda = (struct cuda_device *)base;
  cuda_enter(cuda);
  if (cuda->copies)
    cudaStreamSynchronize(cuda->copies);
  if (cuda->work)
    cudaStreamSynchronize(cuda->work);
  cuda_slots_release(cuda);
  if (cuda->run)
    cudaFree(cuda->run);
  if (cuda->zeros)
    cudaFree(cuda->zeros);
  if (cuda->cublas)
    cublasDestroy(cuda->cublas);
  if (cuda->cublas_workspace)
    cudaFree(cuda->cublas_workspace);
  if (cuda->cudnn)
    cudnnDestroy(cuda->cudnn);
  cuda_planner_destroy(cuda->planner);
  if (cuda->copies)
    cudaStreamDestroy(cuda->copies);
  if (cuda->work)
    cudaStreamDestroy(cuda->work);
  free(cuda);
}

static limn_status cuda_engines(const limn_device *base, char **out) {
  const char *choices = cuda_planner_choices(((const struct cuda_device *)base)->planner);
  *out = choices ? strdup(choices) : NULL;
  return choices && !*out ? limn_fail_memory("the choices of engines") : LIMN_OK;
}

static const limn_device_ops cuda_ops = {
    .kind = "cuda",
    .destroy = cuda_destroy,
    .tensor_create = cuda_tensor_create,
    .tensor_destroy = cuda_tensor_destroy,
    .upload = cuda_upload,
    .download = cuda_download,
    .upload_u8 = cuda_upload_u8,
    .program_create = cuda_program_create,
    .program_destroy = cuda_program_destroy,
    .program_run = cuda_program_run,
    .program_info = cuda_program_info,
    .program_row = cuda_program_row,
    .program_trace = cuda_program_trace,
    .engines = cuda_engines,
};

static limn_status choose_precision(struct cuda_device *cuda, const char *name) {
  cuda->half = LIMN_F32;
  cuda->tf32 = false;
  if (!name || strcmp(name, "auto") == 0 || strcmp(name, "tf32") == 0)
    cuda->tf32 = true;
  else if (strcmp(name, "bf16") == 0)
    cuda->half = LIMN_BF16;
  else if (strcmp(name, "fp16") == 0)
    cuda->half = LIMN_F16;
  else if (strcmp(name, "fp32") != 0)
    return limn_fail(LIMN_USAGE, "precision %s: there is no such one; use fp32, tf32, bf16 or fp16", name);
  return LIMN_OK;
}

static const char *precision_name(const struct cuda_device *cuda) {
  return cuda->half == LIMN_BF16 ? "bf16" : cuda->half == LIMN_F16 ? "fp16" : cuda->tf32 ? "tf32" : "fp32";
}

/* Whether there is a driver, a card of that number, and one that is new enough; its figures. */
static limn_status find_card(struct cuda_device *cuda) {
  int count = 0, major = 0, minor = 0;
  cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver)
    return limn_fail(LIMN_DEVICE, "there is no NVIDIA driver for CUDA 13 (libcuda.so.1): install or update it");
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0))
    return limn_fail(LIMN_DEVICE, "there is no NVIDIA GPU in this machine");
  LIMN_TRY(cuda_check(cuda, error, "looking for GPUs"));
  if (cuda->index >= count)
    return limn_fail(LIMN_DEVICE, "cuda:%d: there is no such GPU; there are %d, from cuda:0 on", cuda->index, count);
  LIMN_TRY(cuda_check(cuda, cudaSetDevice(cuda->index), "choosing the GPU"));
  struct cudaDeviceProp properties;
  LIMN_TRY(cuda_check(cuda, cudaGetDeviceProperties(&properties, cuda->index), "reading the GPU's properties"));
  major = properties.major;
  minor = properties.minor;
  if (major < LEAST_MAJOR)
    return limn_fail(LIMN_DEVICE, "cuda:%d: %s has compute capability %d.%d; %d.0 or newer is needed", cuda->index,
                     properties.name, major, minor, LEAST_MAJOR);
  snprintf(cuda->card_name, sizeof cuda->card_name, "%.60s", properties.name);
  cuda->card.memory_bytes = (double)properties.totalGlobalMem;
  cuda_find_peaks(&cuda->card, cuda->index, major, minor);
  return LIMN_OK;
}

static limn_status check_cudnn(const struct cuda_device *cuda, cudnnStatus_t status, const char *what) {
  return status == CUDNN_STATUS_SUCCESS
             ? LIMN_OK
             : limn_fail(LIMN_DEVICE, "cuda:%d: %s failed: %s", cuda->index, what, cudnnGetErrorString(status));
}

static limn_status check_cublas(const struct cuda_device *cuda, cublasStatus_t status, const char *what) {
  return status == CUBLAS_STATUS_SUCCESS
             ? LIMN_OK
             : limn_fail(LIMN_DEVICE, "cuda:%d: %s failed: %s", cuda->index, what, cublasGetStatusString(status));
}

static size_t cublas_workspace(const struct cuda_device *cuda) {
  return (size_t)(cuda_planner_generation(cuda->planner) >= 90 ? 32 : 4) << 20;
}

/* What programs and tensors may take. */
static limn_status find_memory(struct cuda_device *cuda) {
  size_t available = 0, all = 0;
  LIMN_TRY(cuda_check(cuda, cudaMemGetInfo(&available, &all), "asking for the GPU's memory"));
  const size_t to_come = cuda->planning ? cublas_workspace(cuda) : 0;
  cuda->base.memory_bytes = available > to_come ? (double)(available - to_come) : 0;
  return LIMN_OK;
}

/* Streams, library handles, and the memory that every program uses. */
static limn_status start(struct cuda_device *cuda) {
  LIMN_TRY(cuda_check(cuda, cudaStreamCreateWithFlags(&cuda->work, cudaStreamNonBlocking), "making a stream"));
  LIMN_TRY(cuda_check(cuda, cudaStreamCreateWithFlags(&cuda->copies, cudaStreamNonBlocking), "making a stream"));
  LIMN_TRY(cuda_slots_init(cuda));
  LIMN_TRY(cuda_allocate(cuda, (void **)&cuda->run, sizeof *cuda->run));
  LIMN_TRY(cuda_allocate(cuda, (void **)&cuda->zeros, CUDA_ZEROS * sizeof *cuda->zeros));
  LIMN_TRY(cuda_check(cuda, cudaMemsetAsync(cuda->zeros, 0, CUDA_ZEROS * sizeof *cuda->zeros, cuda->work), "a fill"));
  LIMN_TRY(check_cudnn(cuda, cudnnCreate(&cuda->cudnn), "starting cuDNN"));
  LIMN_TRY(check_cudnn(cuda, cudnnSetStream(cuda->cudnn, cuda->work), "starting cuDNN"));
  LIMN_TRY(check_cublas(cuda, cublasCreate(&cuda->cublas), "starting cuBLAS"));
  LIMN_TRY(check_cublas(cuda, cublasSetStream(cuda->cublas, cuda->work), "starting cuBLAS"));
  /* As large as NVIDIA recommends, and told, so that its choices never depend on what memory is left. */
  const size_t workspace = cublas_workspace(cuda);
  LIMN_TRY(cuda_allocate(cuda, &cuda->cublas_workspace, workspace));
  LIMN_TRY(check_cublas(cuda, cublasSetWorkspace(cuda->cublas, cuda->cublas_workspace, workspace), "starting cuBLAS"));
  int math = (cuda->tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH) |
             CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION; /* as cuDNN's engines are chosen */
  LIMN_TRY(check_cublas(cuda, cublasSetMathMode(cuda->cublas, (cublasMath_t)math), "starting cuBLAS"));
  /* Whether our kernels run at all on this card is better known now than in the middle of a run. */
  LIMN_TRY(cuda_check(cuda, limn_set_run_words(cuda->run, (limn_run_words){0}, cuda->work), "a first kernel"));
  return cuda_check(cuda, cudaStreamSynchronize(cuda->work), "a first kernel");
}

static limn_status create(struct cuda_device *cuda, const limn_device_options *options) {
  LIMN_TRY(choose_precision(cuda, options->precision));
  cuda->index = options->index;
  cuda->deterministic = options->deterministic != 0;
  cuda->timed = options->autotune || options->engines;
  cuda->base.seed = options->seed;
  cuda->planning = options->card || options->planning;
  if (options->card) {
    cuda->card = *options->card;
    snprintf(cuda->card_name, sizeof cuda->card_name, "%.60s", cuda->card.name);
    cuda->base.memory_bytes = cuda->card.memory_bytes;
  } else {
    LIMN_TRY(find_card(cuda));
  }
  cuda->card.name = cuda->card_name;
  cuda->base.peak_bandwidth = cuda->card.bandwidth;
  cuda->base.peak_flops = limn_card_peak(&cuda->card, precision_name(cuda));
  int version = (int)cudnnGetVersion();
  if (version < LEAST_CUDNN)
    return limn_fail(LIMN_DEVICE, "cuDNN %d.%d is too old: 9.11 or a later 9 is needed; scripts/setup-cuda brings it",
                     version / 10000, version / 100 % 100);
  snprintf(cuda->base.description, sizeof cuda->base.description, "CUDA, %s%s, %s, cuDNN %d.%d.%d", cuda->card_name,
           options->card ? " (not here)" : "", precision_name(cuda), version / 10000, version / 100 % 100,
           version % 100);
  char cache[4096];
  LIMN_TRY(cuda_planner_create(
      &cuda->planner,
      &(cuda_planner_options){.device = cuda->index,
                              .properties = options->card ? options->card->properties : NULL,
                              .deterministic = cuda->deterministic,
                              .tf32 = cuda->tf32,
                              .measure = options->autotune && !cuda->planning ? cuda_measure_plan : NULL,
                              .measure_context = cuda,
                              .choices = options->engines,
                              .cache = limn_cache_folder(cache, sizeof cache)}));
  cuda->base.multiprocessors = cuda_planner_multiprocessors(cuda->planner);
  cuda->card.properties = cuda_planner_card(cuda->planner);
  cuda->base.card = &cuda->card;
  if (!cuda->planning)
    LIMN_TRY(start(cuda));
  return options->card ? LIMN_OK : find_memory(cuda);
}

limn_status cuda_device_create(limn_device **out, const limn_device_options *options) {
  *out = NULL;
  struct cuda_device *cuda = calloc(1, sizeof *cuda);
  if (!cuda)
    return limn_fail_memory("the CUDA device");
  cuda->base.ops = &cuda_ops;
  limn_status status = create(cuda, options);
  if (status != LIMN_OK) {
    cuda_destroy(&cuda->base);
    return status;
  }
  *out = &cuda->base;
  return LIMN_OK;
}
