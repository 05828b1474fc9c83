#include <criterion/criterion.h>
#include <stdatomic.h>

#include "base/parallel.h"
#include "data/loader.h"
#include "support/data.h"
#include "support/picture_files.h"
#include "support/pictures.h"

TestSuite(dataset, .init = test_folder_create, .fini = test_folder_remove, .timeout = 60);
TestSuite(split, .timeout = 60);
TestSuite(parallel, .timeout = 60);

#define IMAGES        0x803
#define LABELS        0x801
#define FASHION_MNIST "/usr/share/datasets/fashion-mnist"

/* count pictures of 3 x 4 pixels; pixel i of all is i modulo 251. */
static void write_images(const char *name, bool compressed, uint32_t count, size_t bytes) {
  uint8_t pixels[4096];
  for (size_t i = 0; i < sizeof pixels; ++i)
    pixels[i] = (uint8_t)(i % 251);
  const uint32_t header[4] = {IMAGES, count, 3, 4};
  test_write_idx(test_path("%s", name), compressed, header, 4, pixels, bytes);
}

static void write_labels(const char *name, bool compressed, uint32_t count) {
  uint8_t labels[256];
  for (int i = 0; i < 256; ++i)
    labels[i] = (uint8_t)(i % 7);
  const uint32_t header[2] = {LABELS, count};
  test_write_idx(test_path("%s", name), compressed, header, 2, labels, count);
}

Test(dataset, idx_folder_means_its_training_split) {
  for (int compressed = 0; compressed < 2; ++compressed) {
    const char *end = compressed ? ".gz" : "";
    char name[64];
    snprintf(name, sizeof name, "t10k-images-idx3-ubyte%s", end);
    write_images(name, compressed, 5, 60);
    snprintf(name, sizeof name, "train-images-idx3-ubyte%s", end);
    write_images(name, compressed, 20, 240);
    snprintf(name, sizeof name, "train-labels-idx1-ubyte%s", end);
    write_labels(name, compressed, 20);
    limn_dataset_info info;
    limn_dataset *dataset = open_data(test_folder, NULL, &info);
    cr_assert(info.count == 20 && info.channels == 1 && info.height == 3 && info.width == 4);
    cr_assert_eq(info.class_count, 7);
    cr_assert_str_eq(info.kind, "idx");
    cr_assert_eq(info.memory_bytes, 240);
    uint8_t chw[12];
    cr_assert_eq(limn_dataset_read(dataset, 19, chw), LIMN_OK);
    for (int i = 0; i < 12; ++i)
      cr_assert_eq(chw[i], 19 * 12 + i);
    cr_assert_eq(limn_dataset_label(dataset, 19), 5);
    cr_assert_eq(limn_dataset_label(dataset, 20), -1);
    cr_assert_str_eq(limn_dataset_class_name(dataset, 5), "5");
    cr_assert_null(limn_dataset_class_name(dataset, 7));
    cr_assert_eq(limn_dataset_read(dataset, 20, chw), LIMN_USAGE);
    limn_dataset_close(dataset);
  }
}

Test(dataset, idx_file_alone_finds_its_labels) {
  limn_dataset_info info;
  write_images("my-images.idx3-ubyte.gz", true, 10, 120);
  limn_dataset *dataset = open_data(test_path("my-images.idx3-ubyte.gz"), NULL, &info);
  cr_assert_eq(info.class_count, 0);
  cr_assert_eq(limn_dataset_label(dataset, 0), -1);
  limn_dataset_close(dataset);
  write_labels("my-labels.idx1-ubyte", false, 10); /* plain beside .gz */
  limn_dataset_close(open_data(test_path("my-images.idx3-ubyte.gz"), NULL, &info));
  cr_assert_eq(info.class_count, 7);
  write_labels("my-labels.idx1-ubyte", false, 9);
  expect_error(test_path("my-images.idx3-ubyte.gz"), NULL, LIMN_DATA, "9 labels for the 10 pictures");
  expect_error(test_path("my-labels.idx1-ubyte"), NULL, LIMN_DATA, "holds labels");
}

