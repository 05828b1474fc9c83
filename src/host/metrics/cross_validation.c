#include "metrics/cross_validation.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/philox.h"
#include "metrics/linear_fit.h"

#define NO_FOLD UINT32_MAX

typedef struct folds {
  uint32_t *of;               /* (pictures): the fold of each */
  uint32_t *inside, *outside; /* the pictures of one fold, and of the others */
  uint32_t *order;
  uint32_t *met; /* (classes): how many of each have been dealt */
  uint32_t dealt;
} folds;

static void release(folds *f) {
  free(f->of);
  free(f->inside);
  free(f->outside);
  free(f->order);
  free(f->met);
}

/* Dealt round and round, each class by itself, in an order of the seed's. */
static limn_status deal(folds *f, const limn_labelled_set *data, const limn_cross_validation_options *options) {
  const uint32_t count = data->features.count;
  const size_t bytes = count * sizeof(uint32_t);
  *f = (folds){.of = malloc(bytes),
               .inside = malloc(bytes),
               .outside = malloc(bytes),
               .order = malloc(bytes),
               .met = calloc((size_t)data->classes, sizeof(uint32_t))};
  if (!f->of || !f->inside || !f->outside || !f->order || !f->met) {
    release(f);
    return limn_fail_memory("the folds of a cross-validation");
  }
  limn_philox_permutation(options->seed, LIMN_STREAM_FOLD, 0, f->order, count);
  f->dealt = options->most && options->most < count ? options->most : count;
  for (uint32_t i = 0; i < count; ++i)
    f->of[f->order[i]] = i < f->dealt ? f->met[data->labels[f->order[i]]]++ % (uint32_t)options->folds : NO_FOLD;
  return LIMN_OK;
}

/* Which rows to learn from and which to judge by. */
static void part(const folds *f, const limn_labelled_set *data, uint32_t fold, limn_chosen_rows *learn,
                 limn_chosen_rows *judge) {
  *learn = (limn_chosen_rows){.data = data, .indices = f->outside};
  *judge = (limn_chosen_rows){.data = data, .indices = f->inside};
  for (uint32_t i = 0; i < data->features.count; ++i)
    if (f->of[i] == fold)
      f->inside[judge->count++] = i;
    else if (f->of[i] != NO_FOLD)
      f->outside[learn->count++] = i;
}

static bool has_two_classes(const limn_chosen_rows *rows) {
  for (uint32_t i = 1; i < rows->count; ++i)
    if (rows->data->labels[rows->indices[i]] != rows->data->labels[rows->indices[0]])
      return true;
  return false;
}

/* right: (options->count), added to. Each C begins where the one before it, which is stricter, ended. */
static limn_status judge_fold(double *right, const limn_linear_algebra *algebra, const limn_chosen_rows *learn,
                              const limn_chosen_rows *judge, const limn_cross_validation_options *options) {
  limn_linear_model model;
  limn_status status = LIMN_OK;
  if (!has_two_classes(learn))
    return limn_fail(
        LIMN_DATA,
        "%s: where a fold (of %d) is held out, the others have a single class: give more pictures of other classes",
        limn_feature_set_name(&learn->data->features), options->folds);
  LIMN_TRY(limn_linear_model_begin(&model, learn));
  for (int i = 0; i < options->count && status == LIMN_OK; ++i) {
    limn_linear_options fit = options->fit;
    uint32_t found = 0;
    fit.c = options->c[i];
    status = limn_linear_model_continue(&model, algebra, learn, &fit, NULL);
    if (status == LIMN_OK)
      status = limn_linear_model_judge(&model, algebra, judge, NULL, &found);
    right[i] += found;
  }
  limn_linear_model_release(&model);
  return status;
}

limn_status limn_cross_validate(double *best, double *accuracies, const limn_linear_algebra *algebra,
                                const limn_labelled_set *data, const limn_cross_validation_options *options) {
  folds f;
  if (options->count < 1 || options->folds < 2)
    return limn_fail(LIMN_USAGE, "a cross-validation takes at least 1 value of C and 2 folds, not %d and %d",
                     options->count, options->folds);
  LIMN_TRY(limn_labelled_set_check(data));
  LIMN_TRY(deal(&f, data, options));
  limn_status status = LIMN_OK;
  for (int i = 0; i < options->count; ++i)
    accuracies[i] = 0;
  for (int fold = 0; fold < options->folds && status == LIMN_OK; ++fold) {
    limn_chosen_rows learn, judge;
    part(&f, data, (uint32_t)fold, &learn, &judge);
    status = judge_fold(accuracies, algebra, &learn, &judge, options);
  }
  const uint32_t dealt = f.dealt;
  release(&f);
  if (status != LIMN_OK)
    return status;
  int first = 0;
  for (int i = 0; i < options->count; ++i) {
    accuracies[i] /= dealt;
    if (accuracies[i] > accuracies[first])
      first = i;
  }
  *best = options->c[first];
  return LIMN_OK;
}
