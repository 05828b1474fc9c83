/* The measure modes: which classes a classifier finds, in pictures of known ones; Stacked MNIST by PacGAN's protocol;
 * the classifier's file; and what is refused. The network that judges has made-up weights. */
#include "metrics/modes.h"

#include <sys/stat.h>

#include "data/dataset.h"
#include "formats/npz.h"
#include "limn/tools.h"
#include "metrics/classifier.h"
#include "support/evaluations.h"

#define SIDE 16

static char data[TEST_PATH_SIZE], weights_file[TEST_PATH_SIZE];

/* Grey pictures of ten kinds, which differ in brightness, in how wide their stripes are, and a little by chance. */
static void draw(uint8_t pixels[SIDE * SIDE], int kind, uint32_t number) {
  float u[SIDE * SIDE];
  limn_philox_uniform(3, 4000, number, 0, u, SIDE * SIDE);
  for (int y = 0; y < SIDE; ++y)
    for (int x = 0; x < SIDE; ++x) {
      const int along = kind % 2 ? y : x, width = 1 + kind / 4;
      const int level = along / width % 2 ? 20 + 22 * kind : 20;
      pixels[y * SIDE + x] = (uint8_t)((float)level + 12 * u[y * SIDE + x]);
    }
}

static void write_kind(const char *folder, int kind, int count, uint32_t first) {
  const test_png png = {.width = SIDE, .height = SIDE, .depth = 8, .color = PNG_COLOR_TYPE_GRAY};
  uint8_t pixels[SIDE * SIDE];
  for (int i = 0; i < count; ++i) {
    draw(pixels, kind, first + (uint32_t)i);
    test_write_png(test_path("%s/%d-%03d.png", folder, kind, i), &png, pixels, SIDE);
  }
}

static void begin(void) {
  static const char *const classes[] = {"flat", "rows", "wide"};
  test_folder_create();
  test_make_judge(weights_file);
  snprintf(data, sizeof data, "%s", test_path("data"));
  mkdir(data, 0777);
  for (int i = 0; i < 3; ++i) {
    char folder[32];
    snprintf(folder, sizeof folder, "data/%s", classes[i]);
    mkdir(test_path("%s", folder), 0777);
    write_kind(folder, 4 * i + 1, 12, 0);
  }
  mkdir(test_path("found"), 0777); /* three quarters of one class, a quarter of another, none of the third */
  write_kind("found", 1, 30, 100);
  write_kind("found", 9, 10, 100);
}

TestSuite(modes, .init = begin, .fini = test_folder_remove, .timeout = 240);

static limn_evaluate_options of(const char *pictures, const char *against) {
  return test_evaluation_of(weights_file, pictures, against, "modes");
}

static void expect_share(const limn_evaluation *e, size_t at, const char *name, double pictures, double of_data) {
  cr_assert_lt(at, e->class_count);
  cr_expect_str_eq(e->classes[at].name, name);
  cr_expect_float_eq(e->classes[at].pictures, pictures, 1e-12, "%s: %g", name, e->classes[at].pictures);
  cr_expect_float_eq(e->classes[at].data, of_data, 1e-12, "%s: %g", name, e->classes[at].data);
}

static void expect_found(const limn_evaluation *e) {
  cr_expect_eq(test_value(e, "classes found"), 2);
  cr_expect_float_eq(test_value(e, "KL to the data's classes"), 0.75 * log(0.75 * 3) + 0.25 * log(0.25 * 3), 1e-12);
  cr_expect_float_eq(test_value(e, "class entropy"), -0.75 * log(0.75) - 0.25 * log(0.25), 1e-12);
  cr_assert_eq(e->class_count, 3);
  expect_share(e, 0, "flat", 0.75, 1.0 / 3);
  expect_share(e, 1, "rows", 0, 1.0 / 3);
  expect_share(e, 2, "wide", 0.25, 1.0 / 3);
}

/* --- classes --- */

Test(modes, classes_are_found) {
  char found[TEST_PATH_SIZE];
  snprintf(found, sizeof found, "%s", test_path("found"));
  limn_evaluate_options options = of(found, data);
  limn_evaluation *e = test_evaluate(&options);
  expect_found(e);
  cr_expect_eq(test_value(e, "classifier accuracy"), 1);
  cr_expect_eq(test_score(e, "classifier accuracy")->deviation, 0);
  cr_expect_not_null(strstr(test_score(e, "classifier accuracy")->protocol, "over 36 of its 36 pictures"));
  cr_expect_not_null(strstr(test_score(e, "classes found")->protocol, "of 3 "));
  cr_expect_eq(e->note_count, 0);
  limn_evaluation_destroy(e);
}

