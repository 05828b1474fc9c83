/* limn plan: cards, the sums of a plan, and what is refused. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <sys/wait.h>

#include "base/error.h"
#include "devices/cards.h"
#include "limn/tools.h"
#include "support/training.h"

#define MOST_OUTPUT 262144

/* What limn says, both streams or standard output alone. */
static char said[MOST_OUTPUT];

static int limn(const char *streams, const char *arguments) {
  char command[2 * TEST_PATH_SIZE];
  snprintf(command, sizeof command, "cd %s && " LIMN_PROGRAM " %s %s", test_folder, arguments, streams);
  FILE *stream = popen(command, "r");
  cr_assert(stream != NULL);
  said[fread(said, 1, sizeof said - 1, stream)] = '\0';
  int status = pclose(stream);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static json_t *plan_json(const char *arguments) {
  json_error_t error;
  int code = limn("", arguments);
  cr_assert_eq(code, 0, "limn %s: exit code %d", arguments, code);
  json_t *root = json_loads(said, 0, &error);
  cr_assert(root != NULL, "limn %s: no JSON (%s): %s", arguments, error.text, said);
  return root;
}

static double number_at(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  cr_assert(json_is_number(value), "%s is no number", key);
  return json_number_value(value);
}

static double near(double a, double b) { return fabs(a - b) <= 1e-9 * fabs(b); }

/* The rows' sums are the step's, and the memory's parts its sum. */
static void expect_consistent(const json_t *root) {
  const json_t *step = json_object_get(root, "step"), *memory = json_object_get(root, "memory"), *row, *value;
  double launches = 0, flops = 0, bytes = 0, floor = 0, parts = 0;
  const char *key;
  size_t i;
  json_array_foreach(json_object_get(root, "rows"), i, row) {
    double times = number_at(row, "times");
    cr_expect(times >= 1 && number_at(row, "launches") >= 1 && number_at(row, "bytes") >= 0);
    cr_expect_eq(json_array_size(json_object_get(row, "shape")), 4);
    cr_expect(json_string_length(json_object_get(row, "name")) > 0);
    launches += times * number_at(row, "launches");
    flops += times * number_at(row, "flops");
    bytes += times * number_at(row, "bytes");
    floor += times * json_number_value(json_object_get(row, "floor_milliseconds"));
    if (strcmp(json_string_value(json_object_get(row, "name")), "record") == 0)
      cr_expect(number_at(row, "bytes") < 1000, "of the ring, a row's measures alone");
  }
  cr_expect(launches > 0 && launches == number_at(step, "launches"));
  cr_expect(flops > 0 && near(flops, number_at(step, "flops")));
  cr_expect(bytes > 0 && near(bytes, number_at(step, "bytes")));
  cr_expect(number_at(step, "least_bytes") > 0 && number_at(step, "least_bytes") < bytes);
  cr_expect_float_eq(number_at(step, "bytes_over_least"), bytes / number_at(step, "least_bytes"), 1e-9);
  cr_expect(near(floor, json_number_value(json_object_get(step, "floor_milliseconds"))));
  void *entry = json_object_iter((json_t *)memory);
  for (; entry; entry = json_object_iter_next((json_t *)memory, entry)) {
    key = json_object_iter_key(entry);
    value = json_object_iter_value(entry);
    if (strcmp(key, "sum_bytes") != 0 && strcmp(key, "unshared_arena_bytes") != 0)
      parts += json_number_value(value);
  }
  cr_expect_eq(parts, number_at(memory, "sum_bytes"));
}

static void write_text(const char *name, const char *text) { test_write(test_path("%s", name), text, strlen(text)); }

/* A card's file, as plan --json prints one. */
static json_t *card_object(const limn_card *card) {
  json_t *object = json_pack("{s:s, s:o, s:f, s:f, s:f, s:f, s:f}", "name", card->name, "properties",
                             json_loads(card->properties, 0, NULL), "memory_bytes", card->memory_bytes, "bandwidth",
                             card->bandwidth, "fp32", card->fp32, "tf32", card->tf32, "half", card->half);
  cr_assert(object != NULL, "the properties of %s are no JSON", card->name);
  return object;
}

static void expect_refused(limn_status status, const char *name, const char *piece) {
  limn_card_file *file = NULL;
  cr_expect_eq(limn_card_load(&file, name), status, "%s", name);
  cr_expect(file == NULL);
  cr_expect(strstr(limn_error_message(), piece) != NULL, "expected \"%s\" in: %s", piece, limn_error_message());
}

TestSuite(plan, .init = test_folder_create, .fini = test_folder_remove, .timeout = 300);

Test(plan, known_cards) {
  static const char *const names[] = {"h100", "h200", "a100", "rtx3090", "rtx4090", "rtx5090"};
  cr_assert_eq(limn_card_count(), sizeof names / sizeof *names);
  for (size_t i = 0; i < limn_card_count(); ++i) {
    limn_card_file *file;
    cr_assert_eq(limn_card_load(&file, names[i]), LIMN_OK, "%s", limn_error_message());
    cr_expect_str_eq(file->card.name, names[i]);
    cr_expect_eq(limn_card_find(names[i]), limn_card_at(i));
    cr_expect(file->card.half >= file->card.tf32 && file->card.tf32 >= file->card.fp32);
    limn_card_file_destroy(file);
  }
  cr_expect(limn_card_at(limn_card_count()) == NULL);
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    expect_refused(LIMN_USAGE, "v100", names[i]);
  limn_card_file_destroy(NULL);
}

Test(plan, a_card_from_a_file) {
  char path[TEST_PATH_SIZE];
  const limn_card *known = limn_card_find("rtx4090");
  json_t *object = card_object(known);
  snprintf(path, sizeof path, "%s", test_path("mine.json"));
  json_object_set_new(object, "name", json_string("mine"));
  json_object_set_new(object, "bandwidth", json_integer(1000000000000));
  cr_assert_eq(json_dump_file(object, path, 0), 0);
  limn_card_file *file;
  cr_assert_eq(limn_card_load(&file, path), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(file->card.name, "mine");
  cr_expect_eq(file->card.memory_bytes, known->memory_bytes);
  cr_expect_eq(file->card.bandwidth, 1e12);
  cr_expect_eq(file->card.fp32, known->fp32);
  cr_expect_eq(file->card.tf32, known->tf32);
  cr_expect_eq(file->card.half, known->half);
  json_t *ours = json_loads(file->card.properties, 0, NULL), *theirs = json_loads(known->properties, 0, NULL);
  cr_expect(json_equal(ours, theirs));
  json_decref(ours);
  json_decref(theirs);
  limn_card_file_destroy(file);
  json_decref(object);
}

Test(plan, files_that_describe_no_card) {
  char path[TEST_PATH_SIZE];
  snprintf(path, sizeof path, "%s", test_path("bad.json"));
  expect_refused(LIMN_DATA, path, "cannot open");
  static const char *const texts[][2] = {{"", "bad.json:1"},
                                         {"{\"name\": \"x\"", "bad.json:1"},
                                         {"[1]", "object"},
                                         {"{\"name\": \"a\", \"name\": \"b\"}", "name"}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    write_text("bad.json", texts[i][0]);
    expect_refused(LIMN_DATA, path, texts[i][1]);
    expect_refused(LIMN_DATA, path, "bad.json");
  }
  json_t *whole = card_object(limn_card_find("h100"));
  for (void *entry = json_object_iter(whole); entry; entry = json_object_iter_next(whole, entry)) {
    const char *key = json_object_iter_key(entry);
    json_t *part = json_copy(whole);
    json_object_del(part, key);
    cr_assert_eq(json_dump_file(part, path, 0), 0);
    expect_refused(LIMN_DATA, path, key);
    expect_refused(LIMN_DATA, path, "bad.json");
    json_object_set_new(part, key, json_integer(-1));
    cr_assert_eq(json_dump_file(part, path, 0), 0);
    expect_refused(LIMN_DATA, path, key);
    json_decref(part);
  }
  json_object_del(json_object_get(whole, "properties"), "l2CacheSize");
  cr_assert_eq(json_dump_file(whole, path, 0), 0);
  expect_refused(LIMN_DATA, path, "l2CacheSize");
  json_decref(whole);
}

Test(plan, what_the_program_refuses) {
  static const struct {
    const char *arguments;
    int code;
    const char *piece;
  } cases[] = {
      {"plan", 2, "limn plan dcgan|sngan|r3gan|projected|vae|autoencoder"},
      {"plan dcgan vae", 2, "\"vae\""},
      {"plan dcgna", 2, "did you mean dcgan?"},
      {"plan dcgan --size x", 2, "size"},
      {"plan dcgan --batch 0", 2, "batch"},
      {"plan dcgan --device-spec v100", 2, "known are h100, h200, a100, rtx3090, rtx4090, rtx5090"},
      {"plan dcgan --device-spec", 2, "needs a value"},
      {"plan dcgan --device-spec nowhere.json", 3, "nowhere.json"},
      {"plan dcgan --device-spec broken.json", 3, "broken.json:1"},
      {"plan dcgan --device-spec h100 --device cpu", 2, "leave one of them out"},
      {"plan vae --set d_steps=2", 2, "d_steps"},
  };
  write_text("broken.json", "{");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    int code = limn("2>&1 >/dev/null", cases[i].arguments);
    cr_expect_eq(code, cases[i].code, "limn %s: %d, %s", cases[i].arguments, code, said);
    cr_expect(strstr(said, cases[i].piece) != NULL, "limn %s: %s", cases[i].arguments, said);
    cr_expect(strncmp(said, "limn: ", 6) == 0 && strchr(said, '\n') == said + strlen(said) - 1, "%s", said);
  }
  cr_expect_eq(limn("", "plan --help"), 0);
  cr_expect(strncmp(said, "usage: limn plan", 16) == 0 && strstr(said, "--device-spec CARD"));
}

#define SMALL "--device cpu --threads 1 --size 16 --channels 1 --filters 4 --latent 8 --batch 8 "

Test(plan, of_a_step_on_the_cpu) {
  json_t *root = plan_json("plan dcgan " SMALL "--json"), *step = json_object_get(root, "step");
  expect_consistent(root);
  cr_expect_str_eq(json_string_value(json_object_get(root, "model")), "dcgan");
  cr_expect_eq(number_at(step, "images"), 8);
  static const char *const unknown[] = {"card", "largest_batch", "note"};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; ++i)
    cr_expect(json_is_null(json_object_get(root, unknown[i])), "%s", unknown[i]);
  cr_expect(json_is_null(json_object_get(step, "floor_milliseconds")));
  cr_expect(json_is_null(json_object_get(step, "images_per_second")));
  cr_expect_eq(number_at(json_object_get(root, "memory"), "staging_bytes"), 0);
  json_t *more = plan_json("plan dcgan " SMALL "--set d_steps=3 --json");
  expect_consistent(more);
  const json_t *first = json_array_get(json_object_get(more, "rows"), 0);
  cr_expect_eq(number_at(first, "times"), 2, "the discriminator's further steps come first");
  cr_expect_eq(number_at(json_object_get(more, "step"), "images"), 24);
  cr_expect(number_at(json_object_get(more, "step"), "flops") > 1.5 * number_at(step, "flops"));
  json_decref(root);
  json_decref(more);
}

