#include "devices/cuda/operation.h"

#include <stdio.h>

bool cuda_operation_same(const cuda_operation *a, const cuda_operation *b) {
  return a->kind == b->kind && limn_shape_equal(a->x, b->x) && limn_shape_equal(a->w, b->w) &&
         limn_shape_equal(a->y, b->y) && a->attrs.stride_h == b->attrs.stride_h &&
         a->attrs.stride_w == b->attrs.stride_w && a->attrs.pad_h == b->attrs.pad_h &&
         a->attrs.pad_w == b->attrs.pad_w && a->attrs.more_h == b->attrs.more_h && a->attrs.more_w == b->attrs.more_w &&
         limn_conv_groups(a->attrs) == limn_conv_groups(b->attrs) && a->type == b->type && a->result == b->result &&
         a->bias == b->bias && a->activation == b->activation &&
         ((a->activation != LIMN_PW_LEAKY_RELU && a->activation != LIMN_PW_LEAKY_GRAD) || a->slope == b->slope);
}

const char *cuda_operation_name(const cuda_operation *c, char *out, size_t size) {
  static const char *const types[] = {[LIMN_F32] = "fp32", [LIMN_BF16] = "bf16", [LIMN_F16] = "fp16"};
  if (c->kind == LIMN_TASK_BATCHNORM) {
    snprintf(out, size, "BATCHNORM x=(%d,%d,%d,%d) %s->%s relu", c->x.n, c->x.c, c->x.h, c->x.w, types[c->type],
             types[c->result]);
    return out;
  }
  const char *kind = c->kind == LIMN_TASK_CONV ? "CONV" : c->kind == LIMN_TASK_CONV_DX ? "CONV_DX" : "CONV_DW";
  char activation[40] = "", rest[64] = "";
  if (!limn_conv_is_plain(c->attrs))
    snprintf(rest, sizeof rest, " more=(%d,%d) groups=%d", c->attrs.more_h, c->attrs.more_w,
             limn_conv_groups(c->attrs));
  if (c->activation == LIMN_PW_LEAKY_RELU || c->activation == LIMN_PW_LEAKY_GRAD)
    snprintf(activation, sizeof activation, " leaky_relu%s(%.9g)", c->activation == LIMN_PW_LEAKY_GRAD ? "_grad" : "",
             (double)c->slope);
  else if (c->activation != LIMN_PW_COUNT)
    snprintf(activation, sizeof activation, " %s",
             c->activation == LIMN_PW_TANH        ? "tanh"
             : c->activation == LIMN_PW_SIGMOID   ? "sigmoid"
             : c->activation == LIMN_PW_RELU_GRAD ? "relu_grad"
                                                  : "relu");
  snprintf(out, size, "%s x=(%d,%d,%d,%d) w=(%d,%d,%d,%d) y=(%d,%d,%d,%d) stride=(%d,%d) pad=(%d,%d)%s %s->%s%s%s",
           kind, c->x.n, c->x.c, c->x.h, c->x.w, c->w.n, c->w.c, c->w.h, c->w.w, c->y.n, c->y.c, c->y.h, c->y.w,
           c->attrs.stride_h, c->attrs.stride_w, c->attrs.pad_h, c->attrs.pad_w, rest, types[c->type], types[c->result],
           c->bias ? " bias" : "", activation);
  return out;
}
