/* The parts of fitting a linear model, for whoever fits several to the same rows. */
#ifndef LIMN_METRICS_LINEAR_FIT_H
#define LIMN_METRICS_LINEAR_FIT_H

#include "metrics/linear_model.h"
#include "metrics/logistic_loss.h"

/* LIMN_DATA unless the features are finite, the labels below `classes`, and there are at least two of them. */
limn_status limn_labelled_set_check(const limn_labelled_set *data);

/* A model that standardises by these rows and knows nothing of classes; *out is yours to release. */
limn_status limn_linear_model_begin(limn_linear_model *out, const limn_chosen_rows *rows);

/* Fits it to these rows, from where it is. */
limn_status limn_linear_model_continue(limn_linear_model *model, const limn_linear_algebra *algebra,
                                       const limn_chosen_rows *rows, const limn_linear_options *options, int *steps);

/* *right: of how many of these rows the model names the class; labels, (rows->count) or NULL: which it names. */
limn_status limn_linear_model_judge(const limn_linear_model *model, const limn_linear_algebra *algebra,
                                    const limn_chosen_rows *rows, uint32_t *labels, uint32_t *right);

#endif
