/* The networks of GANs against PyTorch's: tests/fixtures/networks/make_networks.py says what is in the fixture. On the
 * device of the tests and on the reference device; on CUDA in half precision too. */
#include <criterion/criterion.h>

#include "checkpoint/pretrained.h"
#include "checkpoint/weights.h"
#include "devices/device.h"
#include "models/projected.h"
#include "reference/reference.h"
#include "support/made_weights.h"
#include "support/training.h"

#define TOLERANCE      1e-4
#define HALF_TOLERANCE 0.06 /* of results in bf16 */
#define HALF_GRADIENT  0.25 /* and of gradients, which are sums of terms of both signs */
#define NOTHING        1e-9
#define FIXTURE        LIMN_SOURCE_DIR "/tests/fixtures/networks/networks.safetensors"

enum { CODES = 1, OF_PICTURES, PICTURES_OF_D, OF_SCORES }; /* streams */

#define COUNT  12 /* pictures that the discriminator sees, in two parts */
#define LATENT "6"

TestSuite(networks, .timeout = 240);

typedef enum machine { OURS, REFERENCE, HALF } machine;

/* A network at work. */
typedef struct session {
  limn_safetensors *fixture;
  const char *case_name;
  limn_config *config;
  limn_model model;
  limn_device *device;
  limn_store *store;
  limn_graph *graph;
  machine machine;
  double worst;
} session;

static void open_session(session *s, const char *case_name, const char *model, const char *const *settings,
                         machine how) {
  *s = (session){.case_name = case_name, .machine = how, .config = test_config(model, settings)};
  cr_assert_eq(limn_safetensors_open(&s->fixture, FIXTURE), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_model_init(&s->model, s->config), LIMN_OK, "%s", limn_error_message());
  if (how == REFERENCE)
    s->device = reference_device_create(SEED);
  else
    cr_assert_eq(limn_device_create(&s->device, &(limn_device_options){.name = test_device(),
                                                                       .threads = 2,
                                                                       .precision = how == HALF ? "bf16" : "fp32",
                                                                       .seed = SEED}),
                 LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_store_create(&s->store, s->device), LIMN_OK);
  cr_assert_eq(limn_graph_create(&s->graph), LIMN_OK);
}

static void close_session(session *s) {
  fprintf(stderr, "%s, %s: at most %.1e off\n", s->case_name,
          s->machine == REFERENCE ? "reference"
          : s->machine == HALF    ? "bf16"
                                  : test_device(),
          s->worst);
  limn_graph_destroy(s->graph);
  limn_store_destroy(s->store);
  limn_device_destroy(s->device);
  limn_config_destroy(s->config);
  limn_safetensors_close(s->fixture);
}

/* Uniform in [-1, 1). */
static limn_value signed_leaf(session *s, const char *name, limn_shape shape) {
  return limn_graph_leaf(s->graph, LIMN_ROLE_INPUT, name, shape);
}

static void fill_signed(session *s, const char *name, uint32_t stream) {
  limn_tensor *tensor = limn_store_find(s->store, name);
  const size_t count = (size_t)limn_shape_count(tensor->shape);
  float *u = malloc(count * sizeof *u);
  cr_assert_not_null(u);
  limn_philox_uniform(SEED, stream, 0, 0, u, count);
  for (size_t i = 0; i < count; ++i)
    u[i] = 2 * u[i] - 1;
  cr_assert_eq(limn_tensor_upload(tensor, u), LIMN_OK);
  free(u);
}

static void make_unit(float *values, size_t count) {
  double squares = 0;
  for (size_t i = 0; i < count; ++i)
    squares += (double)values[i] * (double)values[i];
  for (size_t i = 0; i < count; ++i)
    values[i] = (float)((double)values[i] / sqrt(squares));
}

/* By way of a file's shape, as checkpoints and --init have it. */
static void fill_weights(session *s) {
  for (size_t i = 0; i < limn_store_count(s->store); ++i) {
    const char *name;
    limn_tensor *tensor = limn_store_at(s->store, i, &name);
    if (tensor->role != LIMN_ROLE_PARAMETER && tensor->role != LIMN_ROLE_BUFFER)
      continue;
    limn_stored_tensor stored = {.name = name, .dtype = "F32"};
    const size_t count = (size_t)limn_shape_count(tensor->shape);
    stored.dims = limn_weights_shape(tensor->shape, tensor->form, stored.shape);
    float *values = weights(name, stored.dims, stored.shape, count);
    if (ends_in(name, "weight_u") || ends_in(name, "weight_v"))
      make_unit(values, count);
    stored.data = values;
    stored.bytes = count * sizeof *values;
    cr_assert_eq(limn_weights_upload(&(limn_weights){.path = "made"}, &stored, tensor), LIMN_OK, "%s",
                 limn_error_message());
    free(values);
  }
}

