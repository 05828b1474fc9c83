/* The CPU device: what its files share. Nothing outside this folder includes it. */
#ifndef LIMN_DEVICES_CPU_CPU_H
#define LIMN_DEVICES_CPU_CPU_H

#include "devices/cpu/cpu_device.h"
#include "devices/cpu/simd/simd.h"
#include "devices/device.h"
#include "graph/schedule.h"

/* How a tensor of logical shape (N, C, H, W) lies in memory. B is the instruction set's block. */
typedef enum cpu_layout {
  CPU_PLAIN,          /* NCHW */
  CPU_BLOCKED,        /* nChwBc: groups of B channels side by side; C is a multiple of B */
  CPU_BLOCKED_WEIGHT, /* OIhwBiBo */
} cpu_layout;

/* The layout of activations and of weights: a pure function of the shape and the block. A 1x1 picture is the same
 * blocked or plain, and called plain. */
cpu_layout cpu_activation_layout(int block, limn_shape shape);
cpu_layout cpu_weight_layout(int block, limn_shape shape);

struct onednn; /* onednn.c: engine, stream */
struct cpu_worker;

struct cpu_device {
  limn_device base;
  const limn_simd *simd;
  int threads;
  struct cpu_worker *worker;
  struct onednn *onednn;
};

struct cpu_tensor {
  limn_tensor base;
  cpu_layout layout;
  float *data;
};

/* What a kernel needs to know of the run it is part of. */
struct cpu_call {
  uint64_t step, seed;
  int threads;
  const limn_simd *simd;
  limn_status *status; /* a kernel that fails says so here, and the run ends */
};

#define CPU_MAX_OPERANDS 16

/* One entry of a program's flat list. */
typedef struct cpu_kernel {
  const char *name;
  void (*run)(const struct cpu_kernel *kernel, const struct cpu_call *call);
  limn_status (*bind)(struct cpu_kernel *kernel); /* after the addresses are known; may be NULL */
  void (*release)(void *state);                   /* may be NULL: free(state) */
  void *state;                                    /* owned */
  int count;
  int buffers[CPU_MAX_OPERANDS]; /* -1: absent */
  float *p[CPU_MAX_OPERANDS];    /* addresses of the buffers; NULL where absent */
  unsigned in_place;             /* bit i: the output, operand 0, may lie where operand i lies if that ends here */
  double flops;
} cpu_kernel;

/* A program while it is being built. */
struct cpu_builder;

/* The buffer that holds a schedule's value in the wanted layout (converted where needed, by a kernel). -1 after an
 * error or for LIMN_NONE. */
int cpu_input(struct cpu_builder *builder, int value, cpu_layout layout);
/* The layout in which a value lies now. */
cpu_layout cpu_layout_of(const struct cpu_builder *builder, int value);
/* The buffer that a kernel writes a value to, in that layout. -1 for LIMN_NONE. */
int cpu_output(struct cpu_builder *builder, int value, cpu_layout layout);
/* The buffer of a leaf that an update writes. */
int cpu_target(struct cpu_builder *builder, limn_value leaf);
/* To be called after the kernel that writes a value was added. */
void cpu_output_done(struct cpu_builder *builder, int value);
/* Working memory of any kind. */
int cpu_scratch(struct cpu_builder *builder, size_t bytes);
/* Appends a kernel that takes `count` buffers; the first is what it writes. Takes ownership of state, on failure too.
 * NULL after an error, which sticks to the builder. */
cpu_kernel *cpu_add(struct cpu_builder *builder, const char *name,
                    void (*run)(const cpu_kernel *, const struct cpu_call *), void *state, int count,
                    const int *buffers);
limn_status cpu_builder_status(const struct cpu_builder *builder);
/* Makes the error stick. */
limn_status cpu_builder_fail(struct cpu_builder *builder, limn_status status);
const struct cpu_device *cpu_builder_device(const struct cpu_builder *builder);
limn_shape cpu_shape(const struct cpu_builder *builder, int value);
/* C if plain and one pixel, else the channels that lie side by side. */
int cpu_block(const struct cpu_builder *builder, cpu_layout layout);

/* Engines: each turns a step into kernels. */
limn_status cpu_build_convolution(struct cpu_builder *builder, const limn_step *step); /* onednn.c */
limn_status cpu_build_batchnorm(struct cpu_builder *builder, const limn_step *step);   /* batchnorm.c */
limn_status cpu_build_pointwise(struct cpu_builder *builder, const limn_step *step);   /* pointwise.c */
limn_status cpu_build_update(struct cpu_builder *builder, const limn_step *step);      /* update.c */
/* Bias and activation of a CONV_DX step on buffer y, when it has any. */
limn_status cpu_add_epilogue(struct cpu_builder *builder, const limn_step *step, int y); /* epilogue.c */
/* Converts between layouts, as a kernel. */
limn_status cpu_build_reorder(struct cpu_builder *builder, limn_shape shape, cpu_layout from_layout, int from,
                              cpu_layout to_layout, int to);

/* oneDNN: to be called on the device's own thread only. */
/* Limits oneDNN to an instruction set ("auto": no limit), which has to come before its first use in the process. *name
 * is the set that it uses then. Any thread. */
limn_status onednn_limit(const char *isa, const char **name);
limn_status onednn_create(struct onednn **out);
void onednn_destroy(struct onednn *onednn);
/* Converts at once. */
limn_status onednn_reorder(struct onednn *onednn, int block, limn_shape shape, cpu_layout from_layout,
                           const float *from, cpu_layout to_layout, float *to);
void onednn_version(char *buffer, size_t size);

/* The device's own thread (worker.c): runs one job at a time; the caller waits. */
limn_status cpu_worker_create(struct cpu_worker **out, int threads);
void cpu_worker_destroy(struct cpu_worker *worker);
/* Runs job(argument) on the worker; the error message comes along. */
limn_status cpu_worker_call(struct cpu_worker *worker, limn_status (*job)(void *argument), void *argument);

limn_status cpu_program_create(limn_device *device, const limn_graph *graph, limn_tensor *const *leaves,
                               const limn_program_options *options, limn_program **out);
void cpu_program_destroy(limn_program *program);
limn_status cpu_program_run(limn_program *program, uint64_t step);
void cpu_program_info(const limn_program *program, limn_program_info *out);

#endif
