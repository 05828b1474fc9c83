/* Passes for which a kernel was compiled (src/kernels/forms.cuh): the models' large ones. Each is held to the same
 * program's value in double, at sizes of several blocks and with ends that are no multiple of four. */
#include <math.h>
#include <string.h>

#include "kernel_tests.h"

#define R(k) (LIMN_MAX_TASK_INPUTS + (k)) /* the operand that instruction k makes */

struct result {
  char kept; /* 'v'alues; sums to 'c'hannels, to 1 number */
  int operand;
};

/* inputs: 'v'alues of the case's type, 'f'loats, 'c'hannels, 1 number. */
struct program_case {
  const char *name, *inputs;
  int count;
  limn_instruction instructions[9];
  struct result results[3];
  limn_extents domains[2];
};

#define LOSS                                                                                                           \
  {LIMN_PW_SOFTPLUS, 0, -1, 0, 0}, {LIMN_PW_MUL, 1, 0, 0, 0}, { LIMN_PW_SUB, R(0), R(1), 0, 0 }
#define GRADIENT                                                                                                       \
  {LIMN_PW_AFFINE, 2, -1, 1.5f, 0}, {LIMN_PW_SIGMOID, 0, -1, 0, 0}, {LIMN_PW_MUL, R(3), R(4), 0, 0},                   \
      {LIMN_PW_AFFINE, R(3), -1, -1, 0}, {LIMN_PW_MUL, R(6), 1, 0, 0}, {                                               \
    LIMN_PW_ADD, R(5), R(7), 0, 0                                                                                      \
  }

#define SQUARES                                                                                                        \
  {LIMN_PW_SUB, 0, 1, 0, 0}, { LIMN_PW_SQUARE, R(0), -1, 0, 0 }
#define SQUARES_GRADIENT                                                                                               \
  {LIMN_PW_AFFINE, R(0), -1, 2, 0}, {LIMN_PW_AFFINE, 2, -1, 1, 0.25f}, {LIMN_PW_MUL, R(2), R(3), 0, 0}, {              \
    LIMN_PW_AFFINE, R(4), -1, -1, 0                                                                                    \
  }
#define ABSOLUTES                                                                                                      \
  {LIMN_PW_SUB, 0, 1, 0, 0}, { LIMN_PW_ABS, R(0), -1, 0, 0 }
#define ABSOLUTES_GRADIENT                                                                                             \
  {LIMN_PW_AFFINE, 2, -1, 1, 0.25f}, {LIMN_PW_SIGN, R(0), -1, 0, 0}, {LIMN_PW_MUL, R(2), R(3), 0, 0}, {                \
    LIMN_PW_AFFINE, R(4), -1, -1, 0                                                                                    \
  }

