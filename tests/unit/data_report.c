/* What `limn data` and `limn bench data` say. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <sys/wait.h>

#include "base/error.h"
#include "image/image.h"
#include "limn/tools.h"
#include "support/archives.h"
#include "support/pictures.h"

TestSuite(data_report, .init = test_folder_create, .fini = test_folder_remove, .timeout = 120);

/* 6 RGB pictures of class a and 60 grey ones of b, one without a class, one copy, two broken. */
static void write_data(void) {
  const uint8_t clear[2] = {100, 255};
  mkdir(test_path("data"), 0755);
  mkdir(test_path("data/a"), 0755);
  mkdir(test_path("data/b"), 0755);
  for (int i = 0; i < 6; ++i) {
    const uint8_t color[3] = {(uint8_t)(40 * i), 51, (uint8_t)(255 - 40 * i)};
    test_write_plain(test_path("data/a/%d.png", i), 100, 70 + i, 3, color);
  }
  for (int i = 0; i < 60; ++i) {
    const uint8_t grey[1] = {(uint8_t)(4 * i)};
    test_write_plain(test_path("data/b/%02d.png", i), 64, 64, 1, grey);
  }
  test_write_plain(test_path("data/alone.png"), 64, 64, 2, clear);
  test_write(test_path("data/b/text.png"), "hello", 5);
  uint8_t bytes[4096];
  size_t size = test_read(test_path("data/b/00.png"), bytes, sizeof bytes);
  test_write(test_path("data/b/cut.png"), bytes, size - 20);
  size = test_read(test_path("data/b/01.png"), bytes, sizeof bytes);
  test_write(test_path("data/b/copy.PNG"), bytes, size);
}

static limn_data_report *report_on(const char *name, const char *size, const char *sheet) {
  limn_config *config;
  limn_data_report *report = NULL;
  cr_assert_eq(limn_config_create(&config, "vae"), LIMN_OK);
  cr_assert_eq(limn_config_set(config, "data", test_path("%s", name), LIMN_SOURCE_FLAG), LIMN_OK);
  if (size)
    cr_assert_eq(limn_config_set(config, "size", size, LIMN_SOURCE_FLAG), LIMN_OK);
  cr_assert_eq(limn_data_report_create(&report, config, sheet, NULL, NULL), LIMN_OK, "%s", limn_error_message());
  limn_config_destroy(config);
  return report;
}

Test(data_report, counts_what_is_there) {
  write_data();
  limn_data_report *r = report_on("data", NULL, NULL);
  cr_assert(r->count == 70 && r->broken == 2 && r->fault_count == 2);
  cr_expect(strstr(r->faults[0], "b/cut.png") && strstr(r->faults[1], "b/text.png"), "%s", r->faults[0]);
  cr_expect(r->format_count == 1 && r->formats[0].count == 68 && strcmp(r->formats[0].name, "png") == 0);
  cr_expect(r->modes[0].count == 61 && r->modes[1].count == 1 && r->modes[2].count == 6 && r->modes[3].count == 0);
  cr_expect(r->distinct_sizes == 7 && r->size_count == 5 && r->sizes[0].height == 64 && r->sizes[0].count == 62);
  cr_expect(r->least.height == 64 && r->least.width == 64 && r->most.height == 100 && r->most.width == 75);
  cr_expect(r->median.height == 64 && r->median.width == 64);
  cr_expect(r->class_count == 2 && r->classes[0].count == 6 && r->classes[1].count == 61 && r->unlabelled == 1);
  cr_expect_str_eq(r->classes[1].name, "b");
  cr_expect_eq(r->exact_copies, 1);
  cr_expect(r->proposed && r->channels == 3 && r->height == 64 && r->width == 64 && r->largest_size == 64);
  cr_expect(r->enlarged == 0 && !r->refusal[0] && r->decoded_bytes == 68u * 3 * 64 * 64);
  limn_data_report_destroy(r);
  r = report_on("data", "60x80", NULL);
  cr_expect(!r->proposed && r->enlarged == 68 && strstr(r->refusal, "nearest size"), "%s", r->refusal);
  limn_data_report_destroy(r);
  r = report_on("data", "80x60", NULL);
  cr_expect_eq(r->enlarged, 62, "%u", r->enlarged);
  limn_data_report_destroy(r);
}

Test(data_report, an_archive_has_the_formats_of_its_files) {
  const uint8_t grey = 7;
  uint8_t bytes[4096];
  test_write_plain(test_path("made"), 64, 64, 1, &grey);
  size_t size = test_read(test_path("made"), bytes, sizeof bytes);
  test_archive made = test_archive_open(test_path("data.zip"), "zip", "none");
  test_archive_add(&made, "a.png", bytes, size);
  test_archive_add(&made, "b/c.PNG", bytes, size);
  test_archive_add(&made, "b.c/d.jpg", bytes, size);
  test_archive_close(&made);
  limn_data_report *r = report_on("data.zip", NULL, NULL);
  cr_expect(r->format_count == 2 && r->formats[0].count == 2 && r->formats[1].count == 1, "%zu", r->format_count);
  cr_expect_str_eq(r->formats[0].name, "png");
  cr_expect_str_eq(r->formats[1].name, "jpg");
  limn_data_report_destroy(r);
}

