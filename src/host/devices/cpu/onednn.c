/* Everything that knows oneDNN (C API v2, 2.6): convolutions, dense layers, conversions between layouts. */
#include <float.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

struct onednn {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
};

static limn_status check(dnnl_status_t status, const char *what) {
  if (status == dnnl_success)
    return LIMN_OK;
  if (status == dnnl_out_of_memory)
    return limn_fail(LIMN_DEVICE, "oneDNN has no memory for %s; use a smaller --batch or size", what);
  return limn_fail(LIMN_FAILED, "oneDNN failed at %s (status %d)", what, (int)status);
}

limn_status limn_onednn_limit(const char *isa, const char **name) {
  static const struct {
    const char *name;
    dnnl_cpu_isa_t isa;
  } sets[] = {{"avx512", dnnl_cpu_isa_avx512_core}, {"avx2", dnnl_cpu_isa_avx2}, {"sse2", dnnl_cpu_isa_sse41}};
  const size_t count = sizeof sets / sizeof *sets;
  bool automatic = strcmp(isa, "auto") == 0;
  for (size_t i = 0; i < count && !automatic; ++i)
    if (strcmp(sets[i].name, isa) == 0)
      dnnl_set_max_cpu_isa(sets[i].isa); /* refused when it comes too late: seen below */
  dnnl_cpu_isa_t used = dnnl_get_effective_cpu_isa();
  size_t best = 0;
  while (best < count - 1 && (used & sets[best].isa) != sets[best].isa)
    ++best;
  *name = sets[best].name;
  if (!automatic && strcmp(isa, *name) != 0)
    return limn_fail(LIMN_DEVICE,
                     "isa %s: oneDNN uses %s in this process; the limit must be set before its first use, to "
                     "what the CPU has",
                     isa, *name);
  return LIMN_OK;
}

limn_status limn_onednn_create(struct onednn **out) {
  struct onednn *o = calloc(1, sizeof *o);
  if (!o)
    return limn_fail_memory("oneDNN");
  limn_status status = check(dnnl_engine_create(&o->engine, dnnl_cpu, 0), "creating its engine");
  if (status == LIMN_OK)
    status = check(dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags), "creating its stream");
  if (status != LIMN_OK) {
    limn_onednn_destroy(o);
    return status;
  }
  *out = o;
  return LIMN_OK;
}

void limn_onednn_destroy(struct onednn *o) {
  if (!o)
    return;
  if (o->stream)
    dnnl_stream_destroy(o->stream);
  if (o->engine)
    dnnl_engine_destroy(o->engine);
  free(o);
}

void limn_onednn_version(char *buffer, size_t size) {
  const dnnl_version_t *v = dnnl_version();
  snprintf(buffer, size, "%d.%d.%d", v->major, v->minor, v->patch);
}

static dnnl_memory_desc_t describe(int block, limn_shape s, cpu_layout layout) {
  dnnl_format_tag_t tag = layout == CPU_PLAIN            ? dnnl_nchw
                          : layout == CPU_BLOCKED_WEIGHT ? (block == 16 ? dnnl_OIhw16i16o : dnnl_OIhw8i8o)
                                                         : (block == 16 ? dnnl_nChw16c : dnnl_nChw8c);
  dnnl_memory_desc_t md;
  dnnl_memory_desc_init_by_tag(&md, 4, (dnnl_dims_t){s.n, s.c, s.h, s.w},
                               layout == CPU_BLOCKED_BF16 ? dnnl_bf16 : dnnl_f32, tag);
  return md;
}

static dnnl_memory_desc_t describe_any(limn_shape s) {
  dnnl_memory_desc_t md;
  dnnl_memory_desc_init_by_tag(&md, 4, (dnnl_dims_t){s.n, s.c, s.h, s.w}, dnnl_f32, dnnl_format_tag_any);
  return md;
}

/* Weights (O, I, KH, KW), which oneDNN takes apart by groups where there are several. False where a layout of ours is
 * none of its: blocks of ours may hold channels of two groups. */
