#include "metrics/logistic_loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"

limn_status limn_logistic_loss_init(limn_logistic_loss *loss) {
  const size_t width = (size_t)loss->chosen.data->features.width;
  loss->inverse = malloc(width * sizeof *loss->inverse);
  loss->rows = malloc(LIMN_LOGISTIC_BLOCK * width * sizeof *loss->rows);
  loss->scores = malloc(LIMN_LOGISTIC_BLOCK * (size_t)loss->chosen.data->classes * sizeof *loss->scores);
  if (!loss->rows || !loss->scores || !loss->inverse) {
    limn_logistic_loss_release(loss);
    return limn_fail_memory("features of a linear model");
  }
  for (size_t k = 0; k < width; ++k)
    loss->inverse[k] = 1 / loss->deviation[k];
  return LIMN_OK;
}

void limn_logistic_loss_release(limn_logistic_loss *loss) {
  free(loss->rows);
  free(loss->scores);
  free(loss->inverse);
  loss->rows = loss->scores = loss->inverse = NULL;
}

typedef struct standardising {
  const limn_logistic_loss *loss;
  uint32_t first;
} standardising;

static limn_status standardise(void *context, uint32_t i) {
  const standardising *work = context;
  const limn_logistic_loss *loss = work->loss;
  const size_t width = (size_t)loss->chosen.data->features.width;
  const float *row = limn_feature_row(&loss->chosen.data->features, limn_chosen_row(&loss->chosen, work->first + i));
  double *out = loss->rows + (size_t)i * width;
  for (size_t k = 0; k < width; ++k)
    out[k] = ((double)row[k] - loss->mean[k]) * loss->inverse[k];
  return LIMN_OK;
}

limn_status limn_logistic_loss_scores(limn_logistic_loss *loss, uint32_t first, uint32_t count,
                                      const double *parameters) {
  const int width = loss->chosen.data->features.width, classes = loss->chosen.data->classes;
  const double *biases = parameters + (size_t)classes * (size_t)width;
  LIMN_TRY(
      limn_parallel_for(count, loss->algebra->threads, standardise, &(standardising){.loss = loss, .first = first}));
  for (uint32_t i = 0; i < count; ++i)
    memcpy(loss->scores + (size_t)i * (size_t)classes, biases, (size_t)classes * sizeof *biases);
  limn_matrix_product(loss->algebra, loss->scores,
                      (limn_matrix){.data = loss->rows, .rows = (int)count, .columns = width},
                      (limn_matrix){.data = parameters, .rows = classes, .columns = width, .transposed = true}, 1);
  return LIMN_OK;
}

/* scores become the gradient of -log p(label) by them; returns that loss. */
static double cross_entropy(double *scores, int classes, uint32_t label) {
  double most = scores[0], sum = 0;
  for (int c = 1; c < classes; ++c)
    most = fmax(most, scores[c]);
  const double wanted = scores[label] - most;
  for (int c = 0; c < classes; ++c)
    sum += scores[c] = exp(scores[c] - most);
  for (int c = 0; c < classes; ++c)
    scores[c] /= sum;
  scores[label] -= 1;
  return log(sum) - wanted;
}

limn_status limn_logistic_loss_value(void *context, const double *parameters, double *value, double *gradient) {
  limn_logistic_loss *loss = context;
  const int width = loss->chosen.data->features.width, classes = loss->chosen.data->classes;
  const size_t weights = (size_t)classes * (size_t)width;
  double sum = 0, squares = 0;
  memset(gradient, 0, (weights + (size_t)classes) * sizeof *gradient);
  for (uint32_t first = 0; first < loss->chosen.count; first += LIMN_LOGISTIC_BLOCK) {
    const uint32_t left = loss->chosen.count - first, count = left < LIMN_LOGISTIC_BLOCK ? left : LIMN_LOGISTIC_BLOCK;
    LIMN_TRY(limn_logistic_loss_scores(loss, first, count, parameters));
    for (uint32_t i = 0; i < count; ++i) {
      double *scores = loss->scores + (size_t)i * (size_t)classes;
      sum += cross_entropy(scores, classes, loss->chosen.data->labels[limn_chosen_row(&loss->chosen, first + i)]);
      for (int c = 0; c < classes; ++c)
        gradient[weights + (size_t)c] += scores[c];
    }
    limn_matrix_product(loss->algebra, gradient,
                        (limn_matrix){.data = loss->scores, .rows = (int)count, .columns = classes, .transposed = true},
                        (limn_matrix){.data = loss->rows, .rows = (int)count, .columns = width}, 1);
  }
  for (size_t i = 0; i < weights; ++i) {
    squares += parameters[i] * parameters[i];
    gradient[i] = gradient[i] / loss->chosen.count + loss->penalty * parameters[i];
  }
  for (int c = 0; c < classes; ++c)
    gradient[weights + (size_t)c] /= loss->chosen.count;
  *value = sum / loss->chosen.count + loss->penalty / 2 * squares;
  return LIMN_OK;
}