/* Kernels of the table in `said`, where "3 x " stands for three. */
static int count_kernels(void) {
  int count = 0;
  for (const char *line = strchr(said, '\n') + 1; *line != '\n'; line = strchr(line, '\n') + 1) {
    char *rest;
    long times = strtol(line, &rest, 10);
    count += rest > line && strncmp(rest, " x ", 3) == 0 ? (int)times : 1;
  }
  return count;
}

Test(plan, as_a_table) {
  cr_assert_eq(limn("", "plan autoencoder " SMALL), 0);
  cr_expect(strncmp(said, "kernel ", 7) == 0, "%s", said);
  cr_expect(strstr(said, " x ") && strstr(said, "convolution") && strstr(said, "8 images of 1 x 16 x 16"), "%s", said);
  cr_expect(strstr(said, "floor     -\n") && strstr(said, "\nsum ") && !strstr(said, "largest batch"), "%s", said);
  size_t grouped = strlen(said);
  int kernels = count_kernels();
  cr_assert_eq(limn("", "plan autoencoder --all " SMALL), 0);
  cr_expect(strlen(said) > grouped, "rows that are alike have lines of their own");
  cr_expect_eq(count_kernels(), kernels);
  json_t *root = plan_json("plan vae " SMALL "--json");
  expect_consistent(root);
  json_decref(root);
}

