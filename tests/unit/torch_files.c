/* PyTorch's own files. tests/fixtures/make_torch_files.py says what is in them. */
#include <criterion/criterion.h>
#include <math.h>

#include "limn/generator.h"
#include "limn/safetensors.h"
#include "support/run_files.h"

#define FIXTURE(name_) LIMN_SOURCE_DIR "/tests/fixtures/torch/" name_

TestSuite(torch_files, .init = test_folder_create, .fini = test_folder_remove, .timeout = 120);

static limn_safetensors *open_file(const char *path) {
  limn_safetensors *file = NULL;
  cr_assert_eq(limn_safetensors_open(&file, path), LIMN_OK, "%s", limn_error_message());
  return file;
}

static const limn_stored_tensor *tensor_of(const limn_safetensors *file, const char *name) {
  const limn_stored_tensor *tensor = limn_safetensors_find(file, name);
  cr_assert_not_null(tensor, "%s", name);
  return tensor;
}

/* A network's tensors, under that prefix: tensor i of them holds i, i + 1/64, i + 2/64, ... */
static void expect_network(const char *path, const char *prefix) {
  static const struct {
    const char *name;
    int dims;
    int64_t shape[4];
  } wanted[] = {{"main.0.weight", 4, {3, 2, 4, 4}}, {"main.1.weight", 1, {2}},      {"main.1.bias", 1, {2}},
                {"main.1.running_mean", 1, {2}},    {"main.1.running_var", 1, {2}}, {"main.3.weight", 4, {2, 1, 4, 4}}};
  limn_safetensors *file = open_file(path);
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; ++i) {
    char name[96];
    float values[128];
    snprintf(name, sizeof name, "%s%s", prefix, wanted[i].name);
    const limn_stored_tensor *tensor = tensor_of(file, name);
    cr_expect_eq(tensor->dims, wanted[i].dims);
    cr_expect_arr_eq(tensor->shape, wanted[i].shape, (size_t)tensor->dims * sizeof(int64_t));
    cr_assert_leq(tensor->bytes, sizeof values);
    cr_assert_eq(limn_stored_tensor_floats(tensor, values), LIMN_OK);
    for (size_t k = 0; k < tensor->bytes / sizeof *values; ++k)
      cr_expect_eq(values[k], (float)i + (float)k / 64, "%s, %zu", name, k);
  }
  limn_safetensors_close(file);
}

Test(torch_files, state_dicts) {
  expect_network(FIXTURE("state.pth"), "");
  expect_network(FIXTURE("legacy.pth"), "");
  expect_network(FIXTURE("wrapped.pth"), "state_dict.module.");
}

static void expect_values(const limn_safetensors *file, const char *name, const char *dtype, const float *wanted,
                          size_t count) {
  float values[24];
  const limn_stored_tensor *tensor = tensor_of(file, name);
  cr_expect_str_eq(tensor->dtype, dtype, "%s", name);
  cr_assert_eq(limn_stored_tensor_floats(tensor, values), LIMN_OK, "%s", limn_error_message());
  for (size_t i = 0; i < count; ++i)
    cr_expect_eq(values[i], wanted[i], "%s, %zu: %g, not %g", name, i, (double)values[i], (double)wanted[i]);
}

/* In one piece, turned round, part of another's, in every type, inside lists and dictionaries. */
Test(torch_files, tensors_of_every_kind) {
  static const char *const files[] = {FIXTURE("kinds.pth"), FIXTURE("kinds_legacy.pth")};
  float plain[24], turned[24];
  for (int i = 0; i < 24; ++i) {
    plain[i] = (float)i;
    turned[i % 4 * 6 + i / 4 % 3 * 2 + i / 12] = (float)i; /* (2, 3, 4) seen as (4, 3, 2) */
  }
  for (size_t i = 0; i < 2; ++i) {
    limn_safetensors *file = open_file(files[i]);
    expect_values(file, "whole", "F32", plain, 24);
    expect_values(file, "turned", "F32", turned, 24);
    expect_values(file, "part", "F32", plain + 16, 4);
    expect_values(file, "half", "F16", plain, 24);
    expect_values(file, "brain", "BF16", plain, 24);
    expect_values(file, "double", "F64", plain, 24);
    expect_values(file, "scalar", "F32", (const float[]){2.5f}, 1);
    expect_values(file, "parameter", "F32", plain, 12);
    expect_values(file, "list.0", "F32", plain, 12);
    expect_values(file, "list.1.deep", "F32", plain + 12, 12);
    expect_values(file, "7", "F32", plain, 4);
    cr_expect_str_eq(tensor_of(file, "long")->dtype, "I64");
    cr_expect_str_eq(tensor_of(file, "flags")->dtype, "BOOL");
    cr_expect_eq(tensor_of(file, "empty")->bytes, 0);
    cr_expect_eq(tensor_of(file, "scalar")->dims, 0);
    cr_expect_eq(tensor_of(file, "turned")->shape[0], 4);
    cr_expect_eq(limn_safetensors_count(file), 14);
    cr_expect_eq(limn_safetensors_metadata_count(file), 0);
    limn_safetensors_close(file);
  }
}

Test(torch_files, scripts_and_later_protocols) {
  limn_safetensors *file = open_file(FIXTURE("script.pt"));
  cr_expect_eq(tensor_of(file, "0.weight")->shape[1], 40); /* before the pickle, which begins behind 4 kB */
  cr_expect_eq(tensor_of(file, "0.bias")->shape[0], 30);
  limn_safetensors_close(file);
  file = open_file(FIXTURE("protocol4.pth"));
  cr_expect_eq(tensor_of(file, "whole")->shape[2], 4);
  limn_safetensors_close(file);
}