static const struct program_case programs[] = {
    {"bias", "vc", 1, {{LIMN_PW_ADD, 0, 1, 0, 0}}, {{'v', R(0)}}, {{3, 5, 7, 3}, {2, 30, 30, 64}}},
    {"bias and ReLU",
     "vc",
     2,
     {{LIMN_PW_ADD, 0, 1, 0, 0}, {LIMN_PW_RELU, R(0), R(0), 0, 0}},
     {{'v', R(1)}},
     {{3, 5, 7, 5}, {2, 30, 30, 8}}},
    {"bias and leaky ReLU",
     "vc",
     2,
     {{LIMN_PW_ADD, 0, 1, 0, 0}, {LIMN_PW_LEAKY_RELU, R(0), -1, 0.2f, 0}},
     {{'v', R(1)}},
     {{3, 5, 7, 3}, {2, 30, 30, 8}}},
    {"bias and ReLU6",
     "vc",
     2,
     {{LIMN_PW_ADD, 0, 1, 0, 0}, {LIMN_PW_CLAMP, R(0), -1, 0, 0.75f}},
     {{'v', R(1)}},
     {{3, 5, 7, 3}, {2, 30, 30, 8}}},
    {"bias and sigmoid",
     "vc",
     2,
     {{LIMN_PW_ADD, 0, 1, 0, 0}, {LIMN_PW_SIGMOID, R(0), -1, 0, 0}},
     {{'v', R(1)}},
     {{3, 5, 7, 3}, {2, 30, 30, 8}}},
    {"bias and tanh",
     "vc",
     2,
     {{LIMN_PW_ADD, 0, 1, 0, 0}, {LIMN_PW_TANH, R(0), -1, 0, 0}},
     {{'v', R(1)}},
     {{3, 5, 7, 3}, {2, 30, 30, 8}}},
    {"batch normalisation and ReLU",
     "vcc",
     3,
     {{LIMN_PW_MUL, 0, 1, 0, 0}, {LIMN_PW_ADD, R(0), 2, 0, 0}, {LIMN_PW_RELU, R(1), -1, 0, 0}},
     {{'v', R(2)}},
     {{3, 5, 7, 5}, {2, 30, 30, 16}}},
    {"bias gradient", "v", 0, {{0}}, {{'c', 0}}, {{4, 9, 9, 12}, {8, 30, 30, 64}}},
    {"ReLU and bias gradient",
     "vv",
     1,
     {{LIMN_PW_RELU_GRAD, 0, 1, 0, 0}},
     {{'v', R(0)}, {'c', R(0)}},
     {{4, 9, 9, 12}, {8, 30, 30, 64}}},
    {"leaky ReLU and bias gradient",
     "vv",
     1,
     {{LIMN_PW_LEAKY_GRAD, 0, 1, 0.2f, 0}},
     {{'v', R(0)}, {'c', R(0)}},
     {{4, 9, 9, 12}, {8, 30, 30, 64}}},
    {"gradient of two, ReLU and bias",
     "vvv",
     2,
     {{LIMN_PW_ADD, 0, 1, 0, 0}, {LIMN_PW_RELU_GRAD, R(0), 2, 0, 0}},
     {{'v', R(1)}, {'c', R(1)}},
     {{4, 9, 9, 12}, {8, 30, 30, 64}}},
    {"cross-entropy", "vf", 3, {LOSS}, {{'1', R(2)}}, {{3, 6, 6, 3}, {5, 40, 40, 3}}},
    {"cross-entropy and its gradient",
     "vf1",
     9,
     {LOSS, GRADIENT},
     {{'v', R(8)}, {'1', R(2)}, {'c', R(8)}},
     {{3, 5, 7, 3}, {5, 40, 40, 3}}},
    {"cross-entropy and its gradient, one channel",
     "vf1",
     9,
     {LOSS, GRADIENT},
     {{'v', R(8)}, {'1', R(2)}, {'1', R(8)}},
     {{3, 6, 6, 1}, {5, 60, 60, 1}}},
    {"squares", "fv", 2, {SQUARES}, {{'1', R(1)}}, {{3, 6, 6, 3}, {5, 40, 40, 3}}},
    {"squares and their gradient",
     "fv1",
     6,
     {SQUARES, SQUARES_GRADIENT},
     {{'v', R(5)}, {'1', R(1)}, {'c', R(5)}},
     {{3, 5, 7, 3}, {5, 40, 40, 3}}},
    {"squares and their gradient, one channel",
     "fv1",
     6,
     {SQUARES, SQUARES_GRADIENT},
     {{'v', R(5)}, {'1', R(1)}, {'1', R(5)}},
     {{3, 6, 6, 1}, {5, 60, 60, 1}}},
    {"absolute values", "fv", 2, {ABSOLUTES}, {{'1', R(1)}}, {{3, 6, 6, 3}, {5, 40, 40, 3}}},
    {"absolute values and their gradient",
     "fv1",
     6,
     {ABSOLUTES, ABSOLUTES_GRADIENT},
     {{'v', R(5)}, {'1', R(1)}, {'c', R(5)}},
     {{3, 5, 7, 3}, {5, 40, 40, 3}}},
    {"absolute values and their gradient, one channel",
     "fv1",
     6,
     {ABSOLUTES, ABSOLUTES_GRADIENT},
     {{'v', R(5)}, {'1', R(1)}, {'1', R(5)}},
     {{3, 6, 6, 1}, {5, 60, 60, 1}}},
    {"sum and ReLU",
     "vv",
     2,
     {{LIMN_PW_ADD, 0, 1, 0, 0}, {LIMN_PW_RELU, R(0), -1, 0, 0}},
     {{'v', R(1)}},
     {{3, 5, 7, 5}, {2, 30, 30, 8}}},
    {"scaled sum",
     "vv",
     2,
     {{LIMN_PW_ADD, 0, 1, 0, 0}, {LIMN_PW_AFFINE, R(0), -1, 0.5f, 0}},
     {{'v', R(1)}},
     {{3, 5, 7, 5}, {2, 30, 30, 8}}},
    {"ReLU of an fp32 gradient, and bias gradient",
     "fv",
     1,
     {{LIMN_PW_RELU_GRAD, 0, 1, 0, 0}},
     {{'v', R(0)}, {'c', R(0)}},
     {{4, 9, 9, 12}, {8, 30, 30, 64}}},
};

