/* Features: pictures through a pretrained network, as vectors. */
#ifndef LIMN_INFER_EXTRACTOR_H
#define LIMN_INFER_EXTRACTOR_H

#include <stdbool.h>

#include "devices/device.h"
#include "infer/sha256.h"
#include "models/features/features.h"

typedef struct limn_extractor limn_extractor;

typedef struct limn_extractor_options {
  const char *features; /* a network's name, whose weights are in the user's cache (limn features get), or a file; NULL:
                           efficientnet_lite0 */
  const char *device;
  int threads;
  int size;                /* side of the pictures that it is given; 0: the network's own */
  int batch;               /* pictures a pass; 0: chosen */
  const char *const *taps; /* names; NULL: the judge alone */
  int tap_count;
  bool maps;             /* of maps the pixels themselves, (C, H, W), not their means */
  bool planning;         /* nothing can run: a network that is named needs no weights */
  const limn_card *card; /* planning: for this card, which need not be there; NULL: for the device */
} limn_extractor_options;

typedef struct limn_extractor_info {
  const limn_feature_network *network;
  char path[4096];                 /* of the file of weights */
  char checksum[LIMN_SHA256_SIZE]; /* its SHA-256 */
  int size, batch;
  float scale[3], shift[3]; /* of what pictures have to be: scale v + shift, for v in 0 ... 255 */
  int tap_count;
  const char *taps[LIMN_MAX_TAPS];
  int widths[LIMN_MAX_TAPS]; /* numbers a picture: of a map its means over the pixels, or with `maps` all of it */
  int pixels[LIMN_MAX_TAPS]; /* of the map; 1: it is none */
  char device[128];
} limn_extractor_info;

/* *out is yours. LIMN_DATA where the weights are not there or are another network's, with the way to get them;
 * LIMN_USAGE for a tap that the network does not have and a size that it cannot take. */
limn_status limn_extractor_open(limn_extractor **out, const limn_extractor_options *options);
void limn_extractor_close(limn_extractor *extractor);
void limn_extractor_get_info(const limn_extractor *extractor, limn_extractor_info *out);

/* What it takes of the device's memory. */
size_t limn_extractor_bytes(const limn_extractor *extractor);

/* What a picture costs: 2 x multiply-accumulates. */
double limn_extractor_flops(const limn_extractor *extractor);

/* pictures (count, 3, size, size), scaled as the info says; out[tap] (count, widths[tap]). Any count. A picture's
 * features depend on that picture alone. */
limn_status limn_extractor_run(limn_extractor *extractor, const float *pictures, int count, float *const *out);

#endif
