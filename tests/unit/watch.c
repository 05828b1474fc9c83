/* The watch over a GAN's samples in whole runs: what it says, and what follows. */
#include "support/run_files.h"

#include <sys/stat.h>

#define RING_SIDE     16
#define RING_PICTURES 256

static char data[TEST_PATH_SIZE];

/* Soft spots at one of eight places on a ring, a little off each time: modes that can be told apart. */
static void write_ring(const char *folder) {
  uint8_t pixels[RING_SIDE * RING_SIDE];
  cr_assert_eq(mkdir(folder, 0777), 0);
  for (int i = 0; i < RING_PICTURES; ++i) {
    float off[4];
    char path[TEST_PATH_SIZE + 32];
    limn_philox_normal(1, 2001, (uint64_t)i, 0, off, 4);
    const double angle = i % 8 * 3.14159265358979 / 4;
    const double x = 7.5 + 5 * cos(angle) + 0.3 * (double)off[0], y = 7.5 + 5 * sin(angle) + 0.3 * (double)off[1];
    for (int h = 0; h < RING_SIDE; ++h)
      for (int w = 0; w < RING_SIDE; ++w)
        pixels[h * RING_SIDE + w] = (uint8_t)(255 * exp(-((w - x) * (w - x) + (h - y) * (h - y)) / 4.5));
    snprintf(path, sizeof path, "%s/%04d.png", folder, i);
    test_png kind = {.width = RING_SIDE, .height = RING_SIDE, .depth = 8, .color = PNG_COLOR_TYPE_GRAY};
    test_write_png(path, &kind, pixels, RING_SIDE);
  }
}

static void begin(void) {
  test_folder_create();
  snprintf(data, sizeof data, "%s", test_path("ring"));
  write_ring(data);
}

TestSuite(watch, .init = begin, .fini = test_folder_remove, .timeout = 240);

/* --- what is said --- */

struct said {
  char text[16][1024]; /* notices that name a way out */
  int count;
};

static void note(void *context, const limn_event *event) {
  struct said *s = context;
  if (event->kind == LIMN_EVENT_NOTICE && strstr(event->text, "; try ") && s->count < 16)
    snprintf(s->text[s->count++], sizeof s->text[0], "%s", event->text);
}

static bool says(const struct said *said, const char *words) {
  for (int i = 0; i < said->count; ++i)
    if (strstr(said->text[i], words))
      return true;
  return false;
}

#define WATCHED "threads", "1", "batch", "16", "log_every", "20", "watch_every", "20"

static limn_config *ring_config(const char *const *settings) {
  static const char *const all[] = {WATCHED, NULL};
  limn_config *config = test_config("dcgan", all);
  test_set_all(config, settings);
  test_set(config, "data", data);
  return config;
}

/* Of a run on the ring with these settings. */
static struct said listen(const char *name, const char *const *settings) {
  struct said said = {.count = 0};
  limn_train_result result;
  limn_config *config = ring_config(settings);
  test_set(config, "out", test_path("%s", name));
  limn_train_options options = {.config = config, .on_event = note, .context = &said};
  cr_assert_eq(limn_train(&options, &result), LIMN_OK, "%s", limn_error_message());
  limn_config_destroy(config);
  return said;
}
#define LISTEN(name, ...) listen(name, (const char *const[]){__VA_ARGS__, NULL})

#define COLLAPSED "the generator has collapsed: samples at step "

Test(watch, runs_that_were_made_to_fail) {
  const struct said fast = LISTEN("fast", "steps", "800", "lr_d", "0.02");
  cr_expect(says(&fast, COLLAPSED), "%s", fast.text[0]);
  cr_expect(says(&fast, "try lr and lr_d nearer to each other"), "%s", fast.text[0]);
  const struct said moment = LISTEN("moment", "steps", "1000", "beta1", "0.9", "filters", "8");
  cr_expect(says(&moment, COLLAPSED), "%s", moment.text[0]);
  const struct said strong = LISTEN("strong", "steps", "1000", "lr_d", "0.002", "lr", "0.00001");
  cr_expect(says(&strong, "the discriminator has won: "), "%s", strong.text[0]);
}

Test(watch, runs_that_go_well) {
  static const char *const settings[][2] = {{"0.0002", "0"}, {"0.0008", "0.0001"}};
  for (size_t i = 0; i < sizeof settings / sizeof *settings; ++i) {
    const struct said said =
        LISTEN(settings[i][0], "steps", "800", "filters", "8", "lr", settings[i][0], "lr_d", settings[i][1]);
    cr_expect_eq(said.count, 0, "%s: %s", settings[i][0], said.text[0]);
  }
}

Test(watch, off_it_says_nothing) {
  const struct said fast = LISTEN("fast", "steps", "800", "lr_d", "0.02", "watch_every", "0");
  cr_expect_not(says(&fast, COLLAPSED));
}

/* Looking changes nothing, with an average too, whose statistics are taken for it. */
Test(watch, changes_no_weight) {
  const char *const every[] = {"0", "3"};
  for (int i = 0; i < 2; ++i)
    LISTEN(every[i], "steps", "12", "ema", "0.9", "checkpoint_every", "5", "watch_every", every[i]);
  limn_safetensors *a = test_open_checkpoint("0", 12), *b = test_open_checkpoint("3", 12);
  for (size_t i = 0; i < limn_safetensors_count(a); ++i) {
    const limn_stored_tensor *x = limn_safetensors_at(a, i), *y = limn_safetensors_find(b, x->name);
    cr_assert_not_null(y);
    cr_expect(x->bytes == y->bytes && memcmp(x->data, y->data, x->bytes) == 0, "%s", x->name);
  }
  limn_safetensors_close(a);
  limn_safetensors_close(b);
}

