#include <math.h>
#include <string.h>

#include "kernel_tests.h"

static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};

size_t kt_elements(limn_extents e) { return (size_t)e.n * (size_t)e.h * (size_t)e.w * (size_t)e.c; }

static double function_value(int function, double x, double y, double a, double b) {
  switch (function) {
  case LIMN_PW_AFFINE:
    return a * x + b;
  case LIMN_PW_RELU:
    return x < 0 ? 0 : x;
  case LIMN_PW_LEAKY_RELU:
    return x > 0 ? x : a * x;
  case LIMN_PW_TANH:
    return tanh(x);
  case LIMN_PW_SIGMOID:
    return 1 / (1 + exp(-x));
  case LIMN_PW_SOFTPLUS:
    return x > 30 ? x : log1p(exp(x));
  case LIMN_PW_EXP:
    return exp(x);
  case LIMN_PW_LOG:
    return log(x);
  case LIMN_PW_SQUARE:
    return x * x;
  case LIMN_PW_SQRT:
    return sqrt(x);
  case LIMN_PW_RSQRT:
    return 1 / sqrt(x + a);
  case LIMN_PW_RECIPROCAL:
    return 1 / x;
  case LIMN_PW_ABS:
    return fabs(x);
  case LIMN_PW_SIGN:
    return (x > 0) - (x < 0);
  case LIMN_PW_STEP:
    return x > 0;
  case LIMN_PW_CLAMP:
    return x < a ? a : x > b ? b : x;
  case LIMN_PW_ADD:
    return x + y;
  case LIMN_PW_SUB:
    return x - y;
  case LIMN_PW_MUL:
    return x * y;
  case LIMN_PW_RELU_GRAD:
    return y > 0 ? x : 0;
  case LIMN_PW_LEAKY_GRAD:
    return y > 0 ? x : a * x;
  case LIMN_PW_TANH_GRAD:
    return x * (1 - y * y);
  case LIMN_PW_SIGMOID_GRAD:
    return x * y * (1 - y);
  case LIMN_PW_CLAMP_GRAD:
    return y > a && y < b ? x : 0;
  default:
    return b;
  }
}

double kt_group_value(const limn_group *group, const float *const *values, int n, int h, int w, int c) {
  double slots[LIMN_MAX_TASK_INPUTS + LIMN_MAX_INSTRUCTIONS] = {0};
  for (int k = 0; k < group->input_count; ++k) {
    const int64_t *s = group->inputs[k].stride;
    slots[k] = (double)values[k][n * s[0] + h * s[1] + w * s[2] + c * s[3]];
  }
  double value = slots[0];
  for (int k = 0; k < group->instruction_count; ++k) {
    const limn_instruction *s = &group->instructions[k];
    bool constant = (int)s->function == LIMN_CONSTANT;
    value = function_value((int)s->function, constant ? 0 : slots[s->x], constant || s->y < 0 ? 0 : slots[s->y],
                           (double)s->alpha, (double)s->beta);
    slots[LIMN_MAX_TASK_INPUTS + k] = value;
  }
  return value;
}

float *kt_add_input(limn_group *group, limn_extents e, limn_type type, float low, float high) {
  limn_group_input *input = &group->inputs[group->input_count++];
  float *x = kt_numbers(kt_elements(e), type, low, high);
  input->type = type;
  input->data = kt_upload_as(x, kt_elements(e), type);
  input->stride[3] = e.c > 1;
  input->stride[2] = e.w > 1 ? e.c : 0;
  input->stride[1] = e.h > 1 ? (int64_t)e.w * e.c : 0;
  input->stride[0] = e.n > 1 ? (int64_t)e.h * e.w * e.c : 0;
  return x;
}

void kt_add_instruction(limn_group *group, int function, int x, int y, float alpha, float beta) {
  group->instructions[group->instruction_count++] =
      (limn_instruction){.function = (limn_pointwise)function, .x = x, .y = y, .alpha = alpha, .beta = beta};
}

float *kt_scratch(const limn_group *group, const limn_result *results, int count) {
  size_t bytes = limn_pass_scratch(group, results, count);
  return bytes ? kt_device(bytes) : NULL;
}

static cudaError_t run_one(const limn_group *group, limn_extents to, void *out, limn_type type) {
  int last = group->instruction_count ? LIMN_MAX_TASK_INPUTS + group->instruction_count - 1 : 0;
  const limn_result result = {last, to, out, type};
  return limn_run_pass(group, &result, 1, kt_scratch(group, &result, 1), kt_stream());
}

cudaError_t kt_map(const limn_group *group, void *out, limn_type type) {
  return run_one(group, group->domain, out, type);
}

cudaError_t kt_sum(const limn_group *group, limn_extents to, float *out) { return run_one(group, to, out, LIMN_F32); }

