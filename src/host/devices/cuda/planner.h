/* Plans for a card: the engine of an operation that cuDNN's heuristics or the clock choose, kept between runs. Needs no
 * device: a card's properties are enough to plan for it, though what is fused is compiled while it is planned, which
 * needs NVRTC and a driver, be it the planning driver (cmake/make_planning_driver.sh). One thread at a time. */
#ifndef LIMN_DEVICES_CUDA_PLANNER_H
#define LIMN_DEVICES_CUDA_PLANNER_H

#include "devices/cuda/plan.h"

typedef struct cuda_planner_options {
  int device;             /* CUDA's number of the card; used when properties is NULL */
  const char *properties; /* a card's properties in cuDNN's JSON (devices/cards.h): nothing is asked of a device then */
  bool deterministic;     /* engines that cuDNN notes as non-deterministic are left out */
  bool tf32;              /* fp32 convolutions may run on tensor cores with TF32 inputs */
  cuda_measure measure;   /* NULL: the engine that cuDNN thinks the best; else the fastest of the first few */
  void *measure_context;
  const char *choices; /* what cuda_planner_choices of another planner gave: those engines instead; NULL: none */
  const char *cache;   /* a folder of the user's own where plans are kept between runs; made when it is missing;
                          NULL: none. What lies there is run on the card, as a program of his would be */
} cuda_planner_options;

limn_status cuda_planner_create(cuda_planner **out, const cuda_planner_options *options);
void cuda_planner_destroy(cuda_planner *planner);
/* The engines that were chosen by the clock or by the option of that name so far, a line an operation: its engine and
 * its name. Borrowed until the next plan; NULL: none. */
const char *cuda_planner_choices(const cuda_planner *planner);
/* Of the card. */
const char *cuda_planner_card(const cuda_planner *planner); /* its properties in cuDNN's JSON; borrowed */
int cuda_planner_multiprocessors(const cuda_planner *planner);
int cuda_planner_generation(const cuda_planner *planner); /* its compute capability times 10 */
/* How many engines of the option cuDNN did not have, so that they were chosen anew. */
int cuda_planner_missed(const cuda_planner *planner);

/* *out is NULL, with LIMN_OK, where no engine supports it, or where Limn's own kernels are faster;
 * limn_error_message then has the reason. Errors are those of cuDNN itself (LIMN_DEVICE). The same operation on the
 * same planner is planned once: plans are shared and counted, and may outlive the planner. */
limn_status cuda_plan_create(cuda_plan **out, cuda_planner *planner, const cuda_operation *operation);

#endif
