/* CIFAR's binary files and NumPy arrays. */
#include "support/archives.h"
#include "support/data.h"
#include "support/pictures.h"

TestSuite(cifar, .init = test_folder_create, .fini = test_folder_remove, .timeout = 60);
TestSuite(npy, .init = test_folder_create, .fini = test_folder_remove, .timeout = 60);

#define RECORD 3072

/* count records with the label i % classes, behind `label_bytes - 1` others; plane c of picture i is i * 3 + c. */
static void write_cifar(const char *name, int count, int label_bytes, int classes, int first) {
  size_t record = (size_t)label_bytes + RECORD;
  uint8_t *bytes = calloc((size_t)count, record);
  for (int i = 0; i < count; ++i) {
    uint8_t *at = bytes + (size_t)i * record;
    at[0] = 7;
    at[label_bytes - 1] = (uint8_t)((first + i) % classes);
    for (int c = 0; c < 3; ++c)
      memset(at + label_bytes + c * 1024, (first + i) * 3 + c, 1024);
  }
  test_write(test_path("%s", name), bytes, (size_t)count * record);
  free(bytes);
}

static void expect_cifar(const char *path, uint32_t count, int classes) {
  limn_dataset_info info;
  limn_dataset *dataset = open_data(path, NULL, &info);
  cr_assert_str_eq(info.kind, "cifar");
  cr_assert(info.count == count && info.channels == 3 && info.height == 32 && info.width == 32, "%u", info.count);
  cr_assert_eq(info.class_count, classes);
  uint8_t chw[RECORD];
  for (uint32_t i = 0; i < count; ++i) {
    cr_assert_eq(limn_dataset_read(dataset, i, chw), LIMN_OK);
    for (uint32_t j = 0; j < RECORD; ++j)
      cr_assert_eq(chw[j], i * 3 + j / 1024);
    cr_assert_eq(limn_dataset_label(dataset, i), (int)i % 10);
  }
  limn_dataset_close(dataset);
}

Test(cifar, ten_and_a_hundred) {
  write_cifar("data_batch_1.bin", 20, 1, 10, 0);
  write_cifar("data_batch_2.bin", 15, 1, 10, 20);
  write_cifar("test_batch.bin", 5, 1, 10, 0);
  expect_cifar(test_folder, 35, 10);
  expect_cifar(test_path("test_batch.bin"), 5, 5);
  test_write(test_path("batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n", 21);
  expect_cifar(test_path("test_batch.bin"), 5, 10);
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_folder, NULL, &info);
  cr_assert_str_eq(limn_dataset_class_name(dataset, 9), "j");
  limn_dataset_close(dataset);

  mkdir(test_path("hundred"), 0755);
  write_cifar("hundred/train.bin", 12, 2, 10, 0);
  write_cifar("hundred/test.bin", 3, 2, 10, 0);
  expect_cifar(test_path("hundred/test.bin"), 3, 3);
  expect_error(test_path("hundred"), NULL, LIMN_DATA,
               "no pictures, and no IDX or CIFAR files"); /* any train.bin is no CIFAR-100 */
  char names[1000] = "";
  for (int i = 0; i < 100; ++i)
    sprintf(names + strlen(names), "kind %d\r\n", i);
  test_write(test_path("hundred/fine_label_names.txt"), names, strlen(names));
  expect_cifar(test_path("hundred"), 12, 100);
}

Test(cifar, bad_files) {
  char path[TEST_PATH_SIZE];
  snprintf(path, sizeof path, "%s", test_path("data_batch_1.bin"));
  write_cifar("data_batch_1.bin", 3, 1, 11, 10);
  expect_error(test_folder, NULL, LIMN_DATA, "data_batch_1.bin: picture 0 has the label 10");
  test_write(path, "hello", 5);
  expect_error(test_folder, NULL, LIMN_DATA, "5 bytes, not a multiple of a CIFAR-10 record's 3073");
  test_write(path, "", 0);
  expect_error(test_folder, NULL, LIMN_DATA, "0 bytes");
  write_cifar("data_batch_1.bin", 3, 1, 10, 0);
  test_write(test_path("batches.meta.txt"), "a\nb\n", 4);
  expect_error(test_folder, NULL, LIMN_DATA, "names 2 classes, where CIFAR-10 has 10");
}

