/* Gradient accumulation: an update by micro-batches is the mean of the updates that each of them would make by itself
 * (with SGD, from the same weights and random numbers), and where no picture's loss depends on another and nothing is
 * random, it is the whole batch's. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "limn/tools.h"
#include "support/against_pytorch.h"
#include "train/memory.h"

#define STEPS     5
#define MICROS    4
#define TOLERANCE 1e-5 /* norm of the difference over the norm, of each tensor */

TestSuite(accumulation, .timeout = 120);

static limn_session begin(limn_config *config) {
  limn_session s;
  const limn_session_data data = {0};
  cr_assert_eq(limn_session_init(&s, config, STEPS, &data), LIMN_OK, "%s", limn_error_message());
  return s;
}

static bool is_generator_s(const char *name) { return strncmp(name, "generator.", strlen("generator.")) == 0; }

static void copy_weights(const limn_session *from, limn_session *to, bool buffers) {
  for (size_t i = 0; i < limn_store_count(from->store); ++i) {
    const char *name;
    const limn_role role = limn_store_at(from->store, i, &name)->role;
    if (role != LIMN_ROLE_PARAMETER && !(buffers && role == LIMN_ROLE_BUFFER))
      continue;
    size_t count;
    float *values = download(from->store, name, &count);
    cr_assert_eq(limn_session_upload(to, name, values), LIMN_OK, "%s", limn_error_message());
    free(values);
  }
}

/* Every parameter, and running statistic of a generator, of one session against another's. */
static void expect_same_weights(const limn_session *a, const limn_session *b, const char *what) {
  double worst = 0;
  for (size_t i = 0; i < limn_store_count(a->store); ++i) {
    const char *name;
    const limn_tensor *tensor = limn_store_at(a->store, i, &name);
    if (tensor->role != LIMN_ROLE_PARAMETER && !(tensor->role == LIMN_ROLE_BUFFER && is_generator_s(name)))
      continue;
    size_t count;
    float *x = download(a->store, name, &count), *y = download(b->store, name, &count);
    const double difference = relative_difference(x, y, NULL, count);
    cr_expect_leq(difference, TOLERANCE, "%s is %.1e off", name, difference);
    worst = fmax(worst, difference);
    free(x);
    free(y);
  }
  fprintf(stderr, "%s: at most %.1e off\n", what, worst);
}

static void expect_zero_sums(const limn_session *s) {
  int sums = 0;
  for (size_t i = 0; i < limn_store_count(s->store); ++i) {
    const char *name;
    if (limn_store_at(s->store, i, &name)->role != LIMN_ROLE_SUM)
      continue;
    size_t count;
    float *values = download(s->store, name, &count);
    for (size_t j = 0; j < count; ++j)
      cr_assert_eq(values[j], 0, "%s between two steps", name);
    free(values);
    ++sums;
  }
  cr_expect_gt(sums, 0);
}

/* A micro-batch at a time through a session of that size. */
typedef struct parts {
  limn_session whole, mean; /* MICROS micro-batches an update; the means of what single ones make of the weights */
  const uint8_t *bytes;     /* of the batch */
  uint64_t step;
} parts;

static limn_status step_once(limn_session *s, uint64_t index, const uint8_t *bytes) {
  return limn_session_step(s, index, 0, &(limn_batch){.pixels = bytes});
}

/* The penalty's own step of a session that has one. */
static limn_status penalty_once(limn_session *s, uint64_t index, const uint8_t *bytes) {
  const float hyper[4] = {(float)s->config->lr_d, 0, 0, 0};
  LIMN_TRY(limn_session_upload(s, "hyper.discriminator.", hyper));
  LIMN_TRY(limn_session_upload_batch(s, "real", &(limn_batch){.pixels = bytes}, 0));
  return limn_program_run(s->penalty, index);
}

/* What is done with one micro-batch: a whole step, or another program's. */
typedef limn_status (*part_step)(limn_session *session, uint64_t index, const uint8_t *bytes);

/* The weights with that prefix in p->mean become the means, over the micro-batches, of what `session` makes of
 * p->mean's weights; *loss of its first measure. */
