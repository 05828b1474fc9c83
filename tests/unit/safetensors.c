/* safetensors: what is written reads back, byte for byte as the format says; what is broken is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/safetensors.h"

static char folder[] = "/tmp/limn-tensors-XXXXXX";
static char path[256];

static void make_folder(void) {
  cr_assert_not_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/a.safetensors", folder);
}

static void remove_folder(void) {
  unlink(path);
  cr_expect_eq(rmdir(folder), 0, "a file was left behind");
}

TestSuite(safetensors, .init = make_folder, .fini = remove_folder);

static void write_bytes(const void *bytes, size_t size) {
  FILE *stream = fopen(path, "wb");
  cr_assert_not_null(stream);
  cr_assert_eq(fwrite(bytes, 1, size, stream), size);
  fclose(stream);
}

static size_t read_bytes(char *buffer, size_t size) {
  FILE *stream = fopen(path, "rb");
  cr_assert_not_null(stream);
  size_t got = fread(buffer, 1, size, stream);
  fclose(stream);
  return got;
}

/* A file with this header and `data_size` bytes of data. */
static void write_file(const char *header, size_t data_size) {
  char bytes[8192] = {0};
  size_t length = strlen(header);
  cr_assert_lt(8 + length + data_size, sizeof bytes);
  for (int i = 0; i < 8; ++i)
    bytes[i] = (char)(length >> (8 * i));
  memcpy(bytes + 8, header, length);
  write_bytes(bytes, 8 + length + data_size);
}

static const float six[] = {1, 2, 3, 4, 5, 6};

static void write_example(void) {
  const limn_tensor_to_store tensors[] = {{"main.0.weight", 4, {1, 2, 3, 1}, six},
                                          {"step", 0, {0}, six + 4},
                                          {"none", 2, {0, 7}, NULL},
                                          {"b", 1, {2}, six}};
  const char *const metadata[] = {"step", "12", "n\"a", "\xc3\xa4\n", NULL};
  cr_assert_eq(limn_safetensors_write(path, tensors, 4, metadata), LIMN_OK, "%s", limn_error_message());
}

Test(safetensors, bytes_are_the_format) {
  const limn_tensor_to_store tensor = {"b", 1, {2}, six};
  char bytes[256];
  cr_assert_eq(limn_safetensors_write(path, &tensor, 1, NULL), LIMN_OK, "%s", limn_error_message());
  size_t size = read_bytes(bytes, sizeof bytes);
  static const char expected[] = "\x38\0\0\0\0\0\0\0"
                                 "{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}  "
                                 "\0\0\x80\x3f\0\0\0\x40";
  cr_expect_eq(size, sizeof expected - 1);
  cr_expect_eq(memcmp(bytes, expected, sizeof expected - 1), 0);
}

Test(safetensors, what_is_written_reads_back) {
  limn_safetensors *file = NULL;
  write_example();
  cr_assert_eq(limn_safetensors_open(&file, path), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_safetensors_count(file), 4);
  const limn_stored_tensor *w = limn_safetensors_at(file, 0), *step = limn_safetensors_find(file, "step");
  cr_expect_str_eq(w->name, "main.0.weight");
  cr_expect_str_eq(w->dtype, "F32");
  cr_expect_eq(w->dims, 4);
  cr_expect(w->shape[0] == 1 && w->shape[1] == 2 && w->shape[2] == 3 && w->shape[3] == 1);
  cr_expect_eq(w->bytes, 24);
  cr_expect_eq(memcmp(w->data, six, 24), 0);
  cr_expect_eq((uintptr_t)w->data % 8, 0, "the data starts at a multiple of 8");
  cr_assert_not_null(step);
  cr_expect_eq(step->dims, 0);
  cr_expect_eq(step->bytes, 4);
  cr_expect_eq(memcmp(step->data, six + 4, 4), 0);
  cr_expect_eq(limn_safetensors_find(file, "none")->bytes, 0);
  cr_expect_str_eq(limn_safetensors_at(file, 3)->name, "b");
  cr_expect_null(limn_safetensors_at(file, 4));
  cr_expect_null(limn_safetensors_find(file, "c"));
  cr_expect_null(limn_safetensors_find(file, "__metadata__"));
  cr_expect_str_eq(limn_safetensors_metadata(file, "step"), "12");
  cr_expect_null(limn_safetensors_metadata(file, "x"));
  cr_expect_eq(limn_safetensors_metadata_count(file), 2);
  const char *key, *value;
  limn_safetensors_metadata_at(file, 1, &key, &value);
  cr_expect_str_eq(key, "n\"a");
  cr_expect_str_eq(value, "\xc3\xa4\n");
  limn_safetensors_metadata_at(file, 2, &key, &value);
  cr_expect_null(key);
  limn_safetensors_close(file);
  limn_safetensors_close(NULL);
}

