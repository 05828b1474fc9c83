/* The importance-weighted bound, regularised autoencoders and residual networks against PyTorch: the loss at the start
 * and five steps, from tests/fixtures/ (make_vaes.py says what is in them), on the CPU device and on the reference
 * device. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "limn/safetensors.h"
#include "reference/reference.h"
#include "support/training.h"
#include "train/perceptual_loss.h"

#define STEPS          5
#define LOSS_TOLERANCE 1e-5
/* Of the five steps' change, with SGD; it is the gradients' too. The reference device does not round weights to fp32
 * as PyTorch does, 1e-4 of such small changes. */
#define CHANGE_TOLERANCE    2e-4
#define REFERENCE_TOLERANCE 1e-3
#define ADAM_TOLERANCE      2e-3 /* the sign of a gradient near zero counts in full */

TestSuite(pytorch_codes, .timeout = 120);

typedef struct scenario {
  const char *fixture, *model;
  const char *settings[16];
} scenario;

static const scenario iwae = {"iwae", "vae", {"filters", "8", "latent", "6", "importance_samples", "7", NULL}};
static const scenario mmd = {
    "mmd", "autoencoder", {"filters", "8", "latent", "6", "regularizer", "mmd", "regularizer_weight", "100", NULL}};
static const scenario rae = {
    "rae",
    "autoencoder",
    {"filters", "8", "latent", "6", "regularizer", "l2", "regularizer_weight", "0.5", "decoder_decay", "0.01", NULL}};
static const scenario residual = {"residual", "vae", {"filters", "8", "latent", "6", "residual_blocks", "1", NULL}};
static const char *const sgd[] = {"optimizer", "sgd", "momentum", "0", "lr", "0.001", NULL};
static const char *const adam[] = {"optimizer", "adam", "lr", "0.001", "beta1", "0.9", NULL};

static const float *stored(const limn_safetensors *file, const char *prefix, const char *name, size_t count) {
  char full[128];
  snprintf(full, sizeof full, "%s%s%s", prefix, prefix[0] ? "." : "", name);
  const limn_stored_tensor *tensor = limn_safetensors_find(file, full);
  cr_assert_not_null(tensor, "the fixture has no %s", full);
  cr_assert_eq(tensor->bytes, count * sizeof(float), "%s has %zu bytes", full, tensor->bytes);
  return tensor->data;
}

