/* Updates of whole networks: clipping, the gate that a value which is not finite shuts, rates, and the average. */
#include <criterion/criterion.h>
#include <math.h>

#include "models/outline.h"
#include "support/training.h"
#include "train/optimizer.h"

#define COUNT 6

/* loss = scale sum(f(w)) minimised by SGD without momentum and a rate of 1, on the CPU device. */
typedef struct problem {
  limn_config *config;
  limn_device *device;
  limn_store *store;
  limn_program *program;
} problem;

static void set_leaf(const problem *p, const char *name, const float *values) {
  cr_assert_eq(limn_tensor_upload(limn_store_find(p->store, name), values), LIMN_OK, "%s", limn_error_message());
}

static problem make_problem_in(const char *precision, limn_pointwise function, float scale, const char *clip) {
  problem p = {.config = test_config("dcgan", (const char *const[]){"optimizer", "sgd", "momentum", "0", NULL})};
  test_set(p.config, "precision", precision);
  limn_graph *graph = NULL;
  limn_value norm;
  test_set(p.config, "clip", clip);
  cr_assert_eq(limn_device_create(&p.device, &(limn_device_options){.name = "cpu", .threads = 1}), LIMN_OK);
  cr_assert_eq(limn_store_create(&p.store, p.device), LIMN_OK);
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value w = limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, "net.w", LIMN_CHANNELS(COUNT));
  limn_value other = limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, "other.w", LIMN_CHANNELS(COUNT));
  limn_value gate = limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "gate", LIMN_SCALAR);
  limn_value both = limn_graph_add(graph, limn_graph_unary(graph, function, w, 0, 0), other);
  limn_value loss = limn_graph_affine(graph, limn_graph_sum_all(graph, both), scale, 0);
  limn_status status = limn_optimizer_minimize(graph, p.config, loss, loss, "net.", gate, &norm);
  cr_assert_eq(status, LIMN_OK, "%s", limn_error_message());
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "norm", LIMN_SCALAR), norm);
  cr_assert_eq(limn_program_create(&p.program, p.store, graph, NULL), LIMN_OK, "%s", limn_error_message());
  limn_graph_destroy(graph);
  set_leaf(&p, "hyper.net.", (const float[4]){1, 1, 1, 0});
  return p;
}

static problem make_problem(limn_pointwise function, float scale, const char *clip) {
  return make_problem_in("fp32", function, scale, clip);
}

static void destroy_problem(problem *p) {
  limn_program_destroy(p->program);
  limn_store_destroy(p->store);
  limn_device_destroy(p->device);
  limn_config_destroy(p->config);
}

static void get_leaf(const problem *p, const char *name, float *values) {
  cr_assert_eq(limn_tensor_download(limn_store_find(p->store, name), values), LIMN_OK, "%s", limn_error_message());
}

static void run(const problem *p, const float *before, float *after) {
  set_leaf(p, "net.w", before);
  cr_assert_eq(limn_program_run(p->program, 0), LIMN_OK, "%s", limn_error_message());
  get_leaf(p, "net.w", after);
}

TestSuite(optimizer, .timeout = 60);

/* d/dw of sum(w^2) / 2 is w. */
static const float start[COUNT] = {3, -4, 0, 12, 0, 0};

Test(optimizer, clipping_shortens_long_gradients_only) {
  static const struct {
    const char *clip;
    float factor;
  } cases[] = {{"0", 1}, {"6.5", 0.5f}, {"13.5", 1}, {"0.013", 0.001f}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    problem p = make_problem(LIMN_PW_SQUARE, 0.5f, cases[i].clip);
    float after[COUNT], norm;
    run(&p, start, after);
    get_leaf(&p, "norm", &norm);
    cr_expect_float_eq((double)norm, 13, 1e-5, "the norm is that before clipping: %g", (double)norm);
    for (int j = 0; j < COUNT; ++j)
      cr_expect_float_eq((double)after[j], (double)(start[j] * (1 - cases[i].factor)), 2e-5, "clip %s", cases[i].clip);
    destroy_problem(&p);
  }
}

