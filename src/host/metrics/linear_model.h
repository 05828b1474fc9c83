/* Multinomial logistic regression on features: which class is a picture of, and how much of it do the features tell? */
#ifndef LIMN_METRICS_LINEAR_MODEL_H
#define LIMN_METRICS_LINEAR_MODEL_H

#include <stdint.h>

#include "metrics/feature_set.h"
#include "metrics/linear_algebra.h"

typedef struct limn_labelled_set {
  limn_feature_set features;
  const uint32_t *labels; /* (features.count), below classes; borrowed */
  int classes;
} limn_labelled_set;

typedef struct limn_linear_model {
  int width, classes;
  double *mean, *deviation; /* (width): features are standardised, (x - mean) / deviation; constant ones have 1 */
  double *weights;          /* (classes, width): of standardised features */
  double *biases;           /* (classes) */
} limn_linear_model;

typedef struct limn_linear_options {
  double c;         /* what the data weigh against the penalty: scikit-learn's C */
  double tolerance; /* of the gradient of the mean loss; 0: 1e-7 */
  int most_steps;   /* 0: 1000 */
} limn_linear_options;

/* The least 1/2 |weights|^2 + c sum of -log p(label | features), as scikit-learn's LogisticRegression on
 * StandardScaler's features: biases are free, and two classes are one vector of weights, whose halves these are. A
 * class without pictures is never said. The same bits for the same input, library and threads. *out is yours to
 * release; *steps, which may be NULL, is what it took. LIMN_DATA for labels out of range and for a single class. */
limn_status limn_linear_model_fit(limn_linear_model *out, const limn_linear_algebra *algebra,
                                  const limn_labelled_set *data, const limn_linear_options *options, int *steps);
void limn_linear_model_release(limn_linear_model *model); /* also of one that is all zeros */

/* labels: (set->count): the likeliest class of each row; the first of equal ones. */
limn_status limn_linear_model_predict(const limn_linear_model *model, const limn_linear_algebra *algebra,
                                      const limn_feature_set *set, uint32_t *labels);

/* *out: the share of rows whose class the model names. */
limn_status limn_linear_model_accuracy(double *out, const limn_linear_model *model, const limn_linear_algebra *algebra,
                                       const limn_labelled_set *data);

#endif
