/* The work in progress of limn_schedule_create, shared by schedule.c and the files beside it. */
#ifndef LIMN_GRAPH_SCHEDULING_H
#define LIMN_GRAPH_SCHEDULING_H

#include "graph/schedule.h"

struct scheduling {
  const limn_graph *graph;
  limn_fusion fusion;
  limn_schedule *schedule;
  int count;             /* nodes of the graph; all arrays below have that many elements */
  bool *alive;           /* something depends on it */
  bool *done;            /* a task of another node makes it */
  bool *inlined;         /* recomputed inside the tasks that use it, never in memory */
  bool *absorbed;        /* an activation's gradient that a batchnorm's backward task computes on the fly */
  int *uses;             /* by live nodes */
  limn_value *last_user; /* the last live node that reads it */
  int *statistics;       /* buffer with the batch statistics of a value, LIMN_NONE: not made yet */
};

limn_task *limn_scheduling_add(struct scheduling *s, limn_task_kind kind, const limn_node *node);
int limn_scheduling_buffer(struct scheduling *s, limn_shape shape);

/* Whether computing `value` as late as at node `until` would still read the same leaves. */
bool limn_scheduling_can_delay(const struct scheduling *s, limn_value value, limn_value until);

/* Whether pointwise node v becomes part of the convolution or batchnorm before it. */
bool limn_scheduling_is_fused_activation(const struct scheduling *s, limn_value v);

/* Decides which pointwise values and fills are computed inside their users. */
limn_status limn_mark_inlined(struct scheduling *s);

/* join_passes.c: makes one task of pointwise tasks that read the same. */
limn_status limn_schedule_join_passes(limn_schedule *schedule, int64_t small);

/* late_updates.c */
void limn_schedule_delay_updates(limn_schedule *schedule);

#endif