static void keep(session *s, const char *name, limn_value value, limn_form form) {
  limn_value leaf = limn_graph_leaf(s->graph, LIMN_ROLE_OUTPUT, name, limn_graph_shape(s->graph, value));
  limn_graph_set_form(s->graph, leaf, form);
  limn_graph_assign(s->graph, leaf, value);
}

/* PREFIX.NAME of each parameter of the graph. */
static void keep_gradients(session *s, const char *prefix, limn_value loss) {
  limn_value parameters[128], gradients[128];
  int count = 0;
  for (limn_value v = 0; v < limn_graph_count(s->graph); ++v) {
    const limn_node *n = limn_graph_node(s->graph, v);
    if (n->op == LIMN_OP_LEAF && n->role == LIMN_ROLE_PARAMETER)
      parameters[count++] = v;
  }
  cr_assert(count > 0 && count <= 128);
  cr_assert_eq(limn_graph_gradient(s->graph, loss, parameters, count, gradients), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < count; ++i) {
    char name[128];
    const limn_node *n = limn_graph_node(s->graph, parameters[i]);
    snprintf(name, sizeof name, "%s.%s", prefix, n->name);
    keep(s, name, gradients[i], n->form);
  }
}

static double largest(const float *values, size_t count) {
  double most = 0;
  for (size_t i = 0; i < count; ++i)
    most = fmax(most, fabs((double)values[i]));
  return most;
}

/* Every output and buffer that the fixture knows; how many. Where it has zeros there must be next to nothing. */
static int compare(session *s) {
  int compared = 0;
  for (size_t i = 0; i < limn_store_count(s->store); ++i) {
    const char *name;
    char full[192];
    const limn_tensor *tensor = limn_store_at(s->store, i, &name);
    snprintf(full, sizeof full, "%s.%s", s->case_name, name);
    const limn_stored_tensor *wanted = limn_safetensors_find(s->fixture, full);
    if (!wanted || (tensor->role != LIMN_ROLE_OUTPUT && tensor->role != LIMN_ROLE_BUFFER))
      continue;
    const size_t count = (size_t)limn_shape_count(tensor->shape);
    cr_assert_eq(wanted->bytes, count * sizeof(float), "%s", full);
    float *found = malloc(wanted->bytes);
    cr_assert_not_null(found);
    cr_assert_eq(limn_weights_download(tensor, found), LIMN_OK);
    double norm = 0, error, tolerance = TOLERANCE;
    for (size_t k = 0; k < count; ++k)
      norm += fabs((double)((const float *)wanted->data)[k]);
    /* Biases in front of a batch normalisation: nothing but rounding, in float64 too. */
    error = norm > NOTHING ? relative_difference(found, wanted->data, count) : largest(found, count);
    if (s->machine == HALF)
      tolerance = strstr(name, "grad.") || strstr(name, "penalty") ? HALF_GRADIENT : HALF_TOLERANCE;
    /* The slopes know of r3gan's biases by the minibatch's channel alone: small differences of rounded numbers. */
    if (s->machine == HALF && strstr(name, "penalty.") && ends_in(name, "Bias"))
      tolerance = 1;
    if (s->machine == HALF && tensor->role == LIMN_ROLE_BUFFER)
      tolerance = TOLERANCE; /* of u and v, in fp32 always */
    cr_expect_lt(error, tolerance, "%s is %g off PyTorch's", full, error);
    s->worst = fmax(s->worst, error);
    ++compared;
    free(found);
  }
  return compared;
}

/* The pretrained network that a projected discriminator looks through has the weights of tests/fixtures/features. */
static void fill_projector(session *s) {
  if (!limn_config_has_projector(s->config))
    return;
  const limn_feature_network *network = network_of(s->config->projector);
  made_file *file = make_file(network, "");
  cr_assert_eq(limn_pretrained_load(s->store, network, LIMN_PROJECTOR, &file->file, "made"), LIMN_OK, "%s",
               limn_error_message());
  free_file(file);
}

static void run(session *s, limn_program **program) {
  cr_assert_eq(limn_program_create(program, s->store, s->graph, NULL), LIMN_OK, "%s", limn_error_message());
  fill_weights(s);
  fill_projector(s);
}

