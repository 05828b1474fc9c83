/* A judge: a pretrained network with a protocol, by which it sees pictures, and what it has seen of a set: features. */
#ifndef LIMN_METRICS_JUDGE_H
#define LIMN_METRICS_JUDGE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "image/protocol.h"
#include "infer/extractor.h"
#include "metrics/feature_set.h"
#include "metrics/picture_set.h"

typedef struct limn_judge_options {
  const char *features; /* as in limn_extractor_options */
  const char *tap;      /* what is compared; NULL: the network's own choice */
  const char *protocol; /* NULL: "clean-fid" */
  int size;             /* 0: the network's own */
  bool logits;          /* class scores too */
  const char *device;
  int threads;
  bool planning; /* as in limn_extractor_options, and the card */
  const limn_card *card;
} limn_judge_options;

typedef struct limn_judge {
  limn_extractor *extractor;
  limn_extractor_info info;
  limn_resize_protocol protocol;
  const char *taps[2]; /* what is compared, then class scores where they are wanted */
  int tap_count;
} limn_judge;

limn_status limn_judge_open(limn_judge *judge, const limn_judge_options *options);
/* What pictures have to be for the network, scale v + shift: its own, but that pytorch-fid takes bytes to -1 ... 1 for
 * FID's Inception, where TensorFlow's (v - 128) / 128 ends before 1. */
void limn_judge_scaling(const limn_judge *judge, float scale[3], float shift[3]);
void limn_judge_close(limn_judge *judge);

/* Who waits, and may not want to. All may be NULL. */
typedef struct limn_judge_watch {
  void (*on_progress)(void *context, uint32_t done, uint32_t all);
  void *context;
  const volatile sig_atomic_t *stop;
} limn_judge_watch;

/* Features of a set: what is compared, and class scores where the judge has them. */
typedef struct limn_judged {
  uint32_t count;
  int tap_count, widths[2];
  float *rows[2]; /* (count, widths[i]) */
  bool cached;    /* they were in the user's cache */
  double seconds;
} limn_judged;

/* Sees the whole set. cache: features of files are looked for in the user's cache, and kept there. LIMN_FAILED once
 * *watch->stop is set, LIMN_DATA where features are not finite. */
limn_status limn_judge_see(limn_judge *judge, limn_picture_set *set, bool cache, const limn_judge_watch *watch,
                           limn_judged *out);
void limn_judged_release(limn_judged *judged);
/* name: for messages. */
static inline limn_feature_set limn_judged_set(const limn_judged *judged, int tap, const char *name) {
  return (limn_feature_set){judged->rows[tap], judged->count, judged->widths[tap], name};
}

/* What the judge sees pictures by, as text: where two differ, so do their features. */
#define LIMN_JUDGE_IDENTITY_SIZE 320
const char *limn_judge_identity(const limn_judge *judge, char *buffer, size_t size);

/* feature_cache.c. What decides the features of a set, as text. */
#define LIMN_JUDGE_KEY_SIZE 512
const char *limn_judge_key(const limn_judge *judge, const limn_picture_set_info *set, char *buffer, size_t size);
/* Features that were kept under the key; false: there are none. */
bool limn_feature_cache_load(const limn_judge *judge, const char *key, uint32_t count, limn_judged *out);
/* Keeps them. What fails is no failure of the caller's: they are then taken anew the next time. */
void limn_feature_cache_store(const limn_judge *judge, const char *key, const limn_judged *judged);

#endif