Test(dataset, names_broken_idx_files) {
  char path[TEST_PATH_SIZE];
  snprintf(path, sizeof path, "%s", test_path("a.gz"));
  write_images("a.gz", false, 10, 119);
  expect_error(path, NULL, LIMN_DATA, "135 bytes, where 10 pictures of 3 x 4 need 136");
  write_images("a.gz", false, 10, 121);
  expect_error(path, NULL, LIMN_DATA, "need 136");
  write_images("a.gz", true, 10, 119);
  expect_error(path, NULL, LIMN_DATA, "1 bytes are missing");
  write_images("a.gz", true, 10, 121);
  expect_error(path, NULL, LIMN_DATA, "more bytes than its header says");
  write_images("a.gz", true, 4000000000u, 120);
  expect_error(path, NULL, LIMN_DATA, "48000000016");
  write_images("a.gz", false, 0, 0);
  expect_error(path, NULL, LIMN_DATA, "empty: 0 pictures");
  test_write(path, "\0\0\x08\x03", 4);
  expect_error(path, NULL, LIMN_DATA, "12 bytes are missing");
  const uint32_t header[4] = {IMAGES, 1, 0xffffffff, 0xffffffff}; /* the product overflows 64 bits with a few more */
  test_write_idx(path, false, header, 4, (const uint8_t *)"", 0);
  expect_error(path, NULL, LIMN_DATA, "over the limit");
  test_write(path, "what is this text doing here?", 29);
  expect_error(path, NULL, LIMN_DATA, "no archive, and no IDX, CIFAR or NumPy file");
  test_write(path, "", 0);
  expect_error(path, NULL, LIMN_DATA, "an empty file");
  test_write(path, "PK\3\4 and so on", 14);
  expect_error(path, NULL, LIMN_DATA, "cannot unpack");
  expect_error(test_path("absent"), NULL, LIMN_DATA, "no such file or folder");
  expect_error("", NULL, LIMN_USAGE, "--data");
  expect_error("/dev/null", NULL, LIMN_DATA, "neither a file nor a folder");
}

Test(dataset, names_a_cut_gz_at_every_byte) {
  uint8_t bytes[4096];
  write_images("a.gz", true, 10, 120);
  char path[TEST_PATH_SIZE];
  snprintf(path, sizeof path, "%s", test_path("a.gz"));
  size_t size = test_read(path, bytes, sizeof bytes);
  for (size_t cut = 0; cut < size; ++cut) {
    test_write(path, bytes, cut);
    expect_error(path, NULL, LIMN_DATA, path);
  }
  bytes[size - 6] ^= 1; /* the sum at the end */
  test_write(path, bytes, size);
  expect_error(path, NULL, LIMN_DATA, path);
}

Test(dataset, idx_folder_without_a_training_split) {
  write_images("t10k-images-idx3-ubyte", false, 5, 60);
  expect_error(test_folder, NULL, LIMN_DATA, "no train-images*; name the file, for example");
  write_images("a-train-images-idx3-ubyte", false, 5, 60);
  write_images("b-train-images-idx3-ubyte", false, 5, 60);
  expect_error(test_folder, NULL, LIMN_DATA, "more than one training split");
}

Test(dataset, idx_from_disk_gives_the_same) {
  char plain[TEST_PATH_SIZE], packed[TEST_PATH_SIZE];
  snprintf(plain, sizeof plain, "%s", test_path("a-images"));
  snprintf(packed, sizeof packed, "%s", test_path("b-images.gz"));
  write_images("a-images", false, 20, 240);
  write_images("b-images.gz", true, 20, 240);
  limn_dataset_options little = {.memory_limit = 100};
  limn_dataset_info info;
  limn_dataset *dataset = open_data(plain, &little, &info);
  cr_assert_eq(info.memory_bytes, 0);
  uint8_t chw[12];
  for (uint32_t n = 0; n < 20; ++n) {
    cr_assert_eq(limn_dataset_read(dataset, n, chw), LIMN_OK);
    for (uint32_t i = 0; i < 12; ++i)
      cr_assert_eq(chw[i], (n * 12 + i) % 251);
  }
  limn_dataset_close(dataset);
  expect_error(packed, &little, LIMN_DATA, "gunzip");
  limn_dataset_options colour = {.height = 6, .width = 6, .channels = 3};
  uint64_t fingerprint = fingerprint_of(plain, NULL);
  cr_assert_eq(fingerprint, fingerprint_of(packed, NULL));
  cr_assert_eq(fingerprint, fingerprint_of(plain, &little));
  cr_assert_eq(fingerprint, fingerprint_of(plain, &colour));
  write_labels("a-labels", false, 20);
  cr_assert_neq(fingerprint, fingerprint_of(plain, NULL), "labels count");
}