/* Instructions and calls that torch.save of today makes no use of. */
Test(torch_files, older_and_other_pickles) {
  limn_safetensors *file = open_file(FIXTURE("by_hand.pth"));
  cr_expect_eq(limn_safetensors_count(file), 1);
  cr_expect_str_eq(limn_safetensors_at(file, 0)->name, "29");
  expect_values(file, limn_safetensors_at(file, 0)->name, "F32", (const float[]){3, 4}, 2);
  limn_safetensors_close(file);
}

static void expect_refused(const char *path, const char *said) {
  limn_safetensors *file = NULL;
  cr_expect_eq(limn_safetensors_open(&file, path), LIMN_DATA, "%s", path);
  cr_expect(strstr(limn_error_message(), said) && strstr(limn_error_message(), path), "%s", limn_error_message());
  cr_expect_null(strchr(limn_error_message(), '\n'));
}

/* What only running it could tell is refused by its name. */
Test(torch_files, nothing_is_run) {
  expect_refused(FIXTURE("runs.pth"), "it wants Python's __builtin__.print, and nothing in a file is run here");
  expect_refused(FIXTURE("namespace.pth"), "argparse.Namespace");
  expect_refused(FIXTURE("object.pth"), "__main__.Generator");
  expect_refused(FIXTURE("complex.pth"), "torch.ComplexFloatStorage");
  expect_refused(FIXTURE("expanded.pth"), "repeats its numbers");
}

/* A text of 60 kB that six bytes each make a name of, over and over: 2.4 GB of a file of 180 kB. */
Test(torch_files, no_file_takes_more_memory_than_it_is_worth) {
  enum { TEXT = 60000, TIMES = 20000 };
  static const char head[] =
      "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\0.\x80\x02X";
  uint8_t *bytes = malloc(sizeof head + TEXT + 6 * TIMES + 16), *at = bytes;
  cr_assert_not_null(bytes);
  memcpy(at, head, sizeof head - 1);
  at += sizeof head - 1;
  memcpy(at, (const uint8_t[4]){TEXT & 0xff, TEXT >> 8, 0, 0}, 4);
  at += 4;
  memset(at, 'a', TEXT);
  at += TEXT;
  memcpy(at, "q\0", 2);
  at += 2;
  for (int i = 0; i < TIMES; ++i, at += 6)
    memcpy(at,
           "h\0h\0\x93"
           "0",
           6);
  test_write(test_path("bomb.pth"), bytes, (size_t)(at - bytes));
  free(bytes);
  expect_refused(test_path("bomb.pth"), "it holds more than any network");
}

/* Every number, as sanitizers see; closes the file. */
static void read_all(limn_safetensors *file) {
  for (size_t i = 0; i < limn_safetensors_count(file); ++i) {
    const limn_stored_tensor *tensor = limn_safetensors_at(file, i);
    float *values = malloc(4 * tensor->bytes + 1);
    cr_assert_not_null(values);
    limn_stored_tensor_floats(tensor, values);
    free(values);
  }
  limn_safetensors_close(file);
}

/* Cut off anywhere, or with any byte another: never more than a message. */
Test(torch_files, damage_is_told) {
  static const char *const files[] = {FIXTURE("state.pth"), FIXTURE("legacy.pth"), FIXTURE("script.pt")};
  const char *path = test_path("damaged.pth");
  int refused = 0;
  for (size_t i = 0; i < 3; ++i) {
    uint8_t bytes[8192];
    FILE *stream = fopen(files[i], "rb");
    cr_assert_not_null(stream);
    size_t size = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    for (size_t cut = 1; cut < size; cut += 37) {
      limn_safetensors *file = NULL;
      test_write(path, bytes, cut);
      cr_expect_eq(limn_safetensors_open(&file, path), LIMN_DATA, "%s, cut at %zu", files[i], cut);
      cr_expect_not_null(strstr(limn_error_message(), path), "%s", limn_error_message());
    }
    for (size_t at = 0; at < size; at += 11) {
      limn_safetensors *file = NULL;
      bytes[at] ^= 0x55;
      test_write(path, bytes, size);
      limn_status status = limn_safetensors_open(&file, path);
      cr_expect(status == LIMN_OK || status == LIMN_DATA);
      refused += status == LIMN_DATA;
      if (status == LIMN_OK)
        read_all(file);
      bytes[at] ^= 0x55;
    }
  }
  cr_expect_gt(refused, 50);
}

/* What PyTorch's DCGAN example saves is drawn with as it is, wrapped and from behind DataParallel too. */
Test(torch_files, generators_are_drawn_with) {
  static const char *const files[] = {FIXTURE("state.pth"), FIXTURE("legacy.pth"), FIXTURE("wrapped.pth")};
  float first[64], pixels[64];
  const float z[3] = {0.1f, -0.2f, 0.3f};
  for (size_t i = 0; i < 3; ++i) {
    limn_generator *generator = NULL;
    limn_generator_info info;
    cr_assert_eq(limn_generator_open(&generator, files[i], &(limn_generator_options){.device = test_device()}), LIMN_OK,
                 "%s", limn_error_message());
    limn_generator_get_info(generator, &info);
    cr_assert(info.latent == 3 && info.height == 8 && info.width == 8 && info.channels == 1);
    cr_assert_eq(limn_generator_run(generator, z, 1, i ? pixels : first), LIMN_OK);
    limn_generator_close(generator);
    if (i)
      cr_expect_arr_eq(pixels, first, sizeof first, "%s", files[i]);
  }
  cr_expect_neq(first[0], first[9], "a picture, not one grey");
}
