/* The moving average of a generator's weights (setting ema), from which pictures are drawn.
 *
 * The weights are averaged step by step. BatchNorm's running statistics are not: an average of statistics, each of
 * which belongs to the weights of its own step, fits no weights at all. They are taken anew from random codes when
 * somebody is to see them. */
#ifndef LIMN_CHECKPOINT_AVERAGE_H
#define LIMN_CHECKPOINT_AVERAGE_H

#include "devices/device.h"
#include "models/model.h"

#define LIMN_AVERAGE_RATE "hyper.average" /* input leaf (1, 4, 1, 1): limn_average_rate... of the step, and 0 */

/* 1 - decay at update t = 0, 1, ... : decay = min(ema, (1 + t) / (10 + t)), so that the first steps, which are far from
 * what comes of them, are soon forgotten. */
float limn_average_rate(double ema, uint64_t t);

/* The same where the average is to forget half of what it holds every so many pictures: 1 - 0.5^(batch / pictures). */
float limn_average_rate_of_half_life(double pictures, int batch);

/* Adds to a training step, behind the generator's update: average += rate (w - average) for its parameters, unless the
 * gate is shut. */
limn_status limn_average_add_update(limn_graph *graph, const limn_model *model, limn_value gate);

/* The average of the tensor of that name; NULL: none is kept. */
limn_tensor *limn_average_find(const limn_store *store, const char *name);

/* The program that takes the statistics of a batch of codes, on the store that has the average (or gets its leaves).
 * `batch` is that of the training: of how many pictures there is memory for. *out is yours. */
limn_status limn_average_create_program(limn_program **out, limn_store *store, const limn_model *model, int batch);

/* How many times that program runs for that. */
int limn_average_batches(int batch);

/* Takes the running statistics of the averaged weights anew, with that program: the means, over batches of codes, of
 * the batch's mean and of its unbiased variance, as PyTorch's BatchNorm takes them with momentum=None. Codes are stream
 * STATISTICS (docs/randomness.md), some 1280 of them, so that the result is a pure function of weights, seed and the
 * training's batch. Where one is not finite, the weights are not either, and what is drawn is no picture. */
limn_status limn_average_take_statistics(limn_program *program, limn_store *store, const limn_model *model, int batch);

#endif
