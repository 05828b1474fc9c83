/* limn bench: what is timed adds up, a round ends when the device is through, and what is refused. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <sys/wait.h>

#include "base/error.h"
#include "devices/cpu/simd/simd.h"
#include "limn/tools.h"
#include "sizing/bench.h"
#include "support/training.h"

#define MOST_OUTPUT 262144

/* What limn says, both streams or standard output alone. */
static char said[MOST_OUTPUT];

static int limn(const char *streams, const char *arguments) {
  char command[1024];
  snprintf(command, sizeof command, LIMN_PROGRAM " %s %s", arguments, streams);
  FILE *stream = popen(command, "r");
  cr_assert(stream != NULL);
  said[fread(said, 1, sizeof said - 1, stream)] = '\0';
  int status = pclose(stream);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-9 * fabs(b); }

TestSuite(bench, .timeout = 120);

Test(bench, median) {
  double odd[] = {3, 1, 2}, even[] = {4, 1, 8, 2}, one[] = {5};
  cr_expect_eq(limn_bench_median(odd, 3), 2);
  cr_expect(odd[0] == 1 && odd[2] == 3, "sorted");
  cr_expect_eq(limn_bench_median(even, 4), 3);
  cr_expect_eq(limn_bench_median(one, 1), 5);
}

/* A device that does its work later: it notes when a step is put on its queue and when the queue is waited for. */
static char events[64];
static limn_program later_train, later_extra;

static void note(char event) { events[strlen(events)] = event; }

/* The last of a step's three parts. */
static limn_status later_step(limn_session *session, uint64_t step, int part, const limn_batch *batch) {
  (void)session;
  (void)batch;
  if (part == 2)
    note((char)('0' + step % 10));
  return LIMN_OK;
}

static limn_status later_create(limn_device *device, limn_role role, limn_shape shape, limn_tensor **out) {
  *out = malloc(sizeof **out);
  **out = (limn_tensor){.device = device, .role = role, .shape = shape};
  return LIMN_OK;
}

static void later_destroy(limn_tensor *tensor) { free(tensor); }

static limn_status later_download(const limn_tensor *tensor, float *nchw) {
  (void)tensor;
  *nchw = 0;
  note('w');
  return LIMN_OK;
}

/* Kernels: 2 in the step's program, the second of which takes longer from round to round, and 1 in the other. */
static void later_info(const limn_program *program, limn_program_info *out) {
  *out = (limn_program_info){.row_count = program == &later_train ? 2 : 1};
}

static void later_row(const limn_program *program, int index, limn_program_row *out) {
  *out = (limn_program_row){.name = program == &later_train ? index ? "second" : "first" : "extra",
                            .engine = "",
                            .shape = {1, 2, 3, 4},
                            .flops = 1e9,
                            .bytes = index ? 8e9 : 0,
                            .launches = 1};
}

static limn_status later_trace(limn_program *program, int rounds, double *seconds) {
  note(program == &later_train ? 't' : 'x');
  for (int round = 0; round < rounds; ++round) {
    *seconds++ = 1;
    if (program == &later_train)
      *seconds++ = 2 + round;
  }
  return LIMN_OK;
}

static int three_batches(const limn_config *config) {
  (void)config;
  return 3;
}

static const limn_algorithm later_algorithm = {.step = later_step, .batches_per_step = three_batches};
static limn_device_ops later_ops = {
    .kind = "later",
    .tensor_create = later_create,
    .tensor_destroy = later_destroy,
    .download = later_download,
    .program_info = later_info,
    .program_row = later_row,
    .program_trace = later_trace,
};
static limn_device later_device = {.ops = &later_ops, .description = "LATER", .peak_flops = 4e9, .peak_bandwidth = 2e9};

static limn_bench later_bench(void) {
  static const limn_config config = {.batch = 5, .accumulate = 1};
  limn_bench bench = {.session = {.config = &config, .algorithm = &later_algorithm, .device = &later_device}};
  limn_graph *graph;
  later_train.device = later_extra.device = &later_device;
  bench.session.train = &later_train;
  bench.session.extra = &later_extra;
  cr_assert_eq(limn_store_create(&bench.session.store, &later_device), LIMN_OK);
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_session_gate(graph);
  cr_assert_eq(limn_store_add_leaves(bench.session.store, graph), LIMN_OK);
  limn_graph_destroy(graph);
  return bench;
}

