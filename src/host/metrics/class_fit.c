#include "metrics/class_fit.h"

#include <math.h>

#include "base/error.h"
#include "metrics/cross_validation.h"

#define FOLDS 5
#define MOST  3000 /* pictures that C is chosen by: it is fitted to four fifths of them 25 times */

/* Of the gradient: scikit-learn's own; and where accuracies are settled to a thousandth already, at a third of the
 * time. */
#define TOLERANCE       1e-4
#define TOLERANCE_OF_25 1e-3

static const double choices[] = {1e-4, 1e-3, 1e-2, 1e-1, 1};
#define CHOICES ((int)(sizeof choices / sizeof *choices))

limn_status limn_class_fit_take(limn_class_fit *out, const limn_linear_algebra *algebra, const limn_labelled_set *data,
                                uint64_t seed) {
  double accuracies[CHOICES];
  const limn_cross_validation_options options = {.c = choices,
                                                 .count = CHOICES,
                                                 .folds = FOLDS,
                                                 .most = MOST,
                                                 .seed = seed,
                                                 .fit = {.tolerance = TOLERANCE_OF_25}};
  *out = (limn_class_fit){.learned = data->features.count};
  LIMN_TRY(limn_cross_validate(&out->c, accuracies, algebra, data, &options));
  for (int i = 0; i < CHOICES; ++i)
    if (choices[i] == out->c)
      out->accuracy = accuracies[i];
  out->validated = out->learned < MOST ? out->learned : MOST;
  return limn_linear_model_fit(&out->model, algebra, data, &(limn_linear_options){.c = out->c, .tolerance = TOLERANCE},
                               NULL);
}

void limn_class_fit_release(limn_class_fit *fit) {
  limn_linear_model_release(&fit->model);
  *fit = (limn_class_fit){0};
}

double limn_share_error(double share, uint32_t count) { return count ? sqrt(share * (1 - share) / count) : NAN; }
