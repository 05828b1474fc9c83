/* Pictures in zip and tar archives. */
#include "support/archives.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "data/source.h"
#include "support/data.h"
#include "support/picture_files.h"
#include "support/pictures.h"

TestSuite(archives, .init = test_folder_create, .fini = test_folder_remove, .timeout = 120);

/* test_path's buffers are used in turn: a path that is to last. */
static const char *lasting(char copy[TEST_PATH_SIZE], const char *name) {
  snprintf(copy, TEST_PATH_SIZE, "%s", test_path("%s", name));
  return copy;
}

/* A plain grey PNG of 4 x 4 pixels. */
static test_bytes png_of(uint8_t grey) {
  test_bytes file = {malloc(4096), 0};
  test_write_plain(test_path("made"), 4, 4, 1, &grey);
  file.size = test_read(test_path("made"), file.bytes, 4096);
  unlink(test_path("made"));
  return file;
}

static void add_png(test_archive *made, const char *name, uint8_t grey) {
  test_bytes file = png_of(grey);
  test_archive_add(made, name, file.bytes, file.size);
  free(file.bytes);
}

/* Six pictures in two classes and beside them; not in order, with things to be ignored. */
static void write_archive(const char *path, const char *format, const char *filter) {
  static const struct {
    const char *name;
    uint8_t grey;
  } members[] = {
      {"set/dog/2.png", 20},   {"set/cat/b.PNG", 11},          {"set/.hidden/1.png", 99},        {"set/cat/a.png", 10},
      {"set/cat/._a.png", 99}, {"./set/dog/deeper/1.png", 21}, {"set/\xc3\xa9t\xc3\xa9.png", 30}};
  uint8_t rows[64 * 3];
  memset(rows, 200, sizeof rows);
  test_archive made = test_archive_open(path, format, filter);
  for (size_t i = 0; i < sizeof members / sizeof *members; ++i)
    add_png(&made, members[i].name, members[i].grey);
  test_jpeg kind = {.height = 8, .width = 8, .pixels = JCS_RGB, .file = JCS_YCbCr};
  test_bytes jpeg = test_make_jpeg(&kind, rows);
  test_archive_add(&made, "set/dog/photo.jpg", jpeg.bytes, jpeg.size);
  test_archive_add(&made, "set/README.txt", "hello", 5);
  free(jpeg.bytes);
  test_archive_close(&made);
}

static const limn_dataset_options four = {.height = 4, .width = 4};

static void expect_archive_with(const char *path, const limn_dataset_options *options) {
  static const uint8_t greys[6] = {10, 11, 20, 21, 200, 30};
  static const int labels[6] = {0, 0, 1, 1, 1, -1};
  limn_dataset_info info;
  limn_dataset *dataset = open_data(path, options, &info);
  cr_assert_str_eq(info.kind, "archive");
  cr_assert(info.count == 6 && info.class_count == 2 && info.channels == 3, "%u, %d", info.count, info.class_count);
  cr_assert_str_eq(limn_dataset_class_name(dataset, 0), "cat");
  cr_assert_str_eq(limn_dataset_class_name(dataset, 1), "dog");
  for (uint32_t i = 0; i < 6; ++i) {
    uint8_t chw[48];
    cr_assert_eq(limn_dataset_read(dataset, i, chw), LIMN_OK, "%s", limn_error_message());
    cr_assert(abs(chw[0] - greys[i]) <= 1, "picture %u: %d", i, chw[0]);
    cr_assert_eq(limn_dataset_label(dataset, i), labels[i], "picture %u", i);
  }
  limn_dataset_close(dataset);
}

static void expect_archive(const char *path) { expect_archive_with(path, &four); }