Test(dataset, idx_is_resized_and_coloured) {
  const uint32_t header[4] = {IMAGES, 2, 3, 4};
  uint8_t pixels[24];
  memset(pixels, 50, 12);
  memset(pixels + 12, 99, 12);
  test_write_idx(test_path("a"), false, header, 4, pixels, 24);
  limn_dataset_options options = {.height = 5, .width = 7, .channels = 3};
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_path("a"), &options, &info);
  cr_assert(info.height == 5 && info.width == 7 && info.channels == 3 && info.memory_bytes == 2 * 5 * 7 * 3);
  uint8_t chw[105];
  cr_assert_eq(limn_dataset_read(dataset, 1, chw), LIMN_OK);
  for (int i = 0; i < 105; ++i)
    cr_assert_eq(chw[i], 99);
  limn_dataset_close(dataset);
}

Test(dataset, reads_fashion_mnist) {
  if (access(FASHION_MNIST "/train-images-idx3-ubyte.gz", R_OK) != 0) {
    test_folder_remove(); /* a skipped test is not torn down */
    cr_skip_test("the package dataset-fashion-mnist is not installed");
  }
  limn_dataset_info info;
  limn_dataset *dataset = open_data(FASHION_MNIST, NULL, &info);
  cr_assert(info.count == 60000 && info.class_count == 10 && info.height == 28 && info.width == 28 &&
            info.channels == 1);
  uint8_t chw[784];
  cr_assert_eq(limn_dataset_read(dataset, 0, chw), LIMN_OK);
  cr_assert_eq(limn_dataset_label(dataset, 0), 9, "an ankle boot");
  int bright = 0;
  for (int i = 0; i < 784; ++i)
    bright += chw[i] > 127;
  cr_assert(bright > 100 && bright < 500);
  limn_dataset_close(dataset);
}

/* A folder with the classes b, a-b, a (in no order), a deeper folder and things to be ignored. */
static void write_tree(void) {
  const uint8_t one[3] = {10, 20, 30}, two[3] = {40, 50, 60}, grey[1] = {70};
  mkdir(test_path("b"), 0755);
  mkdir(test_path("a"), 0755);
  mkdir(test_path("a-b"), 0755);
  mkdir(test_path("a/deeper"), 0755);
  mkdir(test_path(".hidden"), 0755);
  test_write_plain(test_path("b/2.PNG"), 4, 4, 3, two);
  test_write_plain(test_path("a/deeper/1.png"), 4, 4, 3, one);
  test_write_plain(test_path("a-b/0.png"), 4, 4, 1, grey);
  test_write_plain(test_path("root.png"), 4, 4, 1, grey);
  test_write_plain(test_path(".hidden/x.png"), 9, 9, 3, two);
  test_write_plain(test_path("a/._1.png"), 9, 9, 3, two);
  test_write(test_path("a/notes.txt"), "hello", 5);
  test_write(test_path("a/photo.gif"), "hello", 5);
}