/* What a run would take is the same whoever tells it: --dry-run, which reads the data, and limn plan, which does not.
 */
Test(plan, its_memory_is_that_of_the_dry_run) {
  static const char *const models[] = {"dcgan --set ema=0.9", "vae",
                                       "dcgan --set evaluate_every=8 --features efficientnet_lite0"};
  test_write_data(test_path("data"), 400, 1, 16, 16);
  for (size_t i = 0; i < sizeof models / sizeof *models; ++i) {
    char arguments[256];
    snprintf(arguments, sizeof arguments, "plan %s " SMALL "--json", models[i]);
    json_t *plan = plan_json(arguments);
    snprintf(arguments, sizeof arguments, "train %s " SMALL "--data data --dry-run --json", models[i]);
    json_t *run = plan_json(arguments), *memory = json_object_get(run, "memory");
    const char *key;
    const json_t *bytes;
    cr_expect(number_at(memory, "sum_bytes") > 0);
    /* 3.4 million weights, which need not be there, and as much again for what passes through. */
    const double judge = number_at(memory, "judge_bytes");
    cr_expect(i == 2 ? judge > 2 * 3.4e6 * sizeof(float) && judge < 1e8 : judge == 0, "%s: %g", models[i], judge);
    cr_expect_eq(number_at(memory, "data_bytes"), 400 * 16 * 16 + (i == 1 ? 40 * 16 * 16 : 0), "of the pictures");
    json_object_foreach(json_object_get(plan, "memory"), key, bytes) {
      /* A validation notes a row for each of its batches, of which the data has as many as it has. */
      double rows = i == 1 && (strcmp(key, "exchange_bytes") == 0 || strcmp(key, "sum_bytes") == 0) ? 64 * 40 / 8 : 0;
      cr_expect_float_eq(number_at(memory, key), json_number_value(bytes), rows, "%s, %s", models[i], key);
    }
    json_decref(plan);
    json_decref(run);
  }
}