/* An array file in memory: a header of one line, and bytes that count up. */
static size_t make_npy(uint8_t *out, int version, const char *descr, const char *order, const char *shape,
                       size_t size) {
  size_t start = version == 1 ? 10 : 12;
  int length =
      sprintf((char *)out + start, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }   \n", descr, order, shape);
  memcpy(out, "\x93NUMPY", 6);
  out[6] = (uint8_t)version;
  out[7] = 0;
  for (size_t i = 8; i < start; ++i)
    out[i] = (uint8_t)(length >> (8 * (i - 8)));
  for (size_t i = 0; i < size; ++i)
    out[start + (size_t)length + i] = (uint8_t)i;
  return start + (size_t)length + size;
}

static uint8_t buffer[65536];

static void write_npy(int version, const char *descr, const char *order, const char *shape, size_t size) {
  test_write(test_path("a.npy"), buffer, make_npy(buffer, version, descr, order, shape, size));
}

/* Two pictures of 6 x 5 pixels. */
Test(npy, in_every_layout) {
  static const struct {
    const char *shape;
    int channels, pixel, plane; /* bytes from a pixel, from a channel to the next */
    int kept;                   /* channels of the data set */
  } cases[] = {{"(2, 6, 5)", 1, 1, 0, 1},
               {"(2,6,5,1)", 1, 1, 0, 1},
               {"(2, 1, 6, 5)", 1, 1, 30, 1},
               {"(2, 6, 5, 3,)", 3, 3, 1, 3},
               {"(2, 3, 6, 5)", 3, 1, 30, 3}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
    for (int version = 1; version <= 3; ++version)
      for (size_t limit = 0; limit <= 1; ++limit) { /* in memory, on disk */
        size_t picture = 30 * (size_t)cases[i].channels;
        write_npy(version, "|u1", "False", cases[i].shape, 2 * picture);
        limn_dataset_options options = {.memory_limit = limit};
        limn_dataset_info info;
        limn_dataset *dataset = open_data(test_path("a.npy"), &options, &info);
        cr_assert_str_eq(info.kind, "npy");
        cr_assert(info.count == 2 && info.height == 6 && info.width == 5 && info.channels == cases[i].kept,
                  "%s: %d x %d x %d", cases[i].shape, info.channels, info.height, info.width);
        uint8_t chw[90];
        cr_assert_eq(limn_dataset_read(dataset, 1, chw), LIMN_OK);
        for (int c = 0; c < cases[i].kept; ++c)
          for (int p = 0; p < 30; ++p)
            cr_assert_eq(chw[c * 30 + p], (uint8_t)((int)picture + p * cases[i].pixel + c * cases[i].plane), "%s",
                         cases[i].shape);
        cr_assert_eq(info.class_count, 0);
        limn_dataset_close(dataset);
      }
  write_npy(1, "|u1", "False", "(1, 2, 2, 4)", 16); /* RGBA on white */
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_path("a.npy"), &(limn_dataset_options){.background = {255, 255, 255}}, &info);
  uint8_t chw[12];
  cr_assert(info.channels == 3 && limn_dataset_read(dataset, 0, chw) == LIMN_OK);
  cr_assert_eq(chw[0], (0 * 3 + 255 * 252 + 127) / 255);
  limn_dataset_close(dataset);
}

