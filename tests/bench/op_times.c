/* Times single ops of a device for bench/ops, which asks for them by lines (side.h):
 *
 *   conv x=8,64,56,56 w=64,64,3,3 stride=1,1 pad=1,1 more=0,0 groups=1 pass=forward
 *
 * builds a graph of that op alone, between leaves in the device's own layouts, runs it, and answers with a line: the
 * kernels that it became. An empty line times it, for a fiftieth of a second or one run, and is answered with the
 * milliseconds of a run. A program that cannot be made, or words that nothing asks for, end it with exit code 1.
 *
 * To add an op, add a function that builds it and its row in `ops`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "devices/device.h"
#include "graph/node.h"
#include "limn/status.h"
#include "side.h"

#define SECONDS     0.02
#define LEAST_RUNS  1
#define MOST_LEAVES 16

typedef struct op_request {
  const char *words; /* of the line, from the op's name on */
  limn_graph *graph;
  int leaves;
} op_request;

/* The `count` numbers behind " key=", which stay as they are where the line has no such word. */
static void read_numbers(const op_request *r, const char *key, int32_t *out, int count) {
  char word[32];
  snprintf(word, sizeof word, " %s=", key);
  const char *at = strstr(r->words, word);
  for (int i = 0; at && i < count; ++i) {
    at = i == 0 ? at + strlen(word) : strchr(at, ',') + 1;
    out[i] = (int32_t)strtol(at, NULL, 10);
  }
}

static limn_shape read_shape(const op_request *r, const char *key) {
  int32_t s[4] = {1, 1, 1, 1};
  read_numbers(r, key, s, 4);
  return (limn_shape){s[0], s[1], s[2], s[3]};
}

static bool has_word(const op_request *r, const char *word) { return strstr(r->words, word) != NULL; }

static limn_value leaf(op_request *r, limn_role role, limn_shape shape) {
  char name[16];
  snprintf(name, sizeof name, "leaf%d", r->leaves++);
  return limn_graph_leaf(r->graph, role, name, shape);
}

static void result(op_request *r, limn_value value, limn_role role) {
  const limn_value to = leaf(r, role, limn_graph_shape(r->graph, value));
  limn_graph_assign(r->graph, to, value);
}

/* x, w, stride, pad, more, groups; pass: forward, data or weights. */
static void build_conv(op_request *r) {
  limn_conv_attrs a = {.stride_h = 1, .stride_w = 1};
  int32_t stride[2] = {1, 1}, pad[2] = {0}, more[2] = {0};
  read_numbers(r, "stride", stride, 2);
  read_numbers(r, "pad", pad, 2);
  read_numbers(r, "more", more, 2);
  read_numbers(r, "groups", &a.groups, 1);
  a = (limn_conv_attrs){stride[0], stride[1], pad[0], pad[1], more[0], more[1], a.groups};
  const limn_shape x = read_shape(r, "x"), w = read_shape(r, "w");
  const limn_shape y = {x.n, w.n, (x.h + 2 * a.pad_h + a.more_h - w.h) / a.stride_h + 1,
                        (x.w + 2 * a.pad_w + a.more_w - w.w) / a.stride_w + 1};
  if (has_word(r, "pass=weights"))
    result(r, limn_graph_conv_dw(r->graph, leaf(r, LIMN_ROLE_INPUT, x), leaf(r, LIMN_ROLE_INPUT, y), a, w),
           LIMN_ROLE_PARAMETER);
  else if (has_word(r, "pass=data"))
    result(r,
           limn_graph_conv_dx(r->graph, leaf(r, LIMN_ROLE_INPUT, y), leaf(r, LIMN_ROLE_PARAMETER, w), LIMN_NONE, a, x),
           LIMN_ROLE_OUTPUT);
  else
    result(r, limn_graph_conv(r->graph, leaf(r, LIMN_ROLE_INPUT, x), leaf(r, LIMN_ROLE_PARAMETER, w), LIMN_NONE, a),
           LIMN_ROLE_OUTPUT);
}

/* The x=... of an op of one tensor, or a second one of that shape. */
static limn_value tensor(op_request *r) { return leaf(r, LIMN_ROLE_INPUT, read_shape(r, "x")); }

