/* Pictures from codes, by the generator whose weights a store has: a run's samples while it trains, and all that is
 * drawn from a file afterwards. */
#ifndef LIMN_INFER_SAMPLER_H
#define LIMN_INFER_SAMPLER_H

#include "devices/device.h"
#include "models/model.h"

typedef struct limn_sampler limn_sampler;

/* `chunk`: codes a pass. `average`: with the averaged weights. Weights that the store lacks are made, and are zero
 * until somebody loads them. */
limn_status limn_sampler_create(limn_sampler **out, limn_store *store, const limn_model *model, int chunk,
                                bool average);
void limn_sampler_destroy(limn_sampler *sampler);

/* Latent codes number first ... first + count - 1 of a seed, (count, latent), into `codes`: docs/randomness.md. */
void limn_sampler_codes(uint64_t seed, int latent, uint64_t first, int count, float *codes);
/* codes (count, latent); pixels (count, C, H, W) in [0, 1]. A picture depends on its own code alone. */
limn_status limn_sampler_draw(limn_sampler *sampler, const float *codes, int count, float *pixels);

/* For who counts what programs take: of a chunk of codes. Borrowed. */
int limn_sampler_chunk(const limn_sampler *sampler);
const limn_program *limn_sampler_program(const limn_sampler *sampler);

#endif
