/* Every reader of data, on files with random changes: whatever comes of them, none may crash, hang, print or (in the
 * sanitizers' build) leak, and what is refused is refused as bad data in one line that names the file. */
#include "support/archives.h"
#include "support/data.h"
#include "support/picture_files.h"
#include "support/pictures.h"

TestSuite(mutations, .init = test_folder_create, .fini = test_folder_remove, .timeout = 300);

#define ROUNDS 2000

static uint8_t original[1 << 18], changed[1 << 18];

static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 24;
}

/* One to four bytes anywhere or near the front, another value or a bit; every fourth file is cut off too. */
static size_t mutate(size_t size, uint64_t *state) {
  memcpy(changed, original, size);
  if (next_random(state) % 4 == 0)
    size = next_random(state) % size + 1;
  for (uint64_t n = next_random(state) % 4; n-- > 0;) {
    size_t near = next_random(state) % 2 && size > 200 ? 200 : size, at = next_random(state) % near;
    changed[at] = (uint8_t)(next_random(state) % 2 ? next_random(state) : changed[at] ^ 1u << next_random(state) % 8);
  }
  return size;
}

/* data: what is opened; file: what is changed. Both are copied at once: test_path's buffers are used in turn. */
static void mutate_file(const char *data_path, const char *file_path, const char *labels_path) {
  char data[TEST_PATH_SIZE], file[TEST_PATH_SIZE], labels[TEST_PATH_SIZE];
  snprintf(data, sizeof data, "%s", data_path);
  snprintf(file, sizeof file, "%s", file_path);
  snprintf(labels, sizeof labels, "%s", labels_path ? labels_path : "");
  limn_dataset_options options = {
      .height = 8, .width = 8, .workers = 1, .max_pixels = 100000, .memory_limit = 1 << 20, .labels = labels};
  size_t size = test_read(file, original, sizeof original);
  limn_dataset_info info;
  limn_dataset_close(open_data(data, &options, &info));
  uint64_t state = 1;
  int refused = 0;
  for (int i = 0; i < ROUNDS; ++i) {
    limn_dataset *dataset;
    unlink(file); /* some file systems write to the disk when a file is overwritten */
    test_write(file, changed, mutate(size, &state));
    limn_status status = limn_dataset_open(&dataset, data, &options);
    cr_assert(status == LIMN_OK || status == LIMN_DATA, "round %d: %d, %s", i, status, limn_error_message());
    cr_assert_eq(status == LIMN_OK, dataset != NULL);
    if (status != LIMN_OK) {
      ++refused;
      cr_assert(strstr(limn_error_message(), file) && !strchr(limn_error_message(), '\n'), "%s", limn_error_message());
    }
    limn_dataset_close(dataset);
  }
  cr_assert(refused > ROUNDS / 5, "%d refused", refused);
}

Test(mutations, idx) {
  const uint32_t header[4] = {0x803, 9, 5, 4}, label_header[2] = {0x801, 9};
  for (size_t i = 0; i < sizeof original; ++i)
    original[i] = (uint8_t)(i * 77 >> 2);
  test_write_idx(test_path("a-images"), false, header, 4, original, 180);
  test_write_idx(test_path("a-labels.gz"), true, label_header, 2, (const uint8_t *)"\1\2\3\4\5\6\7\0\1", 9);
  mutate_file(test_path("a-images"), test_path("a-images"), NULL);
  test_write_idx(test_path("a-images"), false, header, 4, changed, 180);
  mutate_file(test_path("a-images"), test_path("a-labels.gz"), NULL);
}

Test(mutations, cifar) {
  uint8_t record[3073] = {3};
  test_write(test_path("data_batch_1.bin"), record, sizeof record);
  mutate_file(test_folder, test_path("data_batch_1.bin"), NULL);
}

/* An array of three pictures of 6 x 4 pixels; its bytes. */
static size_t make_npy(uint8_t *out) {
  static const char header[] = "\x93NUMPY\1\0\x4a\0{'descr': '|u1', 'fortran_order': False, 'shape': (3, 6, 4), }";
  memset(out, ' ', 84);
  memcpy(out, header, sizeof header - 1);
  out[83] = '\n';
  memset(out + 84, 7, 72);
  return 84 + 72;
}

Test(mutations, npy) {
  test_write(test_path("a.npy"), original, make_npy(original));
  mutate_file(test_path("a.npy"), test_path("a.npy"), NULL);
}

Test(mutations, npz) {
  test_archive made = test_archive_open(test_path("a.npz"), "zip", "none");
  test_archive_add(&made, "images.npy", original, make_npy(original));
  test_archive_close(&made);
  mutate_file(test_path("a.npz"), test_path("a.npz"), NULL);
}

/* A folder p and an archive of a PNG, a JPEG and a WebP. */
static void write_pictures(const char *archive, const char *format, const char *filter) {
  uint8_t rows[12 * 10 * 3];
  for (size_t i = 0; i < sizeof rows; ++i)
    rows[i] = (uint8_t)(i * 7);
  test_png png = {.height = 10, .width = 12, .depth = 8, .color = PNG_COLOR_TYPE_RGB};
  test_jpeg jpeg = {.height = 10, .width = 12, .pixels = JCS_RGB, .file = JCS_YCbCr, .orientation = 6};
  mkdir(test_path("p"), 0755);
  test_write_png(test_path("p/a.png"), &png, rows, sizeof rows / 10);
  test_bytes files[3] = {{malloc(4096), 0}, test_make_jpeg(&jpeg, rows), test_make_webp(rows, 10, 12, false, false)};
  files[0].size = test_read(test_path("p/a.png"), files[0].bytes, 4096);
  static const char *const names[3] = {"a.png", "b.jpg", "c.webp"};
  test_archive made = test_archive_open(archive, format, filter);
  for (int i = 0; i < 3; ++i) {
    test_archive_add(&made, names[i], files[i].bytes, files[i].size);
    test_write(test_path("p/%s", names[i]), files[i].bytes, files[i].size);
    free(files[i].bytes);
  }
  test_archive_close(&made);
}

Test(mutations, zip) {
  write_pictures(test_path("a.zip"), "zip", "none");
  mutate_file(test_path("a.zip"), test_path("a.zip"), NULL);
}

Test(mutations, tar) {
  write_pictures(test_path("a.tar"), "pax", "none");
  mutate_file(test_path("a.tar"), test_path("a.tar"), NULL);
}

Test(mutations, compressed_tar) {
  static const char *const filters[] = {"gzip", "bzip2", "xz", "zstd"};
  for (int i = 0; i < 4; ++i) {
    char path[TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s", test_path("%d.tar", i));
    write_pictures(path, "gnutar", filters[i]);
    mutate_file(path, path, NULL);
  }
}

Test(mutations, csv) {
  write_pictures(test_path("a.zip"), "zip", "none");
  static const char text[] = "file,label\r\n\"a.png\",\"a \"\"cat\"\"\"\r\nb.jpg,dog\nc.webp,\"a\nb\"";
  test_write(test_path("labels.csv"), text, sizeof text - 1);
  mutate_file(test_path("p"), test_path("labels.csv"), test_path("labels.csv"));
}
