/* The CPU device: what its files share. Nothing outside this folder includes it. */
#ifndef LIMN_DEVICES_CPU_CPU_H
#define LIMN_DEVICES_CPU_CPU_H

#include "devices/builder.h"
#include "devices/cpu/cpu_device.h"
#include "devices/cpu/simd/simd.h"
#include "devices/device.h"

/* How a tensor of logical shape (N, C, H, W) lies in memory. B is the instruction set's block. */
typedef enum cpu_layout {
  CPU_PLAIN,          /* NCHW */
  CPU_BLOCKED,        /* nChwBc: groups of B channels side by side; C is a multiple of B */
  CPU_BLOCKED_WEIGHT, /* OIhwBiBo */
  CPU_BYTES,          /* NCHW bytes: leaves of pictures */
  CPU_BLOCKED_BF16,   /* CPU_BLOCKED in bf16, with precision bf16: what only its convolutions read */
  CPU_LAYOUT_COUNT,
} cpu_layout;
_Static_assert(CPU_LAYOUT_COUNT <= LIMN_MAX_FORMATS, "the builder has no place for so many layouts");

/* layout.c. The layout of activations and of weights: a pure function of the shape and the block. A 1x1 picture is the
 * same blocked or plain, and called plain. */
cpu_layout limn_cpu_activation_layout(int block, limn_shape shape);
cpu_layout limn_cpu_weight_layout(int block, limn_shape shape);

struct onednn; /* onednn.c: engine, stream */
struct cpu_worker;

/* An engine for convolutions: whether it is made for one, and its way to compute it. */
typedef struct cpu_engine {
  const char *name;
  bool (*suits)(const limn_builder *builder, const limn_task *task);
  limn_status (*build)(limn_builder *builder, const limn_task *task);
} cpu_engine;

struct cpu_device {
  limn_device base;
  const limn_simd *simd;
  int threads;
  const limn_bf16_loops *bf16; /* NULL: the precision is fp32 */
  bool winograd;               /* is allowed */
  bool autotune, planning;     /* planning: no memory, and nothing can run */
  char *told, *found;       /* engines that were given and that were chosen by the clock (devices/choices.h), or NULL */
  int missed;               /* of the given ones, those that are not to be had here */
  const cpu_engine *forced; /* while it is timed */
  /* limn_cpu_time_graph, for who chooses engines: programs are made of their choices, and time them. */
  limn_status (*time_graph)(struct cpu_device *cpu, const limn_graph *graph, limn_tensor *const *leaves,
                            double *seconds);
  double taken; /* bytes of tensors */
  struct cpu_worker *worker;
  struct onednn *onednn;
};

struct cpu_tensor {
  limn_tensor base;
  cpu_layout layout;
  size_t bytes; /* of data */
  void *data;   /* float; of CPU_BYTES uint8_t */
};

/* memory.c: has the system give all pages of what was allocated, by all threads of the worker, on which it is to be
 * called. */
void limn_cpu_get_pages(void *memory, size_t bytes, bool clear);

/* What a kernel needs to know of the run it is part of. */
struct limn_call {
  uint64_t step, seed;
  int threads;
  const limn_simd *simd;
  limn_status *status; /* a kernel that fails says so here, and the run ends */
};

/* autotune.c: seconds that the task takes alone, by that engine, on memory of its own. On the worker's thread. */
limn_status limn_cpu_time_engine(struct cpu_device *cpu, const limn_task *task, const limn_conv_shapes *shapes,
                                 const cpu_engine *engine, double *seconds);

