/* What the discriminator sees of pictures: augmented, under noise, several at a time. */
#ifndef LIMN_TRAIN_VIEW_H
#define LIMN_TRAIN_VIEW_H

#include "config/config.h"
#include "graph/graph.h"

/* A look at pictures within a step, which says where its random numbers come from: stream LIMN_STREAM_VIEW + 8 look +
 * what (docs/randomness.md). */
typedef enum limn_look {
  LIMN_LOOK_DISCRIMINATOR,      /* the discriminator's step: all pictures, real ones first, or the real ones alone */
  LIMN_LOOK_DISCRIMINATOR_FAKE, /* its generated ones, where they are looked at by themselves */
  LIMN_LOOK_BETWEEN,            /* its pictures between real and generated ones */
  LIMN_LOOK_GENERATOR,          /* the generator's step */
  LIMN_LOOK_GENERATOR_REAL,
  LIMN_LOOK_PENALTY, /* a lazy penalty's step: as the first three */
  LIMN_LOOK_PENALTY_FAKE,
  LIMN_LOOK_PENALTY_BETWEEN,
  LIMN_LOOK_EXTRA, /* the discriminator's further steps: as the first three */
  LIMN_LOOK_EXTRA_FAKE,
  LIMN_LOOK_EXTRA_BETWEEN,
  LIMN_LOOK_HELD_OUT, /* held-out pictures; step = batch */
  LIMN_LOOK_HELD_OUT_FAKE,
  LIMN_LOOKS
} limn_look;

/* Random numbers of a look, beside each other. */
enum {
  LIMN_VIEW_COLORS,
  LIMN_VIEW_WINDOW,
  LIMN_VIEW_GATES,
  LIMN_VIEW_NOISE,
  LIMN_VIEW_ALPHA,
  LIMN_VIEW_TRANSLATION, /* ADA's, each by itself: a flip takes WINDOW */
  LIMN_VIEW_CUTOUT
};
uint32_t limn_view_stream(limn_look look, int what);

/* The scalars that the host sets for each step: leaf (1, 2, 1, 1). Only there where a setting changes over the run. */
#define LIMN_VIEW_COURSE "hyper.course"
typedef enum limn_course { LIMN_COURSE_NOISE, LIMN_COURSE_PENALTY, LIMN_COURSES } limn_course;
limn_value limn_view_course(limn_graph *graph, limn_course which);

/* pictures (N, C, H, W) as D is to see them, (N / pack, pack C, H, W). groups: equal parts, one behind the other, each
 * of which is packed for itself. */
limn_value limn_view_of(limn_graph *graph, const limn_config *config, limn_value pictures, limn_look look, int groups);

/* Of each of `groups` equal parts of x, of n rows: n / pack rows, of which row i has the channels of rows i, i + n /
 * pack, ... (Lin et al. 2018, PacGAN). */
limn_value limn_view_pack(limn_graph *graph, limn_value x, int pack, int groups);

#endif