static bool describe_weights(int block, limn_shape s, int32_t groups, cpu_layout layout, dnnl_memory_desc_t *out) {
  const bool blocked = block > 1 && s.c % block == 0, whole = s.n / groups % block == 0;
  *out = describe(block, s, layout);
  if (groups == 1)
    return layout == CPU_PLAIN || (blocked && (layout == CPU_BLOCKED || s.n % block == 0));
  const dnnl_format_tag_t tag = layout == CPU_PLAIN ? dnnl_goihw : block == 16 ? dnnl_gOIhw16i16o : dnnl_gOIhw8i8o;
  dnnl_memory_desc_init_by_tag(out, 5, (dnnl_dims_t){groups, s.n / groups, s.c, s.h, s.w}, dnnl_f32, tag);
  return layout == CPU_PLAIN || (layout == CPU_BLOCKED_WEIGHT && blocked && whole);
}

static dnnl_memory_desc_t describe_any_weights(limn_shape s, int32_t groups) {
  dnnl_memory_desc_t md = describe_any(s);
  if (groups > 1)
    dnnl_memory_desc_init_by_tag(&md, 5, (dnnl_dims_t){groups, s.n / groups, s.c, s.h, s.w}, dnnl_f32,
                                 dnnl_format_tag_any);
  return md;
}

/* A primitive and its arguments; the state of a kernel. */
#define MAX_ARGUMENTS 6
struct call {
  struct onednn *onednn;
  dnnl_primitive_t primitive;
  int count;
  dnnl_exec_arg_t arguments[MAX_ARGUMENTS]; /* argument i is the kernel's operand i */
};

static void call_destroy(void *state) {
  struct call *call = state;
  if (!call)
    return;
  for (int i = 0; i < call->count; ++i)
    if (call->arguments[i].memory)
      dnnl_memory_destroy(call->arguments[i].memory);
  if (call->primitive)
    dnnl_primitive_destroy(call->primitive);
  free(call);
}

static struct call *call_create(struct onednn *o, const_dnnl_primitive_desc_t pd) {
  struct call *call = calloc(1, sizeof *call);
  if (!call) {
    limn_fail_memory("a oneDNN call");
    return NULL;
  }
  call->onednn = o;
  if (check(dnnl_primitive_create(&call->primitive, pd), "creating a primitive") != LIMN_OK) {
    call_destroy(call);
    return NULL;
  }
  return call;
}

static limn_status call_add(struct call *call, int argument, const dnnl_memory_desc_t *md) {
  dnnl_exec_arg_t *slot = &call->arguments[call->count];
  slot->arg = argument;
  LIMN_TRY(check(dnnl_memory_create(&slot->memory, md, call->onednn->engine, DNNL_MEMORY_NONE), "creating a memory"));
  ++call->count;
  return LIMN_OK;
}

static limn_status bind_call(limn_kernel *k) {
  struct call *call = k->state;
  for (int i = 0; i < call->count; ++i)
    LIMN_TRY(check(dnnl_memory_set_data_handle(call->arguments[i].memory, cpu_at(k, i)), "binding a memory"));
  return LIMN_OK;
}

static void run_call(const limn_kernel *k, const struct limn_call *run) {
  const struct call *call = k->state;
  limn_status status =
      check(dnnl_primitive_execute(call->primitive, call->onednn->stream, call->count, call->arguments), k->name);
  if (status == LIMN_OK)
    status = check(dnnl_stream_wait(call->onednn->stream), k->name);
  if (status != LIMN_OK)
    *run->status = status;
}

/* Hands a finished call to the builder. */
static limn_status add_call(limn_builder *b, const char *name, struct call *call, const int *buffers, double flops) {
  int count = call->count;
  if (limn_builder_status(b) != LIMN_OK) {
    call_destroy(call);
    return limn_builder_status(b);
  }
  limn_kernel *kernel = cpu_add(b, name, run_call, NULL, count, buffers);
  if (!kernel) {
    call_destroy(call);
    return limn_builder_status(b);
  }
  kernel->state = call;
  kernel->bind = bind_call;
  kernel->release = call_destroy;
  kernel->flops = flops;
  kernel->engine = CPU_ONEDNN;
  return LIMN_OK;
}

