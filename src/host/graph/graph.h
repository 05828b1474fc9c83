/* A graph: a network, a loss or a whole training step as pure description.
 *
 * A graph holds no memory of tensors and knows no device. It is a list of nodes in the order in which they run. Values
 * are written once. What lives longer than one run (weights, running statistics, optimiser moments, inputs, outputs)
 * are leaves, known by name; an update node writes a leaf where it stands in the order, so that a node added later
 * reads the new value. All tensors but leaves of pictures are fp32, with a logical shape (N, C, H, W); how a device
 * lays them out is its own business.
 *
 * Builders return the new value, or LIMN_NONE after an error; the first error sticks to the graph and later builders do
 * nothing, so that a caller checks limn_graph_status once, at the end. */
#ifndef LIMN_GRAPH_GRAPH_H
#define LIMN_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pointwise.h"
#include "limn/status.h"

typedef struct limn_graph limn_graph;

typedef int32_t limn_value; /* index of the node that makes it */
#define LIMN_NONE ((limn_value)-1)

typedef struct limn_shape {
  int32_t n, c, h, w;
} limn_shape;

static inline int64_t limn_shape_count(limn_shape s) { return (int64_t)s.n * s.c * s.h * s.w; }
static inline bool limn_shape_equal(limn_shape a, limn_shape b) {
  return a.n == b.n && a.c == b.c && a.h == b.h && a.w == b.w;
}
#define LIMN_SCALAR       ((limn_shape){1, 1, 1, 1})
#define LIMN_CHANNELS(c_) ((limn_shape){1, (c_), 1, 1})

/* What a leaf is for. Decides whether a checkpoint holds it. Weights of convolutions have the shape (O, I, KH, KW). */
typedef enum limn_role {
  LIMN_ROLE_INPUT,     /* the host writes it between runs; not in checkpoints */
  LIMN_ROLE_OUTPUT,    /* the host reads it between runs; not in checkpoints */
  LIMN_ROLE_PARAMETER, /* trained weight */
  LIMN_ROLE_BUFFER,    /* part of the model, not trained: BatchNorm's running statistics */
  LIMN_ROLE_OPTIMIZER, /* state of the optimiser or of an average: in checkpoints, not in exports */
  LIMN_ROLE_FROZEN,    /* weight that nobody trains: from a file of a pretrained network; not in checkpoints */
  LIMN_ROLE_PICTURES,  /* bytes, which the host writes between runs and limn_graph_pictures alone reads */
  LIMN_ROLE_SUM,       /* of a weight's gradients over parts of a step: zeros between steps, so not in checkpoints */
} limn_role;

