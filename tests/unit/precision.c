/* Training in bf16 on the CPU: it repeats and goes on bit for bit as fp32 does, and is not far from it. */
#include "support/run_files.h"

#include "base/philox.h"
#include "devices/device.h"
#include "graph/graph.h"
#include "limn/tools.h"

#define STEPS     6
#define MOST_DIFF 0.02

static char data[TEST_PATH_SIZE];

static void begin(void) {
  test_folder_create();
  snprintf(data, sizeof data, "%s", test_path("data"));
  test_write_data(data, 48, 3, 32, 32);
}

TestSuite(precision, .init = begin, .fini = test_folder_remove, .timeout = 120);

/* Adam makes steps of rounding errors; smaller ones leave the losses alone. */
#define NETWORK(precision_)                                                                                            \
  "size", "32", "channels", "3", "filters", "32", "batch", "16", "steps", "6", "checkpoint_every", "3", "log_every",   \
      "1", "lr", "1e-5", "device", "cpu", "precision", precision_, NULL

static const char *const bf16[] = {NETWORK("bf16")}, *const fp32[] = {NETWORK("fp32")};

/* What the device says of itself; skips the test where it has no bf16. */
static void need_bf16(void) {
  limn_device *device = NULL;
  limn_status status =
      limn_device_create(&device, &(limn_device_options){.name = "cpu", .threads = 1, .precision = "bf16"});
  if (status == LIMN_OK) {
    cr_expect_not_null(strstr(device->description, "bf16 by AMX"), "%s", device->description);
    limn_device_destroy(device);
    return;
  }
  cr_assert_eq(status, LIMN_DEVICE);
  cr_assert_not_null(strstr(limn_error_message(), "which this CPU does not have"), "%s", limn_error_message());
  test_folder_remove(); /* a skipped test is not torn down */
  cr_skip_test("this CPU has no bf16");
}

static double loss_at(const json_t *metrics, size_t line, const char *name) {
  return json_number_value(json_object_get(json_array_get(metrics, line), name));
}

static void expect_near(const char *model, const char *const *losses) {
  char names[2][32];
  snprintf(names[0], sizeof names[0], "%s-fp32", model);
  snprintf(names[1], sizeof names[1], "%s-bf16", model);
  test_train_well(model, fp32, data, names[0]);
  test_train_well(model, bf16, data, names[1]);
  cr_expect(!test_same_file(names[0], names[1], "checkpoints/000006.safetensors"), "%s: bf16 is fp32", model);
  json_t *exact = test_read_metrics(names[0]), *rounded = test_read_metrics(names[1]);
  cr_assert_geq(json_array_size(rounded), STEPS);
  for (; *losses; ++losses)
    for (size_t i = 0; i < STEPS; ++i) {
      double a = loss_at(exact, i, *losses), b = loss_at(rounded, i, *losses);
      cr_expect(fabs(a - b) <= MOST_DIFF * fabs(a), "%s, step %zu, %s: %g in fp32, %g in bf16", model, i + 1, *losses,
                a, b);
    }
  json_decref(exact);
  json_decref(rounded);
}

Test(precision, bf16_is_named_by_the_doctor) {
  need_bf16();
  limn_doctor_line lines[16];
  size_t count = 0;
  cr_assert_eq(limn_doctor(lines, 16, &count), LIMN_OK);
  cr_expect_str_eq(lines[0].what, "CPU");
  cr_expect_not_null(strstr(lines[0].found, "bf16 by AMX"), "%s", lines[0].found);
}

enum { BATCH = 5, CHANNELS = 32, SIDE = 16, WEIGHTS = CHANNELS * CHANNELS * 16, BETWEEN = BATCH * CHANNELS * 8 * 8 };

static void fill(limn_store *store, const char *name, uint32_t stream) {
  static float values[BATCH * CHANNELS * SIDE * SIDE + WEIGHTS];
  limn_philox_normal(1, stream, 0, 0, values, sizeof values / sizeof *values);
  cr_assert_eq(limn_tensor_upload(limn_store_find(store, name), values), LIMN_OK, "%s", limn_error_message());
}

static void keep(limn_graph *graph, const char *name, limn_value value) {
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, name, limn_graph_shape(graph, value)), value);
}

/* The gradients of the weights of two convolutions with a batchnorm and an activation between them. watched: what the
 * batchnorm makes, forward and backward, is read by a sum too. Returns the bytes of all buffers. */