/* By a file, with labels or by the classifier's own names. */
Test(modes, a_classifier_is_kept) {
  char found[TEST_PATH_SIZE], file[TEST_PATH_SIZE], bare[TEST_PATH_SIZE];
  snprintf(found, sizeof found, "%s", test_path("found"));
  snprintf(file, sizeof file, "%s", test_path("kinds.safetensors"));
  snprintf(bare, sizeof bare, "%s", test_path("bare"));
  limn_evaluate_options options = of(found, data);
  options.save_classifier = file;
  limn_evaluation *e = test_evaluate(&options);
  limn_evaluation_destroy(e);
  options = of(found, data);
  options.classifier = file;
  e = test_evaluate(&options);
  expect_found(e);
  cr_expect_not_null(strstr(test_score(e, "classifier accuracy")->protocol, "of its file"));
  limn_evaluation_destroy(e);
  mkdir(bare, 0777);
  for (int i = 0; i < 3; ++i)
    write_kind("bare", 4 * i + 1, 5, 300);
  options.data = bare;
  e = test_evaluate(&options);
  expect_found(e);
  cr_expect_not_null(strstr(test_score(e, "KL to the data's classes")->protocol, "classifier's names"));
  limn_evaluation_destroy(e);
  options.size = 48;
  test_expect_refusal(&options, LIMN_DATA, "another judge");
  options.size = 32;
  options.classifier = weights_file;
  test_expect_refusal(&options, LIMN_DATA, "is no classifier");
  options.classifier = file;
  options.data = data;
  cr_assert_eq(rename(test_path("data/wide"), test_path("data/other")), 0);
  test_expect_refusal(&options, LIMN_DATA, "class \"other\"");
}

Test(modes, shares_by_hand) {
  const double pictures[4] = {3, 0, 1, 0}, all[4] = {1, 1, 2, 0}, missing[4] = {0, 2, 2, 0};
  limn_class_balance b;
  limn_class_balance_of(&b, pictures, all, 4);
  cr_expect(b.found == 2 && b.all == 3);
  cr_expect_float_eq(b.kl, 0.75 * log(0.75 / 0.25) + 0.25 * log(0.25 / 0.5), 1e-15);
  cr_expect_float_eq(b.data_entropy, 1.5 * log(2), 1e-15);
  limn_class_balance_of(&b, pictures, missing, 4);
  cr_expect(b.found == 1 && b.all == 2);
  cr_expect(isinf(b.kl) && b.kl > 0, "they show a class that the data do not have: %g", b.kl);
  limn_class_balance_of(&b, all, all, 4);
  cr_expect_eq(b.kl, 0);
}

/* --- stacked pictures --- */

#define DIGITS 60

static void write_digits(void) {
  static uint8_t pixels[DIGITS * SIDE * SIDE];
  uint8_t labels[DIGITS];
  for (uint32_t i = 0; i < DIGITS; ++i) {
    labels[i] = (uint8_t)(i % 10);
    draw(pixels + (size_t)i * SIDE * SIDE, (int)(i % 10), i);
  }
  test_write_idx(test_path("digits-images-idx3-ubyte"), false, (const uint32_t[]){0x803, DIGITS, SIDE, SIDE}, 4, pixels,
                 sizeof pixels);
  test_write_idx(test_path("digits-labels-idx1-ubyte"), false, (const uint32_t[]){0x801, DIGITS}, 2, labels,
                 sizeof labels);
}

static void make_stacked(char path[TEST_PATH_SIZE], const char *name, uint32_t count, int *modes) {
  char from[TEST_PATH_SIZE];
  snprintf(from, sizeof from, "%s", test_path("digits-images-idx3-ubyte"));
  snprintf(path, TEST_PATH_SIZE, "%s", test_path("%s", name));
  const limn_stacked_options options = {.from = from, .to = path, .count = count, .seed = 5};
  cr_assert_eq(limn_make_stacked(&options, modes), LIMN_OK, "%s", limn_error_message());
}

/* KL of the labels to uniform over 1,000. */
static double kl_of_labels(const char *path) {
  limn_dataset *dataset = NULL;
  limn_dataset_info info;
  double counts[1000] = {0}, kl = 0;
  cr_assert_eq(limn_dataset_open(&dataset, path, &(limn_dataset_options){0}), LIMN_OK, "%s", limn_error_message());
  limn_dataset_get_info(dataset, &info);
  for (uint32_t i = 0; i < info.count; ++i)
    counts[limn_dataset_label(dataset, i)] += 1;
  for (int i = 0; i < 1000; ++i)
    if (counts[i] > 0)
      kl += counts[i] / info.count * log(1000 * counts[i] / info.count);
  limn_dataset_close(dataset);
  return kl;
}

