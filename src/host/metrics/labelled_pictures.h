/* The labels of a set of pictures, for what learns from them. */
#ifndef LIMN_METRICS_LABELLED_PICTURES_H
#define LIMN_METRICS_LABELLED_PICTURES_H

#include "metrics/linear_model.h"
#include "metrics/picture_set.h"

/* Names of classes, fit to be shown; owned. */
typedef struct limn_class_names {
  char **items;
  int count;
} limn_class_names;

void limn_class_names_release(limn_class_names *names);
limn_status limn_class_names_copy(limn_class_names *out, const limn_class_names *from);
int limn_class_names_find(const limn_class_names *names, const char *name); /* -1: there is none */

/* Those pictures of a set that have a label. */
typedef struct limn_labelled_pictures {
  uint32_t *numbers, *labels; /* (count): in the set; below classes.count */
  uint32_t count;
  limn_class_names classes;
} limn_labelled_pictures;

/* what: the set's name for messages, "the data". LIMN_USAGE, with the way out, where no picture has a label. */
limn_status limn_labelled_pictures_init(limn_labelled_pictures *out, const limn_picture_set *set, const char *what);
void limn_labelled_pictures_release(limn_labelled_pictures *pictures); /* also of one that is all zeros */

/* Numbers the classes as `classes` does, by their names: sets have their own numbers. LIMN_DATA, naming it, for a class
 * that is not among them. */
limn_status limn_labelled_pictures_renumber(limn_labelled_pictures *pictures, const limn_class_names *classes,
                                            const char *what);

/* The rows of these pictures, of the features of the whole set. *rows: what `out` may be in; free it after use. */
limn_status limn_labelled_pictures_rows(const limn_labelled_pictures *pictures, const limn_feature_set *features,
                                        limn_labelled_set *out, float **rows);

#endif
