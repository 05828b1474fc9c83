/* How well codes explain pictures: -log p(x | z) by the decoder whose weights a store has. */
#ifndef LIMN_INFER_EXPLAINER_H
#define LIMN_INFER_EXPLAINER_H

#include "devices/device.h"
#include "models/model.h"

typedef struct limn_explainer limn_explainer;

/* Of a model with a likelihood. `chunk`: codes a pass. `one`: all codes of a call explain the same picture. Weights
 * that the store lacks are made, and are zero until somebody loads them. */
limn_status limn_explainer_create(limn_explainer **out, limn_store *store, const limn_model *model, int chunk,
                                  bool one);
void limn_explainer_destroy(limn_explainer *explainer);

/* targets (count, C, H, W), or (C, H, W) for all: what the likelihood explains (models/likelihood.h); codes (count,
 * latent); nats (count). */
limn_status limn_explainer_run(limn_explainer *explainer, const float *targets, const float *codes, int count,
                               float *nats);

#endif