/* What a session does, on a device that users cannot name too. */
static void open_session(limn_session *s, const limn_config *c, bool reference) {
  const limn_session_data data = {0};
  if (!reference) {
    cr_assert_eq(limn_session_init(s, c, STEPS, &data), LIMN_OK, "%s", limn_error_message());
    return;
  }
  *s = (limn_session){.config = c,
                      .algorithm = limn_algorithm_of(c),
                      .batch = {c->batch, c->channels, c->height, c->width},
                      .horizon = STEPS,
                      .device = reference_device_create(c->seed)};
  cr_assert_eq(limn_model_init(&s->model, c), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_store_create(&s->store, s->device), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(s->algorithm->build(s), LIMN_OK, "%s", limn_error_message());
}

static void load(const limn_session *s, const limn_safetensors *file) {
  for (size_t i = 0; i < limn_store_count(s->store); ++i) {
    const char *name;
    limn_tensor *tensor = limn_store_at(s->store, i, &name);
    if (tensor->role == LIMN_ROLE_PARAMETER)
      cr_assert_eq(limn_tensor_upload(tensor, stored(file, "init", name, (size_t)limn_shape_count(tensor->shape))),
                   LIMN_OK);
  }
}

static void compare_measures(limn_session *s, const limn_safetensors *file, const char *where) {
  float values[LIMN_MAX_MEASURES];
  int compared = 0;
  cr_assert_eq(limn_session_measures(s, 0, 1, values), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < s->measure_count; ++i) {
    if (!limn_safetensors_find(file, s->measures[i]))
      continue;
    const double want = (double)*stored(file, "", s->measures[i], 1), off = fabs((double)values[i] / want - 1);
    cr_expect_leq(off, LOSS_TOLERANCE, "%s: %s is %.7g, not %.7g", where, s->measures[i], (double)values[i], want);
    ++compared;
  }
  cr_expect_geq(compared, limn_safetensors_find(file, "regularizer") ? 2 : 1);
}

static double change_off(const limn_tensor *tensor, const float *theirs, const float *initial) {
  const size_t count = (size_t)limn_shape_count(tensor->shape);
  float *ours = malloc(count * sizeof *ours);
  double difference = 0, norm = 0;
  cr_assert_eq(limn_tensor_download(tensor, ours), LIMN_OK, "%s", limn_error_message());
  for (size_t i = 0; i < count; ++i) {
    const double d = (double)ours[i] - (double)theirs[i], r = (double)theirs[i] - (double)initial[i];
    difference += d * d;
    norm += r * r;
  }
  free(ours);
  return sqrt(difference / norm);
}

static void check(const scenario *of, const char *prefix, bool reference) {
  char path[512];
  double worst = 0;
  limn_safetensors *file = NULL;
  const bool plain = strcmp(prefix, "sgd") == 0;
  const double tolerance = !plain ? ADAM_TOLERANCE : reference ? REFERENCE_TOLERANCE : CHANGE_TOLERANCE;
  const char *where = reference ? "reference" : test_device();
  snprintf(path, sizeof path, "%s/tests/fixtures/%s.safetensors", LIMN_SOURCE_DIR, of->fixture);
  cr_assert_eq(limn_safetensors_open(&file, path), LIMN_OK, "%s", limn_error_message());
  limn_config *config = test_config(of->model, of->settings);
  test_set_all(config, plain ? sgd : adam);
  test_batches batches = test_batches_of(config);
  limn_session session;
  open_session(&session, config, reference);
  load(&session, file);
  for (uint64_t step = 0; step < STEPS; ++step) {
    cr_assert_eq(test_step(&session, &batches, step), LIMN_OK, "%s", limn_error_message());
    if (step == 0)
      compare_measures(&session, file, where);
  }
  for (size_t i = 0; i < limn_store_count(session.store); ++i) {
    const char *name;
    const limn_tensor *tensor = limn_store_at(session.store, i, &name);
    if (tensor->role != LIMN_ROLE_PARAMETER)
      continue;
    const size_t count = (size_t)limn_shape_count(tensor->shape);
    double off = change_off(tensor, stored(file, prefix, name, count), stored(file, "init", name, count));
    cr_expect_leq(off, tolerance, "%s, %s: the change of %s is %.1e off PyTorch's", of->fixture, where, name, off);
    worst = fmax(worst, off);
  }
  fprintf(stderr, "%s, %s, %s: the change at most %.1e off\n", of->fixture, prefix, where, worst);
  limn_session_release(&session);
  test_batches_release(&batches);
  limn_config_destroy(config);
  limn_safetensors_close(file);
}

static void check_all(const scenario *of) {
  for (int reference = 0; reference < 2; ++reference) {
    check(of, "sgd", reference);
    check(of, "adam", reference);
  }
}

Test(pytorch_codes, importance_weighted_steps) { check_all(&iwae); }
Test(pytorch_codes, mmd_steps) { check_all(&mmd); }
Test(pytorch_codes, l2_steps) { check_all(&rae); }
Test(pytorch_codes, residual_steps) { check_all(&residual); }

/* --- the distance in a map --- */

static void upload(limn_store *store, const char *leaf, const limn_safetensors *file, const char *name) {
  limn_tensor *tensor = limn_store_find(store, leaf);
  cr_assert_not_null(tensor, "there is no %s", leaf);
  cr_assert_eq(limn_tensor_upload(tensor, stored(file, "", name, (size_t)limn_shape_count(tensor->shape))), LIMN_OK);
}

static void expect_near(const limn_store *store, const limn_safetensors *file, const char *name) {
  const limn_tensor *tensor = limn_store_find(store, name);
  const size_t count = (size_t)limn_shape_count(tensor->shape);
  const float *want = stored(file, "", name, count);
  float got[128];
  double difference = 0, norm = 0;
  cr_assert_leq(count, 128);
  cr_assert_eq(limn_tensor_download(tensor, got), LIMN_OK);
  for (size_t i = 0; i < count; ++i) {
    difference += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
    norm += (double)want[i] * (double)want[i];
  }
  cr_expect_leq(sqrt(difference / norm), 1e-5, "%s is %.1e off PyTorch's", name, sqrt(difference / norm));
}

static void keep(limn_graph *graph, const char *name, limn_value value) {
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, name, limn_graph_shape(graph, value)), value);
}