Test(optimizer, only_the_named_network_moves) {
  problem p = make_problem(LIMN_PW_SQUARE, 0.5f, "0");
  float after[COUNT], other[COUNT];
  set_leaf(&p, "other.w", start);
  run(&p, start, after);
  get_leaf(&p, "other.w", other);
  cr_expect_arr_eq(other, start, sizeof start);
  cr_expect_eq(after[0], 0);
  destroy_problem(&p);
}

static void expect_shut(const problem *p, const float *before) {
  float after[COUNT], gate;
  run(p, before, after);
  get_leaf(p, "gate", &gate);
  cr_expect_eq(gate, 1);
  cr_expect_arr_eq(after, before, sizeof after, "nothing is written");
  run(p, start, after); /* the numbers are in order again */
  get_leaf(p, "gate", &gate);
  cr_expect_eq(gate, 1, "it stays shut");
  cr_expect_arr_eq(after, start, sizeof after, "nothing is written any more");
}

/* With gradients in order: what is not finite does not depend on w. */
Test(optimizer, a_loss_that_is_not_finite_shuts_the_gate) {
  static const float bad[] = {INFINITY, NAN};
  for (size_t i = 0; i < 2; ++i) {
    problem p = make_problem(LIMN_PW_SQUARE, 0.5f, "1");
    set_leaf(&p, "other.w", (const float[COUNT]){1, bad[i], 1, 1, 1, 1});
    expect_shut(&p, start);
    destroy_problem(&p);
  }
}

Test(optimizer, overflow_shuts_the_gate) {
  static const char *const clips[] = {"0", "1"};
  for (size_t i = 0; i < 2; ++i) {
    problem p = make_problem(LIMN_PW_SQUARE, 0.5f, clips[i]);
    expect_shut(&p, (const float[COUNT]){1e30f, 1, 1, 1, 1, 1});
    destroy_problem(&p);
  }
}

/* The slope of sqrt at 0 is infinite, its value is not. */
Test(optimizer, a_gradient_that_is_not_finite_shuts_the_gate) {
  problem p = make_problem(LIMN_PW_SQRT, 1, "0");
  float after[COUNT], gate;
  run(&p, (const float[COUNT]){0, 1, 4, 9, 16, 25}, after);
  get_leaf(&p, "gate", &gate);
  cr_expect_eq(gate, 1);
  cr_expect_arr_eq(after, ((const float[COUNT]){0, 1, 4, 9, 16, 25}), sizeof after);
  destroy_problem(&p);
}

/* --- the loss scale of fp16, which is a matter of the graph, not of the device --- */

#define SCALE "optimizer.loss_scale.net."
#define STEPS "optimizer.loss_scale_steps.net."

static float scalar(const problem *p, const char *name) {
  float value;
  get_leaf(p, name, &value);
  return value;
}

Test(optimizer, a_loss_scale_changes_no_update) {
  const float before[COUNT] = {0.5f, -1, 2, 0.25f, -0.125f, 1}, scale = 1024;
  float plain[COUNT], scaled[COUNT];
  problem p = make_problem(LIMN_PW_SQUARE, 0.25f, "0.5"), q = make_problem_in("fp16", LIMN_PW_SQUARE, 0.25f, "0.5");
  set_leaf(&q, SCALE, &scale);
  run(&p, before, plain);
  run(&q, before, scaled);
  for (int i = 0; i < COUNT; ++i)
    cr_expect_float_eq(plain[i], scaled[i], 1e-6, "element %d: %g, %g", i, (double)plain[i], (double)scaled[i]);
  cr_expect_float_eq(scalar(&p, "norm"), scalar(&q, "norm"), 1e-6);
  cr_expect_eq(scalar(&q, SCALE), scale);
  cr_expect_eq(scalar(&q, STEPS), 1);
  destroy_problem(&p);
  destroy_problem(&q);
}

