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
      {"a.png,1\na.png,2\n", "a.png is 1 in line 1 and 2 in line 2; keep one"},
      {"", "no rows"},
      {"file,label\n", "no rows"},
      {"a.png\n", "line 1: not a file and a label"},
      {"a.png,1\nd.png,2,3\n", "line 2: 3 fields, where the others have 2"},
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

static const char *const two_kinds[3] = {"cat", "dog", "cat"};

Test(labels, with_any_separator_and_header) {
  write_pictures();
  expect_labels("Image_ID,Breed\na.png,cat\n\"b, c.png\",dog\nd.png,cat\n", two_kinds, 2);
  expect_labels("image_id\tbreed\r\na.png\tcat\r\nb, c.png\tdog\r\nd.png\tcat\r\n", two_kinds, 2);
  expect_labels("\xef\xbb\xbf\"ID\";\"breed\"\r\n\"a.png\";cat\r\n\"b, c.png\";dog\r\nd.png;cat\r\n", two_kinds, 2);
  expect_labels("a.png\tcat\nb, c.png\tdog\nd.png\tcat", two_kinds, 2);
  /* The column of the pictures need not be the first; of two that are called so, it is the one that names some. */
  expect_labels("breed,file name\ncat,a.png\ndog,\"b, c.png\"\ncat,d.png\n", two_kinds, 2);
  const char *const numbers[3] = {"1", "2", "3"};
  expect_labels("id,image\n1,a.png\n2,\"b, c.png\"\n3,d.png\n", numbers, 3);
}

/* As Kaggle's lists have it: id for id.jpg. */
Test(labels, of_names_without_endings) {
  char csv[TEST_PATH_SIZE];
  write_pictures();
  expect_labels("id,breed\na,cat\n\"b, c\",dog\nd,cat\n", two_kinds, 2);
  expect_labels("id,breed\n./a,cat\n\"b, c.png\",dog\nsub/d,cat\nsub/d.png,cat\n", two_kinds, 2);
  limn_dataset_options options = {.labels = lasting(csv, "labels.csv")};
  write_text("labels.csv", "id,breed\na,cat\n\"b, c\",dog\nother/d,cat\n");
  expect_error(test_path("p"), &options, LIMN_DATA, "1 of 3 rows name no picture in ");
  const uint8_t grey = 1;
  test_write_plain(test_path("p/a.jpg"), 4, 4, 1, &grey);
  write_text("labels.csv", "id,breed\na,cat\n\"b, c\",dog\nd,cat\n");
  expect_error(test_path("p"), &options, LIMN_DATA, "line 2: several pictures in ");
  expect_error(test_path("p"), &options, LIMN_DATA, "endings too");
}

Test(labels, of_a_column) {
  char csv[TEST_PATH_SIZE];
  write_pictures();
  write_text("labels.csv", "id,breed,Weight,weight,\na,cat,1,7,x\n\"b, c\",dog,2,7,x\nd,cat,3,8,x\n");
  limn_dataset_options options = {.labels = lasting(csv, "labels.csv")};
  const struct {
    const char *column;
    int classes;
  } columns[] = {{"breed", 2}, {"Breed", 2}, {"Weight", 3}, {"weight", 2}};
  for (size_t i = 0; i < sizeof columns / sizeof *columns; ++i) {
    limn_dataset_info info;
    options.label_column = columns[i].column;
    limn_dataset_close(open_data(test_path("p"), &options, &info));
    cr_assert_eq(info.class_count, columns[i].classes, "%s: %d", columns[i].column, info.class_count);
  }
  options.label_column = "bred";
  expect_error(test_path("p"), &options, LIMN_DATA,
               "no column bred; do you mean breed? There are breed, Weight, weight");
  options.label_column = "id";
  expect_error(test_path("p"), &options, LIMN_DATA, "no column id; there are breed");
  options.label_column = NULL;
  expect_error(test_path("p"), &options, LIMN_DATA,
               "several columns could be the labels; name one with --label-column: breed");
  options.label_column = "breed";
  write_text("labels.csv", "a,cat\n\"b, c\",dog\nd,cat\n");
  expect_error(test_path("p"), &options, LIMN_DATA, "no first line that names its columns, breed among them");
  options.labels = NULL;
  expect_error(test_path("p"), &options, LIMN_USAGE, "label_column breed: no file of labels is named");
}