Test(archives, of_every_kind) {
  static const char *const kinds[][2] = {{"zip", "none"},  {"pax", "none"},  {"gnutar", "none"}, {"ustar", "gzip"},
                                         {"pax", "bzip2"}, {"gnutar", "xz"}, {"pax", "zstd"}};
  uint64_t fingerprint = 0;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i) {
    char copy[TEST_PATH_SIZE];
    const char *path = lasting(copy, "data"); /* told by its bytes: the name says nothing */
    write_archive(path, kinds[i][0], kinds[i][1]);
    expect_archive(path);
    uint64_t same = fingerprint_of(path, &four);
    cr_assert(i == 0 || same == fingerprint, "the same pictures have the same fingerprint");
    fingerprint = same;
  }
}

Test(archives, decode_at_each_read_gives_the_same) {
  write_archive(test_path("data.zip"), "zip", "none");
  limn_dataset_options little = {.height = 4, .width = 4, .memory_limit = 1, .workers = 4};
  limn_dataset_info info;
  limn_dataset *dataset = open_data(test_path("data.zip"), &little, &info);
  cr_assert_eq(info.memory_bytes, 0);
  uint8_t chw[48];
  for (int round = 0; round < 3; ++round) {
    cr_assert_eq(limn_dataset_read(dataset, 3, chw), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(chw[47], 21);
  }
  limn_dataset_close(dataset);
}

Test(archives, leave_nothing_behind) {
  write_archive(test_path("data.zip"), "zip", "none");
  mkdir(test_path("temporary"), 0755);
  setenv("TMPDIR", test_path("temporary"), 1);
  expect_archive(test_path("data.zip"));
  cr_assert_eq(rmdir(test_path("temporary")), 0, "something is left in it");
  expect_error(test_path("data.zip"), &four, LIMN_FAILED, "name another folder in TMPDIR");
}

Test(archives, bad_members_are_named) {
  test_archive made = test_archive_open(test_path("a.zip"), "zip", "none");
  add_png(&made, "good.png", 1);
  test_archive_add(&made, "cut.png", "\x89PNG", 4);
  test_archive_close(&made);
  expect_error(test_path("a.zip"), &four, LIMN_DATA, "cut.png in ");

  made = test_archive_open(test_path("b.zip"), "zip", "none");
  test_archive_add(&made, "empty.png", "", 0);
  test_archive_close(&made);
  expect_error(test_path("b.zip"), &four, LIMN_DATA, "an empty file");

  made = test_archive_open(test_path("c.tar"), "pax", "none");
  add_png(&made, "a.png", 1);
  add_png(&made, "a.png", 2);
  test_archive_close(&made);
  expect_error(test_path("c.tar"), &four, LIMN_DATA, "holds a.png twice");

  made = test_archive_open(test_path("d.tar"), "pax", "none");
  add_png(&made, "a.png", 1);
  test_archive_add_link(&made, "b.png", "a.png", NULL, 0);
  test_archive_close(&made);
  expect_error(test_path("d.tar"), &four, LIMN_DATA, "b.png is a link to a.png");

  made = test_archive_open(test_path("e.tar"), "pax", "none");
  test_archive_add(&made, "notes.txt", "hello", 5);
  test_archive_close(&made);
  expect_error(test_path("e.tar"), &four, LIMN_DATA,
               "no pictures in this archive: 1 file is no picture that Limn reads: 1 .txt (first: notes.txt)");

  /* A name in no charset is shown as bytes. */
  made = test_archive_open(test_path("f.tar"), "ustar", "none");
  test_archive_add(&made, "caf\xe9\x1b.png", "\x89PNG", 4);
  test_archive_close(&made);
  expect_error(test_path("f.tar"), &four, LIMN_DATA, "caf\\xe9\\x1b.png in ");
}

Test(archives, a_huge_member_is_refused_alone) {
  size_t size = limn_image_file_limit(1000) + 5;
  uint8_t *zeros = calloc(size, 1);
  memcpy(zeros, "\x89PNG\r\n\x1a\n", 8);
  test_archive made = test_archive_open(test_path("a.tar.gz"), "pax", "gzip");
  add_png(&made, "a.png", 1);
  test_archive_add(&made, "bomb.png", zeros, size);
  test_archive_close(&made);
  free(zeros);
  limn_dataset_options options = {.height = 4, .width = 4, .max_pixels = 1000};
  expect_error(test_path("a.tar.gz"), &options, LIMN_DATA, "bomb.png in ");
  expect_error(test_path("a.tar.gz"), &options, LIMN_DATA, "over the limit of");
  options.max_pixels = 15;
  expect_error(test_path("a.tar.gz"), &options, LIMN_DATA, "a.png in ");
  expect_error(test_path("a.tar.gz"), &options, LIMN_DATA,
               "over the limit of 15 in all; shrink or remove it, or raise max_pixels");
}

/* Cut anywhere, an archive is refused, but for a tar file between two members: nothing in it says how many there are.
 */
Test(archives, cut_off_anywhere) {
  static const struct {
    const char *format, *filter;
    bool always;
  } kinds[] = {{"zip", "none", true}, {"ustar", "none", false}, {"pax", "gzip", true},
               {"pax", "xz", true},   {"pax", "zstd", true},    {"pax", "bzip2", true}};
  char path[TEST_PATH_SIZE];
  lasting(path, "data.tar");
  for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; ++kind) {
    uint8_t bytes[65536];
    write_archive(path, kinds[kind].format, kinds[kind].filter);
    size_t size = test_read(path, bytes, sizeof bytes);
    for (size_t length = 0; length < size; length += kinds[kind].always ? 7 : 64) {
      test_write(path, bytes, length);
      limn_dataset *dataset;
      limn_status status = limn_dataset_open(&dataset, path, &four);
      cr_assert(status == LIMN_DATA || (status == LIMN_OK && !kinds[kind].always), "kind %zu cut at %zu of %zu: %d",
                kind, length, size, status);
      if (status == LIMN_DATA)
        cr_assert_not_null(strstr(limn_error_message(), path), "%s", limn_error_message());
      limn_dataset_close(dataset);
    }
  }
}