static void check_perceptual(bool reference) {
  static const char *const settings[] = {
      "perceptual_network", "vgg11", "perceptual_tap", "conv1_1", "perceptual_size", "12", NULL};
  const limn_shape pictures = {2, 1, 8, 8};
  limn_config *config = test_config("vae", settings);
  limn_safetensors *file = NULL;
  limn_device *device = NULL;
  limn_store *store = NULL;
  limn_graph *graph = NULL;
  limn_program *program = NULL;
  cr_assert_eq(limn_safetensors_open(&file, LIMN_SOURCE_DIR "/tests/fixtures/perceptual.safetensors"), LIMN_OK);
  if (reference)
    device = reference_device_create(1);
  else
    cr_assert_eq(limn_device_create(&device, &(limn_device_options){.name = test_device(), .threads = 2}), LIMN_OK);
  cr_assert_eq(limn_store_create(&store, device), LIMN_OK);
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value x = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "x", pictures), loss, gradient,
             y = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "y", pictures);
  cr_assert_eq(limn_loss_perceptual(graph, config, x, y, &loss), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_graph_gradient(graph, loss, &x, 1, &gradient), LIMN_OK, "%s", limn_error_message());
  keep(graph, "loss", loss);
  keep(graph, "gradient", gradient);
  cr_assert_eq(limn_program_create(&program, store, graph, NULL), LIMN_OK, "%s", limn_error_message());
  upload(store, "x", file, "x");
  upload(store, "y", file, "y");
  upload(store, "perceptual.features.0.weight", file, "weight");
  upload(store, "perceptual.features.0.bias", file, "bias");
  cr_assert_eq(limn_program_run(program, 0), LIMN_OK, "%s", limn_error_message());
  expect_near(store, file, "loss");
  expect_near(store, file, "gradient");
  limn_program_destroy(program);
  limn_graph_destroy(graph);
  limn_store_destroy(store);
  limn_device_destroy(device);
  limn_safetensors_close(file);
  limn_config_destroy(config);
}

Test(pytorch_codes, perceptual_distance) {
  check_perceptual(false);
  check_perceptual(true);
}

/* What there is not is said before a step is made. */
Test(pytorch_codes, perceptual_networks_and_taps_are_looked_up) {
  static const struct {
    const char *network, *tap, *piece;
  } cases[] = {{"vgg12", "conv1_1", "vgg12"}, {"vgg11", "conv9_9", "conv9_9"}};
  for (int i = 0; i < 2; ++i) {
    const char *const settings[] = {"perceptual", "1", "perceptual_network", cases[i].network, "perceptual_tap",
                                    cases[i].tap, NULL};
    limn_config *config = test_config("vae", settings);
    limn_session session;
    cr_expect_eq(limn_session_init(&session, config, STEPS, &(limn_session_data){0}), LIMN_USAGE);
    cr_expect_not_null(strstr(limn_error_message(), cases[i].piece), "%s", limn_error_message());
    limn_config_destroy(config);
  }
}