static void take_means(parts *p, limn_session *session, const char *prefix, part_step step, double *loss) {
  const size_t micro = (size_t)limn_shape_count(limn_session_bytes(session->config));
  float *sums[512] = {0};
  *loss = 0;
  for (int m = 0; m < MICROS; ++m) {
    const uint64_t index = p->step * MICROS + (uint64_t)m;
    float measures[LIMN_MAX_MEASURES];
    copy_weights(&p->mean, session, m == 0); /* statistics go on from one to the next */
    cr_assert_eq(step(session, index, p->bytes + (size_t)m * micro), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(limn_session_measures(session, index, 1, measures), LIMN_OK);
    *loss += (double)measures[0] / MICROS;
    for (size_t i = 0; i < limn_store_count(session->store); ++i) {
      const char *name;
      const limn_tensor *tensor = limn_store_at(session->store, i, &name);
      if (tensor->role != LIMN_ROLE_PARAMETER || strncmp(name, prefix, strlen(prefix)) != 0)
        continue;
      size_t count;
      float *values = download(session->store, name, &count);
      cr_assert_lt(i, sizeof sums / sizeof *sums);
      for (size_t j = 0; sums[i] && j < count; ++j)
        values[j] += sums[i][j];
      free(sums[i]);
      sums[i] = values;
    }
  }
  for (size_t i = 0; i < sizeof sums / sizeof *sums; ++i) {
    const char *name;
    if (!sums[i])
      continue;
    const size_t count = (size_t)limn_shape_count(limn_store_at(session->store, i, &name)->shape);
    for (size_t j = 0; j < count; ++j)
      sums[i][j] /= MICROS;
    cr_assert_eq(limn_session_upload(&p->mean, name, sums[i]), LIMN_OK);
    free(sums[i]);
  }
  const bool generates = is_generator_s(prefix) || step == penalty_once; /* with a pass that moves statistics */
  for (size_t i = 0; generates && i < limn_store_count(session->store); ++i) {
    const char *name;
    size_t count;
    if (limn_store_at(session->store, i, &name)->role != LIMN_ROLE_BUFFER || !is_generator_s(name))
      continue;
    float *values = download(session->store, name, &count);
    cr_assert_eq(limn_session_upload(&p->mean, name, values), LIMN_OK);
    free(values);
  }
}

/* settings: of both; the batch is of MICROS micro-batches of 2 pictures. */
static limn_config *config_of(const char *model, const char *const *settings, int micros) {
  static const char *const usual[] = {"optimizer", "sgd", "momentum", "0", "lr", "0.01", "validation", "0", NULL};
  limn_config *config = test_config(model, usual);
  config->accumulate = micros;
  config->batch = 2 * micros;
  test_set_all(config, settings);
  return config;
}

/* Five steps by micro-batches against means of single ones. every: of a penalty's own step; 0: it has none. */
static void expect_means(const char *model, const char *const *settings, int every) {
  limn_config *whole = config_of(model, settings, MICROS), *single = config_of(model, settings, 1),
              *lazy = config_of(model, settings, 1);
  const bool adversarial = limn_algorithm_of(whole) == &limn_gan_algorithm;
  const double rate = every ? whole->lr * every / (every + 1) : whole->lr;
  whole->penalty_every = lazy->penalty_every = every ? every : 1;
  lazy->lr_d = rate;
  if (every)
    single->r1 = single->r2 = 0;
  parts p = {.whole = begin(whole), .mean = begin(single)};
  limn_session one = begin(single), penalty = every ? begin(lazy) : (limn_session){0};
  test_batches batches = test_batches_of(whole);
  copy_weights(&p.whole, &p.mean, true);
  for (p.step = 0; p.step < STEPS; ++p.step) {
    double loss, ignored;
    float measures[LIMN_MAX_MEASURES];
    p.bytes = test_next_batch(&batches).pixels;
    if (every && p.step % (uint64_t)every == 0)
      take_means(&p, &penalty, "discriminator.", penalty_once, &ignored);
    single->lr_d = rate;
    take_means(&p, &one, adversarial ? "discriminator." : "", step_once, &loss);
    single->lr_d = 1e-30; /* the generator learns from the discriminator as it now is */
    if (adversarial)
      take_means(&p, &one, "generator.", step_once, &ignored);
    cr_assert_eq(step_once(&p.whole, p.step, p.bytes), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(limn_session_measures(&p.whole, p.step, 1, measures), LIMN_OK);
    cr_expect_float_eq((double)measures[0], loss, 1e-5 * fabs(loss), "%s: %g, not %g", p.whole.measures[0],
                       (double)measures[0], loss);
    expect_zero_sums(&p.whole);
  }
  expect_same_weights(&p.whole, &p.mean, model);
  limn_session_release(&p.whole);
  limn_session_release(&p.mean);
  limn_session_release(&one);
  limn_session_release(&penalty);
  test_batches_release(&batches);
  limn_config_destroy(whole);
  limn_config_destroy(single);
  limn_config_destroy(lazy);
}

Test(accumulation, a_vae_s_update_is_the_mean) { expect_means("vae", NULL, 0); }
Test(accumulation, an_r3gan_s_update_is_the_mean) {
  expect_means("r3gan", (const char *const[]){"size", "8", NULL}, 0);
}
Test(accumulation, an_augmented_dcgan_s_update_is_the_mean) {
  expect_means("dcgan", (const char *const[]){"flip", "true", "augment", "diffaugment", "pack", "2", NULL}, 0);
}
Test(accumulation, a_lazy_penalty_s_update_is_the_mean) {
  expect_means("dcgan", (const char *const[]){"norm_d", "none", "r1", "1000", "r2", "100", "lr", "0.1", NULL}, 2);
}

/* Without random numbers nothing tells how a batch was worked through. The gradient is clipped as a whole. */
Test(accumulation, an_autoencoder_s_update_is_the_batch_s) {
  static const char *const settings[] = {"batch", "8", "clip", "0.5", NULL};
  limn_config *at_once = config_of("autoencoder", settings, 1), *parted = config_of("autoencoder", settings, MICROS);
  limn_session a = begin(at_once), b = begin(parted);
  test_batches batches = test_batches_of(at_once);
  for (uint64_t step = 0; step < STEPS; ++step) {
    float x[LIMN_MAX_MEASURES], y[LIMN_MAX_MEASURES];
    const uint8_t *bytes = test_next_batch(&batches).pixels;
    cr_assert_eq(step_once(&a, step, bytes), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(step_once(&b, step, bytes), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(limn_session_measures(&a, step, 1, x), LIMN_OK);
    cr_assert_eq(limn_session_measures(&b, step, 1, y), LIMN_OK);
    cr_assert_eq(a.measure_count, b.measure_count);
    for (int i = 0; i < a.measure_count; ++i)
      cr_expect_float_eq(y[i], x[i], 1e-5 * fabs((double)x[i]), "%s: %g, not %g", a.measures[i], (double)y[i],
                         (double)x[i]);
  }
  expect_same_weights(&b, &a, "autoencoder");
  limn_session_release(&a);
  limn_session_release(&b);
  test_batches_release(&batches);
  limn_config_destroy(at_once);
  limn_config_destroy(parted);
}

/* How often each program runs is what the plan, the bench and the share of the evaluations go by. */
Test(accumulation, parts_of_a_step) {
  static const char *const settings[] = {"d_steps", "3", "norm_d", "none", "r1", "1", "penalty_every", "4", NULL};
  limn_config *config = config_of("dcgan", settings, 2);
  limn_session s = begin(config);
  limn_session_part rows[LIMN_SESSION_PARTS];
  cr_assert_eq(limn_session_parts(&s, rows), 6);
  const struct {
    const limn_program *program;
    double times;
  } wanted[] = {{s.penalty, 0.5}, {s.extra, 4},     {s.train, 2},
                {s.update, 3.25}, {s.generator, 2}, {s.update_generator, 1}};
  for (int i = 0; i < 6; ++i)
    cr_expect(rows[i].program == wanted[i].program && rows[i].times == wanted[i].times, "part %d: %g times", i,
              rows[i].times);
  limn_session_release(&s);
  limn_config_destroy(config);
}

/* A step in a quarter of the pictures at a time computes as much, but for the generator's second pass, in less memory.
 */
Test(accumulation, memory_is_a_micro_batch_s) {
  static const char *const models[] = {"dcgan", "vae"};
  for (size_t i = 0; i < 2; ++i) {
    static const char *const settings[] = {"batch", "64", "size", "32", "filters", "16", "sample_count", "1", NULL};
    limn_config *at_once = config_of(models[i], settings, 1), *parted = config_of(models[i], settings, MICROS);
    limn_session a, b;
    cr_assert_eq(limn_session_plan(&a, at_once, NULL), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(limn_session_plan(&b, parted, NULL), LIMN_OK, "%s", limn_error_message());
    const double before = (double)limn_session_memory(&a).arena_bytes,
                 after = (double)limn_session_memory(&b).arena_bytes,
                 flops = limn_session_flops(&b) / limn_session_flops(&a);
    fprintf(stderr, "%s: %.2f MB of activations and gradients at once, %.2f MB in quarters; %.2f times the work\n",
            models[i], before / 1e6, after / 1e6, flops);
    cr_expect_lt(after, 0.6 * before, "%s", models[i]);
    cr_expect(flops > 0.99 && flops < (i ? 1.01 : 1.3), "%s: %g times the work", models[i], flops);
    limn_session_release(&a);
    limn_session_release(&b);
    limn_config_destroy(at_once);
    limn_config_destroy(parted);
  }
}

Test(accumulation, what_does_not_divide_is_refused) {
  static const struct {
    const char *model, *settings[9], *told;
  } cases[] = {
      {"vae", {"batch", "10", "accumulate", "4"}, "set batch to 12, or accumulate to 1"},
      {"dcgan",
       {"batch", "12", "accumulate", "4", "pack", "2"},
       "a micro-batch of 3 is no multiple of it: set batch to 16"},
      {"autoencoder",
       {"batch", "4", "accumulate", "4", "regularizer", "mmd"},
       "a micro-batch with each other: set batch over 4"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_config *config = test_config(cases[i].model, cases[i].settings);
    cr_expect_eq(limn_config_check(config), LIMN_USAGE);
    cr_expect_not_null(strstr(limn_error_message(), cases[i].told), "%s", limn_error_message());
    limn_config_destroy(config);
  }
}

/* As many micro-batches as asked for, of pictures that there are. */
Test(accumulation, batch_auto) {
  limn_config *config =
      config_of("dcgan", (const char *const[]){"batch", "auto", "accumulate", "6", "pack", "2", NULL}, 1);
  config->accumulate = 6;
  cr_assert_eq(limn_config_check(config), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_choose_batch(config, NULL, 1000), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(config->batch, 36, "the default, 32, and what lacks");
  config->batch = 0;
  cr_assert_eq(limn_choose_batch(config, NULL, 30), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(config->batch, 24);
  cr_expect_eq(limn_choose_batch(config, NULL, 11), LIMN_DATA);
  config->batch = 12;
  int batch;
  limn_session s;
  cr_assert_eq(limn_session_plan(&s, config, NULL), LIMN_OK);
  cr_assert_eq(limn_largest_batch(config, NULL, 3 * (double)limn_session_memory(&s).sum_bytes, &batch), LIMN_OK);
  cr_expect(batch > 12 && batch % 12 == 0 && limn_config_micro_batch(config) > 2, "%d", batch);
  limn_session_release(&s);
  limn_config_destroy(config);
}

static void upload_scalar(limn_session *s, const char *name, float value) {
  cr_assert_eq(limn_session_upload(s, name, &value), LIMN_OK, "%s", limn_error_message());
}

static float scalar(const limn_session *s, const char *name) {
  size_t count;
  float *values = download(s->store, name, &count), value = values[0];
  free(values);
  return value;
}

/* The loss scale is the whole step's: one micro-batch's overflow drops it, and leaves nothing behind. */
Test(accumulation, fp16_drops_whole_steps) {
  if (strcmp(test_device(), "cpu") == 0) /* which has no fp16 */
    return;
  static const char *const scale = "optimizer.loss_scale.all";
  limn_config *config = config_of("vae", (const char *const[]){"precision", "fp16", "lr", "0.0001", NULL}, MICROS);
  limn_session s = begin(config), before = begin(config);
  test_batches batches = test_batches_of(config);
  copy_weights(&s, &before, true);
  upload_scalar(&s, scale, 1e30f);
  cr_assert_eq(step_once(&s, 0, test_next_batch(&batches).pixels), LIMN_OK, "%s", limn_error_message());
  expect_zero_sums(&s);
  expect_same_weights(&s, &before, "fp16, a dropped step");
  cr_expect_float_eq((double)scalar(&s, scale), 5e29, 1e25);
  upload_scalar(&s, scale, 64);
  for (uint64_t step = 1; step < 4; ++step) {
    float measures[LIMN_MAX_MEASURES];
    cr_assert_eq(step_once(&s, step, test_next_batch(&batches).pixels), LIMN_OK, "%s", limn_error_message());
    expect_zero_sums(&s);
    cr_assert_eq(limn_session_measures(&s, step, 1, measures), LIMN_OK);
    for (int i = 0; i < s.measure_count; ++i) {
      cr_expect(isfinite(measures[i]), "%s", s.measures[i]);
      cr_expect(strcmp(s.measures[i], "grad_norm") != 0 || measures[i] > 0, "the step has been taken");
    }
  }
  cr_expect_eq(scalar(&s, scale), 64);
  cr_expect_eq(scalar(&s, "gate"), 0);
  limn_session_release(&s);
  limn_session_release(&before);
  test_batches_release(&batches);
  limn_config_destroy(config);
}