static size_t run_chain(bool watched, float gradients[2][WEIGHTS]) {
  const limn_shape square = {CHANNELS, CHANNELS, 4, 4}, channels = LIMN_CHANNELS(CHANNELS);
  const limn_conv_attrs halve = {2, 2, 1, 1};
  limn_device *device = NULL;
  limn_store *store = NULL;
  limn_graph *graph = NULL;
  limn_program *program = NULL;
  limn_program_info info;
  cr_assert_eq(limn_device_create(&device, &(limn_device_options){.name = "cpu", .threads = 2, .precision = "bf16"}),
               LIMN_OK);
  cr_assert_eq(limn_store_create(&store, device), LIMN_OK);
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value x = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "x", (limn_shape){BATCH, CHANNELS, SIDE, SIDE});
  limn_value w = limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, "w", square),
             v = limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, "v", square);
  limn_value gamma = limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, "gamma", channels),
             beta = limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, "beta", channels);
  limn_value before = limn_graph_conv(graph, x, w, LIMN_NONE, halve);
  limn_value normal = limn_graph_batchnorm(graph, before, gamma, beta, (limn_batchnorm_attrs){1e-5f, 0.1f, 1});
  limn_value y = limn_graph_unary(graph, LIMN_PW_LEAKY_RELU, normal, 0.2f, 0);
  limn_value z = limn_graph_conv(graph, y, v, LIMN_NONE, halve), found[3];
  limn_value loss = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_TANH, z, 0, 0));
  cr_assert_eq(limn_graph_gradient(graph, loss, (const limn_value[]){w, v, before}, 3, found), LIMN_OK, "%s",
               limn_error_message());
  keep(graph, "dw", found[0]);
  keep(graph, "dv", found[1]);
  if (watched) {
    keep(graph, "sum of y", limn_graph_sum_all(graph, y));
    keep(graph, "sum of its gradient", limn_graph_sum_all(graph, found[2]));
  }
  cr_assert_eq(limn_program_create(&program, store, graph, NULL), LIMN_OK, "%s", limn_error_message());
  limn_program_get_info(program, &info);
  const char *const leaves[] = {"x", "w", "v", "gamma", "beta"};
  for (uint32_t i = 0; i < 5; ++i)
    fill(store, leaves[i], i);
  cr_assert_eq(limn_program_run(program, 0), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_tensor_download(limn_store_find(store, "dw"), gradients[0]), LIMN_OK);
  cr_assert_eq(limn_tensor_download(limn_store_find(store, "dv"), gradients[1]), LIMN_OK);
  limn_program_destroy(program);
  limn_graph_destroy(graph);
  limn_store_destroy(store);
  limn_device_destroy(device);
  return info.naive_bytes;
}

/* What only convolutions read is in bf16; that spares memory and changes no bit. */
Test(precision, bf16_between_convolutions_comes_to_the_same) {
  static float rounded[2][WEIGHTS], watched[2][WEIGHTS];
  need_bf16();
  const size_t less = run_chain(false, rounded), more = run_chain(true, watched);
  cr_expect_geq(more - less, 2 * sizeof(uint16_t) * BETWEEN, "%zu bytes, %zu where all is fp32", less, more);
  cr_expect_arr_eq(rounded, watched, sizeof rounded);
}

Test(precision, bf16_is_near_fp32) {
  need_bf16();
  expect_near("dcgan", (const char *const[]){"loss_d", NULL});
  expect_near("vae", (const char *const[]){"reconstruction", "kl", NULL});
}

Test(precision, bf16_goes_on_as_if_it_had_not_been_stopped) {
  need_bf16();
  test_train_well("dcgan", bf16, data, "whole");
  limn_config *config = test_config("dcgan", bf16);
  test_set(config, "data", data);
  test_run first = {.stop_at = 3}, second = {0}, third = {0};
  test_train(&first, config, "parts", false);
  cr_assert_eq(first.status, LIMN_OK, "%s", first.message);
  cr_expect_eq(first.result.step, 3);
  test_train(&second, config, "parts", true);
  cr_assert_eq(second.status, LIMN_OK, "%s", second.message);
  cr_expect_eq(second.notice[0], '\0', "%s", second.notice);
  cr_expect(test_same_file("whole", "parts", "checkpoints/000006.safetensors"), "the last checkpoint");

  test_set(config, "precision", "fp32");
  test_set(config, "steps", "7");
  test_train(&third, config, "parts", true);
  cr_assert_eq(third.status, LIMN_OK, "%s", third.message);
  cr_expect_not_null(strstr(third.notice, "no longer bit-exact from step 6 on"), "%s", third.notice);
  limn_config_destroy(config);
}