static inline const struct cpu_device *cpu_device_of(const limn_builder *builder) {
  return (const struct cpu_device *)limn_builder_device(builder);
}
/* C if plain and one pixel, else the channels that lie side by side. */
static inline int cpu_block(const limn_builder *builder, cpu_layout layout) {
  return layout == CPU_PLAIN ? 1 : cpu_device_of(builder)->simd->block;
}
/* Operands that planes are made of: one pixel is the same blocked or plain, so that it goes with either. */
int limn_cpu_plane_block(const limn_builder *builder, limn_shape shape); /* channels that lie side by side */
int limn_cpu_plane_input(limn_builder *builder, int value);
int limn_cpu_plane_output(limn_builder *builder, int value);
static inline size_t cpu_plane_elements(limn_shape s, int block) { return (size_t)s.h * (size_t)s.w * (size_t)block; }
static inline float *cpu_at(const limn_kernel *kernel, size_t operand) { return kernel->p[operand]; }
static inline limn_kernel *cpu_add(limn_builder *builder, const char *name,
                                   void (*run)(const limn_kernel *, const struct limn_call *), void *state, int count,
                                   const int *buffers) {
  return limn_builder_add(builder, (limn_kernel){.name = name, .run = run, .state = state, .count = count}, buffers);
}

/* The engines' names, without spaces. */
#define CPU_WINOGRAD      "winograd"
#define CPU_UNIT_WINOGRAD "unit-winograd"
#define CPU_FEW_CHANNELS  "few-channels"
#define CPU_DEPTHWISE     "depthwise"
#define CPU_GEMM          "gemm"
#define CPU_BF16          "bf16"
#define CPU_ONEDNN        "onednn"
/* A 4x4 kernel, stride 2, padding 1, and the sides of y half of x's; in one group. */
static inline bool cpu_conv_halves(const limn_conv_shapes *s, const limn_conv_attrs *a) {
  return s->w.h == 4 && s->w.w == 4 && a->stride_h == 2 && a->stride_w == 2 && a->pad_h == 1 && a->pad_w == 1 &&
         s->x.h == 2 * s->y.h && s->x.w == 2 * s->y.w && limn_conv_is_plain(*a);
}
/* Matrices lie an odd number of cache lines apart: powers of two would all fall into the same few sets of the cache. */
static inline size_t cpu_odd_lines(size_t floats) { return ((floats + 15) / 16 | 1) * 16; }

/* Each turns a task into kernels. */
limn_status limn_cpu_build_convolution(limn_builder *builder, const limn_task *task); /* convolution.c */
limn_status limn_onednn_build_convolution(limn_builder *builder, const limn_task *task);
limn_status limn_cpu_build_winograd(limn_builder *builder, const limn_task *task);
bool limn_cpu_winograd_suits(const limn_builder *builder, const limn_task *task);
limn_status limn_cpu_build_unit_winograd(limn_builder *builder, const limn_task *task);
bool limn_cpu_unit_winograd_suits(const limn_builder *builder, const limn_task *task);
limn_status limn_cpu_build_bf16(limn_builder *builder, const limn_task *task);
bool limn_cpu_bf16_suits(const limn_builder *builder, const limn_task *task);
/* Whether who makes the value is to round it to bf16: CPU_BLOCKED_BF16 instead of CPU_BLOCKED. */
bool limn_cpu_bf16_rounds(const limn_builder *builder, int value);
limn_status limn_cpu_build_few_channels(limn_builder *builder, const limn_task *task);
bool limn_cpu_few_channels_suits(const limn_builder *builder, const limn_task *task);
limn_status limn_cpu_build_depthwise(limn_builder *builder, const limn_task *task);
bool limn_cpu_depthwise_suits(const limn_builder *builder, const limn_task *task);
limn_status limn_cpu_build_gemm(limn_builder *builder, const limn_task *task);
bool limn_cpu_gemm_suits(const limn_builder *builder, const limn_task *task);
limn_status limn_cpu_build_batchnorm(limn_builder *builder, const limn_task *task); /* batchnorm.c */
limn_status limn_cpu_build_rows(limn_builder *builder, const limn_task *task);      /* rows.c */
limn_status limn_cpu_build_channels(limn_builder *builder, const limn_task *task);  /* channels.c */
/* spatial.c: pooling and resampling */
limn_status limn_cpu_build_max_pool(limn_builder *builder, const limn_task *task);
limn_status limn_cpu_build_separable(limn_builder *builder, const limn_task *task);
limn_status limn_cpu_build_pointwise(limn_builder *builder, const limn_task *task);   /* pointwise.c */
limn_status limn_cpu_build_log_sum_exp(limn_builder *builder, const limn_task *task); /* log_sum_exp.c */
limn_status limn_cpu_build_update(limn_builder *builder, const limn_task *task);      /* update.c */
/* Of as many of the tasks as one sweep can do. */
limn_status limn_cpu_build_optimizer(limn_builder *builder, const limn_task *tasks, int left, int *taken);
limn_status limn_cpu_build_pictures(limn_builder *builder, const limn_task *task); /* pictures.c */
limn_status limn_cpu_build_window(limn_builder *builder, const limn_task *task);   /* window.c */
/* Bias and activation of a convolution on buffer y, when it has any that are not computed yet. */
limn_status limn_cpu_add_epilogue(limn_builder *builder, const limn_task *task, int y); /* epilogue.c */
/* "convolution backward data" and the like; dense: "dense ...". */
const char *limn_cpu_convolution_name(limn_task_kind kind, bool dense);
/* A convolution's kernel by an engine of ours; the last of its buffers is its working memory. */
typedef struct cpu_convolution_kernel {
  const char *engine;
  void *state; /* malloc'ed; taken */
  void (*run)(const limn_kernel *, const struct limn_call *);
} cpu_convolution_kernel;
limn_status limn_cpu_add_convolution(limn_builder *builder, const limn_task *task, const cpu_convolution_kernel *kernel,
                                     int count, const int *buffers);
