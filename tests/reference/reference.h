/* The reference device: says what is right. Every op is the formula of graph/graph.h as plain loops over NCHW arrays in
 * double precision; nothing is fused, reused or reordered. It shares no code with the other devices but Philox's bits.
 *
 * It is a device like any other (devices/device.h); the accessors below are for tests. */
#ifndef LIMN_REFERENCE_REFERENCE_H
#define LIMN_REFERENCE_REFERENCE_H

#include "devices/device.h"

/* NULL when out of memory. Free it with its own ops->destroy (limn_device_destroy does). */
limn_device *reference_device_create(uint64_t seed);

/* The tensor's elements, dense NCHW, to read and to write. Never NULL; borrowed from the tensor. */
double *reference_tensor_data(limn_tensor *tensor);

/* What `value` holds after a run, dense NCHW; a leaf's is its tensor's present content. Borrowed from the program; NULL
 * for updates, which make no value. */
const double *reference_program_value(const limn_program *program, limn_value value);

/* Runs the nodes 0..last only: a loss without the gradient that was added behind it. */
limn_status reference_program_run_to(limn_program *program, uint64_t step, limn_value last);

#endif
