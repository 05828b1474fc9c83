/* The ops that write leaves, one function each. */
#include <math.h>

#include "reference_internal.h"

static bool is_shut(reference_array gate) { return gate.data && gate.data[0] != 0; }

/* One group. */
static void update_running_by(const limn_node *node, reference_array x, const reference_array *targets) {
  limn_shape s = x.shape;
  double count = (double)s.n * s.h * s.w, momentum = node->alpha;
  double mean, variance;
  for (int c = 0; c < s.c; ++c) {
    reference_statistics(x, c, &mean, &variance);
    if (!isfinite(mean) || !isfinite(variance))
      return;
  }
  for (int c = 0; c < s.c; ++c) {
    reference_statistics(x, c, &mean, &variance);
    double unbiased = variance * count / (count - 1);
    targets[0].data[c] = (1 - momentum) * targets[0].data[c] + momentum * mean;
    targets[1].data[c] = (1 - momentum) * targets[1].data[c] + momentum * unbiased;
  }
}

static void update_running(const limn_node *node, const reference_array *in, const reference_array *targets) {
  int count = in[0].shape.n / node->groups;
  if (is_shut(in[1]))
    return;
  for (int first = 0; first < in[0].shape.n; first += count)
    update_running_by(node, reference_rows(in[0], first, count), targets);
}

static void assign(reference_array value, reference_array target) {
  for (int64_t i = 0; i < limn_shape_count(target.shape); ++i)
    target.data[i] = value.data[i];
}

/* inputs: gradient, hyper, scale, gate; targets: w, buffer. */
static void sgd(const limn_node *node, const reference_array *in, const reference_array *targets) {
  double lr = in[1].data[0], scale = in[2].data ? in[2].data[0] : 1;
  if (is_shut(in[3]))
    return;
  for (int64_t i = 0; i < limn_shape_count(targets[0].shape); ++i) {
    double *w = &targets[0].data[i];
    double g = scale * in[0].data[i] + node->weight_decay * *w;
    if (targets[1].data) {
      double *buffer = &targets[1].data[i];
      *buffer = node->alpha * *buffer + g;
      g = *buffer;
    }
    *w -= lr * g;
  }
}

/* inputs as SGD's; targets: w, m, v. hyper = (lr, 1 - beta1^t, 1 - beta2^t, what is added to
 * beta2). */
static void adam(const limn_node *node, const reference_array *in, const reference_array *targets) {
  double lr = in[1].data[0], correction1 = in[1].data[1], correction2 = in[1].data[2];
  double scale = in[2].data ? in[2].data[0] : 1, decay = node->weight_decay;
  double beta1 = node->beta1, beta2 = node->beta2 + in[1].data[3];
  if (is_shut(in[3]))
    return;
  for (int64_t i = 0; i < limn_shape_count(targets[0].shape); ++i) {
    double *w = &targets[0].data[i], *m = &targets[1].data[i], *v = &targets[2].data[i];
    double g = scale * in[0].data[i];
    if (node->decoupled)
      *w -= lr * decay * *w;
    else
      g += decay * *w;
    *m = beta1 * *m + (1 - beta1) * g;
    *v = beta2 * *v + (1 - beta2) * g * g;
    *w -= lr / correction1 * *m / (sqrt(*v) / sqrt(correction2) + node->eps);
  }
}

void reference_update(const limn_node *node, const reference_array *in, const reference_array *targets, uint64_t step) {
  switch (node->op) {
  case LIMN_OP_UPDATE_RUNNING:
    update_running(node, in, targets);
    return;
  case LIMN_OP_ASSIGN:
    assign(in[0], targets[0]);
    return;
  case LIMN_OP_SGD:
    sgd(node, in, targets);
    return;
  case LIMN_OP_ADAM:
    adam(node, in, targets);
    return;
  case LIMN_OP_LATCH:
    if (!isfinite(in[0].data[0]))
      targets[0].data[0] = 1;
    return;
  case LIMN_OP_RECORD:
    targets[0].data[(int64_t)(step % (uint64_t)targets[0].shape.n) * targets[0].shape.c + node->column] = in[0].data[0];
    return;
  default:
    break;
  }
  for (int i = 0; i < node->target_count; ++i) /* an unknown update must fail every comparison */
    for (int64_t j = 0; j < limn_shape_count(targets[i].shape); ++j)
      targets[i].data[j] = NAN;
}
