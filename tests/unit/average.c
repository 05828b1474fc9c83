/* The averaged generator: whether its BatchNorm statistics are those of its own weights, wherever it comes from. They
 * are computed again here, in plain loops and double precision, from the weights that a checkpoint holds. */
#include "checkpoint/average.h"
#include "formats/safetensors.h"
#include "limn/export.h"
#include "limn/generator.h"
#include "models/outline.h"
#include "support/run_files.h"

#define STEPS   12
#define CODES   1280
#define SHOWN   8 /* pictures that are compared */
#define NAME    160
#define EPSILON 1e-5

static char data[TEST_PATH_SIZE];

static void begin(void) { test_begin_with_data(data, 40); }

TestSuite(average, .init = begin, .fini = test_folder_remove, .timeout = 240);

/* Weights that move fast. */
#define FAST "steps", "12", "lr", "0.01", "ema", "0.9"
static const char *const fast[] = {FAST, NULL};

/* --- a generator in double precision --- */

#define MOST_LAYERS 16

typedef struct layer {
  char name[64];
  enum { TRANSPOSED, BATCHNORM, RELU, TANH } kind;
  int input_channels, channels, height, width;
  int kernel_h, kernel_w, stride, pad;
} layer;

typedef struct naive {
  layer layers[MOST_LAYERS];
  int layer_count;
  limn_safetensors *file;
  const char *prefix;                               /* of its tensors */
  double mean[MOST_LAYERS][8], var[MOST_LAYERS][8]; /* by layer and channel */
} naive;

/* The layers as they are said to people. */
static void read_layers(naive *g, const limn_config *config) {
  limn_model model;
  limn_outline outline;
  cr_assert_eq(limn_model_init(&model, config), LIMN_OK);
  cr_assert_eq(limn_outline_take(&outline, &model, 0), LIMN_OK);
  cr_assert_leq(outline.layer_count, MOST_LAYERS);
  int channels = config->latent;
  for (int i = 0; i < outline.layer_count; ++i) {
    const limn_outline_layer *said = &outline.layers[i];
    layer *l = &g->layers[g->layer_count++];
    *l =
        (layer){.input_channels = channels, .channels = said->shape.c, .height = said->shape.h, .width = said->shape.w};
    snprintf(l->name, sizeof l->name, "%s", said->name);
    channels = l->channels;
    if (sscanf(said->kind, "transposed convolution %dx%d, stride %d", &l->kernel_h, &l->kernel_w, &l->stride) == 3)
      l->pad = l->stride == 2;
    else
      l->kind = strcmp(said->kind, "batchnorm") == 0 ? BATCHNORM : strcmp(said->kind, "relu") == 0 ? RELU : TANH;
  }
  limn_outline_release(&outline);
}

static float value_of(const naive *g, const layer *l, const char *what, size_t index) {
  char name[NAME];
  float value;
  snprintf(name, sizeof name, "%s%s.%s", g->prefix, l->name, what);
  const limn_stored_tensor *tensor = limn_safetensors_find(g->file, name);
  cr_assert(tensor && (index + 1) * sizeof value <= tensor->bytes, "%s, %zu", name, index);
  memcpy(&value, (const char *)tensor->data + index * sizeof value, sizeof value);
  return value;
}

static size_t pixels_of(const layer *l) { return (size_t)l->height * (size_t)l->width; }

/* y[n][o][stride i + k - pad] += x[n][c][i] w[c][o][k]; x has side `side`. */
static double *spread(const naive *g, const layer *l, const double *x, int count, int side) {
  double *y = calloc((size_t)count * (size_t)l->channels * pixels_of(l), sizeof *y);
  cr_assert_not_null(y);
  for (int c = 0; c < l->input_channels; ++c)
    for (int o = 0; o < l->channels; ++o)
      for (int k = 0; k < l->kernel_h * l->kernel_w; ++k) {
        double w = (double)value_of(g, l, "weight", (size_t)((c * l->channels + o) * l->kernel_h * l->kernel_w + k));
        for (int n = 0; n < count; ++n)
          for (int i = 0; i < side * side; ++i) {
            int row = l->stride * (i / side) + k / l->kernel_w - l->pad,
                column = l->stride * (i % side) + k % l->kernel_w - l->pad;
            if (row >= 0 && row < l->height && column >= 0 && column < l->width)
              y[((n * l->channels + o) * l->height + row) * l->width + column] +=
                  w * x[(n * l->input_channels + c) * side * side + i];
          }
      }
  return y;
}