/* One picture, again and again, with that label. */
static void write_collapsed(const char *path, uint32_t count) {
  const size_t size = (size_t)SIDE * SIDE * 3;
  uint8_t plane[SIDE * SIDE], *images = malloc(count * size);
  cr_assert_not_null(images);
  for (int c = 0; c < 3; ++c) {
    draw(plane, 2 + 3 * c, (uint32_t)(12 + 3 * c)); /* digits that were learned */
    for (uint32_t i = 0; i < count; ++i)
      for (size_t k = 0; k < SIDE * SIDE; ++k)
        images[i * size + 3 * k + (size_t)c] = plane[k];
  }
  const limn_npz_array array = {
      .name = "images", .descr = "|u1", .dims = 4, .shape = {count, SIDE, SIDE, 3}, .data = images};
  cr_assert_eq(limn_npz_write(path, &array, 1, true), LIMN_OK, "%s", limn_error_message());
  free(images);
}

Test(modes, stacked_pictures_have_the_modes_of_their_labels) {
  char stacked[TEST_PATH_SIZE], collapsed[TEST_PATH_SIZE], file[TEST_PATH_SIZE];
  int modes;
  snprintf(file, sizeof file, "%s", test_path("digits.safetensors"));
  snprintf(collapsed, sizeof collapsed, "%s", test_path("collapsed.npz"));
  write_digits();
  make_stacked(stacked, "stacked.npz", 120, &modes);
  limn_evaluate_options options = of(stacked, stacked);
  options.metrics = NULL;
  options.stacked = 1;
  options.save_classifier = file;
  limn_evaluation *e = test_evaluate(&options);
  cr_expect_eq(e->pictures.count, 120);
  cr_expect_eq(e->data.count, 120);
  cr_expect_eq(test_value(e, "modes found"), modes);
  cr_expect_float_eq(test_value(e, "KL to uniform"), kl_of_labels(stacked), 1e-9);
  cr_expect_gt(test_value(e, "classifier accuracy"), 0.99);
  cr_expect_eq(e->class_count, 1000);
  cr_expect_str_eq(e->classes[314].name, "3-1-4");
  cr_expect_eq(e->classes[314].data, 0.001);
  cr_expect_eq(e->note_count, 1, "26,000 are what papers count the modes of");
  limn_evaluation_destroy(e);
  write_collapsed(collapsed, 40);
  options = of(collapsed, NULL); /* uniform is known, so no data are needed */
  options.stacked = 1;
  options.classifier = file;
  e = test_evaluate(&options);
  cr_expect_eq(test_value(e, "modes found"), 1);
  cr_expect_float_eq(test_value(e, "KL to uniform"), log(1000), 1e-9);
  cr_expect_eq(e->classes[258].pictures, 1);
  limn_evaluation_destroy(e);
}

/* --- what is refused --- */

Test(modes, what_cannot_be_is_said_in_a_line) {
  char found[TEST_PATH_SIZE], single[TEST_PATH_SIZE], file[TEST_PATH_SIZE];
  snprintf(found, sizeof found, "%s", test_path("found"));
  snprintf(single, sizeof single, "%s", test_path("single"));
  snprintf(file, sizeof file, "%s", test_path("statistics.npz"));
  mkdir(single, 0777);
  mkdir(test_path("single/only"), 0777);
  write_kind("single/only", 2, 8, 0);
  limn_evaluate_options options = of(data, found);
  test_expect_refusal(&options, LIMN_USAGE, "the data have no labels");
  options = of(data, single);
  test_expect_refusal(&options, LIMN_DATA, "takes two");
  options = of(found, data);
  options.stacked = 1;
  test_expect_refusal(&options, LIMN_DATA, "is grey");
  options.metrics = "modes,fd";
  test_expect_refusal(&options, LIMN_USAGE, "leave other measures out");
  options = of(found, data);
  options.metrics = "fd";
  options.classifier = file;
  test_expect_refusal(&options, LIMN_USAGE, "--metrics modes");
  options = of(found, data);
  options.classifier = file;
  test_expect_refusal(&options, LIMN_DATA, "statistics.npz");
  options = of(data, NULL);
  options.metrics = NULL;
  options.statistics = file;
  limn_evaluation_destroy(test_evaluate(&options));
  options = of(found, file);
  test_expect_refusal(&options, LIMN_USAGE, "modes needs the pictures");
  options = of(found, NULL);
  test_expect_refusal(&options, LIMN_USAGE, "--data");
}