typedef enum limn_op {
  LIMN_OP_LEAF,
  LIMN_OP_FILL,     /* every element is `alpha` */
  LIMN_OP_PICTURES, /* leaf of the role PICTURES (N, C, H0, W0) -> alpha byte + beta, (N, C, H, W); see limn_window */

  /* The three convolutions, closed under differentiation. x (N, I, H, W), w (O, I / groups, KH, KW), y (N, O, OH, OW).
   */
  LIMN_OP_CONV,    /* inputs x, w [, bias (1, O, 1, 1)] -> y */
  LIMN_OP_CONV_DX, /* inputs y-like, w [, bias (1, I, 1, 1)] -> x-like: the transposed convolution */
  LIMN_OP_CONV_DW, /* inputs x, y-like -> w-like */

  /* Batches put together and taken apart. */
  LIMN_OP_STACK, /* a (N, C, H, W), b (M, C, H, W) -> (N + M, C, H, W), a first */
  LIMN_OP_ROWS,  /* x -> its rows (pictures) from `row` on, as many as the value has */

  /* Channels put together and taken apart. */
  LIMN_OP_CONCAT, /* 2 ... LIMN_MAX_INPUTS values (N, C_i, H, W) -> (N, C_1 + C_2 + ..., H, W), in that order */
  LIMN_OP_SLICE,  /* x -> its channels from `channel` on, as many as the value has */

  /* Windows over pictures (limn_pool_attrs). Padding never wins a maximum; of equal elements the first in row-major
   * order does, and a NaN wins over all before it. */
  LIMN_OP_MAX_POOL,      /* x (N, C, H, W) -> y (N, C, OH, OW) */
  LIMN_OP_MAX_POOL_DX,   /* x, dy -> dx: dy flows to where the maximum of x lies */
  LIMN_OP_MAX_POOL_PICK, /* x, v like x -> y-like: v where the maximum of x lies, the adjoint of the one above in dy */
  LIMN_OP_AVG_POOL,      /* x -> y */
  LIMN_OP_AVG_POOL_DX,   /* dy -> dx, its adjoint */

  /* Pictures of another size (limn_resampling). */
  LIMN_OP_RESAMPLE,    /* x (N, C, H, W) -> (N, C, H', W') */
  LIMN_OP_RESAMPLE_DX, /* dy -> dx, its adjoint */

  /* x -> x's shape: each picture mirrored, moved and with a part of it cut out at random; see limn_window. */
  LIMN_OP_WINDOW,
  LIMN_OP_WINDOW_DX, /* dy -> dx, its adjoint, with the same random numbers */

  /* `groups` equal parts of the batch, one behind the other, each with statistics of its own. */
  LIMN_OP_BATCHNORM,          /* x, gamma, beta -> y; batch statistics, biased variance */
  LIMN_OP_BATCHNORM_BACKWARD, /* x, gamma, dy -> dx */
  LIMN_OP_BATCHNORM_DGAMMA,   /* x, dy -> (1, C, 1, 1) */
  LIMN_OP_UPDATE_RUNNING,     /* x [, gate]; targets running_mean, running_var; momentum alpha; group after group */

  LIMN_OP_POINTWISE, /* one of limn_pointwise on one or two inputs; an input may be broadcast from 1 along N, C, (H, W)
                      */
  LIMN_OP_SUM,       /* x -> shape: sums over every axis on which `shape` is 1 and x is not */
  LIMN_OP_LOG_SUM_EXP, /* x -> log of the sum over channels of exp(x), (N, 1, H, W) */

  LIMN_OP_NORMAL,  /* N(0, 1): a pure function of (seed, stream, step, element); see base/philox.h */
  LIMN_OP_UNIFORM, /* U[0, 1): likewise */

  LIMN_OP_ASSIGN, /* value; target leaf of the same shape */
  LIMN_OP_SGD,    /* gradient, hyper [, scale [, gate]]; targets w [, momentum buffer] */
  LIMN_OP_ADAM,   /* gradient, hyper [, scale [, gate]]; targets w, m, v */
  LIMN_OP_LATCH,  /* scalar; target gate: becomes 1 when the scalar is not finite, and stays so */
  LIMN_OP_RECORD, /* scalar; target ring (rows, columns, 1, 1): ring[step mod rows][column] = scalar */

  LIMN_OP_COUNT
} limn_op;

/* PICTURES: how a window of H x W is cut out of each picture of H0 x W0. Where it is not moved it is the middle one, at
 * ((H0 - H) / 2, (W0 - W) / 2); else its row is uniform in -reach_h ... H0 - H + reach_h, its column likewise, and
 * pixels outside the picture repeat its edge. `flip`: every second window, on average, is mirrored left to right. Both
 * are drawn for each sample: docs/randomness.md.
 *
 * WINDOW: the same of numbers, with H0 = H and W0 = W, except that the picture is mirrored before the window is moved,
 * that zeros come in from outside, and that then a rectangle of cut_h x cut_w is made 0, whose centre is uniform over
 * the picture and of which there is what lies inside (Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient
 * GAN Training"). */
typedef struct limn_window {
  bool flip, moved;
  int32_t reach_h, reach_w; /* 0 where it is not moved */
  int32_t cut_h, cut_w;     /* WINDOW alone; both 0: nothing is cut out */
} limn_window;

#define LIMN_MAX_INPUTS  4
#define LIMN_MAX_TARGETS 3

typedef struct limn_conv_attrs {
  int32_t stride_h, stride_w, pad_h, pad_w; /* the same stride and padding on both sides of an axis */
  int32_t more_h, more_w;                   /* padding behind the last row and column beyond that */
  int32_t groups; /* equal parts of the channels of x and of y, each with weights of its own; 0 counts as 1 */
} limn_conv_attrs;

static inline int32_t limn_conv_groups(limn_conv_attrs a) { return a.groups == 0 ? 1 : a.groups; }
/* Padded alike on both sides and in one group: all that engines for special shapes compute. */
static inline bool limn_conv_is_plain(limn_conv_attrs a) {
  return a.more_h == 0 && a.more_w == 0 && limn_conv_groups(a) == 1;
}

/* Where a leaf's numbers begin: N(mean, deviation^2); `mean` everywhere where the deviation is 0. */
typedef struct limn_initial {
  float mean, deviation;
  float uniform; /* over 0: uniform in mean +- it instead */
  bool unit;     /* then all of them divided by their Euclidean norm */
} limn_initial;