/* By the statistics of these pictures, which are added to the generator's, or (training = false) by the generator's. */
static void normalise(naive *g, int index, double *x, int count, bool training) {
  const layer *l = &g->layers[index];
  size_t pixels = pixels_of(l), each = (size_t)count * pixels;
  for (size_t c = 0; c < (size_t)l->channels; ++c) {
    double mean = g->mean[index][c], var = g->var[index][c];
    double sum = 0, squares = 0;
    for (size_t i = 0; training && i < each; ++i)
      sum += x[(i / pixels * (size_t)l->channels + c) * pixels + i % pixels];
    for (size_t i = 0; training && i < each; ++i)
      squares += pow(x[(i / pixels * (size_t)l->channels + c) * pixels + i % pixels] - sum / (double)each, 2);
    if (training) {
      mean = sum / (double)each;
      var = squares / (double)each;
      g->mean[index][c] += mean;
      g->var[index][c] += squares / (double)(each - 1);
    }
    double scale = (double)value_of(g, l, "weight", c) / sqrt(var + EPSILON), shift = (double)value_of(g, l, "bias", c);
    for (size_t i = 0; i < each; ++i) {
      double *at = &x[(i / pixels * (size_t)l->channels + c) * pixels + i % pixels];
      *at = (*at - mean) * scale + shift;
    }
  }
}

/* The last layer's values before tanh; yours. */
static double *forward(naive *g, const float *z, int count, bool training) {
  int side = 1;
  size_t size = (size_t)count * (size_t)g->layers[0].input_channels;
  double *x = calloc(size, sizeof *x);
  cr_assert_not_null(x);
  for (size_t i = 0; i < size; ++i)
    x[i] = (double)z[i];
  for (int i = 0; i < g->layer_count; ++i) {
    const layer *l = &g->layers[i];
    size = (size_t)count * (size_t)l->channels * pixels_of(l);
    if (l->kind == TRANSPOSED) {
      double *y = spread(g, l, x, count, side);
      free(x);
      x = y;
      side = l->height;
    } else if (l->kind == BATCHNORM)
      normalise(g, i, x, count, training);
    else
      for (size_t j = 0; l->kind == RELU && j < size; ++j)
        x[j] = fmax(x[j], 0);
  }
  return x;
}

/* The statistics of the weights of that name in the checkpoint of NAME's step, from batches of `count` codes. */
static void take(naive *g, const limn_config *config, const char *prefix, const char *name, uint64_t step, int count) {
  float z[64 * 8];
  *g = (naive){.prefix = prefix, .file = test_open_checkpoint(name, step)};
  read_layers(g, config);
  int batches = (CODES + count - 1) / count;
  for (int k = 0; k < batches; ++k) {
    limn_philox_normal(config->seed, LIMN_STREAM_STATISTICS, (uint64_t)k, 0, z, (size_t)count * 8);
    free(forward(g, z, count, true));
  }
  for (int i = 0; i < g->layer_count; ++i)
    for (int c = 0; c < 8; ++c) {
      g->mean[i][c] /= batches;
      g->var[i][c] /= batches;
    }
}

/* Whether the statistics in the checkpoint are those of its averaged weights. `prefix`: of the weights to take. */
static void expect_statistics(const limn_config *config, const char *prefix, const char *name, uint64_t step,
                              int count) {
  naive g;
  int layers = 0;
  take(&g, config, prefix, name, step, count);
  const naive file = {.file = g.file, .prefix = "ema.generator."};
  for (int i = 0; i < g.layer_count; ++i) {
    const layer *l = &g.layers[i];
    layers += l->kind == BATCHNORM;
    for (int c = 0; l->kind == BATCHNORM && c < l->channels; ++c) {
      double mean = (double)value_of(&file, l, "running_mean", (size_t)c),
             var = (double)value_of(&file, l, "running_var", (size_t)c), scale = sqrt(g.var[i][c]);
      cr_expect_float_eq(mean, g.mean[i][c], 1e-3 * scale, "%s, mean %d: %g, not %g", l->name, c, mean, g.mean[i][c]);
      cr_expect_float_eq(var, g.var[i][c], 1e-3 * g.var[i][c], "%s, var %d: %g, not %g", l->name, c, var, g.var[i][c]);
    }
  }
  cr_expect_eq(layers, 2);
  limn_safetensors_close(g.file);
}