Test(watch, takes_pictures_that_differ) {
  char few[TEST_PATH_SIZE];
  snprintf(few, sizeof few, "%s", test_path("few"));
  test_write_data(few, 7, 1, 16, 16);
  const char *const settings[] = {"steps", "4", "data", few, "log_every", "1", NULL};
  test_run run = {0};
  limn_config *config = test_config("dcgan", settings);
  test_train(&run, config, "run", false);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  cr_expect_not_null(strstr(run.notice, "nobody watches for a collapse"), "%s", run.notice);
  limn_config_destroy(config);
}

/* --- what follows --- */

Test(watch, a_collapse_can_end_the_run) {
  const char *const settings[] = {"steps", "800", "lr_d", "0.02", "on_collapse", "stop", "sample_every", "20", NULL};
  limn_config *config = ring_config(settings);
  test_run run = {0};
  test_train(&run, config, "run", false);
  cr_assert_eq(run.status, LIMN_DIVERGED);
  cr_expect_not_null(strstr(run.message, COLLAPSED), "%s", run.message);
  const uint64_t step = run.result.step;
  cr_expect(step >= 480 && step < 800 && step % 20 == 0, "step %u", (unsigned)step);
  cr_expect_eq(run.result.checkpoint, step);
  limn_safetensors *file = test_open_checkpoint("run", step);
  cr_expect_not_null(limn_safetensors_metadata(file, "pending"), "its samples are still due");
  limn_safetensors_close(file);
  test_run again = {0}; /* who goes on has been told, and wants to */
  test_train(&again, config, "run", true);
  cr_assert_eq(again.status, LIMN_OK, "%s", again.message);
  cr_expect_eq(again.result.step, 800);
  cr_expect_eq(access(test_path("run/samples/%06u.png", (unsigned)step), F_OK), 0, "made up for");
  limn_config_destroy(config);
}

/* Rates that rise until samples go to pieces, after they were in order. */
#define RISING                                                                                                         \
  "steps", "900", "lr", "1", "warmup", "1000", "on_collapse", "restore", "checkpoint_every", "40", "keep", "100",      \
      "log_every", "10"

/* The line of the first restore. */
static json_t *find_restore(json_t *lines) {
  for (size_t i = 0; i < json_array_size(lines); ++i)
    if (json_object_get(json_array_get(lines, i), "restored_from"))
      return json_array_get(lines, i);
  return NULL;
}

static void expect_same_run(const char *a, const char *b) {
  cr_expect(test_same_file(a, b, "checkpoints/000900.safetensors"), "%s", b);
  json_t *x = test_read_metrics(a), *y = test_read_metrics(b);
  cr_expect_eq(json_array_size(x), json_array_size(y), "%s", b);
  for (size_t i = 0; i < json_array_size(x); ++i) {
    json_object_del(json_array_get(x, i), "images_per_second");
    json_object_del(json_array_get(y, i), "images_per_second");
    cr_expect(json_equal(json_array_get(x, i), json_array_get(y, i)), "%s: line %zu", b, i + 1);
  }
  json_decref(x);
  json_decref(y);
}

/* Goes on with the run up to step 900. */
static void go_on(const char *name) {
  test_run run = {0};
  limn_config *config = ring_config((const char *const[]){RISING, NULL});
  test_train(&run, config, name, true);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  limn_config_destroy(config);
}

Test(watch, a_restore_is_exact_under_resume) {
  LISTEN("whole", RISING);
  json_t *lines = test_read_metrics("whole"), *restore = find_restore(lines);
  cr_assert_not_null(restore);
  const long step = (long)json_integer_value(json_object_get(restore, "step"));
  const long from = (long)json_number_value(json_object_get(restore, "restored_from"));
  cr_expect_eq(json_number_value(json_object_get(restore, "rate_factor")), 0.5);
  cr_expect(from > 0 && from < step && from % 40 == 0, "from %ld at %ld", from, step);
  json_decref(lines);
  for (long cut = step - 10; cut <= step + 10; cut += 10) {
    char name[32], steps[32];
    snprintf(name, sizeof name, "cut-%ld", cut);
    snprintf(steps, sizeof steps, "%ld", cut);
    LISTEN(name, RISING, "steps", steps);
    go_on(name);
    expect_same_run("whole", name);
  }
  /* As if it had been killed just before the checkpoint behind the restore was written. */
  LISTEN("killed", RISING);
  for (long i = step; i <= 900; ++i)
    unlink(test_path("killed/checkpoints/%06ld.safetensors", i));
  go_on("killed");
  expect_same_run("whole", "killed");
}

Test(watch, restores_have_a_limit_and_begin_at_step_0) {
  const char *const settings[] = {"steps", "4000",        "lr_d",    "0.02", "restore_rate", "1", "restore_limit",
                                  "2",     "on_collapse", "restore", NULL};
  limn_config *config = ring_config(settings);
  test_run run = {0};
  test_train(&run, config, "run", false);
  cr_assert_eq(run.status, LIMN_DIVERGED, "%s", run.message);
  cr_expect_not_null(strstr(run.message, "it has been restored 2 times already"), "%s", run.message);
  json_t *lines = test_read_metrics("run"), *restore = find_restore(lines);
  cr_assert_not_null(restore);
  cr_expect_eq(json_number_value(json_object_get(restore, "restored_from")), 0);
  json_int_t before = 0;
  for (size_t i = 0; i < json_array_size(lines); ++i) { /* the count of steps never goes back */
    const json_int_t step = json_integer_value(json_object_get(json_array_get(lines, i), "step"));
    cr_expect_geq(step, before);
    before = step;
  }
  json_decref(lines);
  limn_config_destroy(config);
}
