/* Weights from files of other makers: exports that come back, state_dicts of PyTorch's DCGAN example, number formats.
 */
#include "limn/export.h"
#include "limn/generator.h"
#include "support/run_files.h"

static char data[TEST_PATH_SIZE];

static void begin(void) { test_begin_with_data(data, 16); }

TestSuite(weights, .init = begin, .fini = test_folder_remove, .timeout = 120);

static const char *const with_average[] = {"steps", "3", "ema", "0.5", NULL};
static const char *const plain[] = {"steps", "3", NULL};

/* --- numbers --- */

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static void expect_bits(const char *dtype, const void *number, size_t size, uint32_t expected) {
  const limn_stored_tensor one = {.name = "x", .dtype = dtype, .data = number, .bytes = size};
  float value = 0;
  cr_expect_eq(limn_stored_tensor_floats(&one, &value), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(bits_of(value), expected, "%s: %08x instead of %08x", dtype, bits_of(value), expected);
}

Test(weights, other_number_formats_become_floats_exactly) {
  static const struct {
    uint16_t stored;
    uint32_t expected;
  } halves[] = {{0x0000, 0x00000000}, {0x8000, 0x80000000}, {0x3c00, 0x3f800000}, {0xc000, 0xc0000000},
                {0x3555, 0x3eaaa000}, {0x7bff, 0x477fe000}, {0x0400, 0x38800000}, {0x03ff, 0x387fc000},
                {0x0001, 0x33800000}, {0x8001, 0xb3800000}, {0x7c00, 0x7f800000}, {0xfc00, 0xff800000},
                {0x7e00, 0x7fc00000}, {0xfe01, 0xffc02000}},
    brains[] = {{0x0000, 0x00000000}, {0x3f80, 0x3f800000}, {0xc049, 0xc0490000}, {0x0001, 0x00010000},
                {0x807f, 0x807f0000}, {0x7f80, 0x7f800000}, {0xff80, 0xff800000}, {0x7fc0, 0x7fc00000}};
  static const struct {
    double stored;
    uint32_t expected;
  } doubles[] = {{1, 0x3f800000},
                 {-0.0, 0x80000000},
                 {0x1.000001p0, 0x3f800000},
                 {0x1.000003p0, 0x3f800002},
                 {0x1.0000011p0, 0x3f800001},
                 {0x1p-149, 0x00000001},
                 {0x1.8p-149, 0x00000002},
                 {1e-310, 0x00000000},
                 {0x1.fffffefp127, 0x7f7fffff},
                 {1e300, 0x7f800000},
                 {-1e300, 0xff800000},
                 {INFINITY, 0x7f800000}};
  for (size_t i = 0; i < sizeof halves / sizeof *halves; ++i)
    expect_bits("F16", &halves[i].stored, 2, halves[i].expected);
  for (size_t i = 0; i < sizeof brains / sizeof *brains; ++i)
    expect_bits("BF16", &brains[i].stored, 2, brains[i].expected);
  for (size_t i = 0; i < sizeof doubles / sizeof *doubles; ++i)
    expect_bits("F64", &doubles[i].stored, 8, doubles[i].expected);
  float value = -1;
  const limn_stored_tensor whole = {.name = "x", .dtype = "I64", .data = &doubles[0].stored, .bytes = 8};
  cr_expect_eq(limn_stored_tensor_floats(&whole, &value), LIMN_DATA);
  cr_expect_not_null(strstr(limn_error_message(), "x holds numbers of the type I64"), "%s", limn_error_message());
}

/* --- files --- */

enum { MOST_BYTES = 1 << 18 };

/* A safetensors file that is being made, as another program would. */
typedef struct foreign {
  char header[1 << 14];
  unsigned char data[MOST_BYTES];
  size_t header_size, data_size;
} foreign;

static void foreign_add(foreign *f, const char *name, const char *dtype, const limn_stored_tensor *shape,
                        const void *numbers, size_t bytes) {
  int used = snprintf(f->header + f->header_size, sizeof f->header - f->header_size,
                      "%c\"%s\":{\"dtype\":\"%s\",\"shape\":[", f->header_size ? ',' : '{', name, dtype);
  f->header_size += (size_t)used;
  for (int i = 0; shape && i < shape->dims; ++i)
    f->header_size += (size_t)snprintf(f->header + f->header_size, sizeof f->header - f->header_size, "%s%lld",
                                       i ? "," : "", (long long)shape->shape[i]);
  f->header_size += (size_t)snprintf(f->header + f->header_size, sizeof f->header - f->header_size,
                                     "],\"data_offsets\":[%zu,%zu]}", f->data_size, f->data_size + bytes);
  cr_assert(f->header_size < sizeof f->header - 2 && f->data_size + bytes <= sizeof f->data);
  memcpy(f->data + f->data_size, numbers, bytes);
  f->data_size += bytes;
}

static void foreign_write(foreign *f, const char *path) {
  FILE *stream = fopen(path, "wb");
  f->header[f->header_size++] = '}';
  const uint64_t length = f->header_size;
  cr_assert(stream && fwrite(&length, 8, 1, stream) == 1);
  fwrite(f->header, 1, f->header_size, stream);
  fwrite(f->data, 1, f->data_size, stream);
  cr_assert_eq(fclose(stream), 0);
  *f = (foreign){.header_size = 0};
}

/* What all formats can hold: 64ths up to 2. */
static float coarse(float value) {
  float limited = fminf(fmaxf(value, -2), 2);
  return rintf(limited * 64) / 64;
}

/* One that `coarse` made, as a binary16. */
static uint16_t half_of(float value) {
  int exponent;
  float fraction = frexpf(fabsf(value), &exponent); /* in [1/2, 1) */
  uint16_t sign = signbit(value) ? 0x8000 : 0;
  return value == 0 ? sign : (uint16_t)(sign | (exponent + 14) << 10 | ((int)(fraction * 2048) & 0x3ff));
}

static size_t convert(const float *values, size_t count, const char *dtype, void *out) {
  double *doubles = out;
  uint16_t *halves = out;
  for (size_t i = 0; i < count; ++i)
    if (strcmp(dtype, "F64") == 0)
      doubles[i] = (double)values[i];
    else if (strcmp(dtype, "F32") == 0)
      memcpy((char *)out + 4 * i, &values[i], 4);
    else
      halves[i] = strcmp(dtype, "F16") == 0 ? half_of(values[i]) : (uint16_t)(bits_of(values[i]) >> 16);
  return count * (strcmp(dtype, "F64") == 0 ? 8 : strcmp(dtype, "F32") == 0 ? 4 : 2);
}

/* The tensors of a checkpoint that begin with `from`, coarse, under `to` in place of that, with PyTorch's counters. */
static void foreign_take(foreign *f, const limn_safetensors *checkpoint, const char *from, const char *to,
                         const char *dtype) {
  static float values[MOST_BYTES / 8];
  static double converted[MOST_BYTES / 8];
  char name[160];
  for (size_t i = 0; i < limn_safetensors_count(checkpoint); ++i) {
    const limn_stored_tensor *t = limn_safetensors_at(checkpoint, i);
    if (strncmp(t->name, from, strlen(from)) != 0)
      continue;
    cr_assert_eq(limn_stored_tensor_floats(t, values), LIMN_OK);
    for (size_t j = 0; j < t->bytes / 4; ++j)
      values[j] = coarse(values[j]);
    snprintf(name, sizeof name, "%s%s", to, t->name + strlen(from));
    foreign_add(f, name, dtype, t, converted, convert(values, t->bytes / 4, dtype, converted));
    char *end = strstr(name, "running_var");
    const int64_t batches = 3;
    if (end) {
      snprintf(end, sizeof name - (size_t)(end - name), "num_batches_tracked");
      foreign_add(f, name, "I64", NULL, &batches, 8);
    }
  }
}

static foreign file;

/* Longer-lived than what test_path returns. */
static const char *keep_path(char kept[TEST_PATH_SIZE], const char *path) {
  snprintf(kept, TEST_PATH_SIZE, "%s", path);
  return kept;
}

/* --- pictures --- */

enum { COUNT = 5, PIXELS = COUNT * 16 * 16 };

static limn_status draw(const char *path, bool raw, float *pixels, limn_generator_info *info) {
  limn_generator *generator = NULL;
  float codes[COUNT * 8];
  const limn_generator_options options = {.device = test_device(), .threads = 1, .raw = raw};
  limn_status status = limn_generator_open(&generator, path, &options);
  if (status != LIMN_OK)
    return status;
  limn_generator_get_info(generator, info);
  cr_assert(info->latent == 8 && info->channels == 1 && info->height == 16 && info->width == 16);
  cr_assert_eq(limn_generator_latents(generator, 5, 0, COUNT, codes), LIMN_OK);
  cr_assert_eq(limn_generator_run(generator, codes, COUNT, pixels), LIMN_OK, "%s", limn_error_message());
  limn_generator_close(generator);
  return LIMN_OK;
}

static void expect_refusal(const char *path, limn_status expected, const char *said) {
  static float pixels[PIXELS];
  limn_generator_info info;
  limn_status status = draw(path, false, pixels, &info);
  cr_expect_eq(status, expected, "%s: %d: %s", path, status, limn_error_message());
  cr_expect_not_null(strstr(limn_error_message(), said), "%s", limn_error_message());
  cr_expect_eq(strncmp(limn_error_message(), path, strlen(path)), 0, "%s", limn_error_message());
}

Test(weights, exports_draw_what_their_runs_draw) {
  static const struct {
    const char *run, *network;
    bool raw, averaged;
  } cases[] = {{"dcgan", "generator", true, false}, {"dcgan", "ema", false, true}, {"vae", "decoder", false, false}};
  static float theirs[PIXELS], ours[PIXELS];
  limn_generator_info run, export;
  test_train_well("dcgan", with_average, data, "dcgan");
  test_train_well("vae", plain, data, "vae");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const char *path = test_path("%s.safetensors", cases[i].network);
    cr_assert_eq(limn_export(test_path("%s", cases[i].run), cases[i].network, path), LIMN_OK, "%s",
                 limn_error_message());
    cr_assert_eq(draw(test_path("%s", cases[i].run), cases[i].raw, theirs, &run), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(draw(path, false, ours, &export), LIMN_OK, "%s", limn_error_message());
    cr_expect_arr_eq(ours, theirs, sizeof ours, "%s", cases[i].network);
    cr_expect(export.step == 3 && export.seed == 7 && strcmp(export.model, run.model) == 0);
    cr_expect_eq(export.averaged, cases[i].averaged);
  }
  const char *ema = test_path("ema.safetensors"), *other = test_path("other.safetensors");
  cr_expect_eq(draw(ema, true, ours, &export), LIMN_USAGE, "an average has no other weights");
  cr_expect_eq(limn_export(ema, "generator", other), LIMN_USAGE);
  cr_expect_not_null(strstr(limn_error_message(), "is an export already"), "%s", limn_error_message());
  cr_assert_eq(limn_export(test_path("dcgan"), "discriminator", other), LIMN_OK);
  expect_refusal(other, LIMN_USAGE, "is the discriminator of a dcgan: it makes no pictures");
  cr_assert_eq(limn_export(test_path("vae"), "encoder", other), LIMN_OK);
  expect_refusal(other, LIMN_USAGE, "export the decoder");
}

Test(weights, generators_of_pytorch_are_known_by_their_shapes) {
  static const struct {
    const char *prefix, *dtype;
  } cases[] = {{"", "F32"}, {"", "F16"}, {"", "BF16"}, {"", "F64"}, {"module.", "F32"}, {"netG.module.", "F16"}};
  static float first[PIXELS], pixels[PIXELS];
  limn_generator_info info;
  test_train_well("dcgan", plain, data, "dcgan");
  limn_safetensors *checkpoint = test_open_checkpoint("dcgan", 3);
  char kept[TEST_PATH_SIZE];
  const char *path = keep_path(kept, test_path("g.safetensors"));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    foreign_take(&file, checkpoint, "generator.", cases[i].prefix, cases[i].dtype);
    if (strncmp(cases[i].prefix, "netG", 4) == 0) /* whose discriminator lies beside it */
      foreign_take(&file, checkpoint, "discriminator.", "netD.module.", cases[i].dtype);
    foreign_write(&file, path);
    cr_assert_eq(draw(path, false, pixels, &info), LIMN_OK, "%s", limn_error_message());
    cr_expect(info.step == 0 && !info.averaged && strcmp(info.model, "dcgan") == 0);
    if (i == 0)
      memcpy(first, pixels, sizeof first);
    cr_expect_arr_eq(pixels, first, sizeof first, "%s%s", cases[i].prefix, cases[i].dtype);
  }
  cr_expect_neq(first[0], first[PIXELS - 1], "something is drawn");
  limn_safetensors_close(checkpoint);
}

