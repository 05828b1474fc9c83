#include "metrics/linear_model.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "metrics/lbfgs.h"
#include "metrics/linear_fit.h"

#define NEVER     (-1e30) /* bias of a class without pictures: finite, and its softmax and gradient are 0 */
#define TOLERANCE 1e-7
#define STEPS     1000

limn_status limn_labelled_set_check(const limn_labelled_set *data) {
  const char *name = limn_feature_set_name(&data->features);
  bool several = false;
  LIMN_TRY(limn_feature_set_check(&data->features, 2));
  for (uint32_t i = 0; i < data->features.count; ++i) {
    if (data->classes < 1 || data->labels[i] >= (uint32_t)data->classes)
      return limn_fail(LIMN_DATA, "%s: picture %u has class %u, but there are %d", name, i, data->labels[i],
                       data->classes);
    several = several || data->labels[i] != data->labels[0];
  }
  if (!several)
    return limn_fail(LIMN_DATA, "%s: all pictures are of class %u; telling classes apart takes two", name,
                     data->labels[0]);
  return LIMN_OK;
}

void limn_linear_model_release(limn_linear_model *model) {
  free(model->mean);
  free(model->deviation);
  free(model->weights); /* and the biases behind them */
  *model = (limn_linear_model){0};
}

static void standardise_by(limn_linear_model *model, const limn_chosen_rows *rows) {
  const limn_feature_set *set = &rows->data->features;
  const double count = rows->count;
  for (uint32_t i = 0; i < rows->count; ++i)
    for (int k = 0; k < set->width; ++k)
      model->mean[k] += (double)limn_feature_row(set, limn_chosen_row(rows, i))[k];
  for (int k = 0; k < set->width; ++k)
    model->mean[k] /= count;
  for (uint32_t i = 0; i < rows->count; ++i)
    for (int k = 0; k < set->width; ++k) {
      const double x = (double)limn_feature_row(set, limn_chosen_row(rows, i))[k] - model->mean[k];
      model->deviation[k] += x * x;
    }
  for (int k = 0; k < set->width; ++k) {
    const double deviation = sqrt(model->deviation[k] / count);
    model->deviation[k] = deviation > 1e-12 * fabs(model->mean[k]) ? deviation : 1; /* else it is constant */
  }
}

limn_status limn_linear_model_begin(limn_linear_model *out, const limn_chosen_rows *rows) {
  const int width = rows->data->features.width, classes = rows->data->classes;
  const size_t weights = (size_t)classes * (size_t)width;
  limn_linear_model model = {.width = width,
                             .classes = classes,
                             .mean = calloc((size_t)width, sizeof(double)),
                             .deviation = calloc((size_t)width, sizeof(double)),
                             .weights = calloc(weights + (size_t)classes, sizeof(double))};
  if (!model.mean || !model.deviation || !model.weights) {
    limn_linear_model_release(&model);
    return limn_fail_memory("a linear model");
  }
  model.biases = model.weights + weights;
  standardise_by(&model, rows);
  for (int c = 0; c < classes; ++c)
    model.biases[c] = NEVER;
  for (uint32_t i = 0; i < rows->count; ++i)
    model.biases[rows->data->labels[limn_chosen_row(rows, i)]] = 0;
  *out = model;
  return LIMN_OK;
}

/* Two classes that differ by w are w/2 and -w/2, whose squares are half of w's: to count as w's, they count twice. */
static int share_of_penalty(const limn_linear_model *model) {
  int present = 0;
  for (int c = 0; c < model->classes; ++c)
    present += model->biases[c] != NEVER;
  return present == 2 ? 2 : 1;
}

static limn_status open_loss(limn_logistic_loss *out, const limn_linear_model *model,
                             const limn_linear_algebra *algebra, const limn_chosen_rows *rows) {
  *out = (limn_logistic_loss){.algebra = algebra, .chosen = *rows, .mean = model->mean, .deviation = model->deviation};
  return limn_logistic_loss_init(out);
}

