/* Pictures on their way: which window and mirroring each sample gets, and that each run reads the upload before it.
 * Runs on the device that LIMN_TEST_DEVICE names. */
#include <criterion/criterion.h>

#include "support/training.h"
#include "train/training_data.h"

#define SIDE 16
#define SEED 7

static limn_device *device;
static limn_store *store;
static limn_graph *graph;

static void begin(void) {
  const limn_device_options options = {.name = test_device(), .precision = "fp32", .threads = 2, .seed = SEED};
  cr_assert_eq(limn_device_create(&device, &options), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_store_create(&store, device), LIMN_OK);
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
}

static void end(void) {
  limn_graph_destroy(graph);
  limn_store_destroy(store);
  limn_device_destroy(device);
}

TestSuite(pictures, .init = begin, .fini = end, .timeout = 120);

static limn_value bytes_leaf(limn_graph *g, const char *name, limn_shape shape) {
  return limn_graph_leaf(g, LIMN_ROLE_PICTURES, name, shape);
}

static void assign(limn_graph *g, const char *name, limn_value value) {
  limn_graph_assign(g, limn_graph_leaf(g, LIMN_ROLE_OUTPUT, name, limn_graph_shape(g, value)), value);
}

static limn_program *compile(limn_graph *g) {
  limn_program *program = NULL;
  cr_assert_eq(limn_program_create(&program, store, g, NULL), LIMN_OK, "%s", limn_error_message());
  return program;
}

static void upload(const char *name, const uint8_t *bytes) {
  cr_assert_eq(limn_tensor_upload_u8(limn_store_find(store, name), bytes), LIMN_OK, "%s", limn_error_message());
}

static void run(limn_program *program, uint64_t step) {
  cr_assert_eq(limn_program_run(program, step), LIMN_OK, "%s", limn_error_message());
}

/* --- windows --- */

typedef struct expectation {
  uint64_t step;
  int sample, mirrored, row, column;
} expectation;

/* Seed 7, stream 14, windows of 12 x 10 in 16 x 16, moved by up to 2 and 3 pixels over the edge: by the formulas of
 * docs/randomness.md, in Python. */
static const expectation drawn[] = {
    {0, 0, 0, 6, 5}, {0, 1, 0, 1, 8},  {0, 2, 0, 5, -2},  {0, 3, 1, 1, 9},  {0, 4, 1, 6, -2}, {0, 5, 1, -2, 8},
    {5, 0, 0, 4, 6}, {5, 1, 0, 6, -1}, {5, 2, 1, -1, -1}, {5, 3, 0, 1, -2}, {5, 4, 0, 1, 6},  {5, 5, 1, 6, 7},
};

/* Each pixel says where it is. */
static int place_of(int row, int column) {
  int r = row < 0 ? 0 : row >= SIDE ? SIDE - 1 : row, c = column < 0 ? 0 : column >= SIDE ? SIDE - 1 : column;
  return r * SIDE + c;
}

Test(pictures, windows_are_those_of_the_document) {
  enum { N = 6, H = 12, W = 10 };
  uint8_t bytes[N * SIDE * SIDE];
  float got[N * H * W];
  for (int i = 0; i < N * SIDE * SIDE; ++i)
    bytes[i] = (uint8_t)(i % (SIDE * SIDE));
  const limn_picture_attrs attrs = {.height = H,
                                    .width = W,
                                    .scale = 1,
                                    .window = {.flip = true, .moved = true, .reach_h = 2, .reach_w = 3},
                                    .stream = LIMN_STREAM_AUGMENT};
  assign(graph, "out", limn_graph_pictures(graph, bytes_leaf(graph, "in", (limn_shape){N, 1, SIDE, SIDE}), attrs));
  limn_program *program = compile(graph);
  upload("in", bytes);
  for (size_t i = 0; i < sizeof drawn / sizeof *drawn; ++i) {
    const expectation *e = &drawn[i];
    run(program, e->step);
    cr_assert_eq(limn_tensor_download(limn_store_find(store, "out"), got), LIMN_OK, "%s", limn_error_message());
    for (int h = 0; h < H; ++h)
      for (int w = 0; w < W; ++w)
        cr_assert_eq((int)got[(e->sample * H + h) * W + w],
                     place_of(e->row + h, e->column + (e->mirrored ? W - 1 - w : w)),
                     "step %u, sample %d, pixel (%d, %d)", (unsigned)e->step, e->sample, h, w);
  }
  limn_program_destroy(program);
}