Test(data_report, measures_the_pixels_that_a_run_sees) {
  const uint8_t one[3] = {0, 51, 255}, two[3] = {102, 51, 255};
  mkdir(test_path("two"), 0755);
  test_write_plain(test_path("two/1.png"), 32, 32, 3, one);
  test_write_plain(test_path("two/2.png"), 32, 32, 3, two);
  limn_data_report *r = report_on("two", NULL, test_path("sheet.png"));
  const double mean[3] = {0.2, 0.2, 1}, deviation[3] = {0.2, 0, 0};
  for (int c = 0; c < 3; ++c) {
    cr_expect_float_eq(r->mean[c], mean[c], 1e-12);
    cr_expect_float_eq(r->deviation[c], deviation[c], 1e-7);
  }
  limn_data_report_destroy(r);
  limn_image sheet;
  cr_assert_eq(limn_image_read_file(&sheet, test_path("sheet.png"), 1000000), LIMN_OK, "%s", limn_error_message());
  cr_expect(sheet.height == 32 && sheet.width == 66 && sheet.channels == 3);
  cr_expect(sheet.pixels[0] == 0 && sheet.pixels[3 * 40] == 102 && sheet.pixels[3 * 33] == 255);
  limn_image_release(&sheet);
}

/* Runs the program; its standard output goes to the file out. Returns its exit code. */
static int run(const char *arguments) {
  char line[2048];
  snprintf(line, sizeof line, "cd %s && '%s' %s >out 2>err", test_folder, LIMN_PROGRAM, arguments);
  int status = system(line);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *text_of(const char *name) {
  static uint8_t text[65536];
  text[test_read(test_path("%s", name), text, sizeof text - 1)] = '\0';
  return (const char *)text;
}

static json_t *json_of(const char *arguments) {
  cr_assert_eq(run(arguments), 0, "%s: %s", arguments, text_of("err"));
  json_t *root = json_loads(text_of("out"), 0, NULL);
  cr_assert_not_null(root, "%s", text_of("out"));
  return root;
}

Test(data_report, the_program_says_it_in_words_and_as_json) {
  write_data();
  cr_assert_eq(run("data data"), 0, "%s", text_of("err"));
  static const char *const said[] = {"pictures    70, 2 broken",
                                     "modes       grey 61, grey + alpha 1, RGB 6",
                                     "classes     2: a 6, b 61",
                                     "b/cut.png: broken PNG file",
                                     "broken: 2; a run is refused",
                                     "sizes differ, so a run needs --size",
                                     "out of balance: 61 pictures in the largest, 6 in the smallest",
                                     "--size 64 is the largest that enlarges no",
                                     "without a class: 1",
                                     "    data/b/copy.PNG"};
  for (size_t i = 0; i < sizeof said / sizeof *said; ++i)
    cr_expect(strstr(text_of("out"), said[i]), "no \"%s\" in %s", said[i], text_of("out"));
  cr_expect_str_empty(text_of("err"));
  json_t *root = json_of("data data --json --size 32 --contact-sheet sheet.png"), *same, *sizes;
  int pictures, broken, height;
  cr_assert_eq(json_unpack(root, "{s:i, s:i, s:{s:i}, s:o, s:o}", "pictures", &pictures, "broken", &broken, "run",
                           "height", &height, "same_pixels", &same, "sizes", &sizes),
               0);
  cr_expect(pictures == 70 && broken == 2 && height == 32 && json_array_size(same) == 1);
  cr_expect_eq(json_array_size(json_array_get(same, 0)), 2);
  cr_expect_eq(access(test_path("sheet.png"), F_OK), 0);
  json_decref(root);
}

Test(data_report, the_program_ends_with_3_when_nothing_is_usable) {
  mkdir(test_path("bad"), 0755);
  mkdir(test_path("empty"), 0755);
  test_write(test_path("bad/1.png"), "hello", 5);
  cr_assert_eq(run("data bad"), 3);
  cr_expect(strstr(text_of("out"), "bad/1.png: not a PNG"), "%s", text_of("out"));
  cr_expect(strstr(text_of("err"), "nothing is usable"), "%s", text_of("err"));
  cr_assert_eq(run("data bad --json"), 3);
  json_t *root = json_loads(text_of("out"), 0, NULL);
  cr_assert_not_null(root, "%s", text_of("out"));
  json_decref(root);
  cr_expect_eq(run("data empty"), 3);
  cr_expect_eq(run("data nowhere"), 3);
  cr_expect_eq(run("data"), 2);
  cr_expect_eq(run("data bad bad"), 2);
}

Test(data_report, bench_data_measures_each_way) {
  write_data();
  unlink(test_path("data/b/cut.png"));
  unlink(test_path("data/b/text.png"));
  setenv("TMPDIR", test_folder, 1);
  json_t *root = json_of("bench data --data data --size 16 --batch 8 --rounds 1 --json"), *rows;
  rows = json_object_get(root, "rows");
  cr_assert_eq(json_array_size(rows), 3);
  static const char *const from[] = {"files", "cache", "memory"};
  for (size_t i = 0; i < 3; ++i) {
    const json_t *row = json_array_get(rows, i);
    cr_expect_str_eq(json_string_value(json_object_get(row, "from")), from[i]);
    cr_expect(json_number_value(json_object_get(row, "images_per_second_min")) > 0);
  }
  cr_expect(json_number_value(json_object_get(root, "make_seconds")) > 0);
  json_decref(root);
  cr_expect_eq(system("ls \"$TMPDIR\" | grep -q limn-bench"), 256, "the folder of the cache is removed");
  cr_expect_eq(run("bench data"), 2);
  cr_expect_eq(run("bench data --data nowhere"), 3);
  cr_expect_eq(run("bench data --data data --batch auto"), 2);
}