/* The module: named by the build where it has made one, or by the environment. NULL: there is none. */
static const char *cuda_module(void) {
  const char *named = getenv("LIMN_CUDA_TEST_MODULE");
#ifdef LIMN_CUDA_TEST_MODULE
  named = named ? named : LIMN_CUDA_TEST_MODULE;
#endif
  return named;
}

Test(plan, for_a_card_that_is_not_here) {
  if (!cuda_module())
    cr_skip_test("no CUDA module was built");
  setenv("LIMN_CUDA_MODULE", cuda_module(), 1);
  json_t *root = plan_json("plan dcgan --device-spec h100 --size 64 --batch 128 --precision bf16 --no-largest --json");
  const json_t *step = json_object_get(root, "step");
  expect_consistent(root);
  double floor = number_at(step, "floor_milliseconds"), launches = number_at(step, "launches");
  const json_t *memory = json_object_get(root, "memory"), *row;
  double sum = number_at(memory, "sum_bytes");
  size_t i;
  json_array_foreach(json_object_get(root, "rows"), i, row) {
    double computing = number_at(row, "flops") / 989.4e9, moving = number_at(row, "bytes") / 3.35e9;
    cr_expect(near(fmax(computing, moving), json_number_value(json_object_get(row, "floor_milliseconds"))));
  }
  cr_expect(number_at(memory, "staging_bytes") >= 2 * 128 * 3 * 64 * 64);
  /* Adam has two moments a weight; weights have half-precision copies beside them. */
  cr_expect(fabs(number_at(memory, "weight_bytes") / number_at(memory, "optimizer_bytes") - 0.75) < 0.01);
  cr_expect(launches > 50 && launches < 400, "%g launches", launches);
  /* 291 GFLOP at 989 TFLOP/s take 0.29 ms alone; and nothing here should take ten times that. */
  cr_expect(floor > 0.29 && floor < 3, "%g ms", floor);
  cr_expect(fabs(number_at(step, "images_per_second") * floor / 128000 - 1) < 1e-9);
  cr_expect(sum > 1e9 && sum < 4e9, "%g bytes", sum);
  cr_expect(json_is_null(json_object_get(root, "largest_batch")));
  cr_expect(json_is_null(json_object_get(root, "note")));
  json_decref(root);
  root = plan_json("plan dcgan --device-spec h100 --size 64 --batch 128 --precision bf16 --no-largest --json --set "
                   "evaluate_every=8 --features resnet18");
  const double judge = number_at(json_object_get(root, "memory"), "judge_bytes");
  expect_consistent(root);
  /* 11.2 million weights in fp32, whatever the training is in. */
  cr_expect(judge > 11.1e6 * sizeof(float) && judge < 2e9, "%g bytes", judge);
  cr_expect_eq(number_at(json_object_get(root, "memory"), "sum_bytes"), sum + judge);
  json_decref(root);
}