static int check_generator(const char *case_name, const char *model, const char *const *settings, bool whole,
                           machine how) {
  session s;
  limn_program *program;
  open_session(&s, case_name, model, settings, how);
  const limn_network_mode mode = {.training = true, .gate = LIMN_NONE};
  limn_value z = signed_leaf(&s, "codes", limn_model_input(&s.model, 0, 2));
  limn_value pictures = limn_model_apply(s.graph, &s.model, 0, z, mode);
  keep(&s, "pictures", pictures, LIMN_FORM_USUAL);
  if (whole) {
    limn_value factors = signed_leaf(&s, "factors", limn_graph_shape(s.graph, pictures));
    keep_gradients(&s, "grad", limn_graph_sum_all(s.graph, limn_graph_mul(s.graph, pictures, factors)));
  }
  run(&s, &program);
  fill_signed(&s, "codes", CODES);
  if (whole)
    fill_signed(&s, "factors", OF_PICTURES);
  cr_assert_eq(limn_program_run(program, 0), LIMN_OK, "%s", limn_error_message());
  const int compared = compare(&s);
  limn_program_destroy(program);
  close_session(&s);
  return compared;
}

static limn_value add_penalty(session *s, limn_value scores, limn_value x) {
  limn_value slope;
  cr_assert_eq(limn_graph_gradient(s->graph, limn_graph_sum_all(s->graph, scores), &x, 1, &slope), LIMN_OK, "%s",
               limn_error_message());
  limn_value squares = limn_graph_sum_all(s->graph, limn_graph_unary(s->graph, LIMN_PW_SQUARE, slope, 0, 0));
  return limn_graph_affine(s->graph, squares, 1 / (float)COUNT, 0);
}

static int check_discriminator(const char *case_name, const char *model, const char *const *settings, bool whole,
                               machine how) {
  session s;
  limn_program *program;
  open_session(&s, case_name, model, settings, how);
  const limn_network_mode mode = {
      .training = true, .gate = limn_graph_leaf(s.graph, LIMN_ROLE_BUFFER, "gate", LIMN_SCALAR), .groups = 2};
  limn_value x = signed_leaf(&s, "x", limn_model_input(&s.model, 1, COUNT));
  limn_model_apply(s.graph, &s.model, 1, x, mode);
  limn_value scores = limn_model_apply(s.graph, &s.model, 1, x, mode);
  keep(&s, "scores", scores, LIMN_FORM_USUAL);
  if (whole) {
    limn_value factors = signed_leaf(&s, "factors", limn_graph_shape(s.graph, scores));
    limn_value penalty = add_penalty(&s, scores, x);
    keep(&s, "penalty", penalty, LIMN_FORM_USUAL);
    keep_gradients(&s, "penalty", penalty);
    keep_gradients(&s, "grad", limn_graph_sum_all(s.graph, limn_graph_mul(s.graph, scores, factors)));
  }
  run(&s, &program);
  const float open = 0;
  cr_assert_eq(limn_tensor_upload(limn_store_find(s.store, "gate"), &open), LIMN_OK);
  fill_signed(&s, "x", PICTURES_OF_D);
  if (whole)
    fill_signed(&s, "factors", OF_SCORES);
  cr_assert_eq(limn_program_run(program, 0), LIMN_OK, "%s", limn_error_message());
  const int compared = compare(&s);
  limn_program_destroy(program);
  close_session(&s);
  return compared;
}

typedef struct network_case {
  const char *name, *model;
  const char *const *settings;
  bool generator, whole;
} network_case;

static void check(const network_case *c) {
  const bool cuda = strcmp(test_device(), "cuda") == 0;
  size_t stored = 0;
  limn_safetensors *fixture;
  cr_assert_eq(limn_safetensors_open(&fixture, FIXTURE), LIMN_OK, "%s", limn_error_message());
  for (size_t i = 0; i < limn_safetensors_count(fixture); ++i) {
    const char *name = limn_safetensors_at(fixture, i)->name;
    stored += strncmp(name, c->name, strlen(c->name)) == 0 && name[strlen(c->name)] == '.';
  }
  limn_safetensors_close(fixture);
  for (machine how = OURS; how <= HALF; ++how) {
    size_t compared = 0;
    if (cuda ? how == REFERENCE : how == HALF)
      continue;
    if (how == HALF && strcmp(c->model, "projected") == 0)
      continue;
    if (how == HALF && !c->whole && !getenv("LIMN_TEST_WHOLE")) /* the same layers as those with gradients have */
      continue;
    if (c->generator)
      compared += (size_t)check_generator(c->name, c->model, c->settings, c->whole, how);
    compared += (size_t)check_discriminator(c->name, c->model, c->settings, c->whole, how);
    cr_expect_eq(compared, stored, "%s: %zu of the fixture's %zu tensors were compared", c->name, compared, stored);
  }
}

