/* A classifier: what names the classes of pictures by what a judge sees of them; learned on the spot, or from a file.
 */
#ifndef LIMN_METRICS_CLASSIFIER_H
#define LIMN_METRICS_CLASSIFIER_H

#include <stdbool.h>

#include "metrics/class_fit.h"
#include "metrics/labelled_pictures.h"

typedef struct limn_classifier {
  limn_class_fit fit;
  limn_class_names classes; /* (fit.model.classes) */
} limn_classifier;

/* Learns from the features of those pictures. Its numbers are rounded to float, as a file has them. *out is yours to
 * release. LIMN_DATA for a single class. */
limn_status limn_classifier_learn(limn_classifier *out, const limn_linear_algebra *algebra,
                                  const limn_labelled_pictures *pictures, const limn_feature_set *features,
                                  uint64_t seed);
void limn_classifier_release(limn_classifier *classifier); /* also of one that is all zeros */

/* Whether it ever names that class: it had pictures to learn from. */
bool limn_classifier_knows(const limn_classifier *classifier, int label);

/* A file of it (docs/formats.md). judge: what saw the pictures (limn_judge_identity). Reading refuses a file of another
 * judge, and one that is no classifier, with LIMN_DATA. */
limn_status limn_classifier_write(const limn_classifier *classifier, const char *path, const char *judge);
limn_status limn_classifier_read(limn_classifier *out, const char *path, const char *judge);

#endif