/* Over many samples, every place comes up about as often as every other, and every second sample is mirrored. */
Test(pictures, windows_are_uniform) {
  enum { N = 400, STEPS = 10, H = 5, W = 6 }; /* windows of 1 x 2: 5 x 5 places */
  static uint8_t bytes[N * H * W];
  static float got[2 * N];
  int rows[5] = {0}, columns[5] = {0}, mirrored = 0;
  for (int i = 0; i < N * H * W; ++i)
    bytes[i] = (uint8_t)(i % (H * W));
  const limn_picture_attrs attrs = {
      .height = 1, .width = 2, .scale = 1, .window = {.flip = true, .moved = true}, .stream = LIMN_STREAM_AUGMENT};
  assign(graph, "out", limn_graph_pictures(graph, bytes_leaf(graph, "in", (limn_shape){N, 1, H, W}), attrs));
  limn_program *program = compile(graph);
  upload("in", bytes);
  for (uint64_t step = 0; step < STEPS; ++step) {
    run(program, step);
    cr_assert_eq(limn_tensor_download(limn_store_find(store, "out"), got), LIMN_OK);
    for (int i = 0; i < N; ++i) {
      bool turned = got[2 * i] > got[2 * i + 1];
      int at = (int)got[2 * i + turned];
      ++rows[at / W];
      ++columns[at % W];
      mirrored += turned;
    }
  }
  for (int i = 0; i < 5; ++i) { /* 800 each on average, standard deviation 25 */
    cr_expect(rows[i] > 675 && rows[i] < 925, "row %d: %d times", i, rows[i]);
    cr_expect(columns[i] > 675 && columns[i] < 925, "column %d: %d times", i, columns[i]);
  }
  cr_expect(mirrored > 1800 && mirrored < 2200, "%d of 4000 are mirrored", mirrored);
  limn_program_destroy(program);
}

/* --- uploads and runs --- */

enum { RING = 64, COUNT = 3 * 5 * 4 * 4 };

/* ring[step] = the sum of the bytes of the leaf of that name: nothing waits for a run before all are read at the end.
 */
static void record_sum(limn_graph *g, const char *leaf, const char *ring) {
  const limn_picture_attrs attrs = {.height = 4, .width = 4, .scale = 1};
  limn_value x = limn_graph_pictures(g, bytes_leaf(g, leaf, (limn_shape){3, 5, 4, 4}), attrs);
  limn_graph_record(g, limn_graph_leaf(g, LIMN_ROLE_OUTPUT, ring, (limn_shape){RING, 1, 1, 1}), 0,
                    limn_graph_sum_all(g, x));
}

static void upload_plain(const char *leaf, int value) {
  uint8_t bytes[COUNT];
  memset(bytes, value, sizeof bytes);
  upload(leaf, bytes);
  memset(bytes, 99, sizeof bytes); /* the caller's array is its own again */
}

static void expect_ring(const char *ring, const int *want, int count) {
  float got[RING];
  cr_assert_eq(limn_tensor_download(limn_store_find(store, ring), got), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < count; ++i)
    cr_expect_eq(got[i], (float)(COUNT * want[i]), "%s: run %d read bytes of %g, not of %d", ring, i,
                 (double)got[i] / COUNT, want[i]);
}

Test(pictures, each_run_reads_the_upload_before_it) {
  int want[RING];
  record_sum(graph, "in", "ring");
  limn_program *program = compile(graph);
  for (int i = 0; i < RING; ++i) {
    want[i] = i * 37 % 256;
    upload_plain("in", want[i]);
    run(program, (uint64_t)i);
  }
  expect_ring("ring", want, RING);
  limn_program_destroy(program);
}

