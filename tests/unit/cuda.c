/* Whole runs on the CUDA device against the same on the CPU: on a GPU, or on the virtual one that LIMN_CUDA_MODULE
 * names.
 */
#include "devices/cards.h"
#include "support/run_files.h"
#include "train/memory.h"

#define STEPS 20

static char data[TEST_PATH_SIZE];

static void begin(void) { test_begin_with_data(data, 48); }

TestSuite(cuda, .init = begin, .fini = test_folder_remove, .timeout = 240);

static const struct {
  const char *model;
  const char *const *settings;
} kinds[] = {
    {"dcgan", (const char *const[]){"steps", "20", "ema", "0.9", "checkpoint_every", "10", "log_every", "1", "d_steps",
                                    "2", NULL}},
    {"vae",
     (const char *const[]){"steps", "20", "validation", "0.25", "checkpoint_every", "10", "log_every", "1",
                           "validate_every", "10", "clip", "5", "flip", "true", "shift", "1", "crop", "3", NULL}},
    {"autoencoder", (const char *const[]){"steps", "20", "validation", "0", "noise", "0.2", "checkpoint_every", "10",
                                          "log_every", "1", "optimizer", "sgd", "lr", "0.0001", NULL}},
};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static test_run train_on(size_t kind, const char *device, const char *precision, const char *name, bool resume) {
  test_run run = {0};
  limn_config *config = test_config(kinds[kind].model, kinds[kind].settings);
  test_set(config, "data", data);
  test_set(config, "device", device);
  test_set(config, "precision", precision);
  test_train(&run, config, name, resume);
  cr_assert_eq(run.status, LIMN_OK, "%s %s %s: %s", kinds[kind].model, device, precision, run.message);
  limn_config_destroy(config);
  return run;
}

/* The largest ||a - b|| / ||b|| of a tensor, optimiser state left out: how far the networks are apart. */
static double distance(const char *a, const char *b, uint64_t step) {
  limn_safetensors *x = test_open_checkpoint(a, step), *y = test_open_checkpoint(b, step);
  double worst = 0;
  for (size_t i = 0; i < limn_safetensors_count(y); ++i) {
    const limn_stored_tensor *w = limn_safetensors_at(y, i), *v = limn_safetensors_find(x, w->name);
    cr_assert_not_null(v, "%s has no %s", a, w->name);
    cr_assert_eq(v->bytes, w->bytes);
    if (strncmp(w->name, "optimizer.", 10) == 0)
      continue;
    double difference = 0, norm = 0;
    for (size_t k = 0; k < w->bytes / sizeof(float); ++k) {
      float p, q;
      memcpy(&p, (const char *)v->data + k * sizeof p, sizeof p);
      memcpy(&q, (const char *)w->data + k * sizeof q, sizeof q);
      difference += pow((double)p - (double)q, 2);
      norm += pow((double)q, 2);
    }
    worst = fmax(worst, sqrt(difference) / (sqrt(norm) + 1e-6));
  }
  limn_safetensors_close(x);
  limn_safetensors_close(y);
  return worst;
}

/* Twenty steps, the first of which runs as single launches, the second is captured, and the rest are replayed. Adam
 * divides a gradient by its own size, so that even where it is tiny a rounding can turn a whole step. */
Test(cuda, runs_match_those_on_the_cpu) {
  for (size_t k = 0; k < KIND_COUNT; ++k) {
    train_on(k, "cpu", "auto", "cpu", false);
    train_on(k, "cuda", "fp32", "cuda", false);
    double off = distance("cuda", "cpu", STEPS);
    fprintf(stderr, "%s: CUDA and CPU are %.1e apart after %d steps\n", kinds[k].model, off, STEPS);
    cr_expect_leq(off, 1e-3, "%s: %.1e", kinds[k].model, off);
    test_folder_remove();
    begin();
  }
}

/* Half precision: near, not equal, and everything finite. The first steps in fp16 only find the loss scale: their
 * updates are skipped. */
Test(cuda, half_precision_stays_near) {
  static const char *const precisions[] = {"bf16", "fp16"};
  static const double near[] = {0.15, 0.8};
  for (size_t k = 0; k < KIND_COUNT; ++k)
    for (size_t p = 0; p < 2; ++p) {
      train_on(k, "cpu", "auto", "cpu", false);
      train_on(k, "cuda", precisions[p], "half", false);
      double off = distance("half", "cpu", STEPS);
      fprintf(stderr, "%s: CUDA in %s and CPU are %.1e apart after %d steps\n", kinds[k].model, precisions[p], off,
              STEPS);
      cr_expect_leq(off, near[p], "%s %s: %.1e", kinds[k].model, precisions[p], off);
      cr_expect_gt(off, 0, "%s: that was no half precision", precisions[p]);
      limn_safetensors *file = test_open_checkpoint("half", STEPS);
      for (size_t i = 0; i < limn_safetensors_count(file); ++i)
        cr_expect(test_is_finite(limn_safetensors_at(file, i)), "%s", limn_safetensors_at(file, i)->name);
      cr_expect_eq(limn_safetensors_find(file, "optimizer.loss_scale_steps.all") ||
                       limn_safetensors_find(file, "optimizer.loss_scale_steps.generator."),
                   p == 1, "%s: a loss scale is kept where there is one", precisions[p]);
      limn_safetensors_close(file);
      test_folder_remove();
      begin();
    }
}

