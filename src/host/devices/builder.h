/* Programs as flat lists of kernels over one arena: what the CPU and the CUDA device share.
 *
 * A device describes itself by a limn_backend. Its `build` turns tasks of a schedule into kernels, which name the
 * buffers they touch by number. Addresses are known only at the end, when every buffer's lifetime is: limn_code_bind
 * places them. A value may lie in several formats (layouts on the CPU, number types on CUDA); it is converted when it
 * is asked for in one that it has not. */
#ifndef LIMN_DEVICES_BUILDER_H
#define LIMN_DEVICES_BUILDER_H

#include "devices/device.h"
#include "graph/schedule.h"

#define LIMN_MAX_FORMATS 5
#define LIMN_ABSENT      (-1) /* no buffer */

struct limn_call; /* what a run tells its kernels: each device's own */

/* One entry of a program's flat list. */
typedef struct limn_kernel {
  const char *name;
  void (*run)(const struct limn_kernel *kernel, const struct limn_call *call);
  limn_status (*bind)(struct limn_kernel *kernel); /* after the addresses are known; may be NULL */
  void (*release)(void *state);                    /* may be NULL: free(state) */
  void *state;                                     /* owned */
  int count;
  int *buffers;      /* (count) LIMN_ABSENT: none */
  void **p;          /* (count) their addresses, NULL where there is none */
  unsigned in_place; /* bit i: the output, operand 0, may lie where operand i lies if that ends here */
  double flops;
  double bytes;       /* that it moves; 0: each of its buffers once */
  int launches;       /* on a GPU; 0 counts as 1 */
  int64_t blocks;     /* on a GPU, of the launch that computes; 0: not known */
  const char *engine; /* what does it, for `limn plan`; owned by state; may be NULL */
  int workspace;      /* the operand that is a library's own working memory; 0: there is none */
  limn_shape shape;   /* of what it makes; set by the builder */
} limn_kernel;

struct limn_buffer {
  size_t bytes;
  bool fixed;      /* a leaf's memory, at `at`; else in the arena */
  bool scratch;    /* a kernel's own, no value */
  void *at;        /* the address, once bound */
  int first, last; /* kernels that touch it; LIMN_ABSENT while untouched */
  int home;        /* the buffer whose place it shares; itself if none */
  size_t offset;
  void *own; /* debug: an allocation of its own */
};

typedef struct limn_builder limn_builder;

typedef struct limn_backend {
  limn_fusion fusion;
  size_t (*bytes)(limn_shape shape, int format);
  /* The format in which a leaf is written; others that it is kept in follow every write. */
  int (*leaf_format)(const limn_tensor *leaf);
  /* Whether the leaf is kept in that format, and where. */
  bool (*leaf_memory)(const limn_tensor *leaf, int format, void **address);
  /* Adds a kernel that converts buffer `from` into buffer `to`. */
  limn_status (*convert)(limn_builder *builder, limn_shape shape, const int formats[2], int from, int to);
  /* Adds the kernels of tasks[0], and of as many after it as it likes: *taken. */
  limn_status (*build)(limn_builder *builder, const limn_task *tasks, int left, int *taken);
  /* LIMN_DEVICE, and the device's `starved` set, when there is not so much. */
  limn_status (*allocate)(limn_device *device, size_t bytes, void **out);
  void (*free)(limn_device *device, void *memory);
} limn_backend;

/* A program's kernels and buffers. Zero-initialised but for the first three. */
typedef struct limn_code {
  const limn_backend *backend;
  limn_device *device;
  limn_program_options options;
  limn_kernel *kernels;
  int kernel_count;
  struct limn_buffer *buffers;
  int buffer_count;
  void *arena;
  limn_program_info info;
} limn_code;

/* leaves as in limn_device_ops.program_create. After a failure the code is still to be released. */
limn_status limn_code_build(limn_code *code, const limn_graph *graph, limn_tensor *const *leaves);
/* Allocates and gives every kernel its addresses. */
limn_status limn_code_bind(limn_code *code);
void limn_code_release(limn_code *code);
void limn_code_row(const limn_code *code, int index, limn_program_row *out);

/* For `build`. The buffer that holds a schedule's value in the wanted format (converted where needed, by a kernel).
 * LIMN_ABSENT after an error or for LIMN_NONE. */
int limn_builder_input(limn_builder *builder, int value, int format);
/* The format in which a value lies now. */
int limn_builder_format(const limn_builder *builder, int value);
/* Who reads a value: of the inputs of tasks that are it, whether there is one for which `ours` holds, and whether there
 * is another, or a leaf that is to hold it. */
typedef bool limn_reader(const limn_builder *builder, const limn_task *task, int input);
typedef struct limn_readers {
  bool ours, others;
} limn_readers;
limn_readers limn_builder_readers(const limn_builder *builder, int value, limn_reader *ours);
/* An operand of a convolution, its bias aside. */
bool limn_builder_is_operand(const limn_builder *builder, const limn_task *task, int input);
/* The buffer that a kernel writes a value to, in that format. LIMN_ABSENT for LIMN_NONE. */
int limn_builder_output(limn_builder *builder, int value, int format);
/* The same value in one more format, which the same kernel writes. */
int limn_builder_output_copy(limn_builder *builder, int value, int format);
/* The buffer of a leaf that an update writes, and the one in another format that has to follow; LIMN_ABSENT if none. */
int limn_builder_target(limn_builder *builder, limn_value leaf);
int limn_builder_target_copy(limn_builder *builder, limn_value leaf, int format);
/* Working memory of any kind. */
int limn_builder_scratch(limn_builder *builder, size_t bytes);
/* Appends a kernel that takes `count` buffers; the first is what it writes. Takes ownership of state, on failure too.
 * NULL after an error, which sticks to the builder. */
limn_kernel *limn_builder_add(limn_builder *builder, limn_kernel kernel, const int *buffers);
/* The shapes of a convolution's task. `dense`: its kernel covers the whole picture, so that it is a matrix product. */
typedef struct limn_conv_shapes {
  limn_shape x, w, y;
  bool dense;
  double flops;
} limn_conv_shapes;
limn_conv_shapes limn_builder_conv_shapes(const limn_builder *builder, const limn_task *task);
/* limn_task_is_sum_of_two, with more than one element. */
bool limn_builder_is_addition(const limn_builder *builder, const limn_task *task);
/* Whether a convolution or a dense layer makes it, of its weights. */
bool limn_builder_is_weights_gradient(const limn_builder *builder, int value);
/* Whether tasks[count] may run in one launch with tasks[0 ... count), in any order. */
bool limn_tasks_are_apart(const limn_task *tasks, int count);
/* How many of tasks[0 ... left), an optimiser's first, differ in nothing but their tensors and are apart. */
int limn_tasks_of_optimizer(const limn_task *tasks, int left);
limn_status limn_builder_status(const limn_builder *builder);
/* Makes the error stick. */
limn_status limn_builder_fail(limn_builder *builder, limn_status status);
limn_device *limn_builder_device(const limn_builder *builder);
limn_shape limn_builder_shape(const limn_builder *builder, int value);
const limn_tensor *limn_builder_leaf(const limn_builder *builder, int value); /* NULL when the value is none */

#endif