Test(optimizer, a_gradient_that_overflows_only_halves_the_loss_scale) {
  const float scale = 0x1p62f, good = 7, one = 1;
  float after[COUNT];
  problem p = make_problem_in("fp16", LIMN_PW_SQUARE, 0.25f, "0");
  set_leaf(&p, SCALE, &scale);
  set_leaf(&p, STEPS, &good);
  run(&p, (const float[COUNT]){1e12f, 1, 1, 1, 1, 1}, after); /* 2^62 1e12 squared is no float */
  cr_expect_eq(after[0], 1e12f, "nothing moves");
  cr_expect_eq(scalar(&p, "gate"), 0, "and the run goes on");
  cr_expect_eq(scalar(&p, "norm"), 0);
  cr_expect_eq(scalar(&p, SCALE), 0x1p61f);
  cr_expect_eq(scalar(&p, STEPS), 0);
  set_leaf(&p, SCALE, &one);
  run(&p, (const float[COUNT]){NAN, 1, 1, 1, 1, 1}, after);
  cr_expect_eq(scalar(&p, SCALE), 1, "it never falls below 1");
  cr_expect_eq(scalar(&p, "gate"), 1, "a loss that is not finite ends the run all the same");
  destroy_problem(&p);
}

Test(optimizer, the_loss_scale_doubles_after_many_good_steps) {
  const float before[COUNT] = {1, 1, 1, 1, 1, 1}, scale = 8, good = 1998;
  float after[COUNT];
  problem p = make_problem_in("fp16", LIMN_PW_SQUARE, 0.25f, "0");
  set_leaf(&p, SCALE, &scale);
  set_leaf(&p, STEPS, &good);
  run(&p, before, after);
  cr_expect_eq(scalar(&p, SCALE), 8);
  cr_expect_eq(scalar(&p, STEPS), 1999);
  run(&p, before, after);
  cr_expect_eq(scalar(&p, SCALE), 16);
  cr_expect_eq(scalar(&p, STEPS), 0);
  destroy_problem(&p);
}

Test(optimizer, rates_follow_warm_up_and_schedule) {
  static const struct {
    const char *schedule, *warmup;
    uint64_t step, horizon;
    double factor;
  } cases[] = {
      {"constant", "0", 0, 100, 1},      {"constant", "0", 1000, 100, 1},   {"constant", "4", 0, 100, 0.25},
      {"constant", "4", 2, 100, 0.75},   {"constant", "4", 3, 100, 1},      {"constant", "4", 50, 0, 1},
      {"linear", "0", 0, 100, 1},        {"linear", "0", 25, 100, 0.75},    {"linear", "0", 100, 100, 0},
      {"linear", "0", 101, 100, 0},      {"linear", "10", 4, 100, 0.48},    {"cosine", "0", 0, 100, 1},
      {"cosine", "0", 50, 100, 0.5},     {"cosine", "0", 75, 100, 0.14645}, {"cosine", "0", 100, 100, 0},
      {"cosine", "20", 9, 100, 0.49007},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    float hyper[4];
    limn_config *config = test_config("vae", NULL);
    test_set(config, "schedule", cases[i].schedule);
    test_set(config, "warmup", cases[i].warmup);
    limn_optimizer_hyper(config, 2, cases[i].step, cases[i].step, cases[i].horizon, hyper);
    cr_expect_float_eq((double)hyper[0], 2 * cases[i].factor, 1e-4, "%s, warm-up %s, step %u of %u: %g",
                       cases[i].schedule, cases[i].warmup, (unsigned)cases[i].step, (unsigned)cases[i].horizon,
                       (double)hyper[0]);
    cr_expect_float_eq((double)hyper[1], 1 - pow(0.9, (double)cases[i].step + 1), 1e-6);
    cr_expect_float_eq((double)hyper[2], 1 - pow(0.999, (double)cases[i].step + 1), 1e-6);
    limn_config_destroy(config);
  }
}