Test(weights, what_is_no_generator_is_refused) {
  static const float odd[2] = {1, NAN};
  const limn_stored_tensor vector = {.dims = 1, .shape = {2}};
  char kept[TEST_PATH_SIZE];
  const char *path = keep_path(kept, test_path("g.safetensors"));
  test_train_well("dcgan", plain, data, "dcgan");
  limn_safetensors *checkpoint = test_open_checkpoint("dcgan", 3);
  foreign_take(&file, checkpoint, "discriminator.", "", "F32");
  foreign_write(&file, path);
  expect_refusal(path, LIMN_DATA, "its layers are not those of PyTorch's DCGAN example");
  foreign_add(&file, "weight", "F32", &vector, odd, 8);
  foreign_write(&file, path);
  expect_refusal(path, LIMN_DATA, "it has no tensor main.0.weight");
  foreign_take(&file, checkpoint, "generator.", "", "F32");
  foreign_add(&file, "main.0.bias", "F32", &vector, odd, 8);
  foreign_write(&file, path);
  expect_refusal(path, LIMN_DATA, "main.0.bias belongs to no layer of it");
  foreign_take(&file, checkpoint, "generator.", "a.", "F32");
  foreign_take(&file, checkpoint, "generator.", "b.", "F32");
  foreign_write(&file, path);
  expect_refusal(path, LIMN_DATA, "holds 2 generators");
  foreign_take(&file, checkpoint, "generator.main.0", "main.0", "F32");
  foreign_take(&file, checkpoint, "generator.main.3", "main.3", "F32");
  foreign_take(&file, checkpoint, "generator.main.6", "main.6", "F32");
  foreign_write(&file, path);
  expect_refusal(path, LIMN_DATA, "main.1.weight is missing");
  foreign_take(&file, checkpoint, "generator.", "", "F32");
  memset(file.data + 8, 0xff, 4);
  foreign_write(&file, path);
  expect_refusal(path, LIMN_DATA, "main.0.weight is not finite");
  test_write(path, "\x80\x02\x8a\nl\xfc\x9c", 7);
  expect_refusal(path, LIMN_DATA, "none of torch.save's");
  limn_safetensors_close(checkpoint);
}

