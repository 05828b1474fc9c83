/* cuDNN's backend descriptors, made in bulk: descriptors of one set die together, and the first call that fails is
 * kept while the later ones do nothing, so that a description reads as a list and is checked once at its end. */
#ifndef LIMN_DEVICES_CUDA_DESCRIPTORS_H
#define LIMN_DEVICES_CUDA_DESCRIPTORS_H

#include <cudnn.h>
#include <stdbool.h>
#include <stdint.h>

#include "limn/status.h"

#define CUDA_MAX_DESCRIPTORS 96

typedef struct cuda_descriptors {
  cudnnBackendDescriptor_t items[CUDA_MAX_DESCRIPTORS];
  int count;
  cudnnStatus_t status; /* of the first call that failed */
  const char *doing;    /* "describe a tensor": what it was for; a literal */
  char detail[200];     /* what cuDNN itself says about it, "" when that is nothing or long */
} cuda_descriptors;

/* All return NULL, and do nothing, once a call has failed. */
cudnnBackendDescriptor_t cuda_descriptor_create(cuda_descriptors *set, cudnnBackendDescriptorType_t type,
                                                const char *doing);
void cuda_descriptor_set(cuda_descriptors *set, cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                         cudnnBackendAttributeType_t type, int64_t count, const void *values);
void cuda_descriptor_finalize(cuda_descriptors *set, cudnnBackendDescriptor_t descriptor);
/* Up to `count` elements into `values`; returns how many there are. With count 0: only that. */
int64_t cuda_descriptor_get(cuda_descriptors *set, cudnnBackendDescriptor_t descriptor,
                            cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                            void *values);

/* cuDNN said that it does not support this, as opposed to that something went wrong. */
bool cuda_descriptors_unsupported(const cuda_descriptors *set);
/* "could not describe a tensor: CUDNN_STATUS_BAD_PARAM (…)"; `size` bytes are written at most. */
void cuda_descriptors_explain(const cuda_descriptors *set, char *out, int size);
/* LIMN_OK, or LIMN_DEVICE with that explanation. */
limn_status cuda_descriptors_check(const cuda_descriptors *set);
/* The descriptor leaves the set: it is the caller's to destroy. */
void cuda_descriptors_detach(cuda_descriptors *set, cudnnBackendDescriptor_t descriptor);
/* Everything in `other` moves into the set, its failure too if the set has none. */
void cuda_descriptors_adopt(cuda_descriptors *set, cuda_descriptors *other);
/* Only its failure does; the rest is released. */
void cuda_descriptors_take_failure(cuda_descriptors *set, cuda_descriptors *other);
void cuda_descriptors_release(cuda_descriptors *set);

#endif