/* The same between blocked tensors. Operands: result, input, weights, bias or NULL, working memory;
 * backward weights: their gradient, x, y, working memory. */
typedef struct cpu_blocked_convolution {
  cpu_convolution_kernel kernel;
  size_t scratch_bytes;
  bool rounded[2]; /* the inputs are taken in bf16, in which they were made */
  float *slope;    /* set, where the engine takes bias and activation along: u > 0 ? u : slope u. NULL: it does not */
} cpu_blocked_convolution;
limn_status limn_cpu_add_blocked_convolution(limn_builder *builder, const limn_task *task,
                                             const cpu_blocked_convolution *convolution);
/* Converts between layouts, as a kernel. */
limn_status limn_cpu_build_reorder(limn_builder *builder, limn_shape shape, const int layouts[2], int from, int to);

/* oneDNN: to be called on the device's own thread only. */
/* Limits oneDNN to an instruction set ("auto": no limit), which has to come before its first use in the process. *name
 * is the set that it uses then. Any thread. */
limn_status limn_onednn_limit(const char *isa, const char **name);
limn_status limn_onednn_create(struct onednn **out);
void limn_onednn_destroy(struct onednn *onednn);
/* Converts at once. */
limn_status limn_onednn_reorder(struct onednn *onednn, int block, limn_shape shape, cpu_layout from_layout,
                                const float *from, cpu_layout to_layout, float *to);
void limn_onednn_version(char *buffer, size_t size);

/* The device's own thread (worker.c): runs one job at a time; the caller waits. */
limn_status limn_cpu_worker_create(struct cpu_worker **out, int threads);
void limn_cpu_worker_destroy(struct cpu_worker *worker);
/* Runs job(argument) on the worker, where it may be called too; the error message comes along. */
limn_status limn_cpu_worker_call(struct cpu_worker *worker, limn_status (*job)(void *argument), void *argument);

limn_status limn_cpu_program_create(limn_device *device, const limn_graph *graph, limn_tensor *const *leaves,
                                    const limn_program_options *options, limn_program **out);
void limn_cpu_program_destroy(limn_program *program);
/* Seconds that a run of the graph takes, the fastest of some. On the worker's thread. */
limn_status limn_cpu_time_graph(struct cpu_device *cpu, const limn_graph *graph, limn_tensor *const *leaves,
                                double *seconds);
limn_status limn_cpu_program_run(limn_program *program, uint64_t step);
void limn_cpu_program_info(const limn_program *program, limn_program_info *out);
void limn_cpu_program_row(const limn_program *program, int index, limn_program_row *out);
limn_status limn_cpu_program_trace(limn_program *program, int rounds, double *seconds);
limn_status limn_cpu_measure_peaks(limn_device *device, double *flops, double *bandwidth); /* peaks.c */

#endif