Test(bench, a_round_ends_when_the_device_is_through) {
  limn_bench bench = later_bench();
  cr_expect_eq(limn_bench_run(&bench, 0), LIMN_OK);
  cr_expect_eq(limn_bench_run(&bench, 2), LIMN_OK);
  cr_expect_eq(limn_bench_run(&bench, 1), LIMN_OK);
  cr_expect_str_eq(events, "w01w2w");
  limn_store_destroy(bench.session.store);
}

Test(bench, which_time_is_whose) {
  limn_bench bench = later_bench();
  limn_bench_ops ops = {.warmup = 1};
  cr_assert_eq(limn_bench_measure_ops(&bench, 3, &ops), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(events, "01w234wxt", "first step and warm-up, three rounds, then the kernels");
  cr_assert_eq(ops.row_count, 3);
  cr_expect_str_eq(ops.rows[0].step.name, "extra");
  cr_expect_str_eq(ops.rows[2].step.name, "second");
  cr_expect(ops.rows[0].step.times == 2 && ops.rows[1].step.times == 1);
  cr_expect(ops.rows[0].seconds_median == 1 && ops.rows[1].seconds_median == 1 && ops.rows[1].seconds_max == 1);
  cr_expect(ops.rows[2].seconds_min == 2 && ops.rows[2].seconds_median == 3 && ops.rows[2].seconds_max == 4);
  cr_expect(ops.seconds == 6 && near(ops.rows[0].share, 2.0 / 6) && near(ops.rows[2].share, 3.0 / 6));
  cr_expect(near(ops.rows[1].step.floor_seconds, 0.25) && near(ops.rows[2].step.floor_seconds, 4));
  cr_expect(ops.peak_flops == 4e9 && ops.peak_bandwidth == 2e9 && !ops.peaks_measured && ops.images == 15);
  free(ops.rows);
  ops = (limn_bench_ops){0};
  cr_assert_eq(limn_bench_measure_ops(&bench, 0, &ops), LIMN_OK);
  cr_expect_eq(ops.rounds, 20, "of a device that is no CPU");
  free(ops.rows);
  ops = (limn_bench_ops){0};
  later_ops.program_trace = NULL;
  cr_expect_eq(limn_bench_measure_ops(&bench, 1, &ops), LIMN_DEVICE);
  cr_expect(strstr(limn_error_message(), "LATER") != NULL);
  limn_store_destroy(bench.session.store);
}

static limn_bench_ops *bench_ops(const limn_config *config, int rounds) {
  limn_bench_ops *ops;
  limn_status status = limn_bench_ops_create(&ops, config, &(limn_bench_ops_options){.warmup = 1, .rounds = rounds});
  cr_assert_eq(status, LIMN_OK, "%s", limn_error_message());
  return ops;
}

static void expect_row(const limn_bench_row *row, const limn_bench_ops *ops) {
  const limn_step_row *step = &row->step;
  double computing = step->flops / ops->peak_flops, moving = step->bytes / ops->peak_bandwidth;
  cr_expect(row->seconds_min >= 0 && isfinite(row->seconds_max), "%s", step->name);
  cr_expect(row->seconds_min <= row->seconds_median && row->seconds_median <= row->seconds_max, "%s", step->name);
  cr_expect(step->flops >= 0 && step->bytes >= 0 && step->launches >= 1 && step->times >= 1, "%s", step->name);
  cr_expect(row->share >= 0 && row->share <= 1, "%s", step->name);
  cr_expect(near(step->floor_seconds, fmax(computing, moving)), "%s: %g", step->name, step->floor_seconds);
}

static void expect_sums(const limn_bench_ops *ops) {
  double seconds = 0, share = 0, flops = 0, bytes = 0, floor = 0;
  for (size_t i = 0; i < ops->row_count; ++i) {
    const limn_bench_row *row = &ops->rows[i];
    expect_row(row, ops);
    seconds += row->step.times * row->seconds_median;
    flops += row->step.times * row->step.flops;
    bytes += row->step.times * row->step.bytes;
    floor += row->step.times * row->step.floor_seconds;
    share += row->share;
    cr_expect(near(row->share * ops->seconds, row->step.times * row->seconds_median), "%s", row->step.name);
  }
  cr_expect(seconds > 0 && near(seconds, ops->seconds), "%g, %g", seconds, ops->seconds);
  cr_expect(near(share, 1), "the shares are %g together", share);
  cr_expect(flops > 0 && near(flops, ops->flops));
  cr_expect(bytes > 0 && near(bytes, ops->bytes));
  cr_expect(floor > 0 && near(floor, ops->floor_seconds));
  cr_expect(ops->step_seconds > 0 && isfinite(ops->step_seconds));
  cr_expect(ops->peaks_measured);
  /* A clock rate of 0.1 to 10 GHz and a memory of 0.1 to 10,000 GB/s; sanitizers and busy machines are slow. */
  cr_expect(ops->peak_flops > 1e8 && ops->peak_flops < 1e14, "%g FLOP/s", ops->peak_flops);
  cr_expect(ops->peak_bandwidth > 1e8 && ops->peak_bandwidth < 1e13, "%g bytes/s", ops->peak_bandwidth);
}

static bool same_row(const limn_step_row *a, const limn_step_row *b) {
  return strcmp(a->name, b->name) == 0 && memcmp(a->shape, b->shape, sizeof a->shape) == 0 && a->times == b->times &&
         a->flops == b->flops;
}

/* The rows are those of the plan, in its order. */
Test(bench, rows_add_up) {
  static const char *const settings[] = {"d_steps", "3", NULL};
  limn_config *config = test_config("dcgan", settings);
  limn_bench_ops *ops = bench_ops(config, 3);
  limn_plan *plan;
  expect_sums(ops);
  cr_expect_eq(ops->rounds, 3);
  cr_expect_eq(ops->warmup, 1);
  cr_expect_eq(ops->images, 12);
  cr_expect_eq(ops->rows[0].step.times, 2, "what the discriminator's further steps run comes first");
  cr_assert_eq(limn_plan_create(&plan, config, NULL), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(ops->row_count, plan->row_count);
  cr_expect_str_eq(ops->device, plan->device);
  cr_expect(near(ops->flops, plan->flops) && near(ops->bytes, plan->bytes));
  for (size_t i = 0; i < plan->row_count; ++i) {
    bool same = same_row(&ops->rows[i].step, &plan->rows[i]);
    cr_expect(same, "row %zu is %s, %s in the plan", i, ops->rows[i].step.name, plan->rows[i].name);
  }
  limn_plan_destroy(plan);
  limn_bench_ops_destroy(ops);
  limn_config_destroy(config);
}

Test(bench, rounds_of_the_cpu_unless_given) {
  limn_config *config = test_config("vae", NULL);
  limn_bench_ops *ops = bench_ops(config, 0);
  cr_expect_eq(ops->rounds, 5);
  expect_sums(ops);
  limn_bench_ops_destroy(ops);
  limn_bench_ops_destroy(NULL);
  limn_config_destroy(config);
}

Test(bench, what_the_library_refuses) {
  limn_config *config = test_config("dcgan", NULL);
  limn_bench_ops *ops = (limn_bench_ops *)config; /* anything that is not NULL */
  limn_bench_result result;
  cr_expect_eq(limn_bench_ops_create(&ops, config, &(limn_bench_ops_options){.rounds = -1}), LIMN_USAGE);
  cr_expect(ops == NULL);
  cr_expect_eq(limn_bench_ops_create(&ops, config, &(limn_bench_ops_options){.warmup = -1}), LIMN_USAGE);
  cr_expect_eq(limn_bench_step(config, &(limn_bench_options){.rounds = 0, .steps_per_round = 1}, &result), LIMN_USAGE);
  cr_expect_eq(limn_bench_step(config, &(limn_bench_options){.rounds = 1, .steps_per_round = 0}, &result), LIMN_USAGE);
  test_set(config, "device", "cuda:99");
  cr_expect_eq(limn_bench_ops_create(&ops, config, &(limn_bench_ops_options){.rounds = 1}), LIMN_DEVICE);
  cr_expect(ops == NULL);
  limn_config_destroy(config);
}

/* They are really done, and as many as are counted. */
static void expect_multiply_adds(const limn_simd *simd, double lanes) {
  enum { ROUNDS = 1000 };
  double flops = 0;
  float come_to = simd->multiply_adds(ROUNDS, &flops);
  double sums = flops / (2 * lanes * ROUNDS), total = sums * ROUNDS + sums * (sums - 1) / 2;
  cr_expect(sums > 1 && floor(sums) == sums, "%s: %g operations", simd->name, flops);
  cr_expect_eq((double)come_to, total, "%s: %g instead of %g", simd->name, (double)come_to, total);
}

Test(bench, multiply_adds) {
#if defined __x86_64__
  expect_multiply_adds(&limn_simd_baseline, 4);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    expect_multiply_adds(&limn_simd_avx2, 8);
  if (__builtin_cpu_supports("avx512f"))
    expect_multiply_adds(&limn_simd_avx512, 16);
#else
  expect_multiply_adds(&limn_simd_baseline, 1);
#endif
}

#define SMALL "--device cpu --threads 1 --size 16 --channels 1 --filters 4 --latent 8 --batch 4 --warmup 1 --rounds 2 "

static double number_at(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  cr_assert(json_is_number(value), "%s is no number", key);
  return json_number_value(value);
}

Test(bench, ops_as_json) {
  json_error_t error;
  cr_assert_eq(limn("", "bench ops dcgan --json " SMALL), 0);
  json_t *root = json_loads(said, 0, &error), *row;
  cr_assert(root != NULL, "%s: %s", error.text, said);
  double milliseconds = 0, share = 0, flops = 0;
  double peak_flops = number_at(root, "peak_flops"), peak_bandwidth = number_at(root, "peak_bandwidth");
  size_t i;
  json_array_foreach(json_object_get(root, "rows"), i, row) {
    double median = number_at(row, "milliseconds_median");
    cr_expect(number_at(row, "milliseconds_min") <= median && median <= number_at(row, "milliseconds_max"));
    milliseconds += number_at(row, "times") * median;
    flops += number_at(row, "times") * number_at(row, "flops");
    share += number_at(row, "share");
    if (median > 0 && number_at(row, "bytes") > 0) {
      double moving = number_at(row, "bytes") / peak_bandwidth, computing = number_at(row, "flops") / peak_flops;
      cr_expect(near(number_at(row, "gigabytes_per_second"), number_at(row, "bytes") / median * 1e-6));
      cr_expect(near(number_at(row, "peak_share"), 1e3 * fmax(moving, computing) / median));
    }
    if (median > 0 && number_at(row, "flops") > 0)
      cr_expect(near(number_at(row, "gflops"), number_at(row, "flops") / median * 1e-6));
  }
  const json_t *sum = json_object_get(root, "sum");
  cr_expect(i > 20 && near(share, 1));
  cr_expect(near(milliseconds, number_at(sum, "milliseconds")) && near(flops, number_at(sum, "flops")));
  cr_expect(near(number_at(sum, "gflops"), flops / milliseconds * 1e-6));
  cr_expect(number_at(sum, "peak_share") > 0 && number_at(root, "step_milliseconds") > 0);
  cr_expect(json_is_true(json_object_get(root, "peaks_measured")));
  cr_expect(number_at(root, "rounds") == 2 && number_at(root, "warmup") == 1 && number_at(root, "images") == 4);
  cr_expect_str_eq(json_string_value(json_object_get(root, "model")), "dcgan");
  json_decref(root);
}

/* The milliseconds of the lines up to the sum; returns how many they are. *kernels: how many kernels they stand
 * for. */
static size_t read_table(double *milliseconds, size_t capacity, int *kernels) {
  size_t count = 0;
  *kernels = 0;
  cr_assert(strncmp(said, "kernel ", 7) == 0 && strstr(said, "of peak  engine\n"), "%s", said);
  for (const char *line = strchr(said, '\n') + 1; strncmp(line, "sum ", 4) != 0; line = strchr(line, '\n') + 1) {
    int several = 1, width = 0;
    cr_assert(count < capacity && strchr(line, '\n'));
    if (sscanf(line, "%d x %n", &several, &width) != 1 || !width)
      several = 1;
    *kernels += several;
    const char *shape = strstr(line, " x ") + (width ? 3 : 0); /* behind that of "3 x" */
    cr_assert_eq(sscanf(strstr(shape, " x "), " x %*d x %*d x %*d %lf", &milliseconds[count++]), 1, "%s", line);
  }
  return count;
}

Test(bench, ops_as_a_table) {
  double milliseconds[512];
  int kernels, grouped;
  cr_assert_eq(limn("", "bench ops dcgan --set d_steps=3 " SMALL), 0);
  size_t lines = read_table(milliseconds, 512, &grouped);
  cr_expect(lines < (size_t)grouped, "kernels that are alike share a line");
  for (size_t i = 1; i < lines; ++i)
    cr_expect(milliseconds[i] <= milliseconds[i - 1], "line %zu is longer than the one before", i + 1);
  cr_expect(strstr(said, "100.0%") && strstr(said, "measured here") && strstr(said, "2 rounds after 2 steps"), "%s",
            said);
  cr_assert_eq(limn("", "bench ops dcgan --set d_steps=3 --all --order program " SMALL), 0);
  size_t every = read_table(milliseconds, 512, &kernels);
  cr_expect(every > lines && every < (size_t)kernels, "the discriminator's further steps run twice");
  cr_expect_eq(kernels, grouped);
  bool sorted = true;
  for (size_t i = 1; i < every; ++i)
    sorted = sorted && milliseconds[i] <= milliseconds[i - 1];
  cr_expect(!sorted, "as they run, the kernels are not sorted by their time");
}

Test(bench, what_the_program_refuses) {
  static const struct {
    const char *arguments;
    int code;
    const char *piece;
  } cases[] = {
      {"bench", 2, "limn bench step or limn bench ops"},
      {"bench opps dcgan", 2, "did you mean ops?"},
      {"bench zzzzzz dcgan", 2, "there are step, ops and data"},
      {"bench data dcgan", 2, "\"dcgan\""},
      {"bench data --warmup 2", 2, "bench data has no --warmup"},
      {"bench data --paced", 2, "bench data has no --paced"},
      {"bench ops", 2, "limn bench ops dcgan|sngan|r3gan|projected|vae|autoencoder"},
      {"bench ops dcgan vae", 2, "\"vae\""},
      {"bench ops dcgna", 2, "did you mean dcgan?"},
      {"bench ops dcgan " SMALL "--rounds 0", 2, "rounds"},
      {"bench ops dcgan " SMALL "--warmup -1", 2, "warmup"},
      {"bench ops dcgan " SMALL "--order chance", 2, "share or program"},
      {"bench ops dcgan " SMALL "--order programm", 2, "did you mean program?"},
      {"bench ops dcgan " SMALL "--steps-per-round 2", 2, "bench ops has no --steps-per-round"},
      {"bench ops dcgan " SMALL "--paced", 2, "bench ops has no --paced"},
      {"bench step dcgan " SMALL "--order share", 2, "bench step has no --order"},
      {"bench step dcgan " SMALL "--all", 2, "bench step has no --all"},
      {"bench step dcgan " SMALL "--trace --paced", 2, "bench ops has no --paced"},
      {"bench data --trace", 2, "bench data has no --trace"},
      {"bench ops dcgan --device gpu", 2, "device"},
      {"bench ops dcgan --device cpu --size 7x", 2, "size"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    int code = limn("2>&1 >/dev/null", cases[i].arguments);
    cr_expect_eq(code, cases[i].code, "limn %s: %d, %s", cases[i].arguments, code, said);
    cr_expect(strstr(said, cases[i].piece) != NULL, "limn %s: %s", cases[i].arguments, said);
    cr_expect(strncmp(said, "limn: ", 6) == 0 && strchr(said, '\n') == said + strlen(said) - 1, "%s", said);
  }
  cr_expect_eq(limn("", "bench step dcgan " SMALL "--trace --all"), 0);
  cr_expect(strstr(said, "of peak") != NULL, "%s", said);
  cr_expect_eq(limn("", "bench --help"), 0);
  cr_expect(strstr(said, "limn bench step") && strstr(said, "limn bench ops") && strstr(said, "--order ORDER"), "%s",
            said);
}

/* On the CUDA device, which may be the virtual GPU: its timings say nothing, but nothing may break. */
Test(bench, on_the_cuda_device) {
  const char *module = getenv("LIMN_CUDA_TEST_VIRTUAL_MODULE");
  if (!module)
    cr_skip_test("no module with the virtual GPU was named");
  setenv("LIMN_CUDA_MODULE", module, 1);
  static const char *const settings[] = {"device", "cuda", NULL};
  limn_config *config = test_config("dcgan", settings);
  limn_bench_ops *ops = bench_ops(config, 2);
  double share = 0;
  cr_expect(strncmp(ops->device, "CUDA", 4) == 0 && !ops->peaks_measured);
  for (size_t i = 0; i < ops->row_count; ++i)
    share += ops->rows[i].share;
  cr_expect(ops->seconds > 0 && near(share, 1));
  limn_bench_ops_destroy(ops);
  limn_config_destroy(config);
}