Test(npy, bad_files) {
  char path[TEST_PATH_SIZE];
  snprintf(path, sizeof path, "%s", test_path("a.npy"));
  const struct {
    const char *descr, *order, *shape;
    size_t size;
    const char *part;
  } cases[] = {
      {"<f4", "False", "(2, 4, 5)", 160, "type <f4; pictures are bytes: save them as uint8"},
      {">i2", "False", "(2, 4, 5)", 80, "type >i2"},
      {"|b1", "False", "(2, 4, 5)", 40, "type |b1"},
      {"|u1", "True", "(2, 4, 5)", 40, "ascontiguousarray"},
      {"|u1", "False", "(40,)", 40, "shape (40) is not that of pictures"},
      {"|u1", "False", "()", 1, "shape () is not that of pictures"},
      {"|u1", "False", "(2, 3, 5, 3)", 90, "shape (2, 3, 5, 3) may mean two things"},
      {"|u1", "False", "(2, 6, 5, 2)", 120, "is not that of pictures"},
      {"|u1", "False", "(0, 4, 5)", 0, "is empty"},
      {"|u1", "False", "(2, 4, 5)", 39, "bytes, where its header says"},
      {"|u1", "False", "(2, 4, 5)", 41, "bytes, where its header says"},
      {"|u1", "False", "(2, 4294967296, 4294967296)", 0, "over the limits"},
      {"|u1", "False", "(9223372036854775807, 4, 5)", 0, "over the limits"},
      {"|u1", "False", "(99999999999999999999999, 4, 5)", 0, "cannot read its NumPy header"},
      {"|u1", "False", "(2, 4, 5", 40, "cannot read its NumPy header"},
      {"|u1", "False", "(2, -4, 5)", 40, "cannot read its NumPy header"},
      {"|u1", "Maybe", "(2, 4, 5)", 40, "cannot read its NumPy header"},
      {"|u1", "False", "(2, 4, 5), 'shape': (2, 4, 5)", 40, "cannot read its NumPy header"},
      {"|u1', 'more': '", "False", "(2, 4, 5)", 40, "cannot read its NumPy header"},
      {"a type with a name that is much too long", "False", "(2, 4, 5)", 40, "cannot read its NumPy header"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    write_npy(1, cases[i].descr, cases[i].order, cases[i].shape, cases[i].size);
    expect_error(path, NULL, LIMN_DATA, cases[i].part);
    expect_error(path, NULL, LIMN_DATA, path);
  }
  write_npy(4, "|u1", "False", "(2, 4, 5)", 40);
  expect_error(path, NULL, LIMN_DATA, "version 4");
  size_t size = make_npy(buffer, 2, "|u1", "False", "(2, 4, 5)", 40);
  for (size_t length = 0; length < size; ++length) {
    test_write(path, buffer, length);
    expect_error(path, NULL, LIMN_DATA, path);
  }
  buffer[11] = 0xff; /* a header of 4 GB */
  test_write(path, buffer, size);
  expect_error(path, NULL, LIMN_DATA, "over the limit of 65536");
}

typedef struct array {
  const char *name, *descr, *shape;
  size_t size;
} array;

static void write_npz(const array *arrays, size_t count) {
  test_archive made = test_archive_open(test_path("a.npz"), "zip", "none");
  for (size_t i = 0; i < count; ++i)
    test_archive_add(&made, arrays[i].name, buffer,
                     make_npy(buffer, 1, arrays[i].descr, "False", arrays[i].shape, arrays[i].size));
  test_archive_close(&made);
}

Test(npy, npz_finds_pictures_and_labels) {
  const struct {
    array arrays[4];
    size_t count;
    uint32_t pictures;
    int classes;
  } cases[] = {
      {{{"arr_0.npy", "<f8", "(3, 4, 5)", 480}, {"arr_1.npy", "|u1", "(3, 4, 5)", 60}}, 2, 3, 0},
      {{{"x_test.npy", "|u1", "(3, 4, 5)", 60},
        {"x_train.npy", "|u1", "(4, 4, 5)", 80},
        {"y_test.npy", "|u1", "(3,)", 3},
        {"y_train.npy", "|u1", "(4, 1)", 4}},
       4,
       4,
       4},
      {{{"labels.npy", "|i1", "(5,)", 5},
        {"x_train.npy", "|u1", "(4, 4, 5)", 80},
        {"images.npy", "|u1", "(5, 4, 5)", 100}},
       3,
       5,
       5},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    write_npz(cases[i].arrays, cases[i].count);
    limn_dataset_info info;
    limn_dataset *dataset = open_data(test_path("a.npz"), NULL, &info);
    cr_assert(info.count == cases[i].pictures && info.height == 4 && info.width == 5, "case %zu: %u", i, info.count);
    cr_assert_eq(info.class_count, cases[i].classes, "case %zu: %d", i, info.class_count);
    cr_assert_eq(limn_dataset_label(dataset, 2), cases[i].classes ? 2 : -1);
    uint8_t chw[20];
    cr_assert_eq(limn_dataset_read(dataset, 2, chw), LIMN_OK);
    cr_assert(chw[0] == 40 && chw[19] == 59);
    limn_dataset_close(dataset);
  }
}

Test(npy, npz_labels_are_read_as_they_are_stored) {
  static const char *const types[] = {"<i2", "<u4", "<i8"};
  static const int sizes[] = {2, 4, 8};
  for (int i = 0; i < 3; ++i) {
    uint8_t labels[200];
    test_archive made = test_archive_open(test_path("a.npz"), "zip", "none");
    test_archive_add(&made, "images.npy", buffer, make_npy(buffer, 1, "|u1", "False", "(2, 4, 5)", 40));
    size_t size = make_npy(labels, 1, types[i], "False", "(2,)", 2 * (size_t)sizes[i]);
    uint8_t *numbers = labels + size - 2 * sizes[i];
    memset(numbers, 0, 2 * (size_t)sizes[i]);
    numbers[0] = 3;
    numbers[sizes[i] + 1] = 1; /* 256 */
    test_archive_add(&made, "labels.npy", labels, size);
    test_archive_close(&made);
    limn_dataset_info info;
    limn_dataset *dataset = open_data(test_path("a.npz"), NULL, &info);
    cr_assert(info.class_count == 257 && limn_dataset_label(dataset, 0) == 3 && limn_dataset_label(dataset, 1) == 256);
    limn_dataset_close(dataset);
  }
}

Test(npy, npz_sums_are_checked) {
  test_archive made = test_archive_open(test_path("a.npz"), "zip", "none");
  archive_write_zip_set_compression_store(made.archive);
  test_archive_add(&made, "images.npy", buffer, make_npy(buffer, 1, "|u1", "False", "(2, 6, 5)", 60));
  test_archive_close(&made);
  size_t size = test_read(test_path("a.npz"), buffer, sizeof buffer), at = 0;
  while (memcmp(buffer + at, "\x10\x11\x12\x13\x14", 5) != 0)
    ++at;
  limn_dataset_info info;
  limn_dataset_close(open_data(test_path("a.npz"), NULL, &info));
  buffer[at] ^= 1;
  test_write(test_path("a.npz"), buffer, size);
  expect_error(test_path("a.npz"), NULL, LIMN_DATA, "CRC");
}

Test(npy, npz_bad_files) {
  const struct {
    array arrays[2];
    size_t count;
    const char *part;
  } cases[] = {
      {{{"arr_0.npy", "<f8", "(3, 4, 5)", 480}}, 1, "no array \"images\" or \"x_train\""},
      {{{"images.npy", "<f4", "(3, 4, 5)", 240}}, 1, "images.npy in "},
      {{{"images.npy", "<f4", "(3, 4, 5)", 240}}, 1, "type <f4"},
      {{{"images.npy", "|u1", "(3, 4, 5)", 59}}, 1, "1 bytes are missing"},
      {{{"images.npy", "|u1", "(3, 4, 5)", 61}}, 1, "more bytes than"},
      {{{"images.npy", "|u1", "(3, 4, 5)", 60}, {"labels.npy", "|u1", "(4,)", 4}},
       2,
       "4 labels in labels.npy for the 3 pictures"},
      {{{"images.npy", "|u1", "(3, 4, 5)", 60}, {"labels.npy", "<f8", "(3,)", 24}}, 2, "labels of type <f8"},
      {{{"images.npy", "|u1", "(3, 4, 5)", 60}, {"labels.npy", ">i4", "(3,)", 12}}, 2, "labels of type >i4"},
      {{{"images.npy", "|u1", "(3, 4, 5)", 60}, {"labels.npy", "|u1", "(3, 2)", 6}},
       2,
       "shape (3, 2) is not that of labels"},
      {{{"images.npy", "|u1", "(3, 4, 5)", 60}, {"labels.npy", "<i4", "(3,)", 12}}, 2, "has the label"},
      {{{"images.npy", "|u1", "(3, 4, 5)", 60}, {"labels.npy", "|u1", "(1000000000,)", 3}}, 2, "bytes are missing"},
      {{{"images.npy", "|u1", "()", 0}, {"labels.npy", "|u1", "()", 0}}, 2, "is not that of pictures"},
      {{{"images.npy", "|u1", "(3, 4, 5)", 60}, {"labels.npy", "|u1", "()", 1}}, 2, "is not that of labels"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    write_npz(cases[i].arrays, cases[i].count);
    expect_error(test_path("a.npz"), NULL, LIMN_DATA, cases[i].part);
    expect_error(test_path("a.npz"), NULL, LIMN_DATA, "a.npz");
  }
  write_npz(&(array){"images.npy", "|u1", "(3, 4, 5)", 60}, 1);
  expect_error(test_path("a.npz"), &(limn_dataset_options){.memory_limit = 59}, LIMN_DATA, "do not fit in memory");
}
