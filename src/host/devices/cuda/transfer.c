/* Tensors of the CUDA device, and the way of numbers between the host and the card.
 *
 * Uploads do not wait: they go into one of two pinned slots, from there on a stream of their own to the card, and a
 * kernel on the working stream makes NHWC of them once they are there. A download waits for everything before it. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

static struct cuda_device *device_of(const limn_tensor *tensor) { return (struct cuda_device *)tensor->device; }

/* Leaves that convolutions read are kept in their format too. */
static bool wants_half(const struct cuda_device *cuda, limn_role role) {
  return cuda->half != LIMN_F32 && (role == LIMN_ROLE_PARAMETER || role == LIMN_ROLE_FROZEN || role == LIMN_ROLE_INPUT);
}

static limn_status allocate(struct cuda_device *cuda, void **out, size_t bytes) {
  LIMN_TRY(cuda_allocate(cuda, out, bytes));
  return cuda_check(cuda, cudaMemsetAsync(*out, 0, bytes, cuda->work), "clearing memory");
}

static limn_status allocate_numbers(struct cuda_device *cuda, struct cuda_tensor *tensor) {
  size_t count = (size_t)limn_shape_count(tensor->base.shape);
  if (cuda->planning)
    return LIMN_OK;
  LIMN_TRY(allocate(cuda, (void **)&tensor->data, count * sizeof(float)));
  return tensor->kept_half ? allocate(cuda, &tensor->half, count * cuda_type_size(cuda->half)) : LIMN_OK;
}

limn_status cuda_tensor_create(limn_device *base, limn_role role, limn_shape shape, limn_tensor **out) {
  struct cuda_device *cuda = (struct cuda_device *)base;
  struct cuda_tensor *tensor = calloc(1, sizeof *tensor);
  if (!tensor)
    return limn_fail_memory("a tensor");
  tensor->base = (limn_tensor){.device = base, .role = role, .shape = shape};
  tensor->kept_half = wants_half(cuda, role);
  tensor->pictures.number = -1;
  cuda_enter(cuda);
  limn_status status = role == LIMN_ROLE_PICTURES ? cuda_pictures_init(tensor) : allocate_numbers(cuda, tensor);
  if (status != LIMN_OK) {
    cuda_tensor_destroy(&tensor->base);
    return status;
  }
  *out = &tensor->base;
  return LIMN_OK;
}

void cuda_tensor_destroy(limn_tensor *base) {
  struct cuda_tensor *tensor = (struct cuda_tensor *)base;
  if (!tensor)
    return;
  cuda_enter(device_of(base));
  cuda_pictures_release(tensor);
  if (tensor->data)
    cudaFree(tensor->data);
  if (tensor->half)
    cudaFree(tensor->half);
  free(tensor);
}

limn_status cuda_slots_init(struct cuda_device *cuda) {
  for (int i = 0; i < 2; ++i) {
    struct cuda_slot *slot = &cuda->slots[i];
    LIMN_TRY(cuda_check(cuda, cudaEventCreateWithFlags(&slot->copied, cudaEventDisableTiming), "making an event"));
    LIMN_TRY(cuda_check(cuda, cudaEventCreateWithFlags(&slot->done, cudaEventDisableTiming), "making an event"));
  }
  return LIMN_OK;
}

static void release_memory(struct cuda_slot *slot) {
  if (slot->pinned)
    cudaFreeHost(slot->pinned);
  if (slot->device)
    cudaFree(slot->device);
  slot->pinned = slot->device = NULL;
  slot->size = 0;
}

void cuda_slots_release(struct cuda_device *cuda) {
  for (int i = 0; i < 2; ++i) {
    release_memory(&cuda->slots[i]);
    if (cuda->slots[i].copied)
      cudaEventDestroy(cuda->slots[i].copied);
    if (cuda->slots[i].done)
      cudaEventDestroy(cuda->slots[i].done);
  }
}