struct form_case {
  const struct program_case *program;
  limn_extents domain;
  limn_type type;
};

static limn_group make_group(const struct form_case *s, const float **values) {
  limn_group group = {.domain = s->domain};
  const limn_extents d = s->domain, channels = {1, 1, 1, d.c}, one = {1, 1, 1, 1};
  for (const char *kind = s->program->inputs; *kind; ++kind) {
    limn_extents e = *kind == 'c' ? channels : *kind == '1' ? one : d;
    const int k = group.input_count;
    values[k] = kt_add_input(&group, e, *kind == 'v' ? s->type : LIMN_F32, -1, 1);
  }
  for (int k = 0; k < s->program->count; ++k)
    group.instructions[group.instruction_count++] = s->program->instructions[k];
  return group;
}

/* The result in double; *most: the sum of absolute values, which bounds a sum's error. */
static double *expected(limn_group group, const float *const *values, limn_extents to, int operand, double *most) {
  const limn_extents d = group.domain;
  double *want = kt_host(kt_elements(to) * sizeof *want);
  size_t i = 0;
  if (operand >= LIMN_MAX_TASK_INPUTS) /* the value of a group is that of its last instruction */
    group.instruction_count = operand - LIMN_MAX_TASK_INPUTS + 1;
  *most = 0;
  for (int n = 0; n < d.n; ++n)
    for (int h = 0; h < d.h; ++h)
      for (int w = 0; w < d.w; ++w)
        for (int c = 0; c < d.c; ++c, ++i) {
          double value = kt_group_value(&group, values, n, h, w, c);
          want[kt_elements(to) == kt_elements(d) ? i : to.c > 1 ? (size_t)c : 0] += value;
          *most += fabs(value);
        }
  return want;
}

static void run_form(const void *context) {
  const struct form_case *s = context;
  const limn_extents channels = {1, 1, 1, s->domain.c}, one = {1, 1, 1, 1};
  const float *values[3];
  limn_group group = make_group(s, values);
  limn_result results[3];
  int count = 0;
  for (const struct result *r = s->program->results; count < 3 && r->kept; ++r, ++count) {
    limn_extents to = r->kept == 'v' ? s->domain : r->kept == 'c' ? channels : one;
    limn_type type = r->kept == 'v' ? s->type : LIMN_F32;
    results[count] = (limn_result){r->operand, to, kt_device(kt_elements(to) * kt_size(type)), type};
  }
  if (!limn_pass_is_compiled(&group, results, count))
    kt_fail("no kernel was compiled for it");
  KT_OK(limn_run_pass(&group, results, count, kt_scratch(&group, results, count), kt_stream()));
  for (int k = 0; k < count; ++k) {
    size_t elements = kt_elements(results[k].to);
    double most, *want = expected(group, values, results[k].to, results[k].operand, &most);
    bool stored = s->program->results[k].kept == 'v';
    kt_close(stored ? "stored" : "sums", kt_download_as(results[k].out, elements, results[k].type), want, elements,
             stored ? kt_epsilon(s->type) : 2e-6, stored ? 1e-6 : 1e-6 * most);
  }
}

/* What differs from a form in one thing has none: it would be computed as that form. Nothing runs: no memory is asked
 * about. */
static void check_other(bool compiled, const limn_group *group, const limn_result *results, int count,
                        const char *what) {
  if (limn_pass_is_compiled(group, results, count) != compiled)
    kt_fail("%s: a kernel %s", what, compiled ? "was not compiled" : "is taken that computes something else");
}

