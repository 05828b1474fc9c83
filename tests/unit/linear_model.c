/* Logistic regression against scikit-learn's, from tests/fixtures/metrics/. */
#include <stdlib.h>

#include "base/philox.h"
#include "metrics/cross_validation.h"
#include "metrics/lbfgs.h"
#include "metrics/linear_model.h"
#include "support/metrics_fixture.h"

TestSuite(linear_model, .init = open_fixture, .fini = close_fixture, .timeout = 120);

static limn_labelled_set labelled(const char *name, const char *labels, int classes) {
  return (limn_labelled_set){.features = features_of(name), .labels = stored(labels, "I32")->data, .classes = classes};
}

static void expect_predictions(const limn_linear_model *model, const char *name) {
  const limn_feature_set test = features_of("test");
  const int32_t *wanted = stored(name, "I32")->data;
  uint32_t predicted[60];
  cr_assert_eq(test.count, 60);
  OK(limn_linear_model_predict(model, &algebra, &test, predicted));
  for (int i = 0; i < 60; ++i)
    cr_expect_eq((int32_t)predicted[i], wanted[i], "picture %d is %u, not %d", i, predicted[i], wanted[i]);
}

Test(linear_model, is_scikit_learns) {
  const limn_labelled_set train = labelled("train", "train.labels", 4), test = labelled("test", "test.labels", 4);
  const int32_t *wanted = stored("model.predictions", "I32")->data;
  limn_linear_model model;
  double difference = 0, norm = 0, accuracy, right = 0;
  int steps;
  OK(limn_linear_model_fit(&model, &algebra, &train, &(limn_linear_options){.c = 0.5}, &steps));
  for (size_t i = 0; i < 4 * 12; ++i) {
    difference += pow(model.weights[i] - number("model.weights", i), 2);
    norm += pow(number("model.weights", i), 2);
  }
  cr_expect_leq(sqrt(difference / norm), 1e-6, "weights differ by %g of their norm", sqrt(difference / norm));
  for (size_t c = 0; c < 4; ++c)
    NEAR(model.biases[c], number("model.biases", c), 1e-5, "a bias");
  cr_expect_lt(steps, 100, "%d steps", steps);
  expect_predictions(&model, "model.predictions");
  for (int i = 0; i < 60; ++i)
    right += wanted[i] == (int32_t)test.labels[i];
  OK(limn_linear_model_accuracy(&accuracy, &model, &algebra, &test));
  cr_expect_float_eq(accuracy, right / 60, 1e-15);
  limn_linear_model_release(&model);
}

/* scikit-learn has one vector for two classes, which is the difference of ours; two more, of which there are no
 * pictures, change nothing. */
Test(linear_model, of_two_classes_is_scikit_learns) {
  const limn_labelled_set train = labelled("train", "train.labels", 4);
  const int width = train.features.width;
  float *rows = malloc((size_t)train.features.count * (size_t)width * sizeof *rows);
  uint32_t *labels = malloc(train.features.count * sizeof *labels), count = 0;
  for (uint32_t i = 0; i < train.features.count; ++i)
    if (train.labels[i] < 2) {
      memcpy(rows + (size_t)count * (size_t)width, limn_feature_row(&train.features, i), (size_t)width * sizeof *rows);
      labels[count++] = train.labels[i];
    }
  for (int classes = 2; classes <= 4; classes += 2) {
    limn_linear_model model;
    OK(limn_linear_model_fit(&model, &algebra,
                             &(limn_labelled_set){.features = {.rows = rows, .count = count, .width = width},
                                                  .labels = labels,
                                                  .classes = classes},
                             &(limn_linear_options){.c = 0.5}, NULL));
    for (size_t i = 0; i < 12; ++i)
      cr_expect_float_eq(model.weights[12 + i] - model.weights[i], number("binary.weights", i), 1e-6);
    cr_expect_float_eq(model.biases[1] - model.biases[0], number("binary.biases", 0), 1e-6);
    expect_predictions(&model, "binary.predictions");
    limn_linear_model_release(&model);
  }
  free(rows);
  free(labels);
}

Test(linear_model, cross_validation_is_scikit_learns) {
  static const double c[] = {0.01, 0.1, 1};
  const limn_labelled_set train = labelled("train", "train.labels", 4);
  double best, accuracies[3], wanted = 0;
  OK(limn_cross_validate(&best, accuracies, &algebra, &train,
                         &(limn_cross_validation_options){.c = c, .count = 3, .folds = 5, .seed = 11}));
  for (size_t i = 0; i < 3; ++i) {
    NEAR(accuracies[i], number("cv.accuracies", i), 1e-14, "an accuracy");
    wanted = fmax(wanted, accuracies[i]);
  }
  for (int i = 0; i < 3; ++i)
    if (accuracies[i] == wanted) {
      cr_expect_eq(best, c[i]);
      break;
    }
  OK(limn_cross_validate(
      &best, accuracies, &algebra, &train,
      &(limn_cross_validation_options){.c = (double[]){0.1, 0.1000001}, .count = 2, .folds = 5, .seed = 11}));
  cr_expect_eq(accuracies[0], accuracies[1]);
  cr_expect_eq(best, 0.1, "of two that are as good, the stricter");
}