/* From 0.9 to 0.99, as Huang et al. 2024: in step 0, a quarter, half and all of the way, and behind it. */
Test(optimizer, the_second_decay_rises) {
  static const struct {
    uint64_t step, index, horizon;
    double beta2;
  } cases[] = {{0, 0, 100, 0.9},      {25, 25, 100, 0.9131802}, {50, 101, 100, 0.945},
               {100, 100, 100, 0.99}, {400, 400, 100, 0.99},    {400, 400, 0, 0.9}};
  limn_config *config = test_config("vae", (const char *const[]){"beta2", "0.9", "beta2_end", "0.99", NULL});
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    float hyper[4];
    limn_optimizer_hyper(config, 2, cases[i].step, cases[i].index, cases[i].horizon, hyper);
    cr_expect_float_eq((double)hyper[3], cases[i].beta2 - 0.9, 1e-7, "step %u: %g", (unsigned)cases[i].step,
                       (double)hyper[3]);
    cr_expect_float_eq((double)hyper[2], 1 - pow(cases[i].beta2, (double)cases[i].index + 1), 1e-6);
    cr_expect_float_eq((double)hyper[1], 1 - pow(0.9, (double)cases[i].index + 1), 1e-6);
    cr_expect_eq(hyper[0], 2);
  }
  limn_config_destroy(config);
}

static float *copy_of(const limn_store *store, const char *prefix, const char *name, size_t *count) {
  char full[160];
  snprintf(full, sizeof full, "%s%s", prefix, name);
  limn_tensor *tensor = limn_store_find(store, full);
  cr_assert_not_null(tensor, "there is no %s", full);
  *count = (size_t)limn_shape_count(tensor->shape);
  float *values = malloc(*count * sizeof *values);
  cr_assert_not_null(values);
  cr_assert_eq(limn_tensor_download(tensor, values), LIMN_OK);
  return values;
}

typedef struct averaged {
  const limn_store *store;
  float *before[64];
  int count;
  double decay; /* of the last update */
} averaged;

/* Before the step, remembers the average; behind it, checks average = decay average + (1 - decay) w. */
static void check_average(averaged *a, const char *name) {
  size_t count;
  float *average = copy_of(a->store, "ema.", name, &count), *w = copy_of(a->store, "", name, &count);
  float *before = a->before[a->count];
  double moved = 0;
  for (size_t i = 0; i < count; ++i) {
    double wanted = before ? a->decay * (double)before[i] + (1 - a->decay) * (double)w[i] : (double)w[i];
    moved += before ? fabs((double)w[i] - (double)before[i]) : 1;
    cr_assert_float_eq((double)average[i], wanted, 1e-6 * (1 + fabs(wanted)), "%s, %zu", name, i);
  }
  cr_expect_gt(moved, 0, "%s did not move", name);
  free(w);
  free(before);
  a->before[a->count++] = average;
}

/* Warming up: 1/10, 2/11, then the setting, which is less than 3/12. Statistics are not averaged (average.c). */
Test(optimizer, the_average_follows_the_generator) {
  limn_config *config = test_config("dcgan", (const char *const[]){"ema", "0.2", "lr", "0.01", NULL});
  test_batches batches = test_batches_of(config);
  limn_session session;
  limn_outline generator;
  averaged a = {0};
  cr_assert_eq(limn_session_init(&session, config, 10, &(limn_session_data){0}), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_outline_take(&generator, &session.model, 0), LIMN_OK);
  a.store = session.store;
  for (uint64_t step = 0; step <= 3; ++step) { /* the average begins at the weights */
    a.count = 0;
    a.decay = step == 1 ? 1 / 10.0 : step == 2 ? 2 / 11.0 : 0.2;
    for (int i = 0; i < generator.leaf_count; ++i)
      if (generator.leaves[i].role == LIMN_ROLE_PARAMETER)
        check_average(&a, generator.leaves[i].name);
    cr_assert_eq(test_step(&session, &batches, step), LIMN_OK, "%s", limn_error_message());
  }
  cr_expect_eq(a.count, 3 + 2 * 2);
  for (int i = 0; i < a.count; ++i)
    free(a.before[i]);
  limn_outline_release(&generator);
  limn_session_release(&session);
  test_batches_release(&batches);
  limn_config_destroy(config);
}