Test(pictures, the_last_of_several_uploads_counts) {
  int want[RING];
  record_sum(graph, "in", "ring");
  limn_program *program = compile(graph);
  for (int i = 0; i < RING; ++i) { /* 0 to 4 uploads before each run: none repeats the last */
    for (int k = 0; k < (i + 1) % 5; ++k)
      upload_plain("in", (i * 5 + k) % 256);
    want[i] = (i + 1) % 5 ? (i * 5 + (i + 1) % 5 - 1) % 256 : want[i - 1];
    run(program, (uint64_t)i);
  }
  expect_ring("ring", want, RING);
  limn_program_destroy(program);
}

/* One leaf that two programs read, and another that one of them reads besides, at their own paces. */
Test(pictures, programs_share_leaves) {
  int shared[2][RING / 2], own[RING / 2];
  limn_graph *second = NULL;
  cr_assert_eq(limn_graph_create(&second), LIMN_OK);
  record_sum(graph, "shared", "first");
  record_sum(second, "shared", "second");
  record_sum(second, "own", "third");
  limn_program *a = compile(graph), *b = compile(second);
  for (int i = 0; i < RING / 2; ++i) {
    upload_plain("shared", i);
    if (i % 3 == 0)
      upload_plain("own", 100 + i);
    own[i] = 100 + i - i % 3;
    run(a, (uint64_t)i);
    shared[0][i] = i;
    if (i % 2)
      upload_plain("shared", 200 + i % 50);
    shared[1][i] = i % 2 ? 200 + i % 50 : i;
    run(b, (uint64_t)i);
  }
  expect_ring("first", shared[0], RING / 2);
  expect_ring("second", shared[1], RING / 2);
  expect_ring("third", own, RING / 2);
  limn_program_destroy(a);
  limn_program_destroy(b);
  limn_graph_destroy(second);
}

/* A leaf that is destroyed leaves its place to the next: more of them than there are places, one after another. */
Test(pictures, leaves_come_and_go) {
  for (int i = 0; i < 200; ++i) {
    limn_tensor *tensor = NULL;
    uint8_t bytes[4] = {1, 2, 3, 4};
    cr_assert_eq(device->ops->tensor_create(device, LIMN_ROLE_PICTURES, (limn_shape){1, 1, 2, 2}, &tensor), LIMN_OK,
                 "%s", limn_error_message());
    cr_assert_eq(limn_tensor_upload_u8(tensor, bytes), LIMN_OK);
    device->ops->tensor_destroy(tensor);
  }
}

Test(pictures, bytes_and_numbers_do_not_mix) {
  float numbers[COUNT] = {0};
  uint8_t bytes[COUNT] = {0};
  record_sum(graph, "in", "ring");
  limn_program *program = compile(graph);
  limn_tensor *in = limn_store_find(store, "in"), *ring = limn_store_find(store, "ring");
  cr_expect_eq(limn_tensor_upload(in, numbers), LIMN_USAGE);
  cr_expect_eq(limn_tensor_download(in, numbers), LIMN_USAGE);
  cr_expect_not_null(strstr(limn_error_message(), "holds bytes"));
  cr_expect_eq(limn_tensor_upload_u8(ring, bytes), LIMN_USAGE);
  cr_expect_not_null(strstr(limn_error_message(), "takes bytes"));
  limn_program_destroy(program);
}

/* --- half precision --- */

static double bytes_of_pictures(const limn_program *program) {
  limn_program_info info;
  limn_program_row row = {0};
  limn_program_get_info(program, &info);
  for (int i = 0; i < info.row_count && (!row.name || strcmp(row.name, "pictures") != 0); ++i)
    limn_program_get_row(program, i, &row);
  return row.bytes;
}