/* The forms of list_attr_celeba.txt, list_bbox_celeba.txt and identity_CelebA.txt. */
Test(labels, as_celeba_has_them) {
  static const char attributes[] = "3\nArched_Eyebrows Smiling Young \n000001.jpg -1  1  1\n000002.jpg  1 -1  1\r\n"
                                   "000003.jpg -1  1 -1\n";
  const uint8_t grey = 1;
  char list[TEST_PATH_SIZE];
  mkdir(test_path("p"), 0755);
  for (int i = 1; i <= 3; ++i)
    test_write_plain(test_path("p/%06d.jpg", i), 4, 4, 1, &grey); /* told by their bytes */
  const char *const smiling[3] = {"1", "-1", "1"}, *const people[3] = {"2880", "2937", "2880"};
  expect_labels("000001.jpg 2880\n000002.jpg 2937\n000003.jpg 2880\n", people, 2);
  expect_labels("image_id  identity\n000001.jpg  2880\n000002.jpg  2937\n000003.jpg  2880\n", people, 2);
  expect_labels("3\nSmiling\n000001.jpg 1\n000002.jpg -1\n000003.jpg 1\n", smiling, 2);

  limn_dataset_options options = {.labels = lasting(list, "list.txt"), .label_column = "Smiling"};
  limn_dataset_info info;
  write_text("list.txt", attributes);
  limn_dataset *dataset = open_data(test_path("p"), &options, &info);
  for (uint32_t i = 0; i < 3; ++i)
    cr_assert_str_eq(limn_dataset_class_name(dataset, limn_dataset_label(dataset, i)), smiling[i]);
  cr_assert_str_eq(limn_dataset_class_name(dataset, 0), "-1", "sorted as numbers");
  limn_dataset_close(dataset);
  options.label_column = NULL;
  expect_error(test_path("p"), &options, LIMN_DATA, "--label-column: Arched_Eyebrows, Smiling, Young");
  options.label_column = "smilling";
  expect_error(test_path("p"), &options, LIMN_DATA, "do you mean Smiling?");
  write_text("list.txt", "3\nimage_id x_1 width\n000001.jpg 95 226\n000002.jpg 72 221\n000003.jpg 95 226\n");
  options.label_column = "x_1";
  limn_dataset_close(open_data(test_path("p"), &options, &info));
  cr_assert_eq(info.class_count, 2);
  write_text("list.txt", "4\nimage_id x_1 width\n000001.jpg 95 226\n000002.jpg 72 221\n000003.jpg 95 226\n");
  expect_error(test_path("p"), &options, LIMN_DATA, "3 pictures, where its first line says 4");
  write_text("list.txt", "3\nSmiling Young\n000001.jpg 1 1\n000002.jpg 1\n000003.jpg 1 1\n");
  options.label_column = "Young";
  expect_error(test_path("p"), &options, LIMN_DATA, "line 4: 2 fields, where the others have 3");
}

/* A link whose picture is gone may have lost its row too. */
Test(labels, of_a_picture_that_is_gone) {
  char csv[TEST_PATH_SIZE];
  write_pictures();
  cr_assert_eq(symlink("nowhere.png", test_path("p/gone.png")), 0);
  write_text("labels.csv", "a.png,cat\n\"b, c.png\",dog\nd.png,cat\n");
  const limn_dataset_options options = {.labels = lasting(csv, "labels.csv"), .skip_broken = true};
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_path("p"), &options, &info);
  cr_assert(info.count == 3 && info.broken == 1 && info.class_count == 2, "%u, %u broken", info.count, info.broken);
  cr_assert_str_eq(limn_dataset_class_name(dataset, limn_dataset_label(dataset, 2)), "cat");
  limn_dataset_close(dataset);
}