Test(dataset, folder_is_in_byte_order_with_classes) {
  write_tree();
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_folder, NULL, &info);
  cr_assert(info.count == 4 && info.channels == 3 && info.height == 4 && info.width == 4);
  cr_assert_str_eq(info.kind, "folder");
  /* a-b/0.png, a/deeper/1.png, b/2.PNG, root.png: '-' comes before '/'. Classes: a, a-b, b. */
  const uint8_t first[4] = {70, 10, 40, 70};
  const int labels[4] = {1, 0, 2, -1};
  uint8_t chw[48];
  for (uint32_t n = 0; n < 4; ++n) {
    cr_assert_eq(limn_dataset_read(dataset, n, chw), LIMN_OK);
    cr_assert_eq(chw[0], first[n], "picture %u: %d", n, chw[0]);
    cr_assert_eq(limn_dataset_label(dataset, n), labels[n]);
  }
  cr_assert_eq(limn_dataset_read(dataset, 1, chw), LIMN_OK);
  cr_assert(chw[15] == 10 && chw[16] == 20 && chw[32] == 30, "channels are planes");
  cr_assert_eq(info.class_count, 3);
  cr_assert_str_eq(limn_dataset_class_name(dataset, 0), "a");
  cr_assert_str_eq(limn_dataset_class_name(dataset, 1), "a-b");
  cr_assert_str_eq(limn_dataset_class_name(dataset, 2), "b");
  limn_dataset_close(dataset);
  char slashed[TEST_PATH_SIZE];
  snprintf(slashed, sizeof slashed, "%s/", test_folder);
  cr_assert_eq(info.fingerprint, fingerprint_of(slashed, NULL));
}

Test(dataset, link_loops_end) {
  write_tree();
  uint64_t before = fingerprint_of(test_folder, NULL);
  /* None of these adds a picture: every folder is entered once, by its own path. */
  cr_assert_eq(symlink(".", test_path("0-loop")), 0);
  cr_assert_eq(symlink("..", test_path("a/deeper/up")), 0);
  cr_assert_eq(symlink("../b", test_path("a/0-other")), 0);
  cr_assert_eq(symlink("../a", test_path("b/other")), 0);
  cr_assert_eq(symlink("self", test_path("self")), 0);
  cr_assert_eq(before, fingerprint_of(test_folder, NULL));
  cr_assert_eq(symlink("../b/2.PNG", test_path("a/linked.png")), 0);
  limn_dataset_info info;
  limn_dataset_close(open_data(test_folder, NULL, &info));
  cr_assert_eq(info.count, 5);
  cr_assert_eq(symlink("nowhere", test_path("a/lost.png")), 0);
  expect_error(test_folder, NULL, LIMN_DATA, "a/lost.png: a link to a file that is not there");
}

Test(dataset, grey_pictures_have_one_channel_unless_asked) {
  const uint8_t grey[2] = {70, 128};
  test_write_plain(test_path("1.png"), 4, 6, 1, grey);
  test_write_plain(test_path("2.png"), 4, 6, 2, grey);
  limn_dataset_info info;
  limn_dataset_options options = {.background = {0, 255, 0}};
  limn_dataset *dataset = open_data(test_folder, &options, &info);
  cr_assert(info.channels == 1 && info.class_count == 0);
  limn_dataset_close(dataset);
  options.channels = 3;
  dataset = open_data(test_folder, &options, &info);
  uint8_t chw[72];
  cr_assert_eq(info.channels, 3);
  cr_assert_eq(limn_dataset_read(dataset, 1, chw), LIMN_OK);
  cr_assert(chw[0] == 35 && chw[24] == 162 && chw[48] == 35, "%d %d %d", chw[0], chw[24], chw[48]);
  limn_dataset_close(dataset);
}

Test(dataset, folder_errors_name_the_way_out) {
  expect_error(test_folder, NULL, LIMN_DATA, "no pictures, and no IDX or CIFAR files");
  test_write(test_path("1.gif"), "x", 1);
  test_write(test_path("2.GIF"), "x", 1);
  test_write(test_path("3.tiff"), "x", 1);
  expect_error(test_folder, NULL, LIMN_DATA, "3 files are no pictures that Limn reads: 2 .gif, 1 .tiff (first: 1.gif)");
  const uint8_t grey[1] = {70};
  test_write_plain(test_path("1.png"), 4, 6, 1, grey);
  test_write_plain(test_path("2.png"), 6, 4, 1, grey);
  test_write_plain(test_path("3.png"), 7, 4, 1, grey);
  expect_error(test_folder, NULL, LIMN_DATA, "1.png is 4 x 6 pixels, but");
  expect_error(test_folder, NULL, LIMN_DATA, "2.png is 6 x 4; give one size for all with --size");
  limn_dataset_info info;
  limn_dataset_options options = {.height = 5, .width = 5};
  limn_dataset_close(open_data(test_folder, &options, &info));
  cr_assert(info.count == 3 && info.height == 5 && info.width == 5);
  test_write(test_path("4.png"), "", 0);
  expect_error(test_folder, &options, LIMN_DATA, "4.png: an empty file");
  expect_error(test_path("1.png"), NULL, LIMN_DATA, "name the folder");
  options.width = 0;
  expect_error(test_folder, &options, LIMN_USAGE, "both sides");
  options = (limn_dataset_options){.channels = 2};
  expect_error(test_folder, &options, LIMN_USAGE, "2 channels");
}