static void compare_map(const limn_group *group, const float *const *values, const void *out, limn_type type,
                        double absolute) {
  limn_extents e = group->domain;
  size_t count = kt_elements(e), i = 0;
  double *want = kt_host(count * sizeof *want);
  for (int n = 0; n < e.n; ++n)
    for (int h = 0; h < e.h; ++h)
      for (int w = 0; w < e.w; ++w)
        for (int c = 0; c < e.c; ++c)
          want[i++] = kt_group_value(group, values, n, h, w, c);
  kt_close("out", kt_download_as(out, count, type), want, count, kt_epsilon(type), absolute);
}

struct function_case {
  int function;
  limn_type type;
  limn_extents extents;
  bool in_place;
};

static void run_function(const void *context) {
  const struct function_case *s = context;
  bool positive = s->function == LIMN_PW_LOG || s->function == LIMN_PW_SQRT || s->function == LIMN_PW_RSQRT;
  limn_group group = {.domain = s->extents};
  const float *values[2];
  values[0] = kt_add_input(&group, s->extents, s->type, positive ? 0.1f : -4, 4);
  values[1] = kt_add_input(&group, s->extents, s->type, -1, 1);
  /* Unary functions ignore y, whatever is there. */
  bool two = s->function >= LIMN_PW_ADD;
  kt_add_instruction(&group, s->function, 0, two ? 1 : -1, 0.2f, 0.5f);
  void *out = s->in_place ? (void *)group.inputs[0].data : kt_device(kt_elements(s->extents) * kt_size(s->type));
  KT_OK(kt_map(&group, out, s->type));
  compare_map(&group, values, out, s->type, 1e-6);
}

/* Where formulas of real numbers say nothing: float's own rules hold. */
static void run_special(const void *context) {
  static const float specials[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e30f, -1e30f, 1e-30f,
                                   200, -200,     88,        -88,  1e-3f, 1,     -1};
  int function = *(const int *)context, n = (int)KT_COUNT(specials);
  float x[15 * 15], y[15 * 15];
  double want[15 * 15];
  for (int i = 0; i < n * n; ++i) {
    x[i] = specials[i % n];
    y[i] = specials[i / n];
    want[i] = (double)(float)function_value(function, (double)x[i], (double)y[i], 0.25, 0.5);
  }
  limn_group group = {.domain = {1, 1, 1, n * n}, .input_count = 2};
  for (int k = 0; k < 2; ++k)
    group.inputs[k] = (limn_group_input){.data = kt_upload(k ? y : x, sizeof x), .stride = {0, 0, 0, 1}};
  kt_add_instruction(&group, function, 0, 1, 0.25f, 0.5f);
  void *out = kt_device(sizeof x);
  KT_OK(kt_map(&group, out, LIMN_F32));
  float *got = kt_download_as(out, KT_COUNT(x), LIMN_F32);
  for (int i = 0; i < n * n; ++i) {
    /* Products of three overflow on the way in float; signs of zero are compared elsewhere. */
    bool overflow = fabsf(x[i]) > 1e20f || fabsf(y[i]) > 1e20f;
    if (overflow && (function == LIMN_PW_TANH_GRAD || function == LIMN_PW_SIGMOID_GRAD))
      continue;
    kt_close("special", &got[i], &want[i], 1, 3e-6, 1e-37);
  }
}

struct broadcast_case {
  limn_extents domain;
  int kept; /* bits n, h, w, c: axes along which the second input varies */
  limn_type types[3];
};

/* tanh(x + y) z with a third input along channels, which has to share the loads' place. */
static void run_broadcast(const void *context) {
  const struct broadcast_case *s = context;
  limn_extents d = s->domain,
               e = {s->kept & 8 ? d.n : 1, s->kept & 4 ? d.h : 1, s->kept & 2 ? d.w : 1, s->kept & 1 ? d.c : 1};
  limn_group group = {.domain = d};
  const float *values[3];
  values[0] = kt_add_input(&group, d, s->types[0], -1, 1);
  values[1] = kt_add_input(&group, e, s->types[1], -1, 1);
  values[2] = kt_add_input(&group, (limn_extents){1, 1, 1, d.c}, LIMN_F32, -1, 1);
  kt_add_instruction(&group, LIMN_PW_ADD, 0, 1, 0, 0);
  kt_add_instruction(&group, LIMN_PW_TANH, LIMN_MAX_TASK_INPUTS, -1, 0, 0);
  kt_add_instruction(&group, LIMN_PW_MUL, LIMN_MAX_TASK_INPUTS + 1, 2, 0, 0);
  void *out = kt_device(kt_elements(d) * kt_size(s->types[2]));
  KT_OK(kt_map(&group, out, s->types[2]));
  compare_map(&group, values, out, s->types[2], 1e-6);
}

static void run_no_instruction(const void *context) {
  const limn_type *type = context;
  limn_group group = {.domain = {3, 2, 5, 3}};
  const float *values[1] = {kt_add_input(&group, (limn_extents){3, 1, 1, 1}, *type, -1, 1)};
  void *out = kt_device(90 * kt_size(*type));
  KT_OK(kt_map(&group, out, *type));
  compare_map(&group, values, out, *type, 0);
}