/* Nothing moves u and v once the gate is set, and no infinity or NaN gets into them. */
Test(networks, the_gate_keeps_spectral_vectors) {
  static const char *const settings[] = {"latent", LATENT, "size", "16", "filters", "4", NULL};
  static const char weight[] = "discriminator.block1.c2.weight_orig", vector[] = "discriminator.block1.c2.weight_u";
  session s;
  limn_program *program;
  float before[4], values[144], after[4];
  open_session(&s, "gate", "sngan", settings, OURS);
  const limn_network_mode mode = {.training = true,
                                  .gate = limn_graph_leaf(s.graph, LIMN_ROLE_BUFFER, "gate", LIMN_SCALAR)};
  limn_value x = signed_leaf(&s, "x", limn_model_input(&s.model, 1, 2));
  keep(&s, "scores", limn_model_apply(s.graph, &s.model, 1, x, mode), LIMN_FORM_USUAL);
  run(&s, &program);
  fill_signed(&s, "x", PICTURES_OF_D);
  limn_tensor *w = limn_store_find(s.store, weight), *u = limn_store_find(s.store, vector);
  cr_assert(w && u && limn_shape_count(w->shape) == 144 && limn_shape_count(u->shape) == 4);
  cr_assert_eq(limn_tensor_download(u, before), LIMN_OK);
  cr_assert_eq(limn_tensor_download(w, values), LIMN_OK);
  for (int gate = 1; gate >= 0; --gate) {
    const float set = (float)gate;
    cr_assert_eq(limn_tensor_upload(limn_store_find(s.store, "gate"), &set), LIMN_OK);
    values[3] = gate ? INFINITY : 0.5F;
    values[5] = gate ? NAN : -0.5F;
    cr_assert_eq(limn_tensor_upload(w, values), LIMN_OK);
    cr_assert_eq(limn_program_run(program, 0), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(limn_tensor_download(u, after), LIMN_OK);
    for (int i = 0; i < 4; ++i)
      cr_expect(gate ? after[i] == before[i] : isfinite(after[i]) && after[i] != before[i], "gate %d: %g, %g", gate,
                (double)before[i], (double)after[i]);
  }
  limn_program_destroy(program);
  close_session(&s);
}

#define SETTINGS(...) ((const char *const[]){"latent", LATENT, __VA_ARGS__, NULL})

Test(networks, sngan) {
  check(&(network_case){"sngan", "sngan", SETTINGS("size", "16", "channels", "3", "filters", "4"), true, true});
}

Test(networks, sngan_of_large_pictures) {
  check(&(network_case){"sngan_40x64", "sngan", SETTINGS("size", "40x64", "filters", "2", "minibatch_stddev", "true"),
                        true, false});
  check(&(network_case){"sngan_64", "sngan", SETTINGS("size", "64", "filters", "2", "spectral_norm", "false"), false,
                        false});
}

Test(networks, r3gan) {
  check(&(network_case){"r3gan", "r3gan",
                        SETTINGS("size", "12", "channels", "3", "filters", "6", "minibatch_stddev", "true"), true,
                        true});
}

Test(networks, r3gan_of_odd_widths) {
  check(&(network_case){"r3gan_28", "r3gan", SETTINGS("size", "28", "filters", "3"), true, false});
}

Test(networks, dcgan_with_all_that_may_be_in_it) {
  check(&(network_case){"dcgan", "dcgan",
                        SETTINGS("size", "16", "channels", "3", "filters", "4", "norm_d", "none", "spectral_norm",
                                 "true", "minibatch_stddev", "true"),
                        false, true});
}

/* Not in half precision: sixteen blocks of made-up weights and their second derivatives leave nothing of its digits. On
 * a CUDA device its many convolutions take minutes to plan: with LIMN_TEST_WHOLE alone. */
Test(networks, projected) {
  if (strcmp(test_device(), "cuda") == 0 && !getenv("LIMN_TEST_WHOLE"))
    cr_skip_test("a pretrained network's plans take minutes");
  check(&(network_case){"projected", "projected", SETTINGS("size", "14", "channels", "1", "head_filters", "1"), false,
                        true});
}
