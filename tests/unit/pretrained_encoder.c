/* Encoders that read a map of a pretrained network: a step against PyTorch's (tests/fixtures/features/make_encoder.py
 * says what is in the fixture), frozen and trained further; runs, which go on, are read and refuse other weights. */
#include "models/pretrained_encoder.h"
#include "infer/codec.h"
#include "limn/export.h"
#include "support/made_weights.h"
#include "support/run_files.h"
#include "support/session_graphs.h"

#define FIXTURE   LIMN_SOURCE_DIR "/tests/fixtures/features/encoder.safetensors"
#define TOLERANCE 1e-4 /* of a gradient */
#define SOME      256  /* elements of a gradient that are compared one by one */
#define LITE0     "efficientnet_lite0"

static char data[TEST_PATH_SIZE];

/* With made-up weights in the cache. */
static void put_weights(const char *network) {
  char name[96];
  made_file *m = make_file(network_of(network), "");
  snprintf(name, sizeof name, "cache/features/%s.safetensors", network);
  write_made_file(m, name);
  free_file(m);
}

static void begin(void) {
  test_begin_with_data(data, 40);
  mkdir(test_path("cache"), 0777);
  mkdir(test_path("cache/features"), 0777);
  setenv("LIMN_CACHE", test_path("cache"), 1);
  put_weights(LITE0);
}

TestSuite(pretrained_encoder, .init = begin, .fini = test_folder_remove, .timeout = 240);

/* --- a step against PyTorch's --- */

/* Powers of two, so that nothing is rounded twice; and large, so that a change is its gradient. */
#define RATE         "64"
#define ENCODER_RATE "256"

typedef struct comparison {
  const char *network, *where;
  const limn_safetensors *fixture;
  double worst;
} comparison;

static const float *stored(const comparison *c, const char *what, const char *name, size_t *count) {
  char full[192];
  snprintf(full, sizeof full, "%s.%s%s", c->network, what, name);
  const limn_stored_tensor *t = limn_safetensors_find(c->fixture, full);
  cr_assert_not_null(t, "the fixture has no %s", full);
  *count = t->bytes / sizeof(float);
  return t->data;
}

static float *download(const limn_tensor *tensor) {
  float *values = malloc((size_t)limn_shape_count(tensor->shape) * sizeof *values);
  cr_assert_not_null(values);
  cr_assert_eq(limn_tensor_download(tensor, values), LIMN_OK);
  return values;
}

static bool is_pretrained(const char *name) { return strncmp(name, LIMN_PRETRAINED ".", sizeof LIMN_PRETRAINED) == 0; }

/* Heads and decoder by the fixture's formula. */
static void fill_others(const limn_session *s) {
  for (size_t i = 0; i < limn_store_count(s->store); ++i) {
    const char *name;
    int64_t dims[4];
    limn_tensor *tensor = limn_store_at(s->store, i, &name);
    if (tensor->role != LIMN_ROLE_PARAMETER || is_pretrained(name))
      continue;
    const int count = limn_weights_shape(tensor->shape, tensor->form, dims);
    float *values = weights(name, count, dims, (size_t)limn_shape_count(tensor->shape));
    cr_assert_eq(limn_tensor_upload(tensor, values), LIMN_OK);
    free(values);
  }
}

static size_t stride_of(size_t count) {
  size_t stride = count / SOME > 1 ? count / SOME : 1;
  while (stride % 3 == 0 || stride % 5 == 0)
    --stride;
  return stride;
}

static void compare(comparison *c, const char *name, const limn_tensor *tensor, const float *before, double rate) {
  const size_t all = (size_t)limn_shape_count(tensor->shape), stride = stride_of(all);
  float *after = download(tensor);
  size_t count, one;
  const float *some = stored(c, "some.", name, &count), *norm = stored(c, "norm.", name, &one);
  double squares = 0, difference = 0, reference = 0;
  for (size_t i = 0; i < all; ++i)
    squares += pow(((double)before[i] - (double)after[i]) / rate, 2);
  for (size_t i = 0; i < count; ++i) {
    const double gradient = ((double)before[i * stride] - (double)after[i * stride]) / rate;
    difference += pow(gradient - (double)some[i], 2);
    reference += pow((double)some[i], 2);
  }
  const double off = sqrt(difference / reference), of_norm = fabs(sqrt(squares) / (double)*norm - 1);
  cr_expect_leq(off, TOLERANCE, "%s, %s: the gradient of %s is %.1e off PyTorch's", c->network, c->where, name, off);
  cr_expect_leq(of_norm, TOLERANCE, "%s, %s: the norm of %s", c->network, c->where, name);
  c->worst = fmax(c->worst, fmax(off, of_norm));
  free(after);
}