/* Many pictures, so that several threads work. */
static void write_many(int count) {
  for (int i = 0; i < count; ++i) {
    const uint8_t value[3] = {(uint8_t)i, (uint8_t)(i * 7), (uint8_t)(i * 13)};
    test_write_plain(test_path("%03d.png", i), 5 + i % 3, 6, 3, value);
  }
}

Test(dataset, threads_and_memory_change_nothing) {
  write_many(150);
  limn_dataset_options options = {.height = 4, .width = 4, .workers = 1};
  limn_dataset_info info, other_info;
  limn_dataset *dataset = open_data(test_folder, &options, &info);
  cr_assert_eq(info.memory_bytes, 150 * 48);
  for (int variant = 0; variant < 2; ++variant) {
    options.workers = 5;
    options.memory_limit = variant ? 1 : 0;
    limn_dataset *other = open_data(test_folder, &options, &other_info);
    cr_assert_eq(other_info.memory_bytes == 0, variant == 1);
    cr_assert_eq(info.fingerprint, other_info.fingerprint);
    for (uint32_t i = 0; i < 150; ++i) {
      uint8_t a[48], b[48];
      cr_assert_eq(limn_dataset_read(dataset, i, a), LIMN_OK);
      cr_assert_eq(limn_dataset_read(other, i, b), LIMN_OK);
      cr_assert_arr_eq(a, b, 48);
      cr_assert_eq(a[0], i);
    }
    limn_dataset_close(other);
  }
  limn_dataset_close(dataset);
  const uint8_t value[3] = {1, 2, 3};
  test_write_plain(test_path("149.png"), 7, 6, 3, value);
  cr_assert_neq(info.fingerprint, fingerprint_of(test_folder, &options));
}

Test(dataset, the_first_broken_file_is_named) {
  write_many(150);
  limn_dataset_options options = {.height = 4, .width = 4, .workers = 8};
  uint8_t bytes[4096];
  const char *const broken[] = {"140.png", "073.png", "072.png", "139.png"};
  for (size_t i = 0; i < 4; ++i) { /* whole headers, cut pixels: found when decoding */
    const char *path = test_path("%s", broken[i]);
    size_t size = test_read(path, bytes, sizeof bytes);
    test_write(path, bytes, size - 20);
  }
  for (int i = 0; i < 20; ++i)
    expect_error(test_folder, &options, LIMN_DATA, "072.png: broken PNG");
}