/* The shape that PyTorch has a leaf in, and with it files. */
typedef enum limn_form {
  LIMN_FORM_USUAL,   /* (N, C, H, W); a vector over channels, (1, C, 1, 1), as (C) */
  LIMN_FORM_KERNEL,  /* (N, C, H, W), whatever they are */
  LIMN_FORM_VECTOR,  /* all numbers in one dimension */
  LIMN_FORM_PICTURE, /* (C, H, W), of N = 1 */
  LIMN_FORM_ROWS,    /* (N, C H W): nn.Linear's weight over flattened inputs */
  LIMN_FORM_COLUMNS, /* (C H W, N), transposed: nn.Linear's weight whose outputs are then seen as (C, H, W) */
} limn_form;

/* A window and its steps over a picture. What padding there is lies before the picture, and as much and `extra` more
 * behind it. */
typedef struct limn_pool_attrs {
  int32_t window_h, window_w, stride_h, stride_w, pad_h, pad_w, extra_h, extra_w;
  bool counted; /* AVG_POOL: an average counts the padding as zeros; else it leaves it out */
} limn_pool_attrs;

/* Where a pixel of the result lies in a picture whose side is `in`, when its own is `out`. */
typedef enum limn_resampling {
  LIMN_NEAREST,          /* pixel i is pixel floor(i in / out) */
  LIMN_BILINEAR,         /* (i + 1/2) in / out - 1/2, at least 0: half-pixel centres, PyTorch's align_corners=False */
  LIMN_BILINEAR_CORNERS, /* i in / out: the pixels' corners, TensorFlow 1's */
} limn_resampling;

typedef struct limn_node {
  limn_op op;
  limn_shape shape; /* of the value; (0, 0, 0, 0) for updates, which make none */
  int input_count, target_count;
  limn_value inputs[LIMN_MAX_INPUTS];
  limn_value targets[LIMN_MAX_TARGETS]; /* leaves that an update writes */
  /* attributes */
  limn_pointwise pointwise;
  limn_conv_attrs conv;
  limn_pool_attrs pool;
  limn_resampling resampling;
  float alpha, beta; /* of FILL, PICTURES and POINTWISE; BATCHNORM*: alpha is eps; UPDATE_RUNNING: momentum; SGD: alpha
                        is momentum */
  int32_t groups;    /* BATCHNORM*, UPDATE_RUNNING: at least 1 */
  int32_t row;       /* ROWS */
  int32_t channel;   /* SLICE */
  float beta1, beta2, eps, weight_decay; /* ADAM, SGD */
  bool decoupled;                        /* ADAM: AdamW's decoupled weight decay */
  bool held;                             /* POINTWISE: no gradient flows through */
  uint32_t stream;                       /* NORMAL, UNIFORM, PICTURES, WINDOW, WINDOW_DX */
  limn_window window;                    /* PICTURES, WINDOW, WINDOW_DX */
  int32_t column;                        /* RECORD */
  /* leaves only */
  limn_role role;
  limn_initial initial;
  limn_form form;
  const char *name;
} limn_node;

limn_status limn_graph_create(limn_graph **out);
void limn_graph_destroy(limn_graph *graph);

/* The sticky status; on failure the message of the first error is made this thread's message. */
limn_status limn_graph_status(const limn_graph *graph);

int limn_graph_count(const limn_graph *graph);
const limn_node *limn_graph_node(const limn_graph *graph, limn_value value); /* borrowed until the next builder call */
limn_shape limn_graph_shape(const limn_graph *graph, limn_value value);

/* The leaf of that name; made on the first call. A second call with another shape or role is an error. */
limn_value limn_graph_leaf(limn_graph *graph, limn_role role, const char *name, limn_shape shape);
/* The same, of a network: one that begins somewhere. Who trains it draws the numbers (models/outline.h). */
limn_value limn_graph_weight(limn_graph *graph, limn_role role, const char *name, limn_shape shape,
                             limn_initial initial);
/* Says in which form files have a leaf; LIMN_NONE is passed over. */
void limn_graph_set_form(limn_graph *graph, limn_value leaf, limn_form form);
limn_value limn_graph_find_leaf(const limn_graph *graph, const char *name); /* LIMN_NONE when there is none */

limn_value limn_graph_fill(limn_graph *graph, limn_shape shape, float value);

/* Pictures as numbers: scale byte + shift, of height x width. bytes is a leaf of the role PICTURES, whose pictures are
 * at least as large. Random numbers, where the window needs any, come from `stream`. The bytes have no gradient. */