/* How many tensors were compared. */
static int check_step(comparison *c, const char *tap, const char *channels, bool trained) {
  const char *const settings[] = {"size",        "32",
                                  "channels",    channels,
                                  "filters",     "8",
                                  "latent",      "6",
                                  "batch",       "4",
                                  "lr",          RATE,
                                  "optimizer",   "sgd",
                                  "momentum",    "0",
                                  "encoder",     c->network,
                                  "encoder_tap", tap,
                                  "encoder_lr",  trained ? ENCODER_RATE : "0",
                                  NULL};
  limn_config *config = test_config("vae", settings);
  test_batches batches = test_batches_of(config);
  limn_session session;
  float *before[256], measures[LIMN_MAX_MEASURES];
  size_t one;
  int compared = 0;
  cr_assert_eq(limn_session_init(&session, config, 1, &(limn_session_data){0}), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(strlen(session.frozen), trained ? 0 : 64);
  fill_others(&session);
  const size_t leaves = limn_store_count(session.store);
  const char *name;
  cr_assert_leq(leaves, 256);
  for (size_t i = 0; i < leaves; ++i) {
    const limn_tensor *tensor = limn_store_at(session.store, i, &name);
    before[i] = tensor->role == LIMN_ROLE_PARAMETER || tensor->role == LIMN_ROLE_FROZEN ? download(tensor) : NULL;
  }
  cr_assert_eq(test_step(&session, &batches, 0), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_session_measures(&session, 0, 1, measures), LIMN_OK);
  cr_expect_float_eq((double)measures[0] / (double)*stored(c, "loss", "", &one), 1, 1e-5, "%s: loss %.9g", c->network,
                     (double)measures[0]);
  for (size_t i = 0; i < leaves; ++i) {
    const limn_tensor *tensor = limn_store_at(session.store, i, &name);
    if (tensor->role == LIMN_ROLE_FROZEN) {
      float *after = download(tensor);
      cr_expect(!trained && is_pretrained(name));
      cr_expect_arr_eq(after, before[i], (size_t)limn_shape_count(tensor->shape) * sizeof *after, "%s", name);
      free(after);
    } else if (tensor->role == LIMN_ROLE_PARAMETER) {
      compare(c, name, tensor, before[i], atof(is_pretrained(name) ? ENCODER_RATE : RATE));
      ++compared;
    }
    free(before[i]);
  }
  limn_session_release(&session);
  test_batches_release(&batches);
  limn_config_destroy(config);
  return compared;
}

static void check_network(const char *network, const char *tap, const char *channels, int tensors) {
  limn_safetensors *fixture = NULL;
  cr_assert_eq(limn_safetensors_open(&fixture, FIXTURE), LIMN_OK, "%s", limn_error_message());
  for (int trained = 0; trained < 2; ++trained) {
    comparison c = {.network = network, .where = trained ? "trained further" : "frozen", .fixture = fixture};
    const int others = 2 * 2 + 4 * 2; /* two heads, four layers of the decoder */
    cr_expect_eq(check_step(&c, tap, channels, trained), trained ? others + tensors : others);
    fprintf(stderr, "%s, %s: gradients at most %.1e off\n", network, c.where, c.worst);
  }
  limn_safetensors_close(fixture);
}

Test(pretrained_encoder, a_step_of_resnet18_is_pytorchs) {
  put_weights("resnet18");
  check_network("resnet18", "auto", "1", 20 * 2);
}

/* Depthwise convolutions, padded on one side more than on the other. */
Test(pretrained_encoder, a_step_of_lite0_is_pytorchs) { check_network(LITE0, "block4", "3", 15 * 2); }

/* --- what is computed --- */

typedef struct work {
  int dw, dx;
} work;

static void count_work(void *context, int index, const limn_graph *graph) {
  work *w = context;
  for (limn_value v = 0; index == 0 && v < limn_graph_count(graph); ++v) {
    w->dw += limn_graph_node(graph, v)->op == LIMN_OP_CONV_DW;
    w->dx += limn_graph_node(graph, v)->op == LIMN_OP_CONV_DX;
  }
}

static work work_of(const char *tap, const char *rate) {
  const char *const settings[] = {"encoder", LITE0, "encoder_tap", tap, "encoder_lr", rate, NULL};
  work w = {0};
  limn_config *config = test_session_graphs("autoencoder", settings, count_work, &w);
  cr_assert_not_null(config, "%s", limn_error_message());
  limn_config_destroy(config);
  return w;
}

/* At 16x16 the decoder has three layers: forward 3 CONV_DX, backward 3 CONV_DW and CONVs. */
Test(pretrained_encoder, no_gradient_is_wasted) {
  enum { DECODER = 3, HEAD = 1, STEM = 3 }; /* the stem: a convolution and block0's two */
  const work frozen = work_of("block0", "0"), trained = work_of("block0", "0.1");
  cr_expect_eq(frozen.dw, DECODER + HEAD, "%d gradients of weights", frozen.dw);
  cr_expect_eq(frozen.dx, DECODER, "%d gradients of pictures or maps", frozen.dx - DECODER);
  cr_expect_eq(work_of("block4", "0").dw, frozen.dw);
  cr_expect_eq(work_of("block4", "0").dx, frozen.dx);
  cr_expect_eq(trained.dw, DECODER + HEAD + STEM);
  cr_expect_eq(trained.dx, DECODER + HEAD + STEM - 1, "none of the pictures");
}

/* Adam's first step is the rate, whatever the gradient is. */
Test(pretrained_encoder, it_has_a_rate_of_its_own) {
  static const char *const each[] = {"1", "2"};
  for (int k = 0; k < 2; ++k) {
    const char *const settings[] = {"encoder", LITE0,    "encoder_tap", "block0",     "encoder_lr", "0.0001", "lr",
                                    "0.01",    "warmup", "2",           "accumulate", each[k],      NULL};
    limn_config *config = test_config("vae", settings);
    test_batches batches = test_batches_of(config);
    limn_session session;
    double largest[2] = {0};
    float *before[256];
    const char *name;
    cr_assert_eq(limn_session_init(&session, config, 10, &(limn_session_data){0}), LIMN_OK, "%s", limn_error_message());
    const size_t leaves = limn_store_count(session.store);
    for (size_t i = 0; i < leaves; ++i) {
      const limn_tensor *tensor = limn_store_at(session.store, i, &name);
      before[i] = tensor->role == LIMN_ROLE_PARAMETER ? download(tensor) : NULL;
    }
    cr_assert_eq(test_step(&session, &batches, 0), LIMN_OK, "%s", limn_error_message());
    for (size_t i = 0; i < leaves; ++i) {
      const limn_tensor *tensor = limn_store_at(session.store, i, &name);
      if (!before[i])
        continue;
      float *after = download(tensor);
      double *to = &largest[is_pretrained(name)];
      for (int64_t j = 0; j < limn_shape_count(tensor->shape); ++j)
        *to = fmax(*to, fabs((double)after[j] - (double)before[i][j]));
      free(after);
      free(before[i]);
    }
    cr_expect_float_eq(largest[0] / 0.005, 1, 1e-2, "half of lr, as it warms up: %g", largest[0]);
    cr_expect_float_eq(largest[1] / 0.00005, 1, 1e-2, "half of encoder_lr: %g", largest[1]);
    limn_session_release(&session);
    test_batches_release(&batches);
    limn_config_destroy(config);
  }
}

/* --- runs --- */

#define RUN                                                                                                            \
  "steps", "6", "checkpoint_every", "3", "validation", "0.25", "validate_every", "3", "log_every", "1", "encoder",     \
      LITE0, "encoder_tap", "block2"
static const char *const frozen_run[] = {RUN, NULL};
static const char *const trained_run[] = {RUN, "encoder_lr", "0.001", NULL};

static int pretrained_tensors(const limn_safetensors *file) {
  int count = 0;
  for (size_t i = 0; i < limn_safetensors_count(file); ++i)
    count += is_pretrained(limn_safetensors_at(file, i)->name);
  return count;
}

static void stop_and_go_on(const char *model, const char *const *settings, const char *name) {
  limn_config *config = test_config(model, settings);
  test_set(config, "data", data);
  test_run first = {.stop_at = 3}, second = {0};
  test_train(&first, config, name, false);
  cr_assert_eq(first.status, LIMN_OK, "%s", first.message);
  cr_expect_eq(first.result.step, 3);
  test_train(&second, config, name, true);
  cr_assert_eq(second.status, LIMN_OK, "%s", second.message);
  limn_config_destroy(config);
}

static limn_status open_codec(const char *name, limn_codec **codec) {
  return limn_codec_open(codec, test_path("%s", name), &(limn_codec_options){.device = "cpu", .threads = 2});
}

/* Codes of one picture. */
static void encode(const char *name, float code[8]) {
  uint8_t picture[16 * 16];
  limn_codec *codec = NULL;
  for (int i = 0; i < 16 * 16; ++i)
    picture[i] = (uint8_t)(i * 37 % 251);
  cr_assert_eq(open_codec(name, &codec), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_codec_encode(codec, picture, 0, 1, &(limn_codes){.mean = code}), LIMN_OK);
  limn_codec_close(codec);
}

static void expect_said(const char *a, const char *b) {
  cr_expect(strstr(limn_error_message(), a) && strstr(limn_error_message(), b) && !strchr(limn_error_message(), '\n'),
            "neither \"%s\" nor \"%s\" may be missing: %s", a, b, limn_error_message());
}

static void expect_no_reading(const char *name, const char *a, const char *b) {
  limn_codec *codec = NULL;
  cr_expect_eq(open_codec(name, &codec), LIMN_DATA);
  cr_expect_null(codec);
  expect_said(a, b);
}

/* Going on with the run as it is now. */
static test_run go_on(const char *name, const char *setting, const char *value) {
  limn_config *config = test_config("autoencoder", frozen_run);
  test_run run = {0};
  test_set(config, "data", data);
  test_set(config, "steps", "9");
  if (setting)
    test_set(config, setting, value);
  test_train(&run, config, name, true);
  limn_config_destroy(config);
  return run;
}

/* Another file of the same network. */
static void write_others(const char *name) {
  made_file *m = make_file(network_of(LITE0), "");
  float *first = (float *)(uintptr_t)m->tensors[0].data;
  first[0] += 1;
  write_made_file(m, name);
  free_file(m);
}

Test(pretrained_encoder, a_frozen_one_is_in_no_checkpoint_and_has_to_be_there) {
  float code[8], again[8];
  const char *kept = "cache/features/" LITE0 ".safetensors";
  test_train_well("autoencoder", frozen_run, data, "whole");
  stop_and_go_on("autoencoder", frozen_run, "parted");
  cr_expect(test_same_file("whole", "parted", "checkpoints/000006.safetensors"));
  limn_safetensors *file = test_open_checkpoint("whole", 6);
  const char *sum = limn_safetensors_metadata(file, "frozen_sha256");
  cr_expect_eq(pretrained_tensors(file), 0);
  cr_expect(sum && strlen(sum) == 64);
  cr_expect_null(limn_safetensors_metadata(file, "pretrained_file"));
  limn_safetensors_close(file);
  encode("whole", code);

  char moved[TEST_PATH_SIZE], cached[TEST_PATH_SIZE];
  snprintf(moved, sizeof moved, "%s", test_path("moved.safetensors"));
  snprintf(cached, sizeof cached, "%s", test_path("%s", kept));
  cr_assert_eq(rename(cached, moved), 0);
  expect_no_reading("whole", LITE0, "limn features get");
  cr_expect_eq(go_on("whole", NULL, NULL).status, LIMN_DATA);
  write_others(kept);
  expect_no_reading("whole", "pretrained_file", "other weights");
  cr_expect_eq(go_on("whole", NULL, NULL).status, LIMN_DATA);
  expect_said("000006.safetensors", "other weights");
  /* Named, it may lie anywhere, and is found again. */
  test_run run = go_on("whole", "pretrained_file", moved);
  cr_expect_eq(run.status, LIMN_OK, "%s", run.message);
  encode("whole", again);
  cr_expect_neq(memcmp(code, again, sizeof code), 0, "three steps further");
  cr_expect_eq(go_on("parted", "pretrained_file", moved).status, LIMN_OK);
  cr_expect(test_same_file("whole", "parted", "checkpoints/000009.safetensors"));
}

Test(pretrained_encoder, a_trained_one_is_in_the_checkpoint) {
  float code[8];
  test_train_well("vae", trained_run, data, "whole");
  stop_and_go_on("vae", trained_run, "parted");
  cr_expect(test_same_file("whole", "parted", "checkpoints/000006.safetensors"));
  limn_safetensors *file = test_open_checkpoint("whole", 6);
  cr_expect_eq(pretrained_tensors(file), 2 * 9); /* the stem; block0's 2 layers; 3 of each of block1 and block2 */
  cr_expect_null(limn_safetensors_metadata(file, "frozen_sha256"));
  limn_safetensors_close(file);
  remove(test_path("cache/features/" LITE0 ".safetensors"));
  encode("whole", code);
  cr_assert_eq(limn_export(test_path("whole"), "encoder", test_path("e.safetensors")), LIMN_OK, "%s",
               limn_error_message());
  cr_assert_eq(limn_safetensors_open(&file, test_path("e.safetensors")), LIMN_OK);
  cr_expect(limn_safetensors_find(file, "pretrained._conv_stem.weight") && limn_safetensors_find(file, "mu.weight"));
  limn_safetensors_close(file);
}

/* First the heads on a frozen network, then all of it. */
Test(pretrained_encoder, what_was_frozen_can_be_trained_further) {
  char init[TEST_PATH_SIZE];
  test_train_well("vae", frozen_run, data, "frozen");
  snprintf(init, sizeof init, "%s", test_path("frozen/checkpoints/000006.safetensors"));
  const char *const further[] = {RUN, "encoder_lr", "0.001", "init", init, NULL};
  test_train_well("vae", further, data, "further");
  snprintf(init, sizeof init, "%s", test_path("further/checkpoints/000006.safetensors"));
  const char *const back[] = {RUN, "init", init, NULL};
  limn_config *config = test_config("vae", back);
  test_run run = {0};
  test_set(config, "data", data);
  test_train(&run, config, "back", false);
  cr_expect_eq(run.status, LIMN_DATA);
  cr_expect_not_null(strstr(run.message, "encoder_lr"), "%s", run.message);
  limn_config_destroy(config);
}

/* --- what is refused --- */

Test(pretrained_encoder, what_cannot_be_is_said_in_a_line) {
  static const struct {
    const char *settings[8];
    const char *says, *way_out;
  } cases[] = {
      {{"encoder_lr", "0.1"}, "encoder_lr 0.1", "set encoder"},
      {{"encoder_tap", "block2"}, "encoder_tap block2", "set encoder"},
      {{"pretrained_file", "w.pth"}, "pretrained_file w.pth", "set encoder"},
      {{"encoder", "./w.pth"}, "looks like a file", "pretrained_file"},
      {{"encoder", "resnet19"}, "no pretrained network \"resnet19\"", "resnet18"},
      {{"encoder", "resnet18", "encoder_tap", "layer9"}, "no tap \"layer9\"", "layer4"},
      {{"encoder", "resnet18", "encoder_tap", "pool"}, "pool of resnet18 is no map", "layer4"},
      {{"encoder", "vgg16", "encoder_tap", "fc1"}, "fc1 of vgg16 is no map", "conv5_3"},
      {{"encoder", "vgg16", "size", "8"}, "at least 16x16, and these are 8x8", "up to conv4_3"},
      {{"encoder", "inception_fid", "size", "32"}, "at least 43x43", "up to 192"},
      {{"encoder", LITE0, "encoder_tap", "block2"}, NULL, NULL},
      {{"encoder", "resnet50"}, NULL, NULL},
      {{"encoder", "vgg11_bn", "encoder_tap", "conv2_1"}, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_config *config = test_config("vae", cases[i].settings);
    limn_model model;
    test_set(config, "steps", "1");
    limn_status status = limn_config_check(config);
    if (status == LIMN_OK)
      status = limn_model_init(&model, config);
    cr_expect_eq(status, cases[i].says ? LIMN_USAGE : LIMN_OK, "%s: %s", cases[i].settings[1], limn_error_message());
    if (cases[i].says)
      expect_said(cases[i].says, cases[i].way_out);
    limn_config_destroy(config);
  }
  limn_config *gan = test_config("dcgan", NULL);
  cr_expect_eq(limn_config_set(gan, "encoder", "resnet18", LIMN_FROM_SET), LIMN_USAGE);
  limn_config_destroy(gan);
}