/* The next slot, free and big enough. */
static limn_status take_slot(struct cuda_device *cuda, size_t bytes, struct cuda_slot **out) {
  struct cuda_slot *slot = &cuda->slots[cuda->slot];
  cuda->slot = 1 - cuda->slot;
  LIMN_TRY(cuda_check(cuda, cudaEventSynchronize(slot->done), "waiting for the GPU"));
  if (slot->size < bytes) {
    release_memory(slot);
    LIMN_TRY(cuda_check(cuda, cudaMallocHost(&slot->pinned, bytes), "allocating memory for transfers"));
    LIMN_TRY(cuda_allocate(cuda, &slot->device, bytes));
    slot->size = bytes;
  }
  *out = slot;
  return LIMN_OK;
}

/* Copies host memory into a slot on the card; what is put on the working stream afterwards sees it there. */
static limn_status stage(struct cuda_device *cuda, const void *bytes, size_t size, struct cuda_slot **out) {
  LIMN_TRY(take_slot(cuda, size, out));
  struct cuda_slot *slot = *out;
  memcpy(slot->pinned, bytes, size);
  LIMN_TRY(cuda_check(cuda, cudaMemcpyAsync(slot->device, slot->pinned, size, cudaMemcpyHostToDevice, cuda->copies),
                      "an upload"));
  LIMN_TRY(cuda_check(cuda, cudaEventRecord(slot->copied, cuda->copies), "an upload"));
  return cuda_check(cuda, cudaStreamWaitEvent(cuda->work, slot->copied, 0), "an upload");
}

static limn_status finish(struct cuda_device *cuda, struct cuda_slot *slot, cudaError_t launched) {
  LIMN_TRY(cuda_check(cuda, launched, "an upload"));
  return cuda_check(cuda, cudaEventRecord(slot->done, cuda->work), "an upload");
}

static limn_master master_of(const struct cuda_tensor *tensor) {
  return (limn_master){tensor->data, tensor->half, device_of(&tensor->base)->half};
}

limn_status cuda_upload(limn_tensor *base, const float *nchw) {
  const struct cuda_tensor *tensor = (const struct cuda_tensor *)base;
  struct cuda_device *cuda = device_of(base);
  size_t count = (size_t)limn_shape_count(base->shape);
  if (cuda->planning)
    return LIMN_OK;
  cuda_enter(cuda);
  if (count <= LIMN_SMALL && count == (size_t)base->shape.c) /* learning rates and the like: part of the launch */
    return cuda_check(cuda, limn_set_small(master_of(tensor), nchw, (int)count, cuda->work), "an upload");
  struct cuda_slot *slot;
  LIMN_TRY(stage(cuda, nchw, count * sizeof *nchw, &slot));
  return finish(cuda, slot, limn_from_nchw(slot->device, master_of(tensor), cuda_extents(base->shape), cuda->work));
}

limn_status cuda_download(const limn_tensor *base, float *nchw) {
  const struct cuda_tensor *tensor = (const struct cuda_tensor *)base;
  struct cuda_device *cuda = device_of(base);
  size_t bytes = (size_t)limn_shape_count(base->shape) * sizeof *nchw;
  LIMN_TRY(cuda_refuse_planning(cuda));
  cuda_enter(cuda);
  struct cuda_slot *slot;
  LIMN_TRY(take_slot(cuda, bytes, &slot));
  LIMN_TRY(
      cuda_check(cuda, limn_to_nchw(tensor->data, slot->device, cuda_extents(base->shape), cuda->work), "a download"));
  LIMN_TRY(cuda_check(cuda, cudaMemcpyAsync(slot->pinned, slot->device, bytes, cudaMemcpyDeviceToHost, cuda->work),
                      "a download"));
  LIMN_TRY(cuda_check(cuda, cudaStreamSynchronize(cuda->work), "waiting for the GPU"));
  memcpy(nchw, slot->pinned, bytes);
  return LIMN_OK;
}
