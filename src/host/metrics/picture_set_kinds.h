/* The kinds of picture sets, for picture_set.c, which chooses between them and among their pictures. */
#ifndef LIMN_METRICS_PICTURE_SET_KINDS_H
#define LIMN_METRICS_PICTURE_SET_KINDS_H

#include "metrics/picture_set.h"

typedef struct limn_picture_kind {
  void (*close)(limn_picture_set *set);
  /* The pictures of these numbers, `count` of them. On failure the images may be half made. */
  limn_status (*read)(limn_picture_set *set, const uint32_t *numbers, uint32_t count, limn_image *images);
  int (*label)(const limn_picture_set *set, uint32_t number);
  const char *(*name)(const limn_picture_set *set, uint32_t number, char *buffer, size_t size);
  const char *(*class_name)(const limn_picture_set *set, int label); /* where the info has classes */
} limn_picture_kind;

struct limn_picture_set {
  const limn_picture_kind *kind;
  limn_picture_set_info info;
  uint32_t *order; /* (info.count), the numbers of the pictures that were chosen; NULL: the first ones */
};

/* Takes `count` of the info's available pictures (0: all), and makes that part of the fingerprint. */
limn_status limn_picture_set_choose(limn_picture_set *set, uint32_t count, uint64_t seed);

/* The middle of a picture, `margin` pixels less in height and width, in place. */
void limn_picture_cut_middle(limn_image *image, int margin);

limn_status limn_files_set_open(limn_picture_set **out, const char *path, const limn_picture_set_options *options);
limn_status limn_generator_set_open(limn_picture_set **out, const char *path, const limn_picture_set_options *options);

#endif
