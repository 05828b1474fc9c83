/* A schedule: the live nodes of a graph as the flat list of tasks that a device runs, with patterns fused. Device
 * independent: a device turns each task into its own calls.
 *
 * Buffers are numbered: buffer v < node count is value v of the graph; extra ones (batch statistics) follow. */
#ifndef LIMN_GRAPH_SCHEDULE_H
#define LIMN_GRAPH_SCHEDULE_H

#include "graph/graph.h"

typedef enum limn_task_kind {
  LIMN_TASK_CONV,    /* x, w [, bias] -> y, then the activation */
  LIMN_TASK_CONV_DX, /* y, w [, bias] -> x-like, then the activation; or y, w, u -> x-like, then RELU_GRAD or LEAKY_GRAD
                        by u, what that activation once made */
  LIMN_TASK_CONV_DW, /* x, y -> w */

  /* Statistics are (2 groups, C, 1, 1): of each of the node's groups the means, then the biased variances. */
  LIMN_TASK_STATISTICS,         /* x -> statistics */
  LIMN_TASK_BATCHNORM,          /* x, gamma, beta -> y, statistics; then the activation on y */
  LIMN_TASK_BATCHNORM_BACKWARD, /* x, statistics, gamma, dy, activated y (or LIMN_NONE) -> dx, dgamma, dbeta (or
                                   LIMN_NONE) */
  LIMN_TASK_UPDATE_RUNNING,     /* statistics [, gate]; targets; one group after the other */

  LIMN_TASK_STACK, /* a, b -> value: a's rows, then b's */
  LIMN_TASK_ROWS,  /* x -> value: rows of x from the node's `row` on */

  LIMN_TASK_CONCAT, /* up to LIMN_MAX_INPUTS parts -> value: their channels, one part's behind the other's */
  LIMN_TASK_SLICE,  /* x -> value: channels of x from the node's `channel` on */

  LIMN_TASK_MAX_POOL,      /* x -> y */
  LIMN_TASK_MAX_POOL_DX,   /* x, dy -> dx */
  LIMN_TASK_MAX_POOL_PICK, /* x, v -> y-like */
  LIMN_TASK_SEPARABLE, /* x -> value: AVG_POOL, RESAMPLE and their adjoints, each a linear map along the rows and one
                          along the columns (devices/taps.h) */

  LIMN_TASK_WINDOW, /* x -> value: WINDOW or WINDOW_DX */

  LIMN_TASK_POINTWISE, /* inputs of the instructions -> any of their results, each in the domain's shape or summed down
                          to its own; sums of one task have one shape, or are scalars */
  LIMN_TASK_LOG_SUM_EXP, /* x -> value (N, 1, H, W) */
  LIMN_TASK_RANDOM,      /* -> value; NORMAL or UNIFORM */
  LIMN_TASK_PICTURES,    /* leaf of bytes -> value */

  LIMN_TASK_ASSIGN,    /* value; target */
  LIMN_TASK_OPTIMIZER, /* SGD or ADAM: inputs and targets of the node */
  LIMN_TASK_LATCH,
  LIMN_TASK_RECORD,
} limn_task_kind;

typedef struct limn_task {
  limn_task_kind kind;
  limn_node node; /* the node that gives attributes and targets; a pointwise task's says nothing more */
  int input_count, output_count;
  int inputs[LIMN_MAX_TASK_INPUTS];
  int outputs[LIMN_MAX_TASK_OUTPUTS];
  limn_pointwise activation;           /* fused behind the op (or, backward, before it); LIMN_PW_COUNT: none */
  float slope, limit;                  /* its alpha and beta */
  limn_shape domain;                   /* POINTWISE: the shape that the instructions run over */
  int operands[LIMN_MAX_TASK_OUTPUTS]; /* POINTWISE: what each output is made of, as in an instruction */
  int instruction_count;
  limn_instruction *instructions; /* owned by the schedule */
} limn_task;

/* Of a CONV or CONV_DX task, which has at most one of them: its bias; the activated value by which it ends in a
 * gradient. LIMN_NONE: none. */
static inline bool limn_task_ends_in_gradient(const limn_task *task) {
  return task->activation == LIMN_PW_RELU_GRAD || task->activation == LIMN_PW_LEAKY_GRAD;
}
static inline int limn_task_bias(const limn_task *task) {
  return task->input_count > 2 && !limn_task_ends_in_gradient(task) ? task->inputs[2] : LIMN_NONE;
}
static inline int limn_task_activated(const limn_task *task) {
  return limn_task_ends_in_gradient(task) ? task->inputs[2] : LIMN_NONE;
}

/* What a device can fuse, and whether it gains from updates that stand side by side. */
typedef struct limn_fusion {
  bool conv_activation, batchnorm_activation, pointwise;
  bool conv_gradient; /* an activation's gradient behind a CONV_DX */
  bool late_updates;
  int64_t small; /* pointwise tasks of so many elements the device joins by itself */
} limn_fusion;

typedef struct limn_schedule {
  limn_task *tasks;
  int task_count;
  limn_shape *shapes; /* (buffer_count) */
  int buffer_count;
  int *alias; /* (buffer_count) the OUTPUT leaf in whose memory a value is made, LIMN_NONE: its own */
} limn_schedule;

/* The graph must outlive nothing: the schedule copies what it needs (leaf names stay the graph's). */
limn_status limn_schedule_create(limn_schedule **out, const limn_graph *graph, limn_fusion fusion);
void limn_schedule_destroy(limn_schedule *schedule);

/* Whether the task adds two values of the shape of the sum, and does nothing else. */
bool limn_task_is_sum_of_two(const limn_schedule *schedule, const limn_task *task);

/* Whether the value, or buffer, is an input of the task. */
bool limn_task_reads(const limn_task *task, int value);

/* Whether `task` has to be over before `next` begins: that writes what it reads or writes, or reads what it writes. */
bool limn_task_must_precede(const limn_task *task, const limn_task *next);

/* The forms in which a device keeps a value: bytes of the smallest, of that which updates read, of all together. */
typedef struct limn_value_bytes {
  double least, master, all;
} limn_value_bytes;

/* What the schedule's tasks have to move even if all that a fusing device could spare were spared. Convolutions,
 * pools, resampling, windows and batchnorm's tasks read each operand once and write each result once (a batchnorm's
 * sums come with whoever makes what it reads); optimisers read the gradient and their targets and write these; running
 * statistics and assigned leaves are written. Pointwise tasks and random numbers cost nothing: they belong to a
 * neighbour that touches their values anyway. (schedule->buffer_count) bytes. */
double limn_schedule_least_bytes(const limn_schedule *schedule, const limn_value_bytes *bytes);

/* Memory by lifetime: a block lives from task `first` to task `last`, both included. */
typedef struct limn_block {
  size_t bytes;
  int first, last;
  size_t offset; /* result; a multiple of 256 */
} limn_block;

/* Places blocks so that no two that live at the same time overlap, each in the lowest gap that holds it, in the best of
 * several orders: by size, by lifetime, by both. Returns LIMN_FAILED when memory for the work runs out. */
limn_status limn_place_blocks(limn_block *blocks, int count, size_t *arena_bytes);

#endif