/* --- statistics and pictures --- */

static float *pictures_of(const char *path, size_t *count) {
  limn_generator *generator = NULL;
  limn_generator_options options = {.device = test_device(), .threads = 2};
  float z[SHOWN * 8];
  cr_assert_eq(limn_generator_open(&generator, path, &options), LIMN_OK, "%s", limn_error_message());
  *count = (size_t)SHOWN * 16 * 16;
  float *pixels = calloc(*count, sizeof *pixels);
  cr_assert_not_null(pixels);
  cr_assert_eq(limn_generator_latents(generator, 3, 0, SHOWN, z), LIMN_OK);
  cr_assert_eq(limn_generator_run(generator, z, SHOWN, pixels), LIMN_OK, "%s", limn_error_message());
  limn_generator_close(generator);
  return pixels;
}

Test(average, its_statistics_are_those_of_its_weights) {
  static const struct {
    const char *batch;
    int codes;
  } cases[] = {{"4", 32}, {"40", 40}};
  for (size_t i = 0; i < 2; ++i) {
    const char *const settings[] = {FAST, "batch", cases[i].batch, NULL};
    limn_config *config = test_config("dcgan", settings);
    test_train_well("dcgan", settings, data, cases[i].batch);
    expect_statistics(config, "ema.generator.", cases[i].batch, STEPS, cases[i].codes);
    limn_config_destroy(config);
  }
}

Test(average, its_pictures_are_drawn_with_them) {
  limn_config *config = test_config("dcgan", fast);
  naive g;
  float z[SHOWN * 8];
  size_t count;
  test_train_well("dcgan", fast, data, "run");
  take(&g, config, "ema.generator.", "run", STEPS, 32);
  float *pixels = pictures_of(test_path("run"), &count);
  limn_philox_normal(3, LIMN_STREAM_SAMPLE, 0, 0, z, SHOWN * 8);
  double *wanted = forward(&g, z, SHOWN, false);
  for (size_t i = 0; i < count; ++i)
    cr_assert_float_eq((double)pixels[i], (tanh(wanted[i]) + 1) / 2, 2e-3, "pixel %zu", i);
  free(wanted);
  free(pixels);
  limn_safetensors_close(g.file);
  limn_config_destroy(config);
}

/* Taken whenever somebody looks, they are part of no step. */
Test(average, looking_changes_nothing) {
  const char *const seldom[] = {FAST, "sample_every", "12", "checkpoint_every", "12", NULL};
  const char *const often[] = {FAST, "sample_every", "4", "checkpoint_every", "6", NULL};
  test_train_well("dcgan", seldom, data, "seldom");
  test_train_well("dcgan", often, data, "often");
  cr_expect(test_same_file("seldom", "often", "checkpoints/000012.safetensors"));
  cr_expect(test_same_file("seldom", "often", "samples/000012.png"));
}

/* Stopped behind a step at which it draws, or at which nothing is due. */
Test(average, a_stopped_run_goes_on_to_the_same_bytes) {
  const char *const settings[] = {FAST, "sample_every", "4", "checkpoint_every", "100", NULL};
  limn_config *config = test_config("dcgan", settings);
  test_set(config, "data", data);
  test_train_well("dcgan", settings, data, "whole");
  for (uint64_t at = 8; at <= 9; ++at) {
    test_run first = {.stop_at = at}, second = {0};
    test_set(config, "checkpoint_every", at == 8 ? "100" : "9");
    test_train(&first, config, at == 8 ? "eight" : "nine", false);
    cr_assert_eq(first.result.step, at);
    test_train(&second, config, at == 8 ? "eight" : "nine", true);
    cr_assert_eq(second.result.step, STEPS, "%s", second.message);
    cr_expect(test_same_file("whole", at == 8 ? "eight" : "nine", "checkpoints/000012.safetensors"));
    cr_expect(test_same_file("whole", at == 8 ? "eight" : "nine", "samples/000008.png"));
    cr_expect(test_same_file("whole", at == 8 ? "eight" : "nine", "samples/000012.png"));
  }
  limn_config_destroy(config);
}

