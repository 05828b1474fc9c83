/* Labels of picture files from CSV files. */
#include "support/archives.h"
#include "support/data.h"
#include "support/pictures.h"

TestSuite(labels, .init = test_folder_create, .fini = test_folder_remove, .timeout = 60);

/* test_path's buffers are used in turn: a path that is to last. */
static const char *lasting(char copy[TEST_PATH_SIZE], const char *name) {
  snprintf(copy, TEST_PATH_SIZE, "%s", test_path("%s", name));
  return copy;
}

static void write_text(const char *name, const char *text) { test_write(test_path("%s", name), text, strlen(text)); }

static void write_pictures(void) {
  static const uint8_t grey = 50;
  mkdir(test_path("p"), 0755);
  mkdir(test_path("p/sub"), 0755);
  test_write_plain(test_path("p/a.png"), 4, 4, 1, &grey);
  test_write_plain(test_path("p/b, c.png"), 4, 4, 1, &grey);
  test_write_plain(test_path("p/sub/d.png"), 4, 4, 1, &grey);
}

/* The labels of a.png, "b, c.png" and sub/d.png as class names. */
static void expect_labels(const char *text, const char *const expected[3], int class_count) {
  char path[TEST_PATH_SIZE];
  write_text("labels.csv", text);
  limn_dataset_options options = {.labels = lasting(path, "labels.csv")};
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_path("p"), &options, &info);
  cr_assert_eq(info.class_count, class_count, "%d classes", info.class_count);
  for (uint32_t i = 0; i < 3; ++i)
    cr_assert_str_eq(limn_dataset_class_name(dataset, limn_dataset_label(dataset, i)), expected[i]);
  limn_dataset_close(dataset);
}

Test(labels, as_rfc_4180_writes_them) {
  char csv[TEST_PATH_SIZE];
  write_pictures();
  const char *const words[3] = {"cat", "dog", "a \"big\"\ncat"};
  const char *const numbers[3] = {"10", "9", "10"};
  expect_labels("a.png,cat\n\"b, c.png\",dog\nsub/d.png,\"a \"\"big\"\"\ncat\"\n", words, 3);
  expect_labels("\xef\xbb\xbf"
                "File,Label\r\n\"a.png\",cat\r\n\r\nd.png,\"a \"\"big\"\"\ncat\"\r\n\"b, c.png\",\"dog\"",
                words, 3);
  expect_labels("./a.png,10\n\"b, c.png\",9\nd.png,10", numbers, 2);
  limn_dataset_options options = {.labels = lasting(csv, "labels.csv")};
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_path("p"), &options, &info);
  cr_assert_eq(limn_dataset_label(dataset, 0), 1, "9 comes before 10");
  limn_dataset_close(dataset);
  cr_assert_neq(info.fingerprint, fingerprint_of(test_path("p"), NULL), "labels count");
}

Test(labels, that_do_not_match) {
  char csv[TEST_PATH_SIZE];
  write_pictures();
  limn_dataset_options options = {.labels = lasting(csv, "labels.csv")};
  const struct {
    const char *csv, *part;
  } cases[] = {
      {"a.png,1\n", "2 of the 3 pictures in "},
      {"a.png,1\n", "have no row, the first: b, c.png"},
      {"a.png,1\nx.png,2\n\"b, c.png\",1\ny.png,1\nd.png,3\n", "2 of 5 rows name no picture in "},
      {"a.png,1\nx.png,2\n\"b, c.png\",1\ny.png,1\nd.png,3\n", "the first in line 2: x.png"},
      {"a.png,1\na.png,2\n", "line 2: a second row for a.png"},
      {"", "no rows"},
      {"file,label\n", "no rows"},
      {"a.png\n", "line 1: not a file and a label"},
      {"a.png,1\nd.png,2,3\n", "line 2: not a file and a label"},
      {"a.png,\n", "line 1: not a file and a label"},
      {"a.png,\"1\n", "line 1: a field that is not closed"},
      {"a.png,1\n\"d.png\"x,2\n", "line 2: a field that is not closed"},
      {"a.png,1\nd\".png,2\n", "line 2: a field that is not closed"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    write_text("labels.csv", cases[i].csv);
    expect_error(test_path("p"), &options, LIMN_DATA, cases[i].part);
    expect_error(test_path("p"), &options, LIMN_DATA, "labels.csv");
  }
  test_write(test_path("labels.csv"), "a.png,1\0\n", 9);
  expect_error(test_path("p"), &options, LIMN_DATA, "NUL");
  const uint8_t grey = 1;
  test_write_plain(test_path("p/d.png"), 4, 4, 1, &grey);
  mkdir(test_path("p/e"), 0755);
  test_write_plain(test_path("p/e/d.png"), 4, 4, 1, &grey);
  write_text("labels.csv", "e/d.png,1\nd.png,1\nsub/d.png,1\na.png,1\n\"b, c.png\",1\n");
  limn_dataset_info info;
  limn_dataset_close(open_data(test_path("p"), &options, &info)); /* d.png is a path */
  unlink(test_path("p/d.png"));
  expect_error(test_path("p"), &options, LIMN_DATA, "line 2: several pictures in ");
  options.labels = lasting(csv, "absent.csv");
  expect_error(test_path("p"), &options, LIMN_DATA, "absent.csv: cannot open");
  const uint32_t header[4] = {0x803, 1, 2, 2};
  test_write_idx(test_path("idx"), false, header, 4, (const uint8_t *)"abcd", 4);
  expect_error(test_path("idx"), &options, LIMN_USAGE, "leave the setting out");
}

/* The folder that all pictures of an archive are in is part of their paths. */
Test(labels, of_an_archive) {
  static const char *const names[] = {"set/cat/a.png", "set/dog/b.png", "set/\xc3\xa9t\xc3\xa9.png"};
  const uint8_t grey = 5;
  uint8_t bytes[4096];
  char csv[TEST_PATH_SIZE];
  test_write_plain(test_path("made"), 4, 4, 1, &grey);
  size_t size = test_read(test_path("made"), bytes, sizeof bytes);
  test_archive made = test_archive_open(test_path("data.tar"), "pax", "none");
  for (int i = 0; i < 3; ++i)
    test_archive_add(&made, names[i], bytes, size);
  test_archive_close(&made);
  write_text("labels.csv", "a.png,x\nset/dog/b.png,y\n\xc3\xa9t\xc3\xa9.png,x\n");
  limn_dataset_options options = {.labels = lasting(csv, "labels.csv")};
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_path("data.tar"), &options, &info);
  cr_assert_eq(info.class_count, 2);
  for (uint32_t i = 0; i < 3; ++i)
    cr_assert_eq(limn_dataset_label(dataset, i), i == 1);
  limn_dataset_close(dataset);
}
