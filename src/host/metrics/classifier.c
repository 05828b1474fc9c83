#include "metrics/classifier.h"

#include <stdlib.h>

#include "base/error.h"

#define LEAST_BIAS (-1e29) /* of a class that had pictures: the others have -1e30 (linear_model.c) */

static void round_numbers(double *numbers, size_t count) {
  for (size_t i = 0; i < count; ++i)
    numbers[i] = (double)(float)numbers[i];
}

/* A deviation that float does not have would divide by nothing. */
static void round_model(limn_linear_model *model) {
  const size_t width = (size_t)model->width, classes = (size_t)model->classes;
  round_numbers(model->mean, width);
  round_numbers(model->deviation, width);
  for (size_t k = 0; k < width; ++k)
    if (model->deviation[k] == 0)
      model->deviation[k] = 1;
  round_numbers(model->weights, classes * width);
  round_numbers(model->biases, classes);
}

limn_status limn_classifier_learn(limn_classifier *out, const limn_linear_algebra *algebra,
                                  const limn_labelled_pictures *pictures, const limn_feature_set *features,
                                  uint64_t seed) {
  limn_labelled_set data;
  float *rows = NULL;
  *out = (limn_classifier){0};
  limn_status status = limn_labelled_pictures_rows(pictures, features, &data, &rows);
  if (status == LIMN_OK)
    status = limn_class_fit_take(&out->fit, algebra, &data, seed);
  free(rows);
  if (status == LIMN_OK)
    status = limn_class_names_copy(&out->classes, &pictures->classes);
  if (status != LIMN_OK) {
    limn_classifier_release(out);
    return status;
  }
  round_model(&out->fit.model);
  return LIMN_OK;
}

void limn_classifier_release(limn_classifier *classifier) {
  limn_class_fit_release(&classifier->fit);
  limn_class_names_release(&classifier->classes);
}

bool limn_classifier_knows(const limn_classifier *classifier, int label) {
  return classifier->fit.model.biases[label] > LEAST_BIAS;
}