static limn_status create_reorder(struct onednn *o, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to,
                                  struct call **out) {
  dnnl_primitive_desc_t pd;
  LIMN_TRY(check(dnnl_reorder_primitive_desc_create(&pd, from, o->engine, to, o->engine, NULL), "planning a reorder"));
  struct call *call = call_create(o, pd);
  dnnl_primitive_desc_destroy(pd);
  limn_status status = call ? call_add(call, DNNL_ARG_TO, to) : LIMN_FAILED;
  if (status == LIMN_OK)
    status = call_add(call, DNNL_ARG_FROM, from);
  if (status != LIMN_OK) {
    call_destroy(call);
    return status;
  }
  *out = call;
  return LIMN_OK;
}

limn_status limn_onednn_reorder(struct onednn *o, int block, limn_shape shape, cpu_layout from_layout,
                                const float *from, cpu_layout to_layout, float *to) {
  dnnl_memory_desc_t source = describe(block, shape, from_layout), destination = describe(block, shape, to_layout);
  struct call *call = NULL;
  LIMN_TRY(create_reorder(o, &source, &destination, &call));
  limn_status status = check(dnnl_memory_set_data_handle(call->arguments[0].memory, to), "a reorder");
  if (status == LIMN_OK)
    status = check(dnnl_memory_set_data_handle(call->arguments[1].memory, (void *)from), "a reorder");
  if (status == LIMN_OK)
    status = check(dnnl_primitive_execute(call->primitive, o->stream, call->count, call->arguments), "a reorder");
  if (status == LIMN_OK)
    status = check(dnnl_stream_wait(o->stream), "a reorder");
  call_destroy(call);
  return status;
}

static limn_status add_reorder(limn_builder *b, const dnnl_memory_desc_t *from_md, int from,
                               const dnnl_memory_desc_t *to_md, int to) {
  struct call *call = NULL;
  LIMN_TRY(create_reorder(cpu_device_of(b)->onednn, from_md, to_md, &call));
  return add_call(b, "reorder", call, (const int[]){to, from}, 0);
}

limn_status limn_cpu_build_reorder(limn_builder *b, limn_shape shape, const int layouts[2], int from, int to) {
  int block = cpu_device_of(b)->simd->block;
  dnnl_memory_desc_t from_md = describe(block, shape, (cpu_layout)layouts[0]),
                     to_md = describe(block, shape, (cpu_layout)layouts[1]);
  return add_reorder(b, &from_md, from, &to_md, to);
}

/* One of the three convolutions, or of the three dense layers that they are when the kernel covers the whole picture.
 */
struct conv {
  limn_task_kind kind;
  limn_conv_shapes shapes;
  limn_conv_attrs attrs;
  bool bias; /* inside the primitive: forward only */
  limn_pointwise activation;
  float slope;
};

struct conv_mds {
  dnnl_memory_desc_t x, w, y, bias;
};

static dnnl_status_t init_convolution(dnnl_convolution_desc_t *d, const struct conv *c, limn_task_kind kind,
                                      const struct conv_mds *m) {
  const dnnl_dims_t strides = {c->attrs.stride_h, c->attrs.stride_w}, before = {c->attrs.pad_h, c->attrs.pad_w},
                    behind = {c->attrs.pad_h + c->attrs.more_h, c->attrs.pad_w + c->attrs.more_w};
  if (kind == LIMN_TASK_CONV)
    return dnnl_convolution_forward_desc_init(d, dnnl_forward_training, dnnl_convolution_direct, &m->x, &m->w,
                                              c->bias ? &m->bias : NULL, &m->y, strides, before, behind);
  if (kind == LIMN_TASK_CONV_DX)
    return dnnl_convolution_backward_data_desc_init(d, dnnl_convolution_direct, &m->x, &m->w, &m->y, strides, before,
                                                    behind);
  return dnnl_convolution_backward_weights_desc_init(d, dnnl_convolution_direct, &m->x, &m->w, NULL, &m->y, strides,
                                                     before, behind);
}

static dnnl_status_t init_dense(dnnl_inner_product_desc_t *d, const struct conv *c, limn_task_kind kind,
                                const struct conv_mds *m) {
  if (kind == LIMN_TASK_CONV)
    return dnnl_inner_product_forward_desc_init(d, dnnl_forward_training, &m->x, &m->w, c->bias ? &m->bias : NULL,
                                                &m->y);
  if (kind == LIMN_TASK_CONV_DX)
    return dnnl_inner_product_backward_data_desc_init(d, &m->x, &m->w, &m->y);
  return dnnl_inner_product_backward_weights_desc_init(d, &m->x, &m->w, NULL, &m->y);
}