/* Tells files with decoded pictures apart, of which the folder holds one. */
static uint64_t only_file(const char *folder) {
  DIR *entries = opendir(folder);
  uint64_t found = 0;
  int count = 0;
  cr_assert_not_null(entries);
  for (struct dirent *entry; (entry = readdir(entries));)
    if (entry->d_name[0] != '.') {
      found = limn_hash_bytes(entry->d_ino, entry->d_name, strlen(entry->d_name));
      ++count;
    }
  closedir(entries);
  cr_assert_eq(count, 1, "%d files", count);
  return found;
}

static const char *kept_file(const char *folder) {
  static char path[TEST_PATH_SIZE];
  DIR *entries = opendir(folder);
  cr_assert_not_null(entries);
  for (struct dirent *entry; (entry = readdir(entries));)
    if (entry->d_name[0] != '.')
      snprintf(path, sizeof path, "%.200s/%.250s", folder, entry->d_name);
  closedir(entries);
  return path;
}

Test(archives, kept_pictures_tell_which_are_broken) {
  char path[TEST_PATH_SIZE], kept[TEST_PATH_SIZE];
  limn_dataset_options options = {.height = 4, .width = 4, .cache = lasting(kept, "kept"), .skip_broken = true};
  test_archive made = test_archive_open(lasting(path, "a.zip"), "zip", "none");
  add_png(&made, "1.png", 1);
  test_archive_add(&made, "2.png", "\x89PNG", 4);
  add_png(&made, "3.png", 3);
  test_archive_close(&made);
  const uint64_t fingerprint = fingerprint_of(path, &options);
  setenv("TMPDIR", test_path("nowhere"), 1);
  limn_dataset_info info;
  limn_dataset *dataset = open_data(path, &options, &info);
  uint8_t chw[16];
  cr_assert_eq(limn_dataset_read(dataset, 1, chw), LIMN_OK);
  cr_assert(info.count == 2 && info.broken == 1 && chw[0] == 3 && info.fingerprint == fingerprint);
  limn_dataset_close(dataset);
  unsetenv("TMPDIR");
  options.skip_broken = false;
  expect_error(path, &options, LIMN_DATA, "2.png in ");
}