/* What limn plan prints as the card is a file that describes it: here one with little memory. */
Test(plan, the_largest_batch) {
  static const char arguments[] =
      "plan dcgan --device-spec %s --size 16 --channels 1 --precision fp32 --batch %d --json";
  char line[256];
  if (!cuda_module())
    cr_skip_test("no CUDA module was built");
  setenv("LIMN_CUDA_MODULE", cuda_module(), 1);
  snprintf(line, sizeof line, arguments, "h100", 16);
  json_t *root = plan_json(line), *card = json_object_get(root, "card");
  cr_expect_eq(number_at(root, "largest_batch"), 65536, "the setting's own limit");
  double capacity = 1.5e9;
  json_object_set_new(card, "memory_bytes", json_real(capacity));
  cr_assert_eq(json_dump_file(card, test_path("mine.json"), 0), 0);
  snprintf(line, sizeof line, arguments, "mine.json", 16);
  json_t *less = plan_json(line);
  int fits = (int)number_at(less, "largest_batch");
  cr_expect(fits > 16 && fits < 65536 && fits % 8 == 0, "batch %d", fits);
  /* It fits, and with a fifth more it would not; seen from above it is much the same. */
  for (int more = 0; more < 2; ++more) {
    snprintf(line, sizeof line, arguments, "mine.json", more ? fits * 6 / 5 : fits);
    json_t *plan = plan_json(line);
    double sum = number_at(json_object_get(plan, "memory"), "sum_bytes");
    cr_expect_eq(sum > capacity, more, "batch %d with %d more: %g bytes", fits, more, sum);
    cr_expect(fabs(number_at(plan, "largest_batch") / fits - 1) < 0.1);
    json_decref(plan);
  }
  json_object_set_new(card, "memory_bytes", json_real(1e9)); /* less than what the libraries take */
  cr_assert_eq(json_dump_file(card, test_path("mine.json"), 0), 0);
  snprintf(line, sizeof line, arguments, "mine.json", 16);
  json_t *none = plan_json(line);
  cr_expect_eq(number_at(none, "largest_batch"), 0);
  json_decref(none);
  json_decref(less);
  json_decref(root);
}
