/* A set of pictures to be judged, or to be held against: files, or what a generator draws. */
#ifndef LIMN_METRICS_PICTURE_SET_H
#define LIMN_METRICS_PICTURE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "data/dataset.h"
#include "image/image.h"
#include "infer/sampler.h"
#include "limn/prior.h"

typedef struct limn_picture_set limn_picture_set;

/* How pictures of files are made alike, as a training makes them. All 0: as they are. */
typedef struct limn_picture_form {
  int channels;      /* 1 or 3; 0: grey ones stay grey, all others become RGB */
  int height, width; /* 0: as they are */
  int crop;          /* they are brought to a size larger by this, of which the middle counts */
  limn_fit fit;
  uint8_t background[3];
} limn_picture_form;

typedef struct limn_picture_set_options {
  limn_picture_form form;            /* of files */
  int64_t max_pixels;                /* 0: the default of data sets */
  const char *labels, *label_column; /* as in limn_dataset_options */
  uint32_t count;                    /* 0: all of files, 10,000 of a generator */
  bool or_fewer;                     /* where there are not so many */
  uint64_t seed;                     /* of the codes, and of which files are taken where there are more */
  bool raw;                          /* of a generator: the weights themselves */
  limn_prior prior;                  /* of a generator's codes, as in limn_generator_options */
  int components;
  bool undrawn;       /* of a generator: its pictures' form is asked for alone, and none can be read */
  const char *device; /* that a generator draws on */
  int threads;
} limn_picture_set_options;

typedef struct limn_picture_set_info {
  char kind[64];               /* "idx", "dcgan at step 1,000" */
  uint32_t count;              /* pictures of the set */
  uint32_t available;          /* in the files; 0: a generator's have no end */
  int class_count;             /* 0: no labels */
  int channels, height, width; /* of a generator's pictures; 0: files' may differ */
  /* Of the files, the form and the choice: the same pictures give the same number, others another. 0: a generator. */
  uint64_t fingerprint;
} limn_picture_set_info;

/* Whether the path holds a generator: a run's folder, a checkpoint or an export. */
bool limn_path_is_generator(const char *path);

limn_status limn_picture_set_open(limn_picture_set **out, const char *path, const limn_picture_set_options *options);
/* Of an opened data set, which is borrowed: `most` of the pictures that `part` numbers, where there are more, without
 * the pixels by which the setting `crop` has them larger. config: that of the run whose data they are. */
limn_status limn_dataset_set_open(limn_picture_set **out, limn_dataset *dataset, const uint32_t *part, uint32_t count,
                                  const limn_config *config, uint32_t most, uint64_t seed);
/* What a sampler, which is borrowed, draws with the weights that its store has when it is read. */
limn_status limn_sampler_set_open(limn_picture_set **out, limn_sampler *sampler, const limn_model *model,
                                  uint32_t count, uint64_t seed);
/* Each colour of a set's pictures as a grey picture of its own, red, green and blue one behind the other: three times
 * as many. Where the set has labels they are Stacked MNIST's, 100 a + 10 b + c, and a, b and c those of the three.
 * Takes `whole` over, also where it fails: LIMN_USAGE for labels that are no such numbers and for pictures known to be
 * grey. */
#define LIMN_STACKED_PLANES 3
#define LIMN_STACKED_LABELS 10 /* of one of the three */
limn_status limn_planes_set_open(limn_picture_set **out, limn_picture_set *whole);
void limn_picture_set_close(limn_picture_set *set);
void limn_picture_set_get_info(const limn_picture_set *set, limn_picture_set_info *out);
/* Pictures `first` ... first + count - 1 of the set into images, which are yours to release; 8-bit, of 1 or 3 channels,
 * those of a generator as they would be written to a file. On failure there are none. */
limn_status limn_picture_set_read(limn_picture_set *set, uint32_t first, uint32_t count, limn_image *images);
int limn_picture_set_label(const limn_picture_set *set, uint32_t index); /* -1: none */
/* Of labels under class_count; borrowed. */
const char *limn_picture_set_class_name(const limn_picture_set *set, int label);
/* The picture's name for messages and tables, into buffer, returned. */
const char *limn_picture_set_name(const limn_picture_set *set, uint32_t index, char *buffer, size_t size);

#endif
