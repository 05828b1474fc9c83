/* Engines side by side on this machine's GPU: the choices that src/host/devices/cuda/ makes without a clock, each
 * beside what it was preferred to, on the operations that the choice matters most for. A line each: operation, the
 * engine that was asked for ("": Limn's choice), the one that ran, its blocks, microseconds (the best of ROUNDS, cold
 * caches).
 *
 *   engine_race [--small]     --small: batches of two, whose times mean nothing */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/device.h"

#define ROUNDS 20

typedef void build_function(limn_graph *graph, int n);

/* `told`: an operation as the planner names it, %d the batch. */
struct race {
  const char *name, *row, *precision;
  build_function *build;
  int batch;
  const char *told, *engines[8];
};

static const limn_conv_attrs attrs = {2, 2, 1, 1};

static limn_value input(limn_graph *g, const char *name, limn_shape shape) {
  return limn_graph_leaf(g, LIMN_ROLE_INPUT, name, shape);
}

static void output(limn_graph *g, limn_value value) {
  limn_graph_assign(g, limn_graph_leaf(g, LIMN_ROLE_OUTPUT, "out", limn_graph_shape(g, value)), value);
}

static void weight_gradient(limn_graph *g, int n) {
  output(g, limn_graph_conv_dw(g, input(g, "x", (limn_shape){n, 64, 32, 32}),
                               input(g, "dy", (limn_shape){n, 128, 16, 16}), attrs, (limn_shape){128, 64, 4, 4}));
}

static limn_value weights(limn_graph *g) {
  return limn_graph_leaf(g, LIMN_ROLE_PARAMETER, "w", (limn_shape){128, 64, 4, 4});
}

static void bias_and_activation(limn_graph *g, int n) {
  const limn_value x = input(g, "x", (limn_shape){n, 64, 32, 32}),
                   bias = limn_graph_leaf(g, LIMN_ROLE_PARAMETER, "b", LIMN_CHANNELS(128));
  output(g, limn_graph_unary(g, LIMN_PW_LEAKY_RELU, limn_graph_conv(g, x, weights(g), bias, attrs), 0.2F, 0));
}

/* Between the layers that make and read it, so that it lies in half precision. */
static void activation_gradient(limn_graph *g, int n) {
  const limn_shape shape = {n, 64, 32, 32};
  const limn_value x = input(g, "x", (limn_shape){n, 3, 64, 64}),
                   first = limn_graph_leaf(g, LIMN_ROLE_PARAMETER, "w0", (limn_shape){64, 3, 4, 4}),
                   y = limn_graph_unary(g, LIMN_PW_LEAKY_RELU, limn_graph_conv(g, x, first, LIMN_NONE, attrs), 0.2F, 0),
                   dy = input(g, "dy", (limn_shape){n, 128, 16, 16}),
                   dx = limn_graph_conv_dx(g, dy, weights(g), LIMN_NONE, attrs, shape);
  output(g,
         limn_graph_conv_dw(g, x, limn_graph_binary(g, LIMN_PW_LEAKY_GRAD, dx, y), attrs, (limn_shape){64, 3, 4, 4}));
}

/* 2,048 rows take one launch, a few more two: neighbours of about the same work. */
static void batchnorm(limn_graph *g, int n) {
  const limn_value x = input(g, "x", (limn_shape){n, 256, 8, 8}),
                   gamma = limn_graph_leaf(g, LIMN_ROLE_PARAMETER, "g", LIMN_CHANNELS(256)),
                   beta = limn_graph_leaf(g, LIMN_ROLE_PARAMETER, "b", LIMN_CHANNELS(256));
  output(g, limn_graph_batchnorm(g, x, gamma, beta, (limn_batchnorm_attrs){.eps = 1e-5F}));
}

#define SHAPES "x=(%d,64,32,32) w=(128,64,4,4) y=(%d,128,16,16) stride=(2,2) pad=(1,1)"