limn_status limn_linear_model_continue(limn_linear_model *model, const limn_linear_algebra *algebra,
                                       const limn_chosen_rows *rows, const limn_linear_options *options, int *steps) {
  limn_logistic_loss loss;
  int taken;
  if (!(options->c > 0))
    return limn_fail(LIMN_USAGE, "C, the data's weight against the penalty, is %g; it has to be over 0", options->c);
  LIMN_TRY(open_loss(&loss, model, algebra, rows));
  loss.penalty = share_of_penalty(model) / (options->c * rows->count);
  limn_status status = limn_lbfgs_minimise(
      model->weights, (size_t)model->classes * ((size_t)model->width + 1), limn_logistic_loss_value, &loss,
      &(limn_lbfgs_options){.tolerance = options->tolerance > 0 ? options->tolerance : TOLERANCE,
                            .most_steps = options->most_steps > 0 ? options->most_steps : STEPS},
      steps ? steps : &taken);
  limn_logistic_loss_release(&loss);
  return status;
}

limn_status limn_linear_model_fit(limn_linear_model *out, const limn_linear_algebra *algebra,
                                  const limn_labelled_set *data, const limn_linear_options *options, int *steps) {
  const limn_chosen_rows all = {.data = data, .count = data->features.count};
  limn_linear_model model;
  LIMN_TRY(limn_labelled_set_check(data));
  LIMN_TRY(limn_linear_model_begin(&model, &all));
  limn_status status = limn_linear_model_continue(&model, algebra, &all, options, steps);
  if (status == LIMN_OK)
    *out = model;
  else
    limn_linear_model_release(&model);
  return status;
}

static uint32_t likeliest(const double *scores, int classes) {
  int best = 0;
  for (int c = 1; c < classes; ++c)
    if (scores[c] > scores[best])
      best = c;
  return (uint32_t)best;
}

limn_status limn_linear_model_judge(const limn_linear_model *model, const limn_linear_algebra *algebra,
                                    const limn_chosen_rows *rows, uint32_t *labels, uint32_t *right) {
  limn_logistic_loss loss;
  uint32_t found = 0;
  limn_status status = LIMN_OK;
  LIMN_TRY(open_loss(&loss, model, algebra, rows));
  for (uint32_t first = 0; first < rows->count && status == LIMN_OK; first += LIMN_LOGISTIC_BLOCK) {
    const uint32_t left = rows->count - first, count = left < LIMN_LOGISTIC_BLOCK ? left : LIMN_LOGISTIC_BLOCK;
    status = limn_logistic_loss_scores(&loss, first, count, model->weights);
    for (uint32_t i = 0; i < count && status == LIMN_OK; ++i) {
      const uint32_t label = likeliest(loss.scores + (size_t)i * (size_t)model->classes, model->classes);
      if (labels)
        labels[first + i] = label;
      if (rows->data->labels)
        found += label == rows->data->labels[limn_chosen_row(rows, first + i)];
    }
  }
  limn_logistic_loss_release(&loss);
  if (right)
    *right = found;
  return status;
}

static limn_status check_width(const limn_linear_model *model, const limn_feature_set *set) {
  if (set->width != model->width)
    return limn_fail(LIMN_DATA, "%s: %d numbers a picture, but the classifier was made of %d",
                     limn_feature_set_name(set), set->width, model->width);
  return limn_feature_set_check(set, 1);
}

limn_status limn_linear_model_predict(const limn_linear_model *model, const limn_linear_algebra *algebra,
                                      const limn_feature_set *set, uint32_t *labels) {
  const limn_labelled_set data = {.features = *set, .classes = model->classes};
  LIMN_TRY(check_width(model, set));
  return limn_linear_model_judge(model, algebra, &(limn_chosen_rows){.data = &data, .count = set->count}, labels, NULL);
}

limn_status limn_linear_model_accuracy(double *out, const limn_linear_model *model, const limn_linear_algebra *algebra,
                                       const limn_labelled_set *data) {
  uint32_t right;
  if (data->classes != model->classes)
    return limn_fail(LIMN_DATA, "%s: %d classes, but the classifier knows %d", limn_feature_set_name(&data->features),
                     data->classes, model->classes);
  LIMN_TRY(check_width(model, &data->features));
  LIMN_TRY(limn_linear_model_judge(model, algebra, &(limn_chosen_rows){.data = data, .count = data->features.count},
                                   NULL, &right));
  *out = (double)right / data->features.count;
  return LIMN_OK;
}
