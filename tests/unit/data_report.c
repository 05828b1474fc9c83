/* What `limn data` and `limn bench data` say. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <sys/wait.h>

#include "base/error.h"
#include "image/image.h"
#include "limn/tools.h"
#include "support/archives.h"
#include "support/picture_files.h"
#include "support/pictures.h"

TestSuite(data_report, .init = test_folder_create, .fini = test_folder_remove, .timeout = 120);

/* 6 RGB pictures of class a and 60 grey ones of b, one without a class, one copy, one broken, one that is none. */
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
  cr_assert_eq(limn_config_set(config, "data", test_path("%s", name), LIMN_FROM_FLAG), LIMN_OK);
  if (size)
    cr_assert_eq(limn_config_set(config, "size", size, LIMN_FROM_FLAG), LIMN_OK);
  cr_assert_eq(limn_data_report_create(&report, config, sheet, NULL, NULL), LIMN_OK, "%s", limn_error_message());
  limn_config_destroy(config);
  return report;
}

Test(data_report, counts_what_is_there) {
  write_data();
  limn_data_report *r = report_on("data", NULL, NULL);
  cr_assert(r->count == 69 && r->broken == 1 && r->fault_count == 1 && r->other_files.count == 1);
  cr_expect(strstr(r->faults[0], "b/cut.png") && strcmp(r->other_files.first, "b/text.png") == 0, "%s", r->faults[0]);
  cr_expect(r->format_count == 1 && r->formats[0].count == 68 && strcmp(r->formats[0].name, "PNG") == 0);
  cr_expect(r->mode_count == 3 && r->modes[0].count == 61 && r->modes[1].count == 6 && r->modes[2].count == 1);
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

static void expect_tally(const limn_data_tally *tallies, size_t count, const char *name, uint32_t expected) {
  uint32_t found = 0;
  for (size_t i = 0; i < count; ++i)
    found += strcmp(tallies[i].name, name) == 0 ? tallies[i].count : 0;
  cr_expect_eq(found, expected, "%s: %u, not %u", name, found, expected);
}

/* Named as it comes: what they are is told by their bytes. */
static void write_every_mode(void) {
  static const int colors[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                               PNG_COLOR_TYPE_RGB_ALPHA, PNG_COLOR_TYPE_PALETTE};
  static const uint8_t rows[64 * 64 * 8];
  int made = 0;
  mkdir(test_path("modes"), 0755);
  for (int depth = 8; depth <= 16; depth += 8)
    for (int i = 0; i < (depth == 8 ? 5 : 4); ++i) {
      test_png kind = {.width = 64, .height = 64, .depth = depth, .color = colors[i]};
      test_write_png(test_path("modes/%d.jpg", made++), &kind, rows, sizeof rows / 64);
    }
  test_png clear = {.width = 64, .height = 64, .depth = 2, .color = PNG_COLOR_TYPE_PALETTE, .transparent = true};
  test_write_png(test_path("modes/%d.webp", made++), &clear, rows, sizeof rows / 64);
  for (int i = 0; i < 3; ++i) {
    test_jpeg kind = {.height = 64,
                      .width = 64,
                      .pixels = i ? JCS_RGB : JCS_CMYK,
                      .file = i ? JCS_YCbCr : JCS_CMYK,
                      .orientation = i == 1   ? 6
                                     : i == 2 ? 1
                                              : 0};
    test_bytes file = test_make_jpeg(&kind, rows);
    test_write(test_path("modes/%d.png", made++), file.bytes, file.size);
    free(file.bytes);
  }
  test_bytes simple = test_make_webp(rows, 64, 64, true, true), file = test_extend_webp(simple, 64, 64, 3, false);
  test_write(test_path("modes/%d.jpeg", made++), file.bytes, file.size);
  free(simple.bytes);
  free(file.bytes);
}

Test(data_report, tells_every_mode_and_format_by_content) {
  write_every_mode();
  limn_data_report *r = report_on("modes", NULL, NULL);
  cr_assert(r->count == 14 && r->broken == 0, "%s", r->fault_count ? r->faults[0] : "");
  static const struct {
    const char *name;
    uint32_t count;
  } modes[] = {{"grey", 1},           {"grey + alpha", 1},        {"RGB", 3},        {"RGBA", 2}, {"palette", 1},
               {"grey 16-bit", 1},    {"grey + alpha 16-bit", 1}, {"RGB 16-bit", 1}, {"CMYK", 1}, {"RGBA 16-bit", 1},
               {"palette + alpha", 1}},
    formats[] = {{"PNG", 10}, {"JPEG", 3}, {"WebP", 1}};
  cr_expect_eq(r->mode_count, sizeof modes / sizeof *modes);
  for (size_t i = 0; i < sizeof modes / sizeof *modes; ++i)
    expect_tally(r->modes, r->mode_count, modes[i].name, modes[i].count);
  for (size_t i = 0; i < sizeof formats / sizeof *formats; ++i)
    expect_tally(r->formats, r->format_count, formats[i].name, formats[i].count);
  cr_expect_str_eq(r->modes[0].name, "RGB", "the most frequent first");
  cr_expect_str_eq(r->formats[2].name, "WebP");
  cr_expect_eq(r->turned, 2, "%u", r->turned);
  limn_data_report_destroy(r);
}

Test(data_report, an_archive_has_the_formats_of_its_files) {
  const uint8_t grey = 7;
  uint8_t bytes[4096];
  test_write_plain(test_path("made"), 64, 64, 1, &grey);
  size_t size = test_read(test_path("made"), bytes, sizeof bytes);
  test_archive made = test_archive_open(test_path("data.zip"), "zip", "none");
  test_archive_add(&made, "a.png", bytes, size);
  test_archive_add(&made, "b.c/d.jpg", bytes, size);
  test_archive_close(&made);
  limn_data_report *r = report_on("data.zip", NULL, NULL);
  cr_expect(r->format_count == 1 && r->formats[0].count == 2, "%zu", r->format_count);
  cr_expect_str_eq(r->formats[0].name, "PNG");
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
  static const char *const said[] = {"pictures    69, 1 broken",
                                     "others      1 file is no picture that Limn reads: 1 .png (first: b/text.png)",
                                     "formats     PNG 68",
                                     "modes       grey 61, RGB 6, grey + alpha 1",
                                     "classes     2: a 6, b 61",
                                     "b/cut.png: broken PNG file",
                                     "broken: 1; a run is refused",
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
  cr_expect(pictures == 69 && broken == 1 && height == 32 && json_array_size(same) == 1);
  cr_expect_eq(json_array_size(json_array_get(same, 0)), 2);
  cr_expect_eq(access(test_path("sheet.png"), F_OK), 0);
  json_decref(root);
}

/* As the session of a run has it. */
Test(data_report, reckons_what_training_takes) {
  write_data();
  double memory[2], checkpoint[2];
  for (int i = 0; i < 2; ++i) {
    char line[128];
    const char *device;
    int batch;
    snprintf(line, sizeof line, "data data --json --size 32 --device cpu --model %s --batch %d", i ? "vae" : "dcgan",
             i ? 100 : 8);
    json_t *root = json_of(line), *verdict = json_object_get(root, "verdict");
    cr_assert_eq(json_unpack(root, "{s:{s:F, s:F, s:i, s:s}}", "training", "memory_bytes", &memory[i],
                             "checkpoint_bytes", &checkpoint[i], "batch", &batch, "device", &device),
                 0);
    cr_expect_eq(batch, i ? 100 : 8);
    cr_expect(strstr(device, "CPU") || strstr(device, "cpu"), "%s", device);
    bool few = false;
    for (size_t j = 0; j < json_array_size(verdict); ++j)
      few = few || strstr(json_string_value(json_array_get(verdict, j)), "fewer pictures than a batch of 100");
    cr_expect_eq(few, i == 1);
    json_decref(root);
  }
  cr_assert_eq(run("train dcgan --data data --on-bad-image skip --size 32 --device cpu --batch 8 --steps 1 --out run"),
               0, "%s", text_of("err"));
  struct stat info;
  cr_assert_eq(stat(test_path("run/checkpoints/000001.safetensors"), &info), 0);
  cr_expect(checkpoint[0] >= (double)info.st_size && checkpoint[0] < 1.1 * (double)info.st_size, "%g, not %ju",
            checkpoint[0], (uintmax_t)info.st_size);
  cr_expect(memory[0] > checkpoint[0] && memory[1] > 0 && checkpoint[1] > 0 && checkpoint[1] != checkpoint[0]);
  cr_assert_eq(run("data data --size 20x300"), 0);
  cr_expect_null(strstr(text_of("out"), "\ntraining"), "%s", text_of("out"));
  cr_assert_eq(run("data data --size 32 --device cuda:99"), 0);
  cr_expect_not_null(strstr(text_of("out"), "what training takes cannot be told: "), "%s", text_of("out"));
}

Test(data_report, a_dry_run_tells_the_file_of_decoded_pictures) {
  write_data();
  const char *line = "train dcgan --data data --on-bad-image skip --size 32 --device cpu --batch 8 --cache kept "
                     "--steps 1 --dry-run --json";
  for (int found = 0; found < 2; ++found) {
    const char *path;
    struct stat info;
    int bytes, was;
    json_t *root = json_of(line);
    cr_assert_eq(json_unpack(root, "{s:{s:s, s:i, s:b}}", "cache", "path", &path, "bytes", &bytes, "found", &was), 0);
    cr_assert_eq(stat(test_path("%s", path), &info), 0, "%s", path);
    cr_expect(bytes == (int)info.st_size && was == found);
    json_decref(root);
  }
  cr_assert_eq(run("train dcgan --data data --on-bad-image skip --size 32 --batch 8 --cache off --steps 1 --dry-run"),
               0);
  cr_expect_null(strstr(text_of("out"), "of decoded pictures"));
}

Test(data_report, names_in_no_charset_are_told_apart) {
  const uint8_t grey = 7;
  for (int i = 0; i < 2; ++i) {
    mkdir(test_path("data"), 0755);
    mkdir(test_path("data/caf%c", 0xe8 + i), 0755);
    test_write_plain(test_path("data/caf%c/a.png", 0xe8 + i), 16, 16, 1, &grey);
  }
  json_t *root = json_of("data data --json"), *same = json_object_get(root, "same_pixels");
  int counts[2];
  cr_assert_eq(json_unpack(root, "{s:{s:i, s:i}}", "classes", "caf\\xe8", &counts[0], "caf\\xe9", &counts[1]), 0, "%s",
               text_of("out"));
  cr_expect(counts[0] == 1 && counts[1] == 1);
  cr_expect_str_eq(json_string_value(json_array_get(json_array_get(same, 0), 0)), "data/caf\\xe8/a.png");
  json_decref(root);
}

Test(data_report, the_program_ends_with_3_when_nothing_is_usable) {
  mkdir(test_path("bad"), 0755);
  mkdir(test_path("empty"), 0755);
  test_write(test_path("bad/1.png"), "\x89PNG", 4);
  cr_assert_eq(run("data bad"), 3);
  cr_expect(strstr(text_of("out"), "bad/1.png: broken PNG"), "%s", text_of("out"));
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