/* --- where the average comes from a file --- */

/* With a learning rate that moves nothing, the average is the generator of the file. */
Test(average, init_takes_them_anew) {
  limn_config *config = test_config("dcgan", (const char *const[]){"steps", "1", "lr", "1e-30", "ema", "0.5", NULL});
  test_run run = {0};
  test_train_well("dcgan", fast, data, "first");
  test_set(config, "data", data);
  test_set(config, "init", test_path("first/checkpoints/000012.safetensors"));
  test_train(&run, config, "second", false);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  expect_statistics(config, "generator.", "second", 1, 32);
  limn_config_destroy(config);
}

/* The checkpoint as it was written when statistics were averaged: other ones, and no word of them. */
static void make_old(const char *name, uint64_t step, const char *path) {
  limn_safetensors *file = test_open_checkpoint(name, step);
  static const float ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  size_t count = limn_safetensors_count(file), pairs = limn_safetensors_metadata_count(file), kept = 0;
  limn_tensor_to_store *tensors = calloc(count, sizeof *tensors);
  const char **metadata = calloc(2 * pairs + 1, sizeof *metadata);
  cr_assert(tensors && metadata);
  for (size_t i = 0; i < count; ++i) {
    const limn_stored_tensor *t = limn_safetensors_at(file, i);
    bool statistic = strncmp(t->name, "ema.", 4) == 0 && strstr(t->name, "running_");
    tensors[i] = (limn_tensor_to_store){.name = t->name, .dims = t->dims, .data = statistic ? ones : t->data};
    memcpy(tensors[i].shape, t->shape, sizeof tensors[i].shape);
  }
  for (size_t i = 0; i < pairs; ++i) {
    const char *key, *value;
    limn_safetensors_metadata_at(file, i, &key, &value);
    if (strcmp(key, "ema_statistics") == 0)
      continue;
    metadata[kept++] = key;
    metadata[kept++] = value;
  }
  cr_assert_eq(kept, 2 * pairs - 2, "it says that its statistics are taken anew");
  cr_assert_eq(limn_safetensors_write(path, tensors, count, metadata), LIMN_OK, "%s", limn_error_message());
  limn_safetensors_close(file);
  free(tensors);
  free(metadata);
}

Test(average, older_checkpoints_get_them_when_they_are_read) {
  size_t count;
  char old[TEST_PATH_SIZE], file[2][TEST_PATH_SIZE];
  test_train_well("dcgan", fast, data, "run");
  snprintf(old, sizeof old, "%s", test_path("old.safetensors"));
  make_old("run", STEPS, old);
  float *now = pictures_of(test_path("run"), &count), *then = pictures_of(old, &count);
  cr_expect_arr_eq(now, then, count * sizeof *now, "the pictures of the older file");
  free(now);
  free(then);
  for (int i = 0; i < 2; ++i) {
    snprintf(file[i], sizeof file[i], "%s", test_path("export-%d.safetensors", i));
    cr_assert_eq(limn_export(i ? old : test_path("run"), "ema", file[i]), LIMN_OK, "%s", limn_error_message());
  }
  limn_safetensors *a = NULL, *b = NULL;
  cr_assert_eq(limn_safetensors_open(&a, file[0]), LIMN_OK);
  cr_assert_eq(limn_safetensors_open(&b, file[1]), LIMN_OK);
  cr_assert_eq(limn_safetensors_count(a), limn_safetensors_count(b));
  for (size_t i = 0; i < limn_safetensors_count(a); ++i) {
    const limn_stored_tensor *x = limn_safetensors_at(a, i), *y = limn_safetensors_at(b, i);
    cr_expect_str_eq(x->name, y->name);
    for (size_t k = 0; k < x->bytes / sizeof(float); ++k) {
      float p, q;
      memcpy(&p, (const char *)x->data + k * sizeof p, sizeof p);
      memcpy(&q, (const char *)y->data + k * sizeof q, sizeof q);
      cr_assert_float_eq((double)p, (double)q, 1e-3 * (1e-3 + fabs((double)q)), "%s, %zu", x->name, k);
    }
  }
  limn_safetensors_close(a);
  limn_safetensors_close(b);
}

