/* Pooling and resampling against PyTorch's, from tests/fixtures/pixels.safetensors (make_pixels.py says what is in it):
 * where windows lie, which of equal elements is the largest, what an average divides by, where pixels have their
 * centres. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/device.h"
#include "limn/safetensors.h"

#define TOLERANCE 2e-6 /* of numbers up to 10 */

static limn_safetensors *file;

static void open_fixture(void) {
  cr_assert_eq(limn_safetensors_open(&file, LIMN_SOURCE_DIR "/tests/fixtures/pixels.safetensors"), LIMN_OK, "%s",
               limn_error_message());
}
static void close_fixture(void) { limn_safetensors_close(file); }
TestSuite(pixels, .init = open_fixture, .fini = close_fixture, .timeout = 60);

static const limn_stored_tensor *stored(const char *name, const char *part) {
  char full[64];
  snprintf(full, sizeof full, "%s%s", name, part);
  const limn_stored_tensor *tensor = limn_safetensors_find(file, full);
  cr_assert_not_null(tensor, "the fixture has no %s", full);
  return tensor;
}

static limn_shape shape_of(const limn_stored_tensor *t) {
  return (limn_shape){(int32_t)t->shape[0], (int32_t)t->shape[1], (int32_t)t->shape[2], (int32_t)t->shape[3]};
}

static float *floats_of(const limn_stored_tensor *t) {
  float *values = malloc(t->bytes);
  cr_assert_not_null(values);
  cr_assert_eq(limn_stored_tensor_floats(t, values), LIMN_OK, "%s", limn_error_message());
  return values;
}

static void upload(const limn_store *store, const char *leaf, const limn_stored_tensor *t) {
  float *values = floats_of(t);
  cr_assert_eq(limn_tensor_upload(limn_store_find(store, leaf), values), LIMN_OK, "%s", limn_error_message());
  free(values);
}

static void compare(const limn_store *store, const char *leaf, const limn_stored_tensor *t) {
  float *want = floats_of(t), *got = malloc(t->bytes);
  cr_assert_not_null(got);
  cr_assert(limn_shape_equal(limn_store_find(store, leaf)->shape, shape_of(t)), "%s has another shape", t->name);
  cr_assert_eq(limn_tensor_download(limn_store_find(store, leaf), got), LIMN_OK, "%s", limn_error_message());
  for (size_t i = 0; i < t->bytes / sizeof *got; ++i)
    cr_assert(fabsf(got[i] - want[i]) <= TOLERANCE, "%s[%zu] is %.8g, not %.8g", t->name, i, (double)got[i],
              (double)want[i]);
  free(want);
  free(got);
}

static limn_value op(limn_graph *graph, const char *name, limn_value x) {
  if (strcmp(name, "max") == 0)
    return limn_graph_max_pool(graph, x, (limn_pool_attrs){3, 3, 2, 2, 1, 1, 0, 0, false});
  if (strcmp(name, "max_ceil") == 0)
    return limn_graph_max_pool(graph, x, (limn_pool_attrs){2, 2, 2, 2, 0, 0, 1, 1, false});
  if (strcmp(name, "average") == 0)
    return limn_graph_avg_pool(graph, x, (limn_pool_attrs){3, 3, 1, 1, 1, 1, 0, 0, false});
  if (strcmp(name, "average_counted") == 0)
    return limn_graph_avg_pool(graph, x, (limn_pool_attrs){3, 2, 2, 1, 1, 1, 0, 0, true});
  if (strcmp(name, "nearest") == 0)
    return limn_graph_resample(graph, x, LIMN_NEAREST, 13, 4);
  return limn_graph_resample(graph, x, LIMN_BILINEAR, 18, 5);
}

static void check(const char *name) {
  const limn_stored_tensor *w = stored(name, ".w");
  limn_graph *graph = NULL;
  limn_device *device = NULL;
  limn_store *store = NULL;
  limn_program *program = NULL;
  limn_value dx = LIMN_NONE;
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value x = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "x", shape_of(stored("x", ""))), y = op(graph, name, x);
  limn_value weights = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "w", shape_of(w));
  limn_value loss = limn_graph_sum_all(graph, limn_graph_mul(graph, y, weights));
  cr_assert_eq(limn_graph_gradient(graph, loss, &x, 1, &dx), LIMN_OK, "%s", limn_error_message());
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "y", limn_graph_shape(graph, y)), y);
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "dx", limn_graph_shape(graph, x)), dx);
  cr_assert_eq(limn_device_create(&device, &(limn_device_options){.name = "cpu", .threads = 2}), LIMN_OK, "%s",
               limn_error_message());
  cr_assert_eq(limn_store_create(&store, device), LIMN_OK);
  cr_assert_eq(limn_program_create(&program, store, graph, &(limn_program_options){0}), LIMN_OK, "%s",
               limn_error_message());
  upload(store, "x", stored("x", ""));
  upload(store, "w", w);
  cr_assert_eq(limn_program_run(program, 0), LIMN_OK, "%s", limn_error_message());
  compare(store, "y", stored(name, ".y"));
  compare(store, "dx", stored(name, ".dx"));
  limn_program_destroy(program);
  limn_store_destroy(store);
  limn_device_destroy(device);
  limn_graph_destroy(graph);
}

Test(pixels, maxima) {
  check("max");
  check("max_ceil");
}

Test(pixels, averages) {
  check("average");
  check("average_counted");
}

Test(pixels, resampling) {
  check("nearest");
  check("bilinear");
}