/* Convolutions read the half type and all others full floats; a type that nobody reads is not written. */
Test(pictures, each_reader_finds_its_type) {
  enum { N = 2 * 8 * 8 };
  if (strcmp(test_device(), "cuda") != 0)
    cr_skip("the CPU has no half precision");
  end();
  const limn_device_options options = {.name = "cuda", .precision = "bf16", .seed = SEED};
  cr_assert_eq(limn_device_create(&device, &options), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_store_create(&store, device), LIMN_OK);
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  /* Of ten bits, which bf16 does not hold. */
  const limn_picture_attrs attrs = {.height = 8, .width = 8, .scale = 0x1p-9f, .shift = -1};
  const limn_conv_attrs conv = {.stride_h = 1, .stride_w = 1};
  limn_value x = limn_graph_pictures(graph, bytes_leaf(graph, "in", (limn_shape){2, 1, 8, 8}), attrs);
  limn_value w = limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, "w", (limn_shape){8, 1, 1, 1});
  assign(graph, "y", limn_graph_conv(graph, x, w, LIMN_NONE, conv));
  limn_program *alone = compile(graph);
  assign(graph, "x", limn_graph_affine(graph, x, 2, 0));
  limn_program *both = compile(graph);
  cr_expect_eq(bytes_of_pictures(alone), N * (1 + 2), "%g", bytes_of_pictures(alone));
  cr_expect_eq(bytes_of_pictures(both), N * (1 + 2 + 4), "%g", bytes_of_pictures(both));
  uint8_t bytes[N];
  float got[N];
  for (int i = 0; i < N; ++i)
    bytes[i] = (uint8_t)(2 * i + 1);
  upload("in", bytes);
  run(both, 0);
  cr_assert_eq(limn_tensor_download(limn_store_find(store, "x"), got), LIMN_OK);
  for (int i = 0; i < N; ++i)
    cr_expect_eq(got[i], 2 * (0x1p-9f * (float)bytes[i] - 1), "pixel %d is %g", i, (double)got[i]);
  limn_program_destroy(alone);
  limn_program_destroy(both);
}

/* --- held-out pictures --- */

/* Pictures of 12 x 10 without a size and with crop 3: windows of 9 x 7, the held-out ones from (1, 1) on. */
Test(pictures, held_out_pictures_are_the_middle) {
  enum { N = 6, H = 12, W = 10, CROP = 3 };
  uint8_t bytes[N * H * W];
  const uint32_t header[] = {0x00000803, N, H, W};
  for (int i = 0; i < N * H * W; ++i)
    bytes[i] = (uint8_t)(i % (H * W) + i / (H * W));
  test_folder_create();
  test_write_idx(test_path("pictures"), false, header, 4, bytes, sizeof bytes);
  limn_config *config =
      test_config("vae", (const char *const[]){"size", "0", "batch", "2", "validation", "0.5", "crop", "3", NULL});
  test_set(config, "data", test_path("pictures"));
  limn_training_data data;
  cr_assert_eq(limn_training_data_open(&data, config, NULL, NULL), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(config->height, H - CROP);
  cr_expect_eq(config->width, W - CROP);
  cr_expect_eq(data.info.height, H);
  cr_assert_eq(data.held_out_count, 3);
  for (uint32_t i = 0; i < data.held_out_count; ++i)
    for (int h = 0; h < H - CROP; ++h)
      for (int w = 0; w < W - CROP; ++w)
        cr_assert_eq(data.held_out[((int)i * (H - CROP) + h) * (W - CROP) + w],
                     bytes[((int)data.validation[i] * H + h + 1) * W + w + 1], "picture %u, (%d, %d)", i, h, w);
  limn_training_data_close(&data);

  test_set(config, "size", "0");
  test_set(config, "crop", "10");
  cr_expect_eq(limn_training_data_open(&data, config, NULL, NULL), LIMN_USAGE);
  cr_expect_not_null(strstr(limn_error_message(), "crop 10 leaves nothing of pictures of 12 x 10"), "%s",
                     limn_error_message());
  test_set(config, "crop", "2");
  test_set(config, "shift", "8");
  cr_expect_eq(limn_training_data_open(&data, config, NULL, NULL), LIMN_USAGE);
  cr_expect_not_null(strstr(limn_error_message(), "shift 8"), "%s", limn_error_message());
  limn_config_destroy(config);
  test_folder_remove();
}