Test(safetensors, same_input_gives_same_bytes) {
  char first[1024], second[1024];
  write_example();
  size_t first_size = read_bytes(first, sizeof first);
  write_example();
  cr_expect_eq(read_bytes(second, sizeof second), first_size);
  cr_expect_eq(memcmp(first, second, first_size), 0);
}

Test(safetensors, order_of_the_header_is_kept) {
  limn_safetensors *file = NULL;
  write_file("{\"z\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[5,8]},"
             "\"a\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[3,5],\"extra\":1},"
             "\"e\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[3,3]},"
             "\"m\":{\"dtype\":\"BOOL\",\"shape\":[1,3],\"data_offsets\":[0,3]}}   ",
             8);
  cr_assert_eq(limn_safetensors_open(&file, path), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(limn_safetensors_at(file, 0)->name, "z");
  cr_expect_str_eq(limn_safetensors_at(file, 3)->name, "m");
  cr_expect_eq(limn_safetensors_metadata_count(file), 0);
  cr_expect_null(limn_safetensors_metadata(file, "step"));
  limn_safetensors_close(file);
}

Test(safetensors, empty_file_of_no_tensors) {
  limn_safetensors *file = NULL;
  cr_assert_eq(limn_safetensors_write(path, NULL, 0, NULL), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_safetensors_open(&file, path), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(limn_safetensors_count(file), 0);
  limn_safetensors_close(file);
}

#define T(shape_, offsets_) "{\"dtype\":\"F32\",\"shape\":" shape_ ",\"data_offsets\":" offsets_ "}"

Test(safetensors, broken_files_are_refused) {
  static const struct {
    const char *header;
    size_t data_size;
    const char *piece;
  } cases[] = {
      {"", 0, "is no safetensors file: name a checkpoint"},
      {" {}", 0, "is no safetensors file"},
      {"[]", 0, "is no safetensors file"},
      {"{", 0, "broken header"},
      {"{} {}", 0, "broken header"},
      {"{\"a\":" T("[1]", "[0,4]") ",\"a\":" T("[1]", "[4,8]") "}", 8, "broken header"},
      {"{\"a\\u0000b\":" T("[1]", "[0,4]") "}", 4, "broken header"},
      {"{\"a\xff\":" T("[1]", "[0,4]") "}", 4, "broken header"},
      {"{\"a\":" T("[99999999999999999999]", "[0,4]") "}", 4, "broken header"},
      {"{\"a\":1}", 0, "unknown dtype"},
      {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype \"F31\""},
      {"{\"a\":" T("[1.0]", "[0,4]") "}", 4, "shape"},
      {"{\"a\":" T("[-1]", "[0,4]") "}", 4, "shape"},
      {"{\"a\":" T("\"1\"", "[0,4]") "}", 4, "shape"},
      {"{\"a\":" T("[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "shape must be a list of up to 8"},
      {"{\"a\":" T("[4294967296,4294967296]", "[0,0]") "}", 0, "larger than any file"},
      {"{\"a\":" T("[4611686018427387904]", "[0,0]") "}", 0, "larger than any file"},
      {"{\"a\":" T("[1]", "[0]") "}", 4, "data_offsets"},
      {"{\"a\":" T("[1]", "[4,0]") "}", 4, "data_offsets"},
      {"{\"a\":" T("[1]", "[-4,0]") "}", 4, "data_offsets"},
      {"{\"a\":" T("[1]", "[0,4,8]") "}", 8, "data_offsets"},
      {"{\"a\":" T("[1]", "[0,8]") "}", 8, "has 8 bytes where its shape needs 4"},
      {"{\"a\":" T("[2]", "[0,8]") "}", 4, "cut short"},
      {"{\"a\":" T("[1]", "[0,4]") "}", 5, "belongs to none"},
      {"{\"a\":" T("[1]", "[4,8]") "}", 8, "begins at byte 4"},
      {"{\"a\":" T("[1]", "[0,4]") ",\"b\":" T("[1]", "[8,12]") "}", 12, "begins at byte 8"},
      {"{\"a\":" T("[2]", "[0,8]") ",\"b\":" T("[2]", "[4,12]") "}", 12, "begins at byte 4"},
      {"{\"a\":" T("[1]", "[0,4]") ",\"b\":" T("[1]", "[0,4]") "}", 4, "begins at byte 0"},
      {"{\"__metadata__\":[]}", 0, "no JSON object"},
      {"{\"__metadata__\":{\"step\":12}}", 0, "metadata \"step\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_safetensors *file = NULL;
    write_file(cases[i].header, cases[i].data_size);
    cr_expect_eq(limn_safetensors_open(&file, path), LIMN_DATA, "%s", cases[i].header);
    cr_expect_null(file);
    cr_expect_not_null(strstr(limn_error_message(), cases[i].piece), "%s: %s", cases[i].header, limn_error_message());
    cr_expect(strncmp(limn_error_message(), path, strlen(path)) == 0, "%s", limn_error_message());
  }
}

Test(safetensors, other_files_are_refused) {
  limn_safetensors *file = NULL;
  cr_expect_eq(limn_safetensors_open(&file, path), LIMN_DATA, "a missing file");
  cr_expect_eq(limn_safetensors_open(&file, folder), LIMN_DATA, "a folder");
  write_bytes("", 0);
  cr_expect_eq(limn_safetensors_open(&file, path), LIMN_DATA, "an empty file");
  static const struct {
    const char *bytes;
    size_t size;
    const char *said;
  } cases[] = {
      {"\x89PNG\r\n\x1a\n rest of a picture", 26, "is a PNG file, no safetensors file"},
      {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "is no safetensors file: name a checkpoint"},
      {"\xff\xff\xff\x01\0\0\0\0{}", 10, "cut short"},
      {"Posts a text", 12, "is no safetensors file"},
      {"short", 5, "is no safetensors file"},
      {"\x80\x02\x8a\nl\xfc\x9c", 7, "is a pickle, but none of torch.save's: in Python, "},
      {"\x80\x04\x95{", 4, "is a pickle, but none of torch.save's"},
      {"PK\3\4\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0archive/data.pkl", 46,
       "the archive's directory is not there: it is cut short"},
      {"PK\3\4\x14\0\0\0{{w.npy", 15, "is a NumPy archive"},
      {"PK\3\4\x14\0\0\0{{w.txt", 15, "is a ZIP archive"},
      {"\x93NUMPY\1\0v\0", 10, "is a NumPy array"},
      {"\x89HDF\r\n\x1a\n\0\0", 10, "is an HDF5 file"},
      {"\x08\x08\x12\x07pytorch\x1a", 12, "is an ONNX file"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    write_bytes(cases[i].bytes, cases[i].size);
    cr_expect_eq(limn_safetensors_open(&file, path), LIMN_DATA, "%s", cases[i].said);
    cr_expect_not_null(strstr(limn_error_message(), cases[i].said), "%s: %s", cases[i].said, limn_error_message());
    cr_expect_null(strchr(limn_error_message(), '\n'));
  }
}

/* Whatever happens to a file, it is either refused or still consistent; the sanitizers watch. */
Test(safetensors, damaged_files_do_no_harm) {
  char bytes[1024], damaged[1024];
  write_example();
  size_t size = read_bytes(bytes, sizeof bytes);
  limn_safetensors *file = NULL;
  for (size_t length = 0; length < size; ++length) {
    write_bytes(bytes, length);
    cr_expect_eq(limn_safetensors_open(&file, path), LIMN_DATA, "cut to %zu bytes", length);
  }
  for (size_t i = 0; i < size; ++i) {
    memcpy(damaged, bytes, size);
    damaged[i] ^= (char)(1 << (i % 7));
    write_bytes(damaged, size);
    if (limn_safetensors_open(&file, path) != LIMN_OK)
      continue;
    unsigned sum = 0;
    for (size_t t = 0; t < limn_safetensors_count(file); ++t) {
      const limn_stored_tensor *tensor = limn_safetensors_at(file, t);
      for (size_t b = 0; b < tensor->bytes; ++b)
        sum += ((const unsigned char *)tensor->data)[b];
    }
    cr_expect_lt(sum, 255u * 1024);
    limn_safetensors_close(file);
  }
}

Test(safetensors, bad_tensors_are_not_written) {
  static const struct {
    limn_tensor_to_store tensors[2];
    const char *piece;
  } cases[] = {
      {{{"a", 1, {1}, six}, {"a", 1, {1}, six}}, "\"a\" is taken"},
      {{{"a", 1, {1}, six}, {"__metadata__", 1, {1}, six}}, "\"__metadata__\" is taken"},
      {{{"a", 1, {1}, six}, {"\xff", 1, {1}, six}}, "not UTF-8"},
      {{{"a", 1, {1}, six}, {"b", 9, {1}, six}}, "9 dimensions"},
      {{{"a", 1, {1}, six}, {"b", 1, {-1}, six}}, "negative"},
      {{{"a", 1, {1}, six}, {"b", 2, {INT64_MAX, 2}, six}}, "too large"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    cr_expect_eq(limn_safetensors_write(path, cases[i].tensors, 2, NULL), LIMN_USAGE, "%s", cases[i].piece);
    cr_expect_not_null(strstr(limn_error_message(), cases[i].piece), "%s", limn_error_message());
    cr_expect_eq(access(path, F_OK), -1, "nothing is left behind");
  }
  const char *const metadata[] = {"k", "1", "k", "2", NULL};
  cr_expect_eq(limn_safetensors_write(path, cases[0].tensors, 1, metadata), LIMN_USAGE);
  cr_expect_eq(limn_safetensors_write("/nonexistent/a.safetensors", cases[0].tensors, 1, NULL), LIMN_FAILED);
}
