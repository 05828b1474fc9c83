/* One axis of a resize: which of its old places make each new one, and with what weights. */
#ifndef LIMN_IMAGE_PROTOCOL_TAPS_H
#define LIMN_IMAGE_PROTOCOL_TAPS_H

#include "image/protocol.h"

typedef struct limn_protocol_taps {
  int to;          /* new places */
  int most;        /* weights of the one that has most */
  int *first;      /* (to) the old place that its first weight belongs to */
  int *count;      /* (to) weights, at least 1 */
  double *weights; /* (to, most) */
} limn_protocol_taps;

/* from, to: at least 1. Fails for lack of memory alone, and then holds nothing. */
limn_status limn_protocol_taps_init(limn_protocol_taps *taps, limn_resize_protocol protocol, int from, int to);
void limn_protocol_taps_release(limn_protocol_taps *taps); /* safe on a zeroed struct */

#endif