Test(dataset, a_folder_of_every_kind_of_picture) {
  const uint8_t grey = 100, white[3] = {255, 255, 255};
  uint8_t rows[8 * 6 * 4];
  memset(rows, 200, sizeof rows);
  test_jpeg kind = {.height = 8, .width = 6, .pixels = JCS_RGB, .file = JCS_YCbCr, .orientation = 8};
  test_bytes jpeg = test_make_jpeg(&kind, rows), webp = test_make_webp(rows, 6, 8, true, true);
  test_write(test_path("b.JPG"), jpeg.bytes, jpeg.size);
  test_write(test_path("c.webp"), webp.bytes, webp.size);
  test_write(test_path("d.png"), jpeg.bytes, jpeg.size); /* what it is called does not matter */
  test_write(test_path("e.txt"), jpeg.bytes, jpeg.size);
  test_write_plain(test_path("a.png"), 6, 8, 1, &grey);
  limn_dataset_options options = {.background = {255, 255, 255}};
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_folder, &options, &info);
  cr_assert(info.count == 5 && info.height == 6 && info.width == 8 && info.channels == 3, "%u of %d x %d", info.count,
            info.height, info.width);
  const int expected[5] = {100, 200, (200 * 200 + 255 * 55) / 255, 200, 200};
  for (uint32_t i = 0; i < 5; ++i) {
    uint8_t chw[144];
    cr_assert_eq(limn_dataset_read(dataset, i, chw), LIMN_OK, "%s", limn_error_message());
    cr_assert(abs(chw[143] - expected[i]) <= 1, "%u: %d", i, chw[143]);
  }
  limn_dataset_close(dataset);
  free(jpeg.bytes);
  free(webp.bytes);
  test_write_plain(test_path("1x1.png"), 1, 1, 3, white);
  options = (limn_dataset_options){.height = 64, .width = 64};
  limn_dataset_close(open_data(test_folder, &options, &info));
  cr_assert_eq(info.count, 6, "one pixel is a picture too");
  options.max_pixels = 47;
  expect_error(test_folder, &options, LIMN_DATA, "6 x 8 pixels, over the limit of 47 in all");
}

Test(dataset, fits_as_it_is_told) {
  uint8_t rows[4 * 8 * 3] = {0};
  for (int y = 0; y < 4; ++y)
    memset(rows + y * 24 + 6, 255, 12); /* columns 2 to 5 are white */
  test_png kind = {.width = 8, .height = 4, .depth = 8, .color = PNG_COLOR_TYPE_RGB};
  test_write_png(test_path("a.png"), &kind, rows, 24);
  static const struct {
    limn_fit fit;
    uint8_t corner, left, middle; /* (0, 0), (4, 0), (4, 4) */
  } cases[] = {{LIMN_FIT_CROP, 255, 255, 255}, {LIMN_FIT_PAD, 9, 0, 255}, {LIMN_FIT_STRETCH, 0, 0, 255}};
  for (int i = 0; i < 3; ++i) {
    limn_dataset_options options = {.height = 8, .width = 8, .fit = cases[i].fit, .background = {9, 9, 9}};
    limn_dataset_info info;
    limn_dataset *dataset = open_data(test_folder, &options, &info);
    uint8_t chw[192];
    cr_assert_eq(limn_dataset_read(dataset, 0, chw), LIMN_OK);
    cr_assert(chw[0] == cases[i].corner && chw[32] == cases[i].left && chw[36] == cases[i].middle, "%d: %d %d %d", i,
              chw[0], chw[32], chw[36]);
    limn_dataset_close(dataset);
  }
}

Test(dataset, a_file_that_vanishes_is_named) {
  write_many(20);
  limn_dataset_options options = {.height = 4, .width = 4, .memory_limit = 1}; /* decoded at each read */
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_folder, &options, &info);
  unlink(test_path("007.png"));
  uint8_t chw[48];
  cr_assert_eq(limn_dataset_read(dataset, 6, chw), LIMN_OK);
  cr_assert_eq(limn_dataset_read(dataset, 7, chw), LIMN_DATA);
  cr_assert_not_null(strstr(limn_error_message(), "007.png: cannot open: No such file"), "%s", limn_error_message());
  limn_dataset_close(dataset);
}

/* Names are bytes. Messages are UTF-8 without control characters. */
Test(dataset, names_that_are_not_utf_8) {
  const uint8_t grey = 100;
  mkdir(test_path("caf\xe9"), 0755);
  mkdir(test_path("caf\xc3\xa9"), 0755);
  test_write_plain(test_path("caf\xe9/\xff\n\x1b[1m.png"), 4, 4, 1, &grey);
  test_write_plain(test_path("caf\xc3\xa9/a.png"), 4, 4, 1, &grey);
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_folder, NULL, &info);
  cr_assert(info.count == 2 && info.class_count == 2);
  cr_assert_str_eq(limn_dataset_class_name(dataset, 0), "caf\xc3\xa9");
  limn_dataset_close(dataset);
  test_write(test_path("caf\xe9/\xff\n\x1b[1m.png"), "", 0);
  expect_error(test_folder, NULL, LIMN_DATA, "caf\\xe9/\\xff \\x1b[1m.png: an empty file");
  test_write(test_path("caf\xc3\xa9/a.png"), "", 0);
  expect_error(test_path("caf\xc3\xa9"), NULL, LIMN_DATA, "caf\xc3\xa9/a.png: an empty file");
}