static dnnl_status_t create_pd(dnnl_primitive_desc_t *pd, struct onednn *o, const struct conv *c, limn_task_kind kind,
                               const struct conv_mds *m, const_dnnl_primitive_attr_t attr,
                               const_dnnl_primitive_desc_t hint) {
  dnnl_convolution_desc_t convolution;
  dnnl_inner_product_desc_t dense;
  dnnl_status_t status = c->shapes.dense ? init_dense(&dense, c, kind, m) : init_convolution(&convolution, c, kind, m);
  if (status != dnnl_success)
    return status;
  return dnnl_primitive_desc_create(
      pd, c->shapes.dense ? (const_dnnl_op_desc_t)&dense : (const_dnnl_op_desc_t)&convolution, attr, o->engine, hint);
}

/* oneDNN's clip would hide a NaN. */
static bool takes_activation(const struct conv *c) {
  return c->kind == LIMN_TASK_CONV && c->activation != LIMN_PW_CLAMP;
}

static dnnl_status_t create_attr(dnnl_primitive_attr_t *attr, const struct conv *c) {
  dnnl_status_t status = dnnl_primitive_attr_create(attr);
  if (status != dnnl_success)
    return status;
  status = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
  if (status != dnnl_success || c->activation == LIMN_PW_COUNT || !takes_activation(c))
    return status;
  dnnl_alg_kind_t kind = c->activation == LIMN_PW_TANH      ? dnnl_eltwise_tanh
                         : c->activation == LIMN_PW_SIGMOID ? dnnl_eltwise_logistic
                                                            : dnnl_eltwise_relu;
  dnnl_post_ops_t ops;
  status = dnnl_post_ops_create(&ops);
  if (status != dnnl_success)
    return status;
  /* With slope 0 oneDNN takes max(x, 0), which makes 0 of a NaN; the smallest slope changes nothing else. */
  float slope = c->activation == LIMN_PW_LEAKY_RELU ? c->slope : c->activation == LIMN_PW_RELU ? FLT_MIN : 0;
  status = dnnl_post_ops_append_eltwise(ops, 1, kind, slope, 0);
  if (status == dnnl_success)
    status = dnnl_primitive_attr_set_post_ops(*attr, ops);
  dnnl_post_ops_destroy(ops);
  return status;
}

/* Backward primitives want the forward one as a hint. */
static dnnl_status_t create_pd_with_hint(dnnl_primitive_desc_t *pd, struct onednn *o, const struct conv *c,
                                         const struct conv_mds *m) {
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t hint = NULL;
  dnnl_status_t status = create_attr(&attr, c);
  if (status == dnnl_success && c->kind != LIMN_TASK_CONV)
    status = create_pd(&hint, o, c, LIMN_TASK_CONV, m, NULL, NULL);
  if (status == dnnl_success)
    status = create_pd(pd, o, c, c->kind, m, attr, hint);
  if (hint)
    dnnl_primitive_desc_destroy(hint);
  if (attr)
    dnnl_primitive_attr_destroy(attr);
  return status;
}

/* Implementations without vector code for this layout, to be avoided where another layout has one. */
static bool is_slow(const_dnnl_primitive_desc_t pd) {
  const char *name = "";
  dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name);
  return strncmp(name, "ref", 3) == 0 || strncmp(name, "gemm", 4) == 0;
}

