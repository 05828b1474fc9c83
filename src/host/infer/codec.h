/* Both networks of a trained VAE or autoencoder: pictures to codes, codes to pictures. */
#ifndef LIMN_INFER_CODEC_H
#define LIMN_INFER_CODEC_H

#include "config/config.h"

typedef struct limn_codec limn_codec;

typedef struct limn_codec_options {
  const char *device; /* NULL: "auto" */
  int threads;        /* 0: as many as the process may use */
  uint32_t pictures;  /* of all that will be encoded; 0: not known */
  int codes;          /* most that explain one picture in a pass; 0: limn_codec_explain_one will not be called */
} limn_codec_options;

typedef struct limn_codec_info {
  const limn_config *config;           /* the run's settings; the codec's */
  int latent, channels, height, width; /* of a code and of a picture */
  int batch;                           /* pictures a pass */
  int codes;                           /* that explain one picture in a pass: fewer where these are large; 0: none */
  bool distributed;                    /* a picture's code is a distribution: a VAE */
  uint64_t step;                       /* of the checkpoint */
} limn_codec_info;

/* path: a run folder (its latest checkpoint) or a checkpoint of one. LIMN_DATA when there is no such file or it is
 * broken; LIMN_USAGE for models without an encoder, and for exports, which hold one network; LIMN_DEVICE when the
 * device cannot be used. *out is yours. One thread at a time may use a codec. */
limn_status limn_codec_open(limn_codec **out, const char *path, const limn_codec_options *options);
void limn_codec_close(limn_codec *codec);
void limn_codec_get_info(const limn_codec *codec, limn_codec_info *out);

/* Where codes go; each may be NULL. */
typedef struct limn_codes {
  float *mean;         /* (count, latent): of q(z | x), or an autoencoder's code */
  float *log_variance; /* (count, latent): of q(z | x); untouched where codes are not distributed */
  float *targets;      /* (count, C, H, W): what the likelihood explains (models/likelihood.h) */
} limn_codes;

/* Pictures number first ... first + count - 1 of some set, bytes (count, C, H, W). They are dequantised, binarised and
 * made noisy as a validation of the run on that set would: first is a multiple of info.batch, else LIMN_USAGE. Without
 * such settings a code depends on its picture alone. */
limn_status limn_codec_encode(limn_codec *codec, const uint8_t *pictures, uint64_t first, int count,
                              const limn_codes *out);
/* codes (count, latent); pixels (count, C, H, W) in [0, 1]: the most likely picture. */
limn_status limn_codec_decode(limn_codec *codec, const float *codes, int count, float *pixels);
/* -log p(x | z) in nats, (count), of targets (count, C, H, W) by a code each; and of one target (C, H, W) by all. */
limn_status limn_codec_explain(limn_codec *codec, const float *targets, const float *codes, int count, float *nats);
limn_status limn_codec_explain_one(limn_codec *codec, const float *target, const float *codes, int count, float *nats);

#endif
