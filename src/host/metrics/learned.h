/* What a trained run makes of pictures: a GAN's discriminator on its way, a VAE's or an autoencoder's encoder at its
 * end. */
#ifndef LIMN_METRICS_LEARNED_H
#define LIMN_METRICS_LEARNED_H

#include "infer/codec.h"
#include "infer/discriminator.h"
#include "metrics/judge.h"
#include "metrics/picture_set.h"

typedef struct limn_learned {
  limn_codec *codec; /* one of them is there */
  limn_discriminator *discriminator;
  int channels, height, width; /* of its pictures */
  int features;                /* numbers a picture */
  int batch;
  char what[48]; /* "4 layers of D max-pooled to 4x4", "means of the codes" */
} limn_learned;

/* path: a run's folder or a checkpoint. Errors are those of limn_codec_open and limn_discriminator_open. */
limn_status limn_learned_open(limn_learned *out, const char *path, const char *device, int threads);
void limn_learned_close(limn_learned *learned); /* also of one that is all zeros */

/* *rows: (count of the set, features), yours. LIMN_USAGE for pictures of another form, LIMN_FAILED once *watch->stop is
 * set. */
limn_status limn_learned_see(limn_learned *learned, limn_picture_set *set, const limn_judge_watch *watch, float **rows);

#endif