/* Our own layouts first; where oneDNN has only slow code for them, whatever it likes, with reorders around. */
static limn_status choose_pd(dnnl_primitive_desc_t *out, const struct cpu_device *device, const struct conv *c) {
  int block = device->simd->block;
  struct conv_mds fixed = {.x = describe(block, c->shapes.x, limn_cpu_activation_layout(block, c->shapes.x)),
                           .w = describe_any_weights(c->shapes.w, limn_conv_groups(c->attrs)),
                           .y = describe(block, c->shapes.y, limn_cpu_activation_layout(block, c->shapes.y))};
  struct conv_mds free_choice = {.x = describe_any(c->shapes.x), .w = fixed.w, .y = describe_any(c->shapes.y)};
  int32_t channels = c->shapes.y.c;
  dnnl_memory_desc_init_by_tag(&fixed.bias, 1, (dnnl_dims_t){channels}, dnnl_f32, dnnl_x);
  free_choice.bias = fixed.bias;
  if (c->shapes.dense) { /* y is (N, O) */
    dnnl_memory_desc_init_by_tag(&fixed.y, 2, (dnnl_dims_t){c->shapes.y.n, c->shapes.y.c}, dnnl_f32, dnnl_nc);
    free_choice.y = fixed.y;
  }
  dnnl_primitive_desc_t first = NULL, second = NULL;
  dnnl_status_t status = create_pd_with_hint(&first, device->onednn, c, &fixed);
  if (status == dnnl_success && (c->shapes.dense || !is_slow(first))) {
    *out = first;
    return LIMN_OK;
  }
  dnnl_status_t again = create_pd_with_hint(&second, device->onednn, c, &free_choice);
  if (again == dnnl_success && (status != dnnl_success || !is_slow(second))) {
    if (first)
      dnnl_primitive_desc_destroy(first);
    first = second;
    status = dnnl_success;
  } else if (second) {
    dnnl_primitive_desc_destroy(second);
  }
  *out = first;
  return check(status, "planning a convolution");
}

static const dnnl_memory_desc_t *query(const_dnnl_primitive_desc_t pd, dnnl_query_t what) {
  return dnnl_primitive_desc_query_md(pd, what, 0);
}

/* A value in a layout of ours, as oneDNN calls it; groups: of a weight, 0: it is none. False: there is no such. */
static bool describe_ours(int block, limn_shape s, int32_t groups, cpu_layout layout, dnnl_memory_desc_t *out) {
  if (groups)
    return describe_weights(block, s, groups, layout, out);
  *out = describe(block, s, layout);
  return layout == CPU_PLAIN ||
         ((layout == CPU_BLOCKED || layout == CPU_BLOCKED_BF16) && block > 1 && s.c % block == 0);
}

/* The buffer with a value as the primitive wants it; `md` is what the primitive wants. Dense outputs of one pixel have
 * two dimensions there and the same bytes here. */
static int wanted_input(limn_builder *b, int value, const dnnl_memory_desc_t *md, int32_t groups, bool flat) {
  int block = cpu_device_of(b)->simd->block;
  limn_shape shape = limn_builder_shape(b, value);
  dnnl_memory_desc_t ours;
  if (flat)
    return limn_builder_input(b, value, CPU_PLAIN);
  for (int layout = CPU_PLAIN; layout <= CPU_BLOCKED_WEIGHT; ++layout)
    if (describe_ours(block, shape, groups, (cpu_layout)layout, &ours) && dnnl_memory_desc_equal(&ours, md))
      return limn_builder_input(b, value, (cpu_layout)layout);
  cpu_layout now = (cpu_layout)limn_builder_format(b, value);
  if (!describe_ours(block, shape, groups, now, &ours))
    describe_ours(block, shape, groups, now = CPU_PLAIN, &ours);
  int from = limn_builder_input(b, value, now), to = limn_builder_scratch(b, dnnl_memory_desc_get_size(md));
  if (from >= 0 && to >= 0)
    limn_builder_fail(b, add_reorder(b, &ours, from, md, to));
  return to;
}

struct conv_output {
  int final, direct; /* buffers: where the value belongs; where the primitive writes */
  dnnl_memory_desc_t ours;
};

static struct conv_output wanted_output(limn_builder *b, int value, const dnnl_memory_desc_t *md, int32_t groups,
                                        bool flat) {
  int block = cpu_device_of(b)->simd->block;
  limn_shape shape = limn_builder_shape(b, value);
  cpu_layout layout = groups ? limn_cpu_weight_layout(block, shape) : limn_cpu_activation_layout(block, shape);
  struct conv_output out;
  if (!describe_ours(block, shape, groups, layout, &out.ours))
    describe_ours(block, shape, groups, layout = CPU_PLAIN, &out.ours);
  out.final = limn_builder_output(b, value, layout);
  out.direct = flat || dnnl_memory_desc_equal(&out.ours, md) ? out.final
                                                             : limn_builder_scratch(b, dnnl_memory_desc_get_size(md));
  return out;
}