/* --- init --- */

static void train_from(test_run *run, const char *model, const char *const *settings, const char *path) {
  static int number;
  char name[16];
  limn_config *config = test_config(model, settings);
  *run = (test_run){0};
  test_set(config, "data", data);
  test_set(config, "init", path);
  snprintf(name, sizeof name, "from-%d", number++);
  test_train(run, config, name, false);
  limn_config_destroy(config);
}

/* The parameters of a run's first checkpoint are those of the file under `prefix`. */
static int expect_taken(const test_run *run, const char *network, const char *path, const char *prefix) {
  static float values[MOST_BYTES / 8];
  limn_safetensors *made = NULL, *given = NULL;
  int count = 0;
  char checkpoint[sizeof run->result.path + 64];
  snprintf(checkpoint, sizeof checkpoint, "%s/checkpoints/000001.safetensors", run->result.path);
  cr_assert_eq(run->status, LIMN_OK, "%s", run->message);
  cr_assert_eq(limn_safetensors_open(&made, checkpoint), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_safetensors_open(&given, path), LIMN_OK, "%s", limn_error_message());
  for (size_t i = 0; i < limn_safetensors_count(made); ++i) {
    const limn_stored_tensor *t = limn_safetensors_at(made, i);
    char name[160];
    if (strncmp(t->name, network, strlen(network)) != 0 || strstr(t->name, "running_"))
      continue;
    snprintf(name, sizeof name, "%s%s", prefix, t->name + strlen(network));
    const limn_stored_tensor *from = limn_safetensors_find(given, name);
    cr_assert_not_null(from, "%s", name);
    cr_assert_eq(limn_stored_tensor_floats(from, values), LIMN_OK);
    const float *taken = t->data;
    for (size_t j = 0; j < t->bytes / sizeof *taken; ++j) /* a zero has moved by the learning rate */
      cr_assert_lt(fabsf(taken[j] - values[j]), 1e-25F, "%s", name);
    ++count;
  }
  limn_safetensors_close(made);
  limn_safetensors_close(given);
  return count;
}