Test(archives, decoded_pictures_are_kept) {
  char path[TEST_PATH_SIZE], kept[TEST_PATH_SIZE], labels[TEST_PATH_SIZE];
  limn_dataset_options options = {.height = 4, .width = 4, .cache = lasting(kept, "kept")};
  const limn_dataset_options uncached = {.height = 4, .width = 4};
  lasting(path, "data.tar");
  lasting(labels, "labels.csv");
  write_archive(path, "ustar", "none");
  const uint64_t fingerprint = fingerprint_of(path, &uncached);
  cr_assert_eq(fingerprint_of(path, &options), fingerprint);
  uint64_t last = only_file(kept);
  cr_assert_eq(fingerprint_of(path, &options), fingerprint);
  cr_assert_eq(only_file(kept), last, "decoded again");

  /* It need not be unpacked for that, and must be for another size; where nothing can be, that shows. */
  setenv("TMPDIR", test_path("nowhere"), 1);
  expect_archive_with(path, &options);
  cr_assert_eq(fingerprint_of(path, &options), fingerprint);
  limn_dataset_options other = options;
  other.width = 5;
  expect_error(path, &other, LIMN_FAILED, "no temporary file can be made");
  expect_error(path, &uncached, LIMN_FAILED, "no temporary file can be made");
  unsetenv("TMPDIR");

  /* A name that is damaged in the file is not believed. */
  uint8_t bytes[65536];
  size_t size = test_read(kept_file(kept), bytes, sizeof bytes);
  bytes[576 + 6 * 24 + 8] ^= 1;
  test_write(kept_file(kept), bytes, size);
  expect_archive_with(path, &options);
  cr_assert_neq(only_file(kept), last, "decoded again");
  last = only_file(kept);

  /* Other labels are of the same pictures. */
  static const char *const csv[] = {"a.png,x\nb.PNG,x\n2.png,x\n1.png,x\nphoto.jpg,x\n\xc3\xa9t\xc3\xa9.png,x\n",
                                    "a.png,x\nb.PNG,y\n2.png,x\n1.png,x\nphoto.jpg,x\n\xc3\xa9t\xc3\xa9.png,x\n"};
  options.labels = labels;
  for (int i = 0; i < 2; ++i) {
    limn_dataset_info info;
    test_write(labels, csv[i], strlen(csv[i]));
    limn_dataset *dataset = open_data(path, &options, &info);
    cr_assert(info.cache_bytes > 0 && info.class_count == i + 1, "%d", info.class_count);
    limn_dataset_close(dataset);
    cr_assert_eq(fingerprint_of(path, &options), info.fingerprint);
    cr_assert_neq(info.fingerprint, fingerprint);
    cr_assert_eq(only_file(kept), last, "decoded again");
  }
  options.labels = NULL;
  cr_assert_eq(fingerprint_of(path, &options), fingerprint);

  /* Another archive, as large as before, with the old names, sizes and date: its time of change tells. */
  struct stat before, after;
  test_archive made = test_archive_open(path, "ustar", "none");
  add_png(&made, "a.png", 1);
  test_archive_close(&made);
  size = test_read(path, bytes, sizeof bytes);
  cr_assert_eq(fingerprint_of(path, &options), fingerprint_of(path, &uncached));
  cr_assert_eq(stat(path, &before), 0);
  made = test_archive_open(test_path("other"), "ustar", "none");
  add_png(&made, "a.png", 2);
  test_archive_close(&made);
  cr_assert_eq(test_read(test_path("other"), bytes, sizeof bytes), size);
  test_write(path, bytes, size);
  cr_assert_eq(utimensat(AT_FDCWD, path, (const struct timespec[]){before.st_atim, before.st_mtim}, 0), 0);
  cr_assert_eq(stat(path, &after), 0);
  cr_assert(after.st_size == before.st_size && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
  limn_dataset_info info;
  limn_dataset *dataset = open_data(path, &options, &info);
  uint8_t chw[48];
  cr_assert_eq(limn_dataset_read(dataset, 0, chw), LIMN_OK);
  cr_assert_eq(chw[0], 2);
  limn_dataset_close(dataset);
}
