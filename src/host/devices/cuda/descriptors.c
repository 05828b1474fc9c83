#include "devices/cuda/descriptors.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static void fail(cuda_descriptors *set, cudnnStatus_t status) {
  set->status = status;
  cudnnGetLastErrorString(set->detail, sizeof set->detail);
  set->detail[sizeof set->detail - 1] = 0;
  if (strlen(set->detail) + 1 == sizeof set->detail)
    set->detail[0] = 0; /* cut off: more a trace than a message */
}

cudnnBackendDescriptor_t cuda_descriptor_create(cuda_descriptors *set, cudnnBackendDescriptorType_t type,
                                                const char *doing) {
  if (set->status != CUDNN_STATUS_SUCCESS)
    return NULL;
  set->doing = doing;
  cudnnBackendDescriptor_t made = NULL;
  cudnnStatus_t status = set->count < CUDA_MAX_DESCRIPTORS ? cudnnBackendCreateDescriptor(type, &made)
                                                           : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
  if (status != CUDNN_STATUS_SUCCESS) {
    fail(set, status);
    return NULL;
  }
  set->items[set->count++] = made;
  return made;
}

void cuda_descriptor_set(cuda_descriptors *set, cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                         cudnnBackendAttributeType_t type, int64_t count, const void *values) {
  if (set->status != CUDNN_STATUS_SUCCESS)
    return;
  cudnnStatus_t status = cudnnBackendSetAttribute(descriptor, name, type, count, values);
  if (status != CUDNN_STATUS_SUCCESS)
    fail(set, status);
}

void cuda_descriptor_finalize(cuda_descriptors *set, cudnnBackendDescriptor_t descriptor) {
  if (set->status != CUDNN_STATUS_SUCCESS)
    return;
  cudnnStatus_t status = cudnnBackendFinalize(descriptor);
  if (status != CUDNN_STATUS_SUCCESS)
    fail(set, status);
}

int64_t cuda_descriptor_get(cuda_descriptors *set, cudnnBackendDescriptor_t descriptor,
                            cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                            void *values) {
  int64_t got = 0;
  if (set->status != CUDNN_STATUS_SUCCESS)
    return 0;
  cudnnStatus_t status = cudnnBackendGetAttribute(descriptor, name, type, count, &got, values);
  if (status != CUDNN_STATUS_SUCCESS) {
    fail(set, status);
    return 0;
  }
  return got;
}

bool cuda_descriptors_unsupported(const cuda_descriptors *set) {
  return CUDNN_STATUS_CATEGORY(set->status) == CUDNN_STATUS_NOT_SUPPORTED;
}

void cuda_descriptors_explain(const cuda_descriptors *set, char *out, int size) {
  snprintf(out, (size_t)size, "could not %s: %s%s%s%s", set->doing, cudnnGetErrorString(set->status),
           set->detail[0] ? " (" : "", set->detail, set->detail[0] ? ")" : "");
}

limn_status cuda_descriptors_check(const cuda_descriptors *set) {
  if (set->status == CUDNN_STATUS_SUCCESS)
    return LIMN_OK;
  char why[400];
  cuda_descriptors_explain(set, why, sizeof why);
  return limn_fail(LIMN_DEVICE, "cuDNN %zu %s", cudnnGetVersion(), why);
}

void cuda_descriptors_detach(cuda_descriptors *set, cudnnBackendDescriptor_t descriptor) {
  for (int i = 0; i < set->count; ++i)
    if (set->items[i] == descriptor)
      set->items[i] = NULL;
}

void cuda_descriptors_take_failure(cuda_descriptors *set, cuda_descriptors *other) {
  if (set->status == CUDNN_STATUS_SUCCESS && other->status != CUDNN_STATUS_SUCCESS) {
    set->status = other->status;
    set->doing = other->doing;
    memcpy(set->detail, other->detail, sizeof set->detail);
  }
  cuda_descriptors_release(other);
}

void cuda_descriptors_adopt(cuda_descriptors *set, cuda_descriptors *other) {
  const bool good = set->status == CUDNN_STATUS_SUCCESS && other->status == CUDNN_STATUS_SUCCESS;
  if (good && set->count + other->count > CUDA_MAX_DESCRIPTORS)
    fail(set, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
  else if (good)
    for (int i = 0; i < other->count; ++i) {
      set->items[set->count++] = other->items[i];
      other->items[i] = NULL;
    }
  cuda_descriptors_take_failure(set, other);
}

void cuda_descriptors_release(cuda_descriptors *set) {
  while (set->count > 0) {
    cudnnBackendDescriptor_t last = set->items[--set->count];
    if (last)
      cudnnBackendDestroyDescriptor(last);
  }
}