/* x, in the bounds of ReLU6; pass: forward or data, from a result that is given. */
static void build_clamp(op_request *r) {
  const limn_value x = tensor(r);
  result(r,
         has_word(r, "pass=data") ? limn_graph_binary_alpha_beta(r->graph, LIMN_PW_CLAMP_GRAD, x, tensor(r), 0, 6)
                                  : limn_graph_unary(r->graph, LIMN_PW_CLAMP, x, 0, 6),
         LIMN_ROLE_OUTPUT);
}

/* x; pass: forward or data, g - softmax sum(g), from a result that is given. */
static void build_log_softmax(op_request *r) {
  const limn_value x = tensor(r);
  if (!has_word(r, "pass=data")) {
    result(r, limn_graph_log_softmax(r->graph, x), LIMN_ROLE_OUTPUT);
    return;
  }
  const limn_value y = tensor(r);
  const limn_shape s = limn_graph_shape(r->graph, x);
  const limn_value sum = limn_graph_sum(r->graph, x, (limn_shape){s.n, 1, s.h, s.w});
  const limn_value softmax = limn_graph_unary(r->graph, LIMN_PW_EXP, y, 0, 0);
  result(r, limn_graph_sub(r->graph, x, limn_graph_mul(r->graph, softmax, sum)), LIMN_ROLE_OUTPUT);
}

/* The window, stride and pad of a pooling, each the same in both directions, and its result's shape. */
static limn_pool_attrs read_pool(const op_request *r, limn_shape x, limn_shape *y) {
  int32_t window = 1, stride = 1, pad = 0;
  read_numbers(r, "window", &window, 1);
  read_numbers(r, "stride", &stride, 1);
  read_numbers(r, "pad", &pad, 1);
  *y = (limn_shape){x.n, x.c, (x.h + 2 * pad - window) / stride + 1, (x.w + 2 * pad - window) / stride + 1};
  return (limn_pool_attrs){window, window, stride, stride, pad, pad, 0, 0, true};
}

/* x, window, stride, pad; pass: forward or data. */
static void build_max_pool(op_request *r) {
  const limn_value x = tensor(r);
  limn_shape y;
  const limn_pool_attrs a = read_pool(r, limn_graph_shape(r->graph, x), &y);
  result(r,
         has_word(r, "pass=data") ? limn_graph_max_pool_dx(r->graph, x, leaf(r, LIMN_ROLE_INPUT, y), a)
                                  : limn_graph_max_pool(r->graph, x, a),
         LIMN_ROLE_OUTPUT);
}

static void build_avg_pool(op_request *r) {
  const limn_shape x = read_shape(r, "x");
  limn_shape y;
  const limn_pool_attrs a = read_pool(r, x, &y);
  result(r,
         has_word(r, "pass=data") ? limn_graph_avg_pool_dx(r->graph, leaf(r, LIMN_ROLE_INPUT, y), a, x)
                                  : limn_graph_avg_pool(r->graph, leaf(r, LIMN_ROLE_INPUT, x), a),
         LIMN_ROLE_OUTPUT);
}

/* x, and `to`, the side that its pictures get; pass: forward or data. */
static void build_resample(op_request *r, limn_resampling how) {
  const limn_shape x = read_shape(r, "x");
  int32_t to = x.h;
  read_numbers(r, "to", &to, 1);
  const limn_shape y = {x.n, x.c, to, to};
  result(r,
         has_word(r, "pass=data") ? limn_graph_resample_dx(r->graph, leaf(r, LIMN_ROLE_INPUT, y), how, x.h, x.w)
                                  : limn_graph_resample(r->graph, leaf(r, LIMN_ROLE_INPUT, x), how, to, to),
         LIMN_ROLE_OUTPUT);
}
static void build_nearest(op_request *r) { build_resample(r, LIMN_NEAREST); }
static void build_bilinear(op_request *r) { build_resample(r, LIMN_BILINEAR); }

static const struct {
  const char *name;
  void (*build)(op_request *r);
} ops[] = {
    {"conv", build_conv},         {"clamp", build_clamp},       {"log_softmax", build_log_softmax},
    {"max_pool", build_max_pool}, {"avg_pool", build_avg_pool}, {"nearest", build_nearest},
    {"bilinear", build_bilinear},
};

typedef struct op_program {
  limn_store *store;
  limn_program *program;
} op_program;

static void program_release(op_program *p) {
  limn_program_destroy(p->program);
  limn_store_destroy(p->store);
  *p = (op_program){0};
}

