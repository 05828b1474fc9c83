/* Augmentation that the generator's gradient passes through, on real and on generated pictures alike, so that the
 * discriminator cannot learn few pictures by heart and the generator does not learn the augmentation: DiffAugment (Zhao
 * et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training") and its adaptive strength, ADA (Karras et
 * al. 2020, "Training Generative Adversarial Networks with Limited Data"). */
#ifndef LIMN_TRAIN_AUGMENT_H
#define LIMN_TRAIN_AUGMENT_H

#include "train/view.h"

/* pictures (N, C, H, W) in [-1, 1], each by random numbers of its own (docs/randomness.md). In this order, those of the
 * setting augment_kinds: color: plus U - 1/2; saturation, by 2 U about the mean over channels; contrast, by U + 1/2
 * about the mean over the picture. flip: left to right. translation: up to an eighth of each side, zeros from outside.
 * cutout: a rectangle of half of each side becomes 0. With ADA each of them is done to a part p of the pictures. */
limn_value limn_augment(limn_graph *graph, const limn_config *config, limn_value pictures, limn_look look);

/* ADA's controller, behind the losses of a step: every 4 steps p moves by 4 batch / ada_pictures, up where the mean
 * sign in them is over ada_target, else down, and stays in [0, 1]. Nothing moves once the gate is set. Returns p. Its
 * leaves are "optimizer.ada.p", "optimizer.ada.signs" and "optimizer.ada.steps". */
limn_value limn_augment_adapt(limn_graph *graph, const limn_config *config, limn_value sign, limn_value gate);
/* A step's mean sign: that of a real picture's score against what the loss draws the line at: 0; half its target with
 * least squares; with the relativistic loss the generated picture's of its pair, as in R3GAN. */
limn_value limn_augment_sign(limn_graph *graph, const limn_config *config, limn_value real_scores,
                             limn_value fake_scores);

#endif
