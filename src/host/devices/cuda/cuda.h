/* The CUDA device: what its files share. Nothing outside this folder includes it. */
#ifndef LIMN_DEVICES_CUDA_CUDA_H
#define LIMN_DEVICES_CUDA_CUDA_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include "devices/builder.h"
#include "devices/cuda/planner.h"
#include "kernels/kernels.h"

/* How a tensor of logical shape (N, C, H, W) lies in memory: numbers as NHWC, in one of two types. */
typedef enum cuda_format {
  CUDA_FLOAT, /* fp32 */
  CUDA_HALF,  /* bf16 or fp16: the precision's type for what tensor cores read */
  CUDA_BYTES, /* leaves of pictures alone: dense NCHW bytes */
} cuda_format;

#define CUDA_ZEROS 4096

/* One of the two places through which host memory reaches the card: while one is being copied, the other is filled. */
struct cuda_slot {
  void *pinned, *device; /* (size) */
  size_t size;
  cudaEvent_t copied, done; /* the copy has ended; whoever reads `device` has */
};

struct cuda_device {
  limn_device base;
  bool planning;  /* plans only, perhaps for a card that is not there: no memory, no streams */
  int index;      /* CUDA's number */
  limn_card card; /* what it is, or plans for */
  char card_name[64];
  limn_type half; /* type of CUDA_HALF; LIMN_F32 when the precision is fp32 or tf32 */
  bool tf32, deterministic;
  bool timed; /* engines are chosen by the clock, or were */
  cuda_planner *planner;
  cudnnHandle_t cudnn;
  cublasHandle_t cublas;
  void *cublas_workspace; /* device memory; products run one after the other */
  cudaStream_t work, copies;
  struct cuda_slot slots[2];
  int slot;            /* the one to be used next */
  limn_run_words *run; /* device memory: what the running program reads of its run */
  /* A bit for each leaf of pictures: whether that number is taken, and the slot that runs from now on read. */
  uint64_t picture_leaves, picture_slots;
  float *zeros; /* (CUDA_ZEROS) device memory that is never written; NULL on a device that only plans */
};

/* The bytes of a leaf of pictures lie in one of two slots: while a run reads one, the next batch travels into the
 * other. */
struct cuda_pictures {
  uint8_t *bytes;                 /* both slots, cuda_slot_bytes apart; NULL on a device that only plans */
  uint8_t *pinned[2];             /* where the host leaves them */
  cudaEvent_t copied[2], read[2]; /* the copy into a slot has ended; the last run that reads it has */
  int number;                     /* its bit in the device's words; -1: none yet */
};

struct cuda_tensor {
  limn_tensor base;
  float *data; /* NULL on a device that only plans */
  void *half;  /* the same in CUDA_HALF, for leaves that tensor cores read; else NULL */
  bool kept_half;
  struct cuda_pictures pictures; /* of the role PICTURES, which has no `data` */
};

/* What a run tells its kernels. */
struct limn_call {
  const struct cuda_device *device;
  cudaStream_t stream;
  limn_status *status; /* the first failure; the run ends there */
};

static inline struct cuda_device *cuda_device_of(const limn_builder *builder) {
  return (struct cuda_device *)limn_builder_device(builder);
}
static inline limn_type cuda_type(const struct cuda_device *device, int format) {
  return format == CUDA_HALF ? device->half : LIMN_F32;
}
static inline size_t cuda_type_size(limn_type type) { return type == LIMN_F32 ? 4 : 2; }
static inline limn_extents cuda_extents(limn_shape s) { return (limn_extents){s.n, s.h, s.w, s.c}; }
/* The format that convolutions read. */
static inline int cuda_conv_format(const struct cuda_device *device) {
  return device->half == LIMN_F32 ? CUDA_FLOAT : CUDA_HALF;
}

/* CUDA's calls go to the calling thread's current device: every way into the device begins here. */
static inline void cuda_enter(const struct cuda_device *device) {
  if (device->work)
    cudaSetDevice(device->index);
}

limn_status cuda_device_create(limn_device **out, const limn_device_options *options);

/* LIMN_DEVICE, naming the call and CUDA's reason, unless the call went well. */
limn_status cuda_check(const struct cuda_device *device, cudaError_t error, const char *what);
/* Device memory of that many bytes; LIMN_DEVICE and the device's `starved` set where there is not so much. */
limn_status cuda_allocate(struct cuda_device *device, void **out, size_t bytes);
/* LIMN_DEVICE on a device that only plans. */
limn_status cuda_refuse_planning(const struct cuda_device *device);
/* For kernels of a program: the first failure sticks to the call. */
void cuda_call_check(const struct limn_call *call, cudaError_t error, const char *what);

/* peaks.c: a card's bandwidth and FLOP/s; these stay as they are where the compute capability is not known. */
void cuda_find_peaks(limn_card *card, int index, int major, int minor);

/* capture.c: a graph of what `enqueue` puts on the working stream, which nothing else may use meanwhile. */
limn_status cuda_capture(const struct cuda_device *device, limn_status (*enqueue)(void *context), void *context,
                         cudaGraphExec_t *out);

/* autotune.c: a cuda_measure; the context is the device. */
limn_status cuda_measure_plan(void *context, const cuda_plan *plan, const cuda_operation *operation, double *seconds);

/* transfer.c: tensors, and the way between the host and the card. */
limn_status cuda_tensor_create(limn_device *device, limn_role role, limn_shape shape, limn_tensor **out);
void cuda_tensor_destroy(limn_tensor *tensor);
limn_status cuda_upload(limn_tensor *tensor, const float *nchw);
limn_status cuda_download(const limn_tensor *tensor, float *nchw);
limn_status cuda_slots_init(struct cuda_device *device);
void cuda_slots_release(struct cuda_device *device);