Test(weights, init_takes_exports_and_state_dicts) {
  static const char *const still[] = {"steps", "1", "lr", "1e-30", "seed", "8", NULL};
  static const struct {
    const char *model, *network, *name;
    bool foreign;
  } cases[] = {{"dcgan", "generator.", "generator", false},
               {"dcgan", "generator.", "ema", false},
               {"dcgan", "discriminator.", "discriminator", false},
               {"vae", "encoder.", "encoder", false},
               {"vae", "decoder.", "decoder", false},
               {"dcgan", "generator.", "generator", true},
               {"dcgan", "discriminator.", "discriminator", true}};
  test_run run;
  char kept[TEST_PATH_SIZE];
  const char *path = keep_path(kept, test_path("w.safetensors"));
  test_train_well("dcgan", with_average, data, "dcgan");
  test_train_well("vae", plain, data, "vae");
  limn_safetensors *checkpoint = test_open_checkpoint("dcgan", 3);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    if (cases[i].foreign) {
      foreign_take(&file, checkpoint, cases[i].network, "module.", "F16");
      foreign_write(&file, path);
    } else {
      cr_assert_eq(limn_export(test_path("%s", cases[i].model), cases[i].name, path), LIMN_OK);
    }
    train_from(&run, cases[i].model, still, path);
    cr_expect_gt(expect_taken(&run, cases[i].network, path, cases[i].foreign ? "module." : ""), 4, "%s", cases[i].name);
  }
  limn_safetensors_close(checkpoint);
}