/* Ten steps on one device, ten more on the other. */
Test(cuda, checkpoints_move_between_the_devices) {
  for (size_t k = 0; k < KIND_COUNT; ++k) {
    static const char *const names[2] = {"there", "back"}, *const devices[2][2] = {{"cpu", "cuda"}, {"cuda", "cpu"}};
    train_on(k, "cpu", "fp32", "whole", false);
    for (int way = 0; way < 2; ++way) {
      test_run first = {.stop_at = 10};
      limn_config *config = test_config(kinds[k].model, kinds[k].settings);
      test_set(config, "data", data);
      test_set(config, "precision", "fp32");
      test_set(config, "device", devices[way][0]);
      test_train(&first, config, names[way], false);
      cr_assert_eq(first.status, LIMN_OK, "%s", first.message);
      cr_assert_eq(first.result.stopped, 1);
      limn_config_destroy(config);
      test_run second = train_on(k, devices[way][1], "fp32", names[way], true);
      cr_expect_eq(second.result.step, STEPS);
      double off = distance(names[way], "whole", STEPS);
      cr_expect_leq(off, 1e-3, "%s from %s to %s: %.1e", kinds[k].model, devices[way][0], devices[way][1], off);
    }
    test_folder_remove();
    begin();
  }
}

/* Replayed as graphs or launched one by one: the same. */
Test(cuda, graphs_change_nothing) {
  const char *const settings[] = {"steps", "4", "device", "cuda", "checkpoint_every", "4", NULL};
  test_train_well("dcgan", settings, data, "replayed");
  setenv("LIMN_CUDA_GRAPHS", "0", 1);
  test_train_well("dcgan", settings, data, "plain");
  unsetenv("LIMN_CUDA_GRAPHS");
  cr_expect(test_same_file("replayed", "plain", "checkpoints/000004.safetensors"));
}

/* --- memory (of the virtual GPU, which has as much as it is told) --- */

/* Of which cuBLAS takes 34 MB. */
#define LITTLE "48000000"

Test(cuda, too_large_a_batch_says_which_fits) {
  setenv("LIMN_VIRTUAL_GPU_MEMORY", LITTLE, 1);
  limn_config *config = test_config("dcgan", (const char *const[]){"steps", "1", "batch", "16384", NULL});
  test_set(config, "data", data);
  test_set(config, "device", "cuda");
  limn_session session;
  uint8_t none = 0;
  limn_status status = limn_session_open(&session, config, 1, &(limn_session_data){.held_out = &none});
  cr_assert_eq(status, LIMN_DEVICE);
  const char *hint = strstr(limn_error_message(), ": --batch "),
             *figure = strstr(limn_error_message(), " MB of memory");
  cr_assert_not_null(hint, "%s", limn_error_message());
  cr_assert_not_null(figure, "%s", limn_error_message());
  int fits = atoi(hint + strlen(": --batch "));
  cr_expect(fits >= 8 && fits < 16384, "%d", fits);
  config->batch = fits;
  cr_assert_eq(limn_session_init(&session, config, 1, &(limn_session_data){.held_out = &none}), LIMN_OK, "%s",
               limn_error_message());
  limn_session_release(&session);
  limn_config_destroy(config);
}

Test(cuda, an_automatic_batch_fits_and_is_kept) {
  test_run run = {0};
  setenv("LIMN_VIRTUAL_GPU_MEMORY", LITTLE, 1);
  limn_config *config = test_config("dcgan", (const char *const[]){"steps", "2", "batch", "auto", NULL});
  test_set(config, "data", data);
  test_set(config, "device", "cuda");
  test_train(&run, config, "auto", false);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  char *yaml = NULL;
  size_t size;
  cr_assert_eq(limn_read_file(test_path("auto/config.yaml"), 1 << 20, &yaml, &size), LIMN_OK);
  cr_expect_not_null(strstr(yaml, "batch: 48\n"), "all 48 pictures fit: %s", yaml);
  free(yaml);
  limn_config_destroy(config);
}

/* --- the card's figures --- */

/* What is computed from CUDA's answers is what NVIDIA's data sheets say; the H100's are for a lower clock than it has.
 */
static void check_peaks(const limn_card *card) {
  static const char *const precisions[] = {"fp32", "tf32", "bf16", "fp16"};
  for (int i = 0; i < 4; ++i) {
    limn_device *device = NULL;
    cr_assert_eq(limn_device_create(&device, &(limn_device_options){.name = "cuda", .precision = precisions[i]}),
                 LIMN_OK, "%s", limn_error_message());
    double flops = device->peak_flops / limn_card_peak(card, precisions[i]),
           bandwidth = device->peak_bandwidth / card->bandwidth;
    cr_expect(flops > 0.99 && flops < 1.1, "%s %s: %g times", card->name, precisions[i], flops);
    cr_expect(bandwidth > 0.99 && bandwidth < 1.01, "%s: %g times", card->name, bandwidth);
    limn_device_destroy(device);
  }
}

static const limn_card *virtual_card(const char *name) {
  const limn_card *card = limn_card_find(name);
  FILE *file = fopen(test_path("card.json"), "w");
  cr_assert(card && file);
  fputs(card->properties, file);
  fclose(file);
  setenv("LIMN_VIRTUAL_GPU_CARD", test_path("card.json"), 1); /* read once by a process, and so a test each */
  return card;
}

#define CARD_TEST(name)                                                                                                \
  Test(cuda, peaks_of_##name) { check_peaks(virtual_card(#name)); }
CARD_TEST(h100)
CARD_TEST(a100)
CARD_TEST(rtx3090)
CARD_TEST(rtx4090)
CARD_TEST(rtx5090)