static const struct race races[] = {
    {"weight gradient 64x32x32 -> 128",
     "convolution backward weights",
     "bf16",
     weight_gradient,
     256,
     "CONV_DW " SHAPES " bf16->fp32",
     {"", "eng2_k24=10", "eng1_k17=4_k24=8", "eng1_k17=8_k24=8", "eng1_k17=16_k24=8", "eng1_k17=8_k24=11"}},
    {"convolution, bias, leaky ReLU",
     "convolution",
     "bf16",
     bias_and_activation,
     256,
     "CONV " SHAPES " bf16->bf16 bias leaky_relu(0.200000003)",
     {"", "eng7_k24=21", "own"}},
    {"data gradient, leaky ReLU's",
     "convolution backward data",
     "bf16",
     activation_gradient,
     256,
     "CONV_DX " SHAPES " bf16->bf16 leaky_relu_grad(0)",
     {"", "eng1_k24=8", "eng1_k24=2", "own"}},
    {"batchnorm 256x8x8, one launch", "batchnorm", "bf16", batchnorm, 32, NULL, {""}},
    {"batchnorm 256x8x8, two launches", "batchnorm", "bf16", batchnorm, 33, NULL, {""}},
};

/* The row of that name, with the pass behind it that does what its engine does not. */
static limn_status time_program(const struct race *race, const char *asked, limn_program *program) {
  limn_program_info info;
  limn_program_row row, found = {.engine = ""};
  double total = 0;
  bool passed = false; /* by a kernel of Limn's behind it */
  limn_program_get_info(program, &info);
  double *seconds = calloc((size_t)info.row_count * ROUNDS + 1, sizeof *seconds);
  limn_status status = seconds ? limn_program_trace(program, ROUNDS, seconds) : limn_fail_memory("times");
  for (int i = 0; i < info.row_count && status == LIMN_OK; ++i) {
    limn_program_get_row(program, i, &row);
    const bool is_it = strcmp(row.name, race->row) == 0;
    if (!is_it && (total == 0 || strcmp(row.name, "bias and activation") != 0))
      continue;
    double best = seconds[i];
    for (int round = 1; round < ROUNDS; ++round)
      best = seconds[round * info.row_count + i] < best ? seconds[round * info.row_count + i] : best;
    total += best;
    passed = passed || !is_it;
    if (is_it)
      found = row;
  }
  if (status == LIMN_OK && total == 0)
    status = limn_fail(LIMN_FAILED, "there is no row \"%s\"", race->row);
  const char *engine = found.engine && found.engine[0] ? found.engine : "Limn's";
  const bool own = strcmp(asked, "own") == 0;
  if (status == LIMN_OK && asked[0] && (own ? !passed : strcmp(asked, engine) != 0))
    status = limn_fail(LIMN_FAILED, "%s was asked for, and %s ran", asked, engine);
  if (status == LIMN_OK)
    printf("%s\t%s\t%s\t%lld\t%.1f\n", race->name, asked, engine, (long long)found.blocks, total * 1e6);
  free(seconds);
  return status;
}

static limn_status run(const struct race *race, const char *asked, int n) {
  char operation[320] = "", told[400] = "";
  limn_device *device = NULL;
  limn_store *store = NULL;
  limn_graph *graph = NULL;
  limn_program *program = NULL;
  limn_status status;
  if (race->told)
    snprintf(operation, sizeof operation, race->told, n, n);
  snprintf(told, sizeof told, "%s %s\n", asked, operation);
  LIMN_TRY_OR_CLEANUP(status, limn_graph_create(&graph));
  race->build(graph, n);
  LIMN_TRY_OR_CLEANUP(status, limn_graph_status(graph));
  LIMN_TRY_OR_CLEANUP(status, limn_device_create(&device, &(limn_device_options){.name = "cuda",
                                                                                 .precision = race->precision,
                                                                                 .engines = asked[0] ? told : NULL}));
  LIMN_TRY_OR_CLEANUP(status, limn_store_create(&store, device));
  LIMN_TRY_OR_CLEANUP(status, limn_program_create(&program, store, graph, NULL));
  if (asked[0] && strstr(device->note, "that the run began with"))
    printf("%s\t%s\tnot to be had here\t\t\n", race->name, asked);
  else
    status = time_program(race, asked, program);
cleanup:
  limn_program_destroy(program);
  limn_store_destroy(store);
  limn_graph_destroy(graph);
  limn_device_destroy(device);
  return status;
}

int main(int argc, char **argv) {
  const bool small = argc == 2 && strcmp(argv[1], "--small") == 0;
  for (size_t i = 0; i < sizeof races / sizeof *races; ++i)
    for (int k = 0; k < 8 && races[i].engines[k]; ++k)
      if (run(&races[i], races[i].engines[k], small ? 2 : races[i].batch) != LIMN_OK) {
        fprintf(stderr, "engine_race: %s: %s\n", races[i].name, limn_error_message());
        return 1;
      }
  return 0;
}
