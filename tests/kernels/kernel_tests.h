/* Tests of the kernels through their launchers and the CUDA runtime alone: the same program runs on a real GPU and on
 * the virtual one. Results are compared with plain loops in double precision. */
#ifndef LIMN_TESTS_KERNEL_TESTS_H
#define LIMN_TESTS_KERNEL_TESTS_H

#include <stdbool.h>

#include "kernels/kernels.h"

#define KT_COUNT(array) (sizeof(array) / sizeof *(array))

/* A case runs twice, with fresh memory: what it downloads has to be the same bytes both times. `context` is its own. */
typedef void kt_function(const void *context);
void kt_case(kt_function *run, const void *context, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Marks the running case as failed; the first few lines are printed. */
void kt_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kt_check(cudaError_t status, const char *what);
#define KT_OK(call) kt_check((call), #call)
void kt_refused(cudaError_t status, const char *what); /* fails when it is cudaSuccess; clears the error */

cudaStream_t kt_stream(void);

/* Host and device memory that is freed after the case. */
void *kt_host(size_t bytes);
void *kt_device(size_t bytes);                                  /* every byte 0xff: NaN in all types */
void *kt_upload(const void *data, size_t bytes);                /* a copy on the device */
void kt_download(void *data, const void *device, size_t bytes); /* waits for the stream */
/* The same in three steps, for many at once: waiting is slow on the virtual GPU. */
void *kt_start_download(const void *device, size_t bytes);
void kt_wait(void);
float *kt_to_floats(const void *data, size_t count, limn_type type);

/* Floats as elements of a type. */
size_t kt_size(limn_type type);
const char *kt_name(limn_type type);
float kt_rounded(float x, limn_type type);
double kt_epsilon(limn_type type);                                /* a result's rounding, relative; fp32: 3e-6 */
void *kt_upload_as(const float *x, size_t count, limn_type type); /* rounded */
float *kt_download_as(const void *device, size_t count, limn_type type);

/* The same numbers every time: uniform in low ... high. */
void kt_seed(uint32_t seed);
float kt_uniform(float low, float high);
float *kt_numbers(size_t count, limn_type type, float low, float high); /* rounded to the type */

/* Each |got - want| <= relative |want| + absolute; NaN wants NaN and infinities themselves. */
void kt_close(const char *what, const float *got, const double *want, size_t count, double relative, double absolute);
void kt_equal(const char *what, const float *got, const float *want, size_t count); /* the same bits, or both NaN */

void check_pointwise(void);
void check_sums(void);
void check_forms(void);
void check_small(void);
void check_stack(void);
void check_channels(void);
void check_spatial(void);
void check_log_sum_exp(void);
void check_batchnorm(void);
void check_optimizer(void);
void check_random(void);
void check_transfer(void);
void check_update(void);
void check_pictures(void);

/* limn_run_pass with one result: of the last instruction or, without any, of input 0; in the domain's extents, or its
 * sums. */
cudaError_t kt_map(const limn_group *group, void *out, limn_type type);
cudaError_t kt_sum(const limn_group *group, limn_extents to, float *out);
/* Scratch of the size that a pass asks for; NULL for none. */
float *kt_scratch(const limn_group *group, const limn_result *results, int count);

/* A group's value at an element of its domain, in double; values[k] is the host's copy of input k. check_pointwise.c */
double kt_group_value(const limn_group *group, const float *const *values, int n, int h, int w, int c);
/* Adds an input of the extents e (each the domain's or 1) with random values; returns them. */
float *kt_add_input(limn_group *group, limn_extents e, limn_type type, float low, float high);
void kt_add_instruction(limn_group *group, int function, int x, int y, float alpha, float beta);
size_t kt_elements(limn_extents e);

#endif