Test(weights, init_says_what_does_not_fit) {
  static const char *const wide[] = {"steps", "1", "filters", "8", NULL};
  char kept[TEST_PATH_SIZE];
  const char *path = keep_path(kept, test_path("w.safetensors"));
  test_run run;
  test_train_well("dcgan", plain, data, "dcgan");
  limn_safetensors *checkpoint = test_open_checkpoint("dcgan", 3);
  const struct {
    const char *model;
    const char *const *settings;
    const char *said;
  } cases[] = {
      {"dcgan", wide,
       "as the generator: main.0.weight is 8x8x4x4 in the file and 8x16x4x4 here; it was trained with --size 16 "
       "--channels 1 --filters 4 --latent 8"},
      {"vae", plain, "holds the generator of a dcgan, and a vae has the networks encoder and decoder"}};
  cr_assert_eq(limn_export(test_path("dcgan"), "generator", path), LIMN_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    train_from(&run, cases[i].model, cases[i].settings, path);
    cr_expect_eq(run.status, LIMN_DATA);
    cr_expect_not_null(strstr(run.message, cases[i].said), "%s", run.message);
  }
  foreign_take(&file, checkpoint, "generator.", "a.", "F32");
  foreign_take(&file, checkpoint, "generator.", "b.", "F32");
  foreign_write(&file, path);
  train_from(&run, "dcgan", plain, path);
  cr_expect(run.status == LIMN_DATA && strstr(run.message, "2 networks in it could be the generator"), "%s",
            run.message);
  test_write(path, "\x80\x02\x8a\nl\xfc\x9c", 7);
  train_from(&run, "dcgan", plain, path);
  cr_expect(run.status == LIMN_DATA && strstr(run.message, "none of torch.save's"), "%s", run.message);
  limn_safetensors_close(checkpoint);
}