static void run_constant(const void *context) {
  limn_group group = {.domain = {1, 3, 3, 5}};
  (void)context;
  kt_add_instruction(&group, LIMN_CONSTANT, -1, -1, 0, 0.75f);
  void *out = kt_device(45 * 4);
  KT_OK(kt_map(&group, out, LIMN_F32));
  const float *none = kt_host(sizeof *none);
  compare_map(&group, &none, out, LIMN_F32, 0);
}

/* As many inputs and instructions as there may be, each result used later. */
static void run_longest(const void *context) {
  limn_group group = {.domain = {2, 3, 3, 6}};
  const float *values[LIMN_MAX_TASK_INPUTS];
  (void)context;
  for (int k = 0; k < LIMN_MAX_TASK_INPUTS; ++k)
    values[k] = kt_add_input(&group, k % 3 ? group.domain : (limn_extents){1, 1, 1, 6}, types[k % 3], -1, 1);
  for (int k = 0; k < LIMN_MAX_INSTRUCTIONS; ++k) {
    int last = LIMN_MAX_TASK_INPUTS + k - 1;
    if (k < LIMN_MAX_TASK_INPUTS)
      kt_add_instruction(&group, LIMN_PW_AFFINE, k, -1, 0.5f, (float)k);
    else
      kt_add_instruction(&group, k % 2 ? LIMN_PW_ADD : LIMN_PW_SUB, last, k, 0, 0);
  }
  void *out = kt_device(108 * 4);
  KT_OK(kt_map(&group, out, LIMN_F32));
  compare_map(&group, values, out, LIMN_F32, 1e-5);
}

static void run_refusals(const void *context) {
  limn_group group = {.domain = {1, 1, 1, 8}};
  void *out = kt_device(64);
  (void)context;
  kt_refused(kt_map(&group, out, LIMN_F32), "a group of nothing");
  kt_add_input(&group, group.domain, LIMN_F32, 0, 1);
  kt_add_instruction(&group, LIMN_PW_ADD, 0, 1, 0, 0);
  kt_refused(kt_map(&group, out, LIMN_F32), "an input that is not there");
  group.instructions[0].y = LIMN_MAX_TASK_INPUTS;
  kt_refused(kt_map(&group, out, LIMN_F32), "a result that is not there yet");
  group.instructions[0] = (limn_instruction){.function = (limn_pointwise)(LIMN_CONSTANT + 1)};
  kt_refused(kt_map(&group, out, LIMN_F32), "an unknown function");
  group.instructions[0] = (limn_instruction){.function = LIMN_PW_EXP};
  group.instruction_count = LIMN_MAX_INSTRUCTIONS + 1;
  kt_refused(kt_map(&group, out, LIMN_F32), "a program that is too long");
  group.instruction_count = 1;
  kt_refused(kt_map(&group, (char *)out + 4, LIMN_F32), "a misaligned result");
  KT_OK(kt_map(&group, out, LIMN_F32));
  kt_download_as(out, 8, LIMN_F32);
}

static void check_functions(void) {
  static const limn_extents extents[] = {{1, 3, 5, 7}, {2, 4, 4, 8}, {3, 3, 3, 1}, {1, 1, 1, 2}};
  for (int f = 0; f < LIMN_PW_COUNT; ++f) {
    kt_case(run_special, &f, "pointwise special values of function %d", f);
    for (size_t t = 0; t < KT_COUNT(types); ++t)
      for (size_t e = 0; e < KT_COUNT(extents); ++e) {
        struct function_case s = {f, types[t], extents[e], e == 1};
        kt_case(run_function, &s, "pointwise function %d %s %d", f, kt_name(types[t]), (int)e);
      }
  }
  /* More elements than one round of all blocks takes. */
  struct function_case s = {LIMN_PW_LEAKY_GRAD, LIMN_F32, {1, 1, 1100, 1001}, false};
  kt_case(run_function, &s, "pointwise function large");
}

void check_pointwise(void) {
  static const int channels[] = {1, 3, 5, 64, 100};
  check_functions();
  for (size_t k = 0; k < KT_COUNT(channels); ++k)
    for (int kept = 0; kept < 16; ++kept) {
      struct broadcast_case s = {{3, 2, 5, channels[k]}, kept, {types[kept % 3], types[k % 3], types[(k + 1) % 3]}};
      kt_case(run_broadcast, &s, "pointwise broadcast %x channels %d", (unsigned)kept, channels[k]);
    }
  struct broadcast_case samples = {{7, 1, 1, 100}, 8, {LIMN_F32, LIMN_F32, LIMN_BF16}};
  kt_case(run_broadcast, &samples, "pointwise broadcast of samples to codes");
  for (size_t t = 0; t < KT_COUNT(types); ++t)
    kt_case(run_no_instruction, &types[t], "pointwise without instruction %s", kt_name(types[t]));
  kt_case(run_constant, NULL, "pointwise constant");
  kt_case(run_longest, NULL, "pointwise longest");
  kt_case(run_refusals, NULL, "pointwise refusals");
}