/* A part of the pictures, which the seed chooses: each is judged once. */
Test(linear_model, validates_some) {
  static const double c[3] = {0.01, 0.3, 3};
  const limn_labelled_set train = labelled("train", "train.labels", 4);
  limn_cross_validation_options options = {.c = c, .count = 3, .folds = 5, .most = 60, .seed = 11};
  double best, accuracies[3], again[3], all[3];
  OK(limn_cross_validate(&best, accuracies, &algebra, &train, &options));
  for (int i = 0; i < 3; ++i)
    cr_expect(fabs(accuracies[i] * 60 - round(accuracies[i] * 60)) < 1e-9 && accuracies[i] > 0.3 && accuracies[i] <= 1,
              "%g", accuracies[i]);
  /* The others are not learned from: what they are does not count. */
  const size_t width = (size_t)train.features.width, count = train.features.count;
  uint32_t *order = malloc(count * sizeof *order);
  float *rows = malloc(count * width * sizeof *rows);
  cr_assert(order && rows && count > 60);
  limn_philox_permutation(options.seed, LIMN_STREAM_FOLD, 0, order, (uint32_t)count);
  memcpy(rows, train.features.rows, count * width * sizeof *rows);
  for (size_t i = 60; i < count; ++i)
    memset(rows + order[i] * width, 0, width * sizeof *rows);
  limn_labelled_set blanked = train;
  blanked.features.rows = rows;
  OK(limn_cross_validate(&best, again, &algebra, &blanked, &options));
  cr_expect_arr_eq(again, accuracies, sizeof again);
  free(order);
  free(rows);
  options.most = 0;
  OK(limn_cross_validate(&best, all, &algebra, &train, &options));
  cr_expect_neq(memcmp(all, accuracies, sizeof all), 0);
  options.most = train.features.count + 1;
  OK(limn_cross_validate(&best, again, &algebra, &train, &options));
  cr_expect_arr_eq(again, all, sizeof all);
}

/* Classes that a plane parts, with next to no penalty: it ends, and names all of them; twice the same bits. */
Test(linear_model, ends_where_classes_part) {
  float rows[80];
  uint32_t labels[40];
  limn_linear_model model, again;
  double accuracy;
  for (int i = 0; i < 40; ++i) {
    labels[i] = i % 2;
    rows[2 * i] = (float)(i % 2 ? 1 + i : -1 - i);
    rows[2 * i + 1] = (float)(i % 7);
  }
  const limn_labelled_set data = {.features = {.rows = rows, .count = 40, .width = 2}, .labels = labels, .classes = 2};
  OK(limn_linear_model_fit(&model, &algebra, &data, &(limn_linear_options){.c = 1e8}, NULL));
  OK(limn_linear_model_fit(&again, &algebra, &data, &(limn_linear_options){.c = 1e8}, NULL));
  OK(limn_linear_model_accuracy(&accuracy, &model, &algebra, &data));
  cr_expect_eq(accuracy, 1);
  cr_expect_arr_eq(model.weights, again.weights, 4 * sizeof *model.weights);
  limn_linear_model_release(&model);
  limn_linear_model_release(&again);
}

Test(linear_model, what_cannot_be_fitted_is_said) {
  limn_labelled_set train = labelled("train", "train.labels", 4);
  const limn_feature_set real = features_of("real");
  uint32_t *labels = calloc(train.features.count, sizeof *labels);
  limn_linear_model model;
  double best, accuracies[1];
  uint32_t predicted[120];
  OK(limn_linear_model_fit(&model, &algebra, &train, &(limn_linear_options){.c = 1}, NULL));
  FAILS(limn_linear_model_predict(&model, &algebra, &real, predicted), LIMN_DATA, "made of 12");
  limn_linear_model_release(&model);
  FAILS(limn_linear_model_fit(&model, &algebra, &train, &(limn_linear_options){.c = 0}, NULL), LIMN_USAGE, "over 0");
  train.classes = 3;
  FAILS(limn_linear_model_fit(&model, &algebra, &train, &(limn_linear_options){.c = 1}, NULL), LIMN_DATA, "class 3");
  train.labels = labels;
  FAILS(limn_linear_model_fit(&model, &algebra, &train, &(limn_linear_options){.c = 1}, NULL), LIMN_DATA, "takes two");
  labels[4] = 2;
  FAILS(limn_cross_validate(&best, accuracies, &algebra, &train,
                            &(limn_cross_validation_options){.c = (double[]){1}, .count = 1, .folds = 2}),
        LIMN_DATA, "give more pictures of other classes");
  free(labels);
}

/* Rosenbrock's valley, bent and narrow, though not convex. */
static limn_status valley(void *context, const double *x, double *value, double *gradient) {
  (void)context;
  const double a = 1 - x[0], b = x[1] - x[0] * x[0];
  *value = a * a + 100 * b * b;
  gradient[0] = -2 * a - 400 * x[0] * b;
  gradient[1] = 200 * b;
  return LIMN_OK;
}

Test(linear_model, minimises) {
  double x[2] = {-1.2, 1};
  int steps;
  OK(limn_lbfgs_minimise(x, 2, valley, NULL, &(limn_lbfgs_options){.tolerance = 1e-9, .most_steps = 200}, &steps));
  cr_expect(fabs(x[0] - 1) < 1e-8 && fabs(x[1] - 1) < 1e-8 && steps < 60, "%g %g after %d steps", x[0], x[1], steps);
}