Test(split, divides_without_overlap) {
  const struct {
    uint32_t count;
    double part;
    uint32_t validation;
  } cases[] = {{1000, 0.1, 100}, {1000, 0.0, 0}, {10, 0.01, 1}, {1, 0.5, 0}, {2, 0.5, 1}, {3, 0.5, 2}, {2, 0.99, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    uint32_t *training, *validation, training_count, validation_count;
    cr_assert_eq(
        limn_split(cases[i].count, cases[i].part, 1, &training, &training_count, &validation, &validation_count),
        LIMN_OK);
    cr_assert_eq(validation_count, cases[i].validation, "case %zu", i);
    cr_assert_eq(training_count + validation_count, cases[i].count);
    int seen[1000] = {0};
    for (uint32_t j = 0; j < training_count; ++j)
      ++seen[training[j]];
    for (uint32_t j = 0; j < validation_count; ++j)
      ++seen[validation[j]];
    for (uint32_t j = 0; j < cases[i].count; ++j)
      cr_assert_eq(seen[j], 1);
    free(training);
    free(validation);
  }
}

Test(split, follows_the_seed) {
  uint32_t *training, *a, *b, *c, training_count, count;
  cr_assert_eq(limn_split(1000, 0.1, 1, &training, &training_count, &a, &count), LIMN_OK);
  free(training);
  cr_assert_eq(limn_split(1000, 0.1, 1, &training, &training_count, &b, &count), LIMN_OK);
  free(training);
  cr_assert_eq(limn_split(1000, 0.1, 2, &training, &training_count, &c, &count), LIMN_OK);
  free(training);
  cr_assert_arr_eq(a, b, 100 * sizeof *a);
  cr_assert_arr_neq(a, c, 100 * sizeof *a);
  free(a);
  free(b);
  free(c);
  cr_assert_eq(limn_split(0, 0.1, 1, &training, &training_count, &a, &count), LIMN_DATA);
  cr_assert_eq(limn_split(10, 1.0, 1, &training, &training_count, &a, &count), LIMN_USAGE);
  cr_assert_eq(limn_split(10, -0.1, 1, &training, &training_count, &a, &count), LIMN_USAGE);
  cr_assert(!training && !a);
}

typedef struct tally {
  atomic_int calls[1000];
  uint32_t slow; /* of 20 and 40, the one that fails last */
} tally;

static limn_status count_call(void *context, uint32_t i) {
  tally *t = context;
  ++t->calls[i];
  return LIMN_OK;
}

Test(parallel, calls_each_once) {
  for (uint32_t count = 0; count <= 1000; count += 125)
    for (int workers = 0; workers < 10; ++workers) {
      tally t = {0};
      cr_assert_eq(limn_parallel_for(count, workers, count_call, &t), LIMN_OK);
      for (uint32_t i = 0; i < 1000; ++i)
        cr_assert_eq(t.calls[i], i < count);
    }
}

/* 20 and 40 fail, once both are under way; one of them some time after the other. */
static limn_status fail_twice(void *context, uint32_t i) {
  tally *t = context;
  ++t->calls[i];
  if (i != 20 && i != 40)
    return LIMN_OK;
  while (!t->calls[60 - i])
    usleep(100);
  if (i == t->slow)
    usleep(20000);
  return limn_fail(LIMN_DATA, "number %u", i);
}

Test(parallel, reports_the_lowest_failure) {
  for (uint32_t slow = 20; slow <= 40; slow += 20) {
    tally t = {.slow = slow};
    cr_assert_eq(limn_parallel_for(64, 4, fail_twice, &t), LIMN_DATA);
    cr_assert_str_eq(limn_error_message(), "number 20");
  }
}