/* Numbers that are neither 0 nor denormal, which some loops are quicker or slower with. */
static limn_status fill_leaves(op_program *p) {
  for (size_t i = 0; i < limn_store_count(p->store); ++i) {
    const char *name;
    limn_tensor *tensor = limn_store_at(p->store, i, &name);
    const int64_t count = limn_shape_count(tensor->shape);
    float *values = malloc((size_t)count * sizeof *values);
    if (!values)
      return LIMN_FAILED;
    for (int64_t k = 0; k < count; ++k)
      values[k] = (float)(k % 251 - 125) / 64;
    limn_status status = limn_tensor_upload(tensor, values);
    free(values);
    if (status != LIMN_OK)
      return status;
  }
  return LIMN_OK;
}

static limn_status program_init(op_program *p, limn_device *device, const char *words) {
  limn_status status = LIMN_USAGE;
  op_request r = {.words = words};
  if (limn_graph_create(&r.graph) != LIMN_OK)
    return LIMN_FAILED;
  for (size_t i = 0; i < sizeof ops / sizeof *ops; ++i) {
    const size_t length = strlen(ops[i].name);
    if (strncmp(words, ops[i].name, length) != 0 || words[length] != ' ')
      continue;
    ops[i].build(&r);
    status = limn_graph_status(r.graph);
  }
  if (status == LIMN_OK)
    status = limn_store_create(&p->store, device);
  if (status == LIMN_OK)
    status = limn_program_create(&p->program, p->store, r.graph, &(limn_program_options){0});
  if (status == LIMN_OK)
    status = fill_leaves(p);
  if (status == LIMN_OK)
    status = limn_program_run(p->program, 0);
  limn_graph_destroy(r.graph);
  return status;
}

/* What the graph has beside the op: the result's copy into its leaf. */
static bool is_copy(const op_program *p, int row) {
  limn_program_row r;
  limn_program_get_row(p->program, row, &r);
  return strcmp(r.name, "assign") == 0;
}

static void print_kernels(const op_program *p) {
  limn_program_info info;
  limn_program_get_info(p->program, &info);
  for (int i = 0; i < info.row_count; ++i) {
    limn_program_row r;
    limn_program_get_row(p->program, i, &r);
    if (!is_copy(p, i))
      printf("%s%s%s%s", i == 0 ? "" : ", ", r.name, r.engine[0] ? " by " : "", r.engine);
  }
  printf("\n");
}

/* Seconds of a run, the mean of some. */
static limn_status time_runs(const op_program *p, double *seconds) {
  limn_program_info info;
  limn_program_get_info(p->program, &info);
  double *rows = malloc((size_t)info.row_count * sizeof *rows), total = 0;
  const double begin = limn_clock();
  limn_status status = rows ? LIMN_OK : LIMN_FAILED;
  int runs = 0;
  for (; status == LIMN_OK && (runs < LEAST_RUNS || limn_clock() - begin < SECONDS); ++runs) {
    status = limn_program_trace(p->program, 1, rows);
    for (int i = 0; i < info.row_count; ++i)
      total += is_copy(p, i) ? 0 : rows[i];
  }
  free(rows);
  *seconds = total / runs;
  return status;
}

typedef struct op_times {
  limn_device *device;
  op_program program;
} op_times;

static limn_status begin(void *context, char **arguments) {
  op_times *t = context;
  const limn_device_options options = {.name = "cpu", .threads = atoi(arguments[0]), .isa = arguments[1]};
  LIMN_TRY(limn_device_create(&t->device, &options));
  printf("%s\n", t->device->description);
  return LIMN_OK;
}

static limn_status answer(void *context, const char *line) {
  op_times *t = context;
  double seconds = NAN;
  if (line[0]) {
    program_release(&t->program);
    const limn_status status = program_init(&t->program, t->device, line);
    if (status == LIMN_OK)
      print_kernels(&t->program);
    return status == LIMN_USAGE ? limn_fail(LIMN_USAGE, "there is no such op, or not so") : status;
  }
  if (!t->program.program)
    return limn_fail(LIMN_USAGE, "no op is there to be timed");
  LIMN_TRY(time_runs(&t->program, &seconds));
  printf("%.6f\n", 1e3 * seconds);
  return LIMN_OK;
}

int main(int argc, char **argv) {
  op_times times = {0};
  const side here = {"op_times", "THREADS ISA", begin, answer, &times};
  const int code = side_serve(&here, argc, argv);
  program_release(&times.program);
  limn_device_destroy(times.device);
  return code;
}