static void run_others_mapped(const void *context) {
  (void)context;
  const limn_extents d = {2, 4, 4, 8};
  const float *values[3];
  const struct form_case s = {&programs[1], d, LIMN_BF16}; /* bias and ReLU */
  const limn_group group = make_group(&s, values);
  const limn_result result = {R(1), d, NULL, LIMN_BF16};
  check_other(true, &group, &result, 1, "as it is");
  check_other(false, &group, &(limn_result){R(1), d, NULL, LIMN_F32}, 1, "another type of what is stored");
  check_other(false, &group, &(limn_result){R(0), d, NULL, LIMN_BF16}, 1, "another result");
  limn_group other = group;
  other.instructions[1].x = 0;
  check_other(false, &other, &result, 1, "another operand");
  other = group;
  other.instructions[0].y = 0;
  check_other(false, &other, &result, 1, "another second operand");
  other = group;
  other.instructions[1].function = LIMN_PW_EXP;
  check_other(false, &other, &result, 1, "another function");
  other = group;
  other.inputs[1].type = LIMN_BF16;
  check_other(false, &other, &result, 1, "another type along channels");
  other = group;
  other.inputs[0].stride[0] = 0;
  check_other(false, &other, &result, 1, "another stride");
}

/* More elements than are counted in 32 bits. */
static void run_others_large(const void *context) {
  (void)context;
  const limn_extents d = {1 << 15, 64, 64, 16}, fewer = {1 << 14, 64, 64, 16};
  limn_group group = {.domain = fewer, .input_count = 2, .instruction_count = 1};
  group.inputs[0] = (limn_group_input){.type = LIMN_BF16, .stride = {65536, 1024, 16, 1}};
  group.inputs[1] = (limn_group_input){.type = LIMN_F32, .stride = {0, 0, 0, 1}};
  group.instructions[0] = (limn_instruction){.function = LIMN_PW_ADD, .x = 0, .y = 1};
  check_other(true, &group, &(limn_result){R(0), fewer, NULL, LIMN_BF16}, 1, "2^30 elements");
  group.domain = d;
  check_other(false, &group, &(limn_result){R(0), d, NULL, LIMN_BF16}, 1, "2^31 elements");
}

static void run_others_summed(const void *context) {
  (void)context;
  const limn_extents d = {2, 4, 4, 8}, three = {2, 4, 4, 3}, channels = {1, 1, 1, 8}, thirds = {1, 1, 1, 3},
                     one = {1, 1, 1, 1};
  const float *values[3];
  struct form_case s = {&programs[8], d, LIMN_BF16}; /* ReLU and bias gradient */
  limn_group group = make_group(&s, values), other = group;
  const limn_result results[] = {{R(0), d, NULL, LIMN_BF16}, {R(0), channels, NULL, LIMN_F32}};
  const limn_result of_input[] = {{R(0), d, NULL, LIMN_BF16}, {0, channels, NULL, LIMN_F32}};
  const limn_result stored[] = {{0, d, NULL, LIMN_BF16}, {R(0), channels, NULL, LIMN_F32}};
  check_other(true, &group, results, 2, "as it is");
  check_other(false, &group, of_input, 2, "the sum of an input");
  check_other(false, &group, stored, 2, "an input that is stored");
  other.inputs[1].type = LIMN_F32;
  check_other(false, &other, results, 2, "two types of values");
  other = group;
  other.instructions[0].y = 0;
  check_other(false, &other, results, 2, "another second operand");
  s = (struct form_case){&programs[12], three, LIMN_F32}; /* cross-entropy and its gradient */
  group = make_group(&s, values);
  const limn_result loss[] = {
      {R(8), three, NULL, LIMN_F32}, {R(2), one, NULL, LIMN_F32}, {R(8), thirds, NULL, LIMN_F32}};
  const limn_result exchanged[] = {
      {R(8), three, NULL, LIMN_F32}, {R(8), one, NULL, LIMN_F32}, {R(2), thirds, NULL, LIMN_F32}};
  check_other(true, &group, loss, 3, "as it is");
  check_other(false, &group, exchanged, 3, "the sums exchanged");
}

void check_forms(void) {
  static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};
  for (size_t k = 0; k < KT_COUNT(programs); ++k)
    for (size_t t = 0; t < KT_COUNT(types); ++t)
      for (size_t d = 0; d < 2; ++d) {
        struct form_case s = {&programs[k], programs[k].domains[d], types[t]};
        kt_case(run_form, &s, "form %s %s %d", programs[k].name, kt_name(types[t]), (int)d);
      }
  kt_case(run_others_mapped, NULL, "form: others have none, mapped");
  kt_case(run_others_summed, NULL, "form: others have none, summed");
  kt_case(run_others_large, NULL, "form: others have none, large");
}
