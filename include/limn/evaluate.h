/* How good pictures are: measures of one set of pictures against another, each with the protocol that made it. */
#ifndef LIMN_EVALUATE_H
#define LIMN_EVALUATE_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "limn/prior.h"
#include "limn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The measures by name, in the order in which they are told: "fd", "kid", "is", "pr", "prdc", "copies", "modes",
 * "probe", "elbo", "perceptual", "nll". NULL: there is no such index. */
LIMN_API const char *limn_metric_name(int index);
/* One line on it. */
LIMN_API const char *limn_metric_help(int index);

/* NULL and 0 stand for what is said. */
typedef struct limn_evaluate_options {
  /* What is judged: a run, a checkpoint or an exported generator, of which pictures are drawn; or pictures: a folder,
   * an archive, IDX, CIFAR or NumPy files. Required. */
  const char *pictures;
  /* What they are held against: pictures, or statistics (.npz with mu and sigma, as pytorch-fid and TTUR have them).
   * NULL: what the run was trained on; nothing, where the measures need nothing. */
  const char *data;
  /* Pictures that neither is trained on, for measures that ask what is usual of unseen ones. NULL: the held-out part of
   * the run's own data, where it has one. */
  const char *held_out;
  const char *labels, *label_column; /* of the pictures of `data`: as the settings of these names */
  const char *metrics;               /* names with commas between; NULL: "fd,kid,prdc", of stacked ones "modes" */
  const char *features;   /* a pretrained network by name, or a file with its weights; NULL: "efficientnet_lite0" */
  const char *tap;        /* the features of it that are compared; NULL: the network's own choice */
  const char *protocol;   /* how pictures come to the network's size; NULL: "clean-fid" */
  int size;               /* side of what the network sees; 0: as it was trained */
  uint32_t count;         /* pictures that are judged; 0: all, and 10,000 of a generator */
  uint32_t data_count;    /* of the data; 0: as many as are judged, but 10,000 at least; or all that there are */
  int height, width;      /* that both sets are brought to first; 0: a run's own, else as they are */
  uint64_t seed;          /* of latent codes, subsets and choices of pictures */
  int raw;                /* 1: a run's weights themselves, where it also keeps their average */
  limn_prior prior;       /* what codes are drawn from; LIMN_PRIOR_MIXTURE: limn_prior_fit is called where need be,
                             on the pictures that the run was trained on, wherever `data` is */
  int components;         /* of that; 0: LIMN_PRIOR_COMPONENTS */
  int neighbours;         /* k of prdc; 0: 5 */
  int subsets, subset;    /* of kid: how many, of how many pictures; 0: 100, 1,000 */
  int splits;             /* of is; 0: 10 */
  int importance;         /* samples of nll; 0: 5,000 */
  int bootstrap;          /* resamples for an interval of fd; 0: none */
  const char *statistics; /* a .npz to write the mean and covariance of `pictures` to; NULL: none. `data` may be NULL */
  /* Of modes: a file that save_classifier named before, in place of one learned from the data. NULL: none. */
  const char *classifier;
  const char *save_classifier; /* where to write the classifier of modes; NULL: nowhere */
  int stacked;        /* 1: the pictures, and the data, are three grey ones in red, green and blue, and modes is of
                         Stacked MNIST by PacGAN's protocol: 26,000 pictures and 5,000 of the data unless said */
  const char *sheet;  /* of copies: a picture to write, .png, .jpg or .webp; NULL: none */
  int uncached;       /* 1: features of data sets are neither looked for in the user's cache nor kept there */
  const char *device; /* NULL: "auto" */
  int threads;        /* 0: as many as the process may use */
  /* Told now and then how many pictures of `all` are through; what: "pictures", "data". May be NULL. */
  void (*on_progress)(void *context, const char *what, uint32_t done, uint32_t all);
  void *context;
  const volatile sig_atomic_t *stop; /* not 0: give up, with LIMN_FAILED. May be NULL */
} limn_evaluate_options;

typedef struct limn_score {
  char metric[16];    /* "prdc" */
  char name[48];      /* "precision", "FD-lite0" */
  double value;       /* infinite for what has no bound */
  double deviation;   /* over subsets or splits, or the standard error: as the protocol says; NaN: there is none */
  double low, high;   /* 95 % by bootstrap; NaN: not asked for */
  int better;         /* 1: a higher value is, -1: a lower one, 0: neither */
  char protocol[128]; /* "100 subsets of 1,000" */
} limn_score;

typedef struct limn_evaluated_set {
  char kind[64];      /* "dcgan at step 12,000", "png folder" */
  uint32_t count;     /* pictures that were taken, */
  uint32_t available; /* and that there are; 0: without end */
  int cached;         /* 1: its features were in the cache */
  double seconds;
} limn_evaluated_set;

/* Of the measure modes. */
typedef struct limn_class_share {
  char *name;            /* of the class; of stacked pictures those of the three, "3-1-4" */
  double pictures, data; /* shares of both sets, each 1 in sum; of stacked pictures `data` is what is uniform */
} limn_class_share;

/* A picture, and what of the data is nearest to it. */
typedef struct limn_nearest_pair {
  char *picture, *data;   /* their names */
  double distance, usual; /* in features; of unseen pictures 99 % are farther than `usual` */
} limn_nearest_pair;
#define LIMN_NEAREST_PAIRS 16 /* the nearest ones that are told */

typedef struct limn_evaluation {
  limn_score *scores; /* owned, as are the notes and pairs */
  size_t score_count;
  limn_evaluated_set pictures, data, held_out; /* count is 0 where there are none */
  limn_nearest_pair *pairs;                    /* of the measure copies, the nearest first */
  size_t pair_count;
  limn_class_share *classes; /* of the measure modes, in the order of the classes; owned */
  size_t class_count;
  char features[32], tap[32]; /* "efficientnet_lite0", "pool" */
  char checksum[65];          /* SHA-256 of the file of its weights */
  char protocol[24];
  int size, width; /* of what the network sees; numbers a picture */
  uint64_t seed;
  char **notes; /* what to know before a number is believed, a line each */
  size_t note_count;
  char device[128];
} limn_evaluation;

/* LIMN_USAGE for what there is not or does not go together, LIMN_DATA for pictures that cannot be read or are too few,
 * LIMN_DEVICE for the device. Deterministic: the same options, data and machine give the same numbers. *out is yours;
 * free it with limn_evaluation_destroy. */
LIMN_API limn_status limn_evaluate(limn_evaluation **out, const limn_evaluate_options *options);
LIMN_API void limn_evaluation_destroy(limn_evaluation *evaluation);

#ifdef __cplusplus
}
#endif
#endif
