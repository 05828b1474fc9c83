/* A schedule: the live nodes of a graph as the flat list of steps that a device runs, with patterns fused. Device
 * independent: a device turns each step into its own calls.
 *
 * Buffers are numbered: buffer v < node count is value v of the graph; extra ones (batch statistics) follow. */
#ifndef LIMN_GRAPH_SCHEDULE_H
#define LIMN_GRAPH_SCHEDULE_H

#include "graph/graph.h"

typedef enum limn_step_kind {
  LIMN_STEP_CONV,    /* x, w [, bias] -> y, then the activation */
  LIMN_STEP_CONV_DX, /* y, w [, bias] -> x-like, then the activation; or y, w, u -> x-like, then RELU_GRAD or LEAKY_GRAD
                        by u, what that activation once made */
  LIMN_STEP_CONV_DW, /* x, y -> w */

  /* Statistics are (2 groups, C, 1, 1): of each of the node's groups the means, then the biased variances. */
  LIMN_STEP_STATISTICS,         /* x -> statistics */
  LIMN_STEP_BATCHNORM,          /* x, gamma, beta -> y, statistics; then the activation on y */
  LIMN_STEP_BATCHNORM_BACKWARD, /* x, statistics, gamma, dy, activated y (or LIMN_NONE) -> dx, dgamma, dbeta (or
                                   LIMN_NONE) */
  LIMN_STEP_UPDATE_RUNNING,     /* statistics [, gate]; targets; one group after the other */

  LIMN_STEP_STACK, /* a, b -> value: a's rows, then b's */
  LIMN_STEP_ROWS,  /* x -> value: rows of x from the node's `row` on */

  LIMN_STEP_CONCAT, /* up to LIMN_MAX_INPUTS parts -> value: their channels, one part's behind the other's */
  LIMN_STEP_SLICE,  /* x -> value: channels of x from the node's `channel` on */

  LIMN_STEP_MAX_POOL,      /* x -> y */
  LIMN_STEP_MAX_POOL_DX,   /* x, dy -> dx */
  LIMN_STEP_MAX_POOL_PICK, /* x, v -> y-like */
  LIMN_STEP_SEPARABLE, /* x -> value: AVG_POOL, RESAMPLE and their adjoints, each a linear map along the rows and one
                          along the columns (devices/taps.h) */

  LIMN_STEP_WINDOW, /* x -> value: WINDOW or WINDOW_DX */

  LIMN_STEP_POINTWISE, /* inputs of the instructions -> any of their results, each in the domain's shape or summed down
                          to its own; sums of one step have one shape, or are scalars */
  LIMN_STEP_LOG_SUM_EXP, /* x -> value (N, 1, H, W) */
  LIMN_STEP_RANDOM,      /* -> value; NORMAL or UNIFORM */
  LIMN_STEP_PICTURES,    /* leaf of bytes -> value */

  LIMN_STEP_ASSIGN,    /* value; target */
  LIMN_STEP_OPTIMIZER, /* SGD or ADAM: inputs and targets of the node */
  LIMN_STEP_LATCH,
  LIMN_STEP_RECORD,
} limn_step_kind;

typedef struct limn_step {
  limn_step_kind kind;
  limn_node node; /* the node that gives attributes and targets; a pointwise step's says nothing more */
  int input_count, output_count;
  int inputs[LIMN_MAX_STEP_INPUTS];
  int outputs[LIMN_MAX_STEP_OUTPUTS];
  limn_pointwise activation;           /* fused behind the op (or, backward, before it); LIMN_PW_COUNT: none */
  float slope, limit;                  /* its alpha and beta */
  limn_shape domain;                   /* POINTWISE: the shape that the instructions run over */
  int operands[LIMN_MAX_STEP_OUTPUTS]; /* POINTWISE: what each output is made of, as in an instruction */
  int instruction_count;
  limn_instruction *instructions; /* owned by the schedule */
} limn_step;

/* Of a CONV or CONV_DX step, which has at most one of them: its bias; the activated value by which it ends in a
 * gradient. LIMN_NONE: none. */
static inline bool limn_step_ends_in_gradient(const limn_step *step) {
  return step->activation == LIMN_PW_RELU_GRAD || step->activation == LIMN_PW_LEAKY_GRAD;
}
static inline int limn_step_bias(const limn_step *step) {
  return step->input_count > 2 && !limn_step_ends_in_gradient(step) ? step->inputs[2] : LIMN_NONE;
}
static inline int limn_step_activated(const limn_step *step) {
  return limn_step_ends_in_gradient(step) ? step->inputs[2] : LIMN_NONE;
}

/* What a device can fuse, and whether it gains from updates that stand side by side. */
typedef struct limn_fusion {
  bool conv_activation, batchnorm_activation, pointwise;
  bool conv_gradient; /* an activation's gradient behind a CONV_DX */
  bool late_updates;
  int64_t small; /* pointwise steps of so many elements the device joins by itself */
} limn_fusion;

typedef struct limn_schedule {
  limn_step *steps;
  int step_count;
  limn_shape *shapes; /* (buffer_count) */
  int buffer_count;
  int *alias; /* (buffer_count) the OUTPUT leaf in whose memory a value is made, LIMN_NONE: its own */
} limn_schedule;

/* The graph must outlive nothing: the schedule copies what it needs (leaf names stay the graph's). */
limn_status limn_schedule_create(limn_schedule **out, const limn_graph *graph, limn_fusion fusion);
void limn_schedule_destroy(limn_schedule *schedule);

/* Whether the step adds two values of the shape of the sum, and does nothing else. */
bool limn_step_is_sum_of_two(const limn_schedule *schedule, const limn_step *step);

/* Whether the value, or buffer, is an input of the step. */
bool limn_step_reads(const limn_step *step, int value);

/* Whether `step` has to be over before `next` begins: that writes what it reads or writes, or reads what it writes. */
bool limn_step_must_precede(const limn_step *step, const limn_step *next);

/* The forms in which a device keeps a value: bytes of the smallest, of that which updates read, of all together. */
typedef struct limn_value_bytes {
  double least, master, all;
} limn_value_bytes;

/* What the schedule's steps have to move even if all that a fusing device could spare were spared. Convolutions,
 * pools, resampling, windows and batchnorm's steps read each operand once and write each result once (a batchnorm's
 * sums come with whoever makes what it reads); optimisers read the gradient and their targets and write these; running
 * statistics and assigned leaves are written. Pointwise steps and random numbers cost nothing: they belong to a
 * neighbour that touches their values anyway. (schedule->buffer_count) bytes. */
double limn_schedule_least_bytes(const limn_schedule *schedule, const limn_value_bytes *bytes);

/* Memory by lifetime: a block lives from step `first` to step `last`, both included. */
typedef struct limn_block {
  size_t bytes;
  int first, last;
  size_t offset; /* result; a multiple of 256 */
} limn_block;

/* Places blocks so that no two that live at the same time overlap, each in the lowest gap that holds it, in the best of
 * several orders: by size, by lifetime, by both. Returns LIMN_FAILED when memory for the work runs out. */
limn_status limn_place_blocks(limn_block *blocks, int count, size_t *arena_bytes);

#endif
