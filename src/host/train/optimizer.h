/* One network's update: gradients, their norm, clipping, the optimiser; and the learning rate of each step. */
#ifndef LIMN_TRAIN_OPTIMIZER_H
#define LIMN_TRAIN_OPTIMIZER_H

#include "config/config.h"
#include "devices/device.h"
#include "graph/graph.h"
#include "models/pretrained_encoder.h"

/* With precision fp16 the loss is scaled before the gradient is taken, so that small gradients do not vanish
 * (Micikevicius et al. 2018, section 3.2): a gradient that overflows is dropped and the scale halved; it doubles after
 * 2,000 that did not. The scales are the leaves "optimizer.loss_scale.PREFIX", and begin at LIMN_FIRST_LOSS_SCALE. */
#define LIMN_LOSS_SCALE       "loss_scale"
#define LIMN_FIRST_LOSS_SCALE 65536.0f

/* That leaf, where the precision is fp16; else LIMN_NONE. */
limn_value limn_optimizer_loss_scale(limn_graph *graph, const limn_config *config, const char *prefix);

/* 1 where a scalar is finite, else 0. */
limn_value limn_optimizer_finite(limn_graph *graph, limn_value x);

#define LIMN_PRETRAINED_RATE "hyper." LIMN_PRETRAINED

/* Minimises `loss` over every PARAMETER leaf of the graph whose name begins with `prefix` ("": all): extends the graph
 * by the gradients, the latch of `gate` on a gradient that is not finite, or on `latched` (a scalar, mostly the loss;
 * LIMN_NONE: nothing), and one optimiser node a parameter. With fp16 a part of the loss that may overflow like a
 * gradient, a penalty, is not to be latched on. The input leaf "hyper.PREFIX" takes limn_optimizer_hyper's values each
 * step; parameters of a pretrained network in an encoder take theirs from LIMN_PRETRAINED_RATE. *norm is the Euclidean
 * norm of the gradient before clipping; 0 in a step whose scaled gradient overflowed. */
limn_status limn_optimizer_minimize(limn_graph *graph, const limn_config *config, limn_value loss, limn_value latched,
                                    const char *prefix, limn_value gate, limn_value *norm);

/* The two halves of it for a gradient that is summed over micro-batches (train/accumulation.h), each for a graph of its
 * own. gather adds to the leaves "sum.NAME" one micro-batch's part of it, that of loss / accumulate, and latches `gate`
 * on `latched`; apply minimises by the sums that `store` has for parameters with that prefix, and makes them 0. */
limn_status limn_optimizer_gather(limn_graph *graph, const limn_config *config, limn_value loss, limn_value latched,
                                  const char *prefix, limn_value gate);
limn_status limn_optimizer_apply(limn_graph *graph, const limn_config *config, const limn_store *store,
                                 const char *prefix, limn_value gate, limn_value *norm);

/* The values of the hyper leaf for step 0, 1, ...: learning rate after warm-up and schedule, Adam's bias corrections of
 * the network's update number `index`, from 0, and how far beta2 has moved towards beta2_end. horizon is the step at
 * which a schedule ends. As in PyTorch, a correction is by the beta2 of the step, as if it had always been that. */
void limn_optimizer_hyper(const limn_config *config, double lr, uint64_t step, uint64_t index, uint64_t horizon,
                          float hyper[4]);

#endif