/* pictures.c: leaves of bytes. */
limn_status cuda_pictures_init(struct cuda_tensor *tensor);
void cuda_pictures_release(struct cuda_tensor *tensor);
limn_status cuda_upload_u8(limn_tensor *tensor, const uint8_t *nchw);
/* Around a run that reads the leaf: the run waits for the bytes, and the next copy into their slot waits for the run.
 */
limn_status cuda_pictures_begin(const struct cuda_tensor *tensor);
limn_status cuda_pictures_end(const struct cuda_tensor *tensor);

/* program.c */
limn_status cuda_program_create(limn_device *device, const limn_graph *graph, limn_tensor *const *leaves,
                                const limn_program_options *options, limn_program **out);
void cuda_program_destroy(limn_program *program);
limn_status cuda_program_run(limn_program *program, uint64_t step);
void cuda_program_info(const limn_program *program, limn_program_info *out);
void cuda_program_row(const limn_program *program, int index, limn_program_row *out);
limn_status cuda_program_trace(limn_program *program, int rounds, double *seconds);

/* Builders of tasks: each adds the kernels of tasks[0], and of those after it that fit into the same launch (*taken).
 */
/* convolution.c */
limn_status limn_cuda_build_convolution(limn_builder *builder, const limn_task *task);
/* batchnorm.c */
limn_status limn_cuda_build_batchnorm(limn_builder *builder, const limn_task *task);
limn_status limn_cuda_build_running(limn_builder *builder, const limn_task *tasks, int left, int *taken);
/* rows.c */
limn_status limn_cuda_build_rows(limn_builder *builder, const limn_task *tasks, int left, int *taken);
/* channels.c */
limn_status limn_cuda_build_channels(limn_builder *builder, const limn_task *task);
/* spatial.c */
limn_status limn_cuda_build_max_pool(limn_builder *builder, const limn_task *task);
limn_status limn_cuda_build_separable(limn_builder *builder, const limn_task *task);
limn_status limn_cuda_build_window(limn_builder *builder, const limn_task *task);
/* pointwise.c */
limn_status limn_cuda_build_pointwise(limn_builder *builder, const limn_task *tasks, int left, int *taken);
/* Of a pass, for `limn plan`: whether a kernel was compiled for it. */
const char *cuda_pass_engine(const limn_group *group, const limn_result *results, int count);
/* How an input of shape `s` is walked while the domain is: not at all along an axis on which it is broadcast. */
void cuda_set_strides(limn_group_input *input, limn_shape domain, limn_shape s);
/* The group of a task, without addresses; its inputs' buffers, as they lie, in buffers[0 ... input_count). */
limn_group cuda_group_of(limn_builder *builder, const limn_task *task, int *buffers);
/* epilogue.c: y = activation(y + bias) or y = y activation'(activated), in place, where the convolution could not take
 * it along. */
limn_status cuda_add_epilogue(limn_builder *builder, const limn_task *task, int y, int format);
typedef struct cuda_epilogue {
  limn_shape shape;          /* of y */
  limn_type type, activated; /* of y, and of the activated value */
  bool bias;
  limn_pointwise activation; /* LIMN_PW_COUNT: none */
  float slope, limit;        /* its alpha and beta */
} cuda_epilogue;
/* The pass that it is, without addresses: inputs y, then the bias or the activated value. */
void cuda_describe_epilogue(limn_group *group, limn_result *result, const cuda_epilogue *epilogue);
/* log_sum_exp.c */
limn_status limn_cuda_build_log_sum_exp(limn_builder *builder, const limn_task *task);
/* small.c: tasks of few elements, and the latch. */
bool cuda_is_small(const limn_builder *builder, const limn_task *task);
limn_status limn_cuda_build_small(limn_builder *builder, const limn_task *tasks, int left, int *taken);
/* sums.c: sums of two tensors in fp32, and sums of squares. */
bool cuda_is_addition(const limn_builder *builder, const limn_task *task);
limn_status limn_cuda_build_additions(limn_builder *builder, const limn_task *tasks, int left, int *taken);
bool cuda_is_sum_of_squares(const limn_builder *builder, const limn_task *task);
limn_status limn_cuda_build_squares(limn_builder *builder, const limn_task *tasks, int left, int *taken);
/* pictures.c */
limn_status limn_cuda_build_pictures(limn_builder *builder, const limn_task *task);
/* update.c */
limn_status limn_cuda_build_random(limn_builder *builder, const limn_task *task);
limn_status limn_cuda_build_assign(limn_builder *builder, const limn_task *task);
limn_status limn_cuda_build_optimizer(limn_builder *builder, const limn_task *tasks, int left, int *taken);
limn_status limn_cuda_build_record(limn_builder *builder, const limn_task *tasks, int left, int *taken);

/* The buffer of a value that a kernel writes in CUDA_HALF as well, where convolutions read that; else LIMN_ABSENT. */
static inline int cuda_output_half(limn_builder *builder, int value) {
  return cuda_device_of(builder)->half == LIMN_F32 ? LIMN_ABSENT : limn_builder_output_copy(builder, value, CUDA_HALF);
}

/* gemm.c: the product that a convolution is when its kernel covers the whole picture. */
limn_status limn_cuda_build_dense(limn_builder *builder, const limn_task *task, const limn_conv_shapes *shapes);

#endif