typedef struct limn_picture_attrs {
  int32_t height, width;
  float scale, shift;
  limn_window window;
  uint32_t stream;
} limn_picture_attrs;
limn_value limn_graph_pictures(limn_graph *graph, limn_value bytes, limn_picture_attrs attrs);

/* x as the window of each picture shows it, with random numbers of `stream`. */
limn_value limn_graph_window(limn_graph *graph, limn_value x, limn_window window, uint32_t stream);
limn_value limn_graph_window_dx(limn_graph *graph, limn_value dy, limn_window window, uint32_t stream);

/* bias may be LIMN_NONE. As many groups as channels make a depthwise convolution. */
limn_value limn_graph_conv(limn_graph *graph, limn_value x, limn_value w, limn_value bias, limn_conv_attrs attrs);
/* Transposed convolution (the gradient of conv with respect to x). w is (C of y, C of result / groups, KH, KW),
 * PyTorch's ConvTranspose2d layout. `shape` is the result's; several are possible when the stride is over 1. */
limn_value limn_graph_conv_dx(limn_graph *graph, limn_value y, limn_value w, limn_value bias, limn_conv_attrs attrs,
                              limn_shape shape);
limn_value limn_graph_conv_dw(limn_graph *graph, limn_value x, limn_value y, limn_conv_attrs attrs, limn_shape shape);
/* y = w x + b over flattened inputs: a convolution whose kernel is the whole picture. w is (O, C, H, W). */
limn_value limn_graph_dense(limn_graph *graph, limn_value x, limn_value w, limn_value bias);

/* a's pictures, then b's: (N + M, C, H, W). */
limn_value limn_graph_stack(limn_graph *graph, limn_value a, limn_value b);
/* Pictures row ... row + count - 1 of x. */
limn_value limn_graph_rows(limn_graph *graph, limn_value x, int32_t row, int32_t count);

/* The channels of values[0], then those of values[1], ...; of 2 ... LIMN_MAX_INPUTS values, which differ in C alone. */
limn_value limn_graph_concat(limn_graph *graph, const limn_value *values, int count);
/* Channels channel ... channel + count - 1 of x. */
limn_value limn_graph_slice(limn_graph *graph, limn_value x, int32_t channel, int32_t count);

/* OH = (H + 2 pad_h + extra_h - window_h) / stride_h + 1, rounded down, OW likewise. A window that lies wholly in
 * padding is refused. */
limn_value limn_graph_max_pool(limn_graph *graph, limn_value x, limn_pool_attrs attrs);
limn_value limn_graph_max_pool_dx(limn_graph *graph, limn_value x, limn_value dy, limn_pool_attrs attrs);
limn_value limn_graph_max_pool_pick(limn_graph *graph, limn_value x, limn_value v, limn_pool_attrs attrs);
limn_value limn_graph_avg_pool(limn_graph *graph, limn_value x, limn_pool_attrs attrs);
/* `shape` is the result's. */
limn_value limn_graph_avg_pool_dx(limn_graph *graph, limn_value dy, limn_pool_attrs attrs, limn_shape shape);

/* x at height x width: any, larger or smaller; nothing is smoothed first. */
limn_value limn_graph_resample(limn_graph *graph, limn_value x, limn_resampling how, int32_t height, int32_t width);
/* The gradient with respect to x, which was height x width. */
limn_value limn_graph_resample_dx(limn_graph *graph, limn_value dy, limn_resampling how, int32_t height, int32_t width);

typedef struct limn_batchnorm_attrs {
  float eps;
  float momentum; /* of the running statistics */
  int32_t groups; /* equal parts of the batch, one behind the other, each of which is normalised as if it were passed
                     alone; 0 counts as 1 */
} limn_batchnorm_attrs;
/* Batch normalisation (Ioffe & Szegedy 2015, Algorithm 1) over (N, H, W), statistics of this batch. */
limn_value limn_graph_batchnorm(limn_graph *graph, limn_value x, limn_value gamma, limn_value beta,
                                limn_batchnorm_attrs attrs);
/* The same with given statistics (Algorithm 2), as pointwise ops. */
limn_value limn_graph_batchnorm_inference(limn_graph *graph, limn_value x, limn_value gamma, limn_value beta,
                                          limn_value mean, limn_value variance, float eps);
/* running = (1 - momentum) running + momentum statistic, for one group after the other; the variance is the unbiased
 * one, as PyTorch's. Nothing is written once gate (LIMN_NONE: none) is set, nor of a group with a statistic that is not
 * finite. */
