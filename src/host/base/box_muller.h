/* Normal numbers out of uniform ones (Box & Muller 1958; docs/randomness.md), the same bits on every CPU. */
#ifndef LIMN_BASE_BOX_MULLER_H
#define LIMN_BASE_BOX_MULLER_H

#include <stdint.h>

#define LIMN_BOX_MULLER_BLOCKS 64 /* of four words, that are done at a time */

/* words, normals: (4 * LIMN_BOX_MULLER_BLOCKS), four by four as Philox makes them: pairs (0, 1) and (2, 3). */
void limn_box_muller(const uint32_t *words, float *normals);

#endif
