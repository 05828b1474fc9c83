/* What a training that is no longer finite is told to have failed by. */
#include "train/diagnosis.h"

#include "support/run_files.h"

static char data[TEST_PATH_SIZE];

static void begin(void) { test_begin_with_data(data, 40); }

TestSuite(diagnosis, .init = begin, .fini = test_folder_remove, .timeout = 120);

/* After `steps` of the norm 10, and `more` of another. */
static const char *diagnose(const char *model, const char *name, int steps, int more, double norm,
                            const char *const *settings) {
  static char text[512];
  limn_trend trend = {.steps = 0};
  limn_config *config = test_config(model, settings);
  for (int i = 0; i < steps + more; ++i)
    limn_trend_add(&trend, &(limn_measure){name, i < steps ? 10 : norm}, 1);
  limn_diagnose(&trend, config, text, sizeof text);
  limn_config_destroy(config);
  return text;
}
#define DIAGNOSE(model, name, steps, more, norm, ...)                                                                  \
  diagnose(model, name, steps, more, norm, (const char *const[]){__VA_ARGS__, NULL})

static void expect(const char *text, const char *words) { cr_expect_not_null(strstr(text, words), "%s", text); }

Test(diagnosis, norms_that_rose_are_named) {
  const char *rose = DIAGNOSE("dcgan", "grad_norm_d", 500, 10, 1e4, "seed", "1");
  expect(rose, "gradient norms rose ");
  expect(rose, "(grad_norm_d 8.9e+03): try a lower lr, or clip 1");
  expect(DIAGNOSE("dcgan", "grad_norm_d", 500, 10, 1e4, "clip", "1", "lr_d", "0.01"), "try a lower lr_d");
  expect(DIAGNOSE("dcgan", "grad_norm_d", 500, 10, 1e4, "clip", "1", "lr_d", "0.0001"), "try a lower lr_d");
  expect(DIAGNOSE("dcgan", "grad_norm_g", 500, 10, 1e4, "seed", "1", "lr_d", "0.01"), "try a lower lr, or");
  cr_expect_null(strstr(DIAGNOSE("dcgan", "grad_norm_d", 500, 10, 1e4, "clip", "1"), "clip"));
  expect(DIAGNOSE("vae", "grad_norm", 500, 10, 1e4, "seed", "1"), "(grad_norm 8.9e+03)");
  expect(DIAGNOSE("r3gan", "grad_norm_g", 500, 10, 1e4, "seed", "1"), "less of r1, r2 and gradient_penalty");
}

Test(diagnosis, what_else_it_may_be) {
  expect(DIAGNOSE("dcgan", "grad_norm_d", 500, 10, 11, "seed", "1"), "gradient norms had not risen before");
  expect(DIAGNOSE("vae", "grad_norm", 3, 0, 10, "seed", "1"), "within the first steps");
  expect(DIAGNOSE("dcgan", "grad_norm_d", 500, 10, 1e4, "device", "cuda", "precision", "fp16"), "try precision bf16");
}

Test(diagnosis, ends_a_run_that_diverged) {
  const char *const settings[] = {"steps", "400", "data", data, "lr", "1e30", NULL};
  test_run run = {0};
  limn_config *config = test_config("vae", settings);
  test_train(&run, config, "run", false);
  cr_expect_eq(run.status, LIMN_DIVERGED);
  expect(run.message, "is not finite at step ");
  expect(run.message, "it came within the first steps, as of a rate that is too high: try a lower lr or warmup");
  limn_config_destroy(config);
}