static struct conv conv_of(const limn_builder *b, const limn_task *task) {
  return (struct conv){.kind = task->kind,
                       .shapes = limn_builder_conv_shapes(b, task),
                       .attrs = task->node.conv,
                       .activation = task->activation,
                       .slope = task->slope,
                       .bias = task->kind == LIMN_TASK_CONV && task->input_count > 2};
}

/* Adds the primitive; operand 0 is what it writes. */
static limn_status add_primitive(limn_builder *b, const limn_task *task, const struct conv *c,
                                 const_dnnl_primitive_desc_t pd) {
  static const dnnl_query_t queries[3][3] = {
      {dnnl_query_dst_md, dnnl_query_src_md, dnnl_query_weights_md},
      {dnnl_query_diff_src_md, dnnl_query_diff_dst_md, dnnl_query_weights_md},
      {dnnl_query_diff_weights_md, dnnl_query_src_md, dnnl_query_diff_dst_md},
  };
  static const int arguments[3][3] = {
      {DNNL_ARG_DST, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS},
      {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS},
      {DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_SRC, DNNL_ARG_DIFF_DST},
  };
  int row = task->kind == LIMN_TASK_CONV ? 0 : task->kind == LIMN_TASK_CONV_DX ? 1 : 2;
  /* Which of output, first and second input is the y of a dense layer. */
  int flat = !c->shapes.dense ? -1 : row == 0 ? 0 : row == 1 ? 1 : 2;
  const dnnl_memory_desc_t *mds[3] = {query(pd, queries[row][0]), query(pd, queries[row][1]),
                                      query(pd, queries[row][2])};
  const int32_t groups = limn_conv_groups(c->attrs);
  int buffers[MAX_ARGUMENTS] = {0, wanted_input(b, task->inputs[0], mds[1], 0, flat == 1),
                                wanted_input(b, task->inputs[1], mds[2], row == 2 ? 0 : groups, flat == 2), 0};
  int bias = c->bias ? limn_builder_input(b, task->inputs[2], CPU_PLAIN) : -1;
  struct conv_output out = wanted_output(b, task->outputs[0], mds[0], row == 2 ? groups : 0, flat == 0);
  LIMN_TRY(limn_builder_status(b));
  buffers[0] = out.direct;

  struct call *call = call_create(cpu_device_of(b)->onednn, pd);
  limn_status status = call ? LIMN_OK : LIMN_FAILED;
  for (int i = 0; status == LIMN_OK && i < 3; ++i)
    status = call_add(call, arguments[row][i], mds[i]);
  if (status == LIMN_OK && bias >= 0) {
    buffers[call->count] = bias;
    status =
        call_add(call, DNNL_ARG_BIAS,
                 query(pd, dnnl_query_weights_md) ? dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 1) : NULL);
  }
  const dnnl_memory_desc_t *scratchpad = query(pd, dnnl_query_scratchpad_md);
  size_t scratch_bytes = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
  if (status == LIMN_OK && scratch_bytes) {
    buffers[call->count] = limn_builder_scratch(b, scratch_bytes);
    status = call_add(call, DNNL_ARG_SCRATCHPAD, scratchpad);
  }
  if (status != LIMN_OK) {
    call_destroy(call);
    return status;
  }
  LIMN_TRY(add_call(b, limn_cpu_convolution_name(task->kind, c->shapes.dense), call, buffers, c->shapes.flops));
  if (out.direct != out.final)
    LIMN_TRY(add_reorder(b, mds[0], out.direct, &out.ours, out.final));
  limn_task rest = *task; /* that is still to be done */
  rest.input_count = c->bias ? 2 : task->input_count;
  return takes_activation(c) || task->kind == LIMN_TASK_CONV_DW ? LIMN_OK : limn_cpu_add_epilogue(b, &rest, out.final);
}

limn_status limn_onednn_build_convolution(limn_builder *b, const limn_task *task) {
  struct conv c = conv_of(b, task);
  dnnl_primitive_desc_t pd = NULL;
  LIMN_TRY(choose_pd(&pd, cpu_device_of(b), &c));
  limn_status status = add_primitive(b, task, &c, pd);
  dnnl_primitive_desc_destroy(pd);
  return status;
}