void limn_graph_update_running(limn_graph *graph, limn_value x, limn_value running_mean, limn_value running_var,
                               limn_value gate, limn_batchnorm_attrs attrs);

limn_value limn_graph_unary(limn_graph *graph, limn_pointwise function, limn_value x, float alpha, float beta);
limn_value limn_graph_binary(limn_graph *graph, limn_pointwise function, limn_value x, limn_value y);
limn_value limn_graph_add(limn_graph *graph, limn_value x, limn_value y);
limn_value limn_graph_sub(limn_graph *graph, limn_value x, limn_value y);
limn_value limn_graph_mul(limn_graph *graph, limn_value x, limn_value y);
limn_value limn_graph_affine(limn_graph *graph, limn_value x, float a, float b); /* a x + b */
/* x, through which no gradient flows. */
limn_value limn_graph_hold(limn_graph *graph, limn_value x);

limn_value limn_graph_sum(limn_graph *graph, limn_value x, limn_shape shape);
limn_value limn_graph_sum_all(limn_graph *graph, limn_value x);
limn_value limn_graph_mean_all(limn_graph *graph, limn_value x);

/* log(sum over channels of exp(x)), (N, 1, H, W), without overflow: the largest of a pixel is taken out first. Infinite
 * where that is. */
limn_value limn_graph_log_sum_exp(limn_graph *graph, limn_value x);
/* exp(x - log_sum_exp(x)) and its logarithm, over channels: compositions. */
limn_value limn_graph_softmax(limn_graph *graph, limn_value x);
limn_value limn_graph_log_softmax(limn_graph *graph, limn_value x);

limn_value limn_graph_normal(limn_graph *graph, limn_shape shape, uint32_t stream);
limn_value limn_graph_uniform(limn_graph *graph, limn_shape shape, uint32_t stream);

void limn_graph_assign(limn_graph *graph, limn_value target, limn_value value);
/* The same unless the scalar `gate` (LIMN_NONE: none) is set, where the target keeps what it has: a choice between the
 * two, and no weighted sum, which a NaN would pass. Returns what the target then holds. */
limn_value limn_graph_assign_gated(limn_graph *graph, limn_value target, limn_value value, limn_value gate);
void limn_graph_latch(limn_graph *graph, limn_value gate, limn_value scalar);
void limn_graph_record(limn_graph *graph, limn_value ring, int32_t column, limn_value scalar);

/* One optimiser step on the leaf w. hyper (1, 4, 1, 1) = (lr, 1 - beta1^t, 1 - beta2^t, what is added to beta2) is
 * written by the host before each run; the gradient is multiplied by the scalar `scale`, and nothing is written while
 * the scalar `gate` is not 0 (both may be LIMN_NONE; a gate needs a scale). */
typedef struct limn_optimizer_inputs {
  limn_value gradient, hyper, scale, gate;
} limn_optimizer_inputs;

/* Adam (Kingma & Ba 2015, Algorithm 1) with PyTorch's placement of eps; AdamW (Loshchilov & Hutter 2019) when
 * decoupled. */
typedef struct limn_adam_attrs {
  float beta1, beta2, eps, weight_decay;
  bool decoupled;
} limn_adam_attrs;
void limn_graph_adam(limn_graph *graph, limn_value w, limn_value m, limn_value v, limn_optimizer_inputs inputs,
                     limn_adam_attrs attrs);
/* buffer = momentum buffer + g; w -= lr buffer. buffer may be LIMN_NONE when momentum is 0. */
void limn_graph_sgd(limn_graph *graph, limn_value w, limn_value buffer, limn_optimizer_inputs inputs, float momentum,
                    float weight_decay);

/* Reverse-mode differentiation: extends the graph by the ops that d(loss)/d(wrt[i]) needs, and by no others. loss is a
 * scalar; out[i] has the shape of wrt[i] and is zero-filled where loss does not depend on it. The result may be
 * differentiated again. A value that has passed through a leaf update since it was used is refused, and so is a
 * gradient with respect to the bytes of pictures. */
limn_status limn_graph_gradient(limn_graph *graph, limn_value loss, const limn_value *wrt, int count, limn_value *out);

/* Multiply-accumulates of a node: of its convolution; 0: it is none. */
double limn_graph_macs(const limn_graph *graph, limn_value value);

/* "conv", "tanh": the name in error messages, tables and traces. */
const char *limn_op_name(const limn_node *node);

#endif
