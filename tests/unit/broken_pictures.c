/* Data sets with broken pictures: refused, or without them a data set like any other. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/error.h"
#include "data/dataset.h"
#include "limn/train.h"
#include "support/pictures.h"

#define GOOD 40

static char noticed[1024];

static void take_notice(void *context, const char *text) {
  (void)context;
  snprintf(noticed, sizeof noticed, "%s", text);
}

/* Two classes of pictures whose pixels are their numbers. */
static void write_good(void) {
  mkdir(test_path("a"), 0755);
  mkdir(test_path("b"), 0755);
  for (int i = 0; i < GOOD; ++i) {
    const uint8_t grey[1] = {(uint8_t)i};
    test_write_plain(test_path("%s/%02d.png", i < 15 ? "a" : "b", i), 16, 16, 1, grey);
  }
}

/* One that is no picture, one with a good head and broken pixels, one that is empty; the first, one within, the last.
 */
static void write_broken(void) {
  uint8_t bytes[4096];
  size_t size = test_read(test_path("b/20.png"), bytes, sizeof bytes);
  test_write(test_path("a/0.png"), "\x89PNG", 4);
  test_write(test_path("b/20+.png"), bytes, size - 20);
  test_write(test_path("b/x.png"), "", 0);
}

TestSuite(broken_pictures, .init = test_folder_create, .fini = test_folder_remove, .timeout = 60);

static uint64_t open_and_check(size_t memory_limit, uint32_t broken) {
  limn_dataset_options options = {.skip_broken = true, .memory_limit = memory_limit, .notice = take_notice};
  limn_dataset *dataset = NULL;
  limn_dataset_info info;
  noticed[0] = '\0';
  cr_assert_eq(limn_dataset_open(&dataset, test_folder, &options), LIMN_OK, "%s", limn_error_message());
  limn_dataset_get_info(dataset, &info);
  cr_assert(info.count == GOOD && info.broken == broken && info.class_count == 2);
  cr_assert_eq(info.memory_bytes > 0, memory_limit == 0);
  for (uint32_t i = 0; i < GOOD; ++i) {
    uint8_t chw[256];
    cr_assert_eq(limn_dataset_read(dataset, i, chw), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(chw[0], i);
    cr_assert_eq(limn_dataset_label(dataset, i), i >= 15);
  }
  cr_assert_eq(limn_dataset_label(dataset, GOOD), -1);
  limn_dataset_close(dataset);
  return info.fingerprint;
}

Test(broken_pictures, are_left_out_as_if_they_had_never_been_there) {
  write_good();
  uint64_t without = open_and_check(0, 0);
  cr_assert_str_empty(noticed);
  write_broken();
  for (size_t memory_limit = 0; memory_limit < 2; ++memory_limit) {
    cr_assert_eq(open_and_check(memory_limit, 3), without);
    cr_assert(strstr(noticed, "3 of 43 pictures are broken and left out; the first: "), "%s", noticed);
    cr_assert(strstr(noticed, "a/0.png: broken PNG file (it ends too early)"), "%s", noticed);
  }
}

Test(broken_pictures, end_a_run_before_its_first_step) {
  write_good();
  write_broken();
  for (size_t memory_limit = 0; memory_limit < 2; ++memory_limit) { /* also where pictures are decoded at each read */
    limn_dataset_options options = {.memory_limit = memory_limit};
    limn_dataset *dataset = NULL;
    cr_assert_eq(limn_dataset_open(&dataset, test_folder, &options), LIMN_DATA);
    cr_assert(strstr(limn_error_message(), "--on-bad-image skip"), "%s", limn_error_message());
    unlink(test_path("a/0.png"));
    unlink(test_path("b/x.png")); /* left: the one that only decoding finds */
  }
  cr_assert(strstr(limn_error_message(), "20+.png"), "%s", limn_error_message());
}

Test(broken_pictures, nothing_is_left_when_all_are) {
  limn_dataset_options options = {.skip_broken = true};
  limn_dataset *dataset = NULL;
  test_write(test_path("1.png"), "\x89PNG", 4);
  test_write(test_path("2.png"), "\x89PNG", 4);
  cr_assert_eq(limn_dataset_open(&dataset, test_folder, &options), LIMN_DATA);
  cr_assert(strstr(limn_error_message(), "none of the 2 pictures can be read; the first: "), "%s",
            limn_error_message());
  unlink(test_path("2.png"));
  const uint8_t grey[1] = {1};
  uint8_t bytes[4096];
  test_write_plain(test_path("1.png"), 16, 16, 1, grey); /* a good head alone settles nothing */
  size_t size = test_read(test_path("1.png"), bytes, sizeof bytes);
  test_write(test_path("1.png"), bytes, size - 20);
  cr_assert_eq(limn_dataset_open(&dataset, test_folder, &options), LIMN_DATA);
  cr_assert(strstr(limn_error_message(), "none of the 1 pictures"), "%s", limn_error_message());
}

Test(broken_pictures, one_that_breaks_later_fails_its_read) {
  write_good();
  limn_dataset_options options = {.skip_broken = true, .memory_limit = 1};
  limn_dataset *dataset = NULL;
  uint8_t chw[256];
  cr_assert_eq(limn_dataset_open(&dataset, test_folder, &options), LIMN_OK);
  unlink(test_path("a/07.png"));
  cr_assert_eq(limn_dataset_read(dataset, 6, chw), LIMN_OK);
  cr_assert_eq(limn_dataset_read(dataset, 7, chw), LIMN_DATA);
  cr_assert(strstr(limn_error_message(), "07.png"), "%s", limn_error_message());
  limn_dataset_close(dataset);
}

/* A run that is told to stop while its pictures are being decoded ends without an error. */
Test(broken_pictures, decoding_can_be_stopped) {
  write_good();
  limn_config *config;
  limn_train_result result;
  volatile sig_atomic_t stop = SIGINT;
  cr_assert_eq(limn_config_create(&config, "vae"), LIMN_OK);
  cr_assert_eq(limn_config_set(config, "data", test_folder, LIMN_FROM_FLAG), LIMN_OK);
  cr_assert_eq(limn_config_set(config, "out", test_path("run"), LIMN_FROM_FLAG), LIMN_OK);
  limn_train_options options = {.config = config, .stop = &stop};
  cr_assert_eq(limn_train(&options, &result), LIMN_OK, "%s", limn_error_message());
  cr_assert(result.stopped && !result.path[0] && access(test_path("run"), F_OK) != 0);
  limn_config_destroy(config);
}