/* The run goes on from the older file, and draws what a newer one would have drawn. */
Test(average, a_run_goes_on_from_an_older_checkpoint) {
  limn_config *config = test_config("dcgan", fast);
  test_set(config, "data", data);
  const char *const names[2] = {"new", "old"};
  for (int i = 0; i < 2; ++i) {
    test_run first = {0}, second = {0};
    test_set(config, "steps", "12");
    test_train(&first, config, names[i], false);
    cr_assert_eq(first.status, LIMN_OK, "%s", first.message);
    if (i == 1)
      make_old("old", STEPS, test_path("old/checkpoints/000012.safetensors"));
    test_set(config, "steps", "13");
    test_train(&second, config, names[i], true);
    cr_assert_eq(second.result.step, 13, "%s", second.message);
  }
  cr_expect(test_same_file("new", "old", "checkpoints/000013.safetensors"));
  cr_expect(test_same_file("new", "old", "samples/000013.png"));
  limn_config_destroy(config);
}

/* --- warming up --- */

Test(average, the_decay_warms_up) {
  static const struct {
    uint64_t t;
    double decay;
  } cases[] = {{0, 0.1}, {1, 2 / 11.0}, {90, 0.91}, {8990, 0.999}, {100000, 0.999}, {UINT64_MAX, 0.999}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
    cr_expect_float_eq((double)limn_average_rate(0.999, cases[i].t), 1 - cases[i].decay, 1e-7, "step %zu: %g",
                       (size_t)cases[i].t, (double)limn_average_rate(0.999, cases[i].t));
  cr_expect_float_eq((double)limn_average_rate(0.05, 0), 0.95, 1e-7, "never above the setting");
}

Test(average, the_half_life_is_told_in_pictures) {
  static const struct {
    double pictures;
    int batch;
    double rate;
  } cases[] = {{512, 512, 0.5}, {1024, 512, 0.2928932}, {5e6, 512, 7.0976e-5}, {0, 64, 1}, {16, 64, 0.9375}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
    cr_expect_float_eq((double)limn_average_rate_of_half_life(cases[i].pictures, cases[i].batch), cases[i].rate,
                       1e-6 * cases[i].rate + 1e-9, "%g pictures: %g", cases[i].pictures,
                       (double)limn_average_rate_of_half_life(cases[i].pictures, cases[i].batch));
}

static double value_at(const char *run, uint64_t step, const char *name) {
  float value;
  limn_safetensors *file = test_open_checkpoint(run, step);
  const limn_stored_tensor *tensor = limn_safetensors_find(file, name);
  cr_assert_not_null(tensor, "%s", name);
  memcpy(&value, tensor->data, sizeof value);
  limn_safetensors_close(file);
  return (double)value;
}

/* In each step what is added to the average is what a half-life says that has risen that far. */
Test(average, its_half_life_rises_over_the_run) {
  test_train_well("dcgan",
                  (const char *const[]){"steps", "6", "lr", "0.01", "batch", "8", "ema_half_life", "32",
                                        "checkpoint_every", "1", "keep", "6", NULL},
                  data, "rising");
  double average = 0;
  for (int t = 0; t < 6; ++t) {
    const double half_life = 32 * (1 - cos(acos(-1) * t / 6)) / 2;
    const double kept = half_life > 0 ? pow(0.5, 8 / half_life) : 0;
    average = kept * average + (1 - kept) * value_at("rising", (uint64_t)t + 1, "generator.main.0.weight");
    cr_expect_float_eq(value_at("rising", (uint64_t)t + 1, "ema.generator.main.0.weight"), average, 1e-6, "step %d", t);
  }
}
