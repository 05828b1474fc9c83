/* From nodes to tasks: what is alive, what is fused, in which order. Pointwise groups are built in fuse_pointwise.c. */
#include "graph/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/op.h"
#include "graph/scheduling.h"

static bool is_update(const limn_node *n) { return n->target_count > 0; }

static void find_alive(struct scheduling *s) {
  for (int v = s->count - 1; v >= 0; --v) {
    const limn_node *n = limn_graph_node(s->graph, v);
    if (is_update(n))
      s->alive[v] = true;
    if (!s->alive[v])
      continue;
    for (int i = 0; i < n->input_count; ++i) {
      s->alive[n->inputs[i]] = true;
      ++s->uses[n->inputs[i]];
      s->last_user[n->inputs[i]] = s->last_user[n->inputs[i]] > v ? s->last_user[n->inputs[i]] : v;
    }
  }
}

static void add_inputs(limn_task *task, const limn_node *n) {
  for (int i = 0; i < n->input_count; ++i)
    task->inputs[task->input_count++] = n->inputs[i];
}

/* If the only use of v is an activation, that becomes part of the task, which then makes the activation's value. */
static limn_value fuse_activation(struct scheduling *s, limn_task *task, limn_value v) {
  limn_value user = s->last_user[v];
  if (user == LIMN_NONE || !limn_scheduling_is_fused_activation(s, user))
    return v;
  const limn_node *n = limn_graph_node(s->graph, user);
  task->activation = n->pointwise;
  task->slope = n->alpha;
  task->limit = n->beta;
  if (n->input_count > 1)
    task->inputs[task->input_count++] = n->inputs[1];
  s->done[user] = true;
  return user;
}

static bool is_channel_sum(const struct scheduling *s, const limn_node *n) {
  return n->op == LIMN_OP_SUM && limn_shape_equal(n->shape, LIMN_CHANNELS(limn_graph_shape(s->graph, n->inputs[0]).c));
}

/* An activation's gradient that only one batchnorm's backward task reads is computed in that task's passes. */
static void absorb_activation_gradients(struct scheduling *s) {
  for (limn_value v = 0; v < s->count; ++v) {
    const limn_node *n = limn_graph_node(s->graph, v);
    bool gradient =
        n->op == LIMN_OP_POINTWISE && (n->pointwise == LIMN_PW_RELU_GRAD || n->pointwise == LIMN_PW_LEAKY_GRAD);
    if (!s->alive[v] || !gradient || !s->fusion.batchnorm_activation || s->schedule->alias[v] != LIMN_NONE ||
        !limn_shape_equal(limn_graph_shape(s->graph, n->inputs[0]), n->shape) ||
        !limn_shape_equal(limn_graph_shape(s->graph, n->inputs[1]), n->shape) ||
        !limn_scheduling_can_delay(s, v, s->last_user[v]))
      continue;
    int shared = 0, others = 0, sums = 0;
    limn_value x = LIMN_NONE;
    for (limn_value u = v + 1; u <= s->last_user[v]; ++u) {
      const limn_node *m = limn_graph_node(s->graph, u);
      others += m->target_count > 0 && shared > 0; /* an update between the siblings parts them */
      if (!s->alive[u])
        continue;
      for (int i = 0; i < m->input_count; ++i) {
        if (m->inputs[i] != v)
          continue;
        bool sibling = (m->op == LIMN_OP_BATCHNORM_BACKWARD && i == 2) || (m->op == LIMN_OP_BATCHNORM_DGAMMA && i == 1);
        if (sibling && (x == LIMN_NONE || x == m->inputs[0])) {
          x = m->inputs[0];
          ++shared;
        } else if (x != LIMN_NONE && is_channel_sum(s, m) && sums++ == 0) {
          ++shared;
        } else {
          ++others;
        }
      }
    }
    s->absorbed[v] = shared > 0 && others == 0 && shared <= 3;
    s->done[v] = s->absorbed[v];
  }
}

/* A task that is its node, no more and no less. */
limn_status limn_schedule_value(struct scheduling *s, limn_value v) {
  const limn_node *n = limn_graph_node(s->graph, v);
  limn_task *task = limn_scheduling_add(s, limn_op_row_of(n->op)->task, n);
  add_inputs(task, n);
  task->outputs[task->output_count++] = v;
  return LIMN_OK;
}

limn_status limn_schedule_conv(struct scheduling *s, limn_value v) {
  const limn_node *n = limn_graph_node(s->graph, v);
  limn_task *task = limn_scheduling_add(s, limn_op_row_of(n->op)->task, n);
  add_inputs(task, n);
  task->outputs[task->output_count++] = task->kind == LIMN_TASK_CONV_DW ? v : fuse_activation(s, task, v);
  return LIMN_OK;
}

static int add_statistics(struct scheduling *s, limn_value x, int32_t groups) {
  return s->statistics[x] = limn_scheduling_buffer(s, (limn_shape){2 * groups, limn_graph_shape(s->graph, x).c, 1, 1});
}

/* The buffer with the batch statistics of x; made by a task of its own where no batchnorm has made it. */
static int statistics_of(struct scheduling *s, limn_value x, int32_t groups) {
  if (s->statistics[x] == LIMN_NONE || s->schedule->shapes[s->statistics[x]].n != 2 * groups) {
    add_statistics(s, x, groups);
    limn_task *task = limn_scheduling_add(s, LIMN_TASK_STATISTICS, limn_graph_node(s->graph, x));
    task->node.groups = groups;
    task->inputs[task->input_count++] = x;
    task->outputs[task->output_count++] = s->statistics[x];
  }
  return s->statistics[x];
}

limn_status limn_schedule_batchnorm(struct scheduling *s, limn_value v) {
  const limn_node *n = limn_graph_node(s->graph, v);
  limn_task *task = limn_scheduling_add(s, LIMN_TASK_BATCHNORM, n);
  add_inputs(task, n);
  limn_value x = n->inputs[0];
  task->outputs[0] = fuse_activation(s, task, v);
  /* A second batchnorm of the same x makes the same statistics again, in a buffer of its own. */
  task->outputs[1] = add_statistics(s, x, n->groups);
  task->output_count = 2;
  return LIMN_OK;
}

/* dgamma, the sum that is dbeta, and dx of one (x, dy) share their passes: the first of them makes all. */
limn_status limn_schedule_batchnorm_backward(struct scheduling *s, limn_value first) {
  limn_node n = *limn_graph_node(s->graph, first);
  bool is_dgamma = n.op == LIMN_OP_BATCHNORM_DGAMMA;
  limn_value x = n.inputs[0], dy = is_dgamma ? n.inputs[1] : n.inputs[2], gamma = is_dgamma ? LIMN_NONE : n.inputs[1];
  limn_value outputs[3] = {LIMN_NONE, LIMN_NONE, LIMN_NONE};
  for (limn_value v = first; v < s->count; ++v) {
    const limn_node *m = limn_graph_node(s->graph, v);
    if (is_update(m)) /* gamma may be another one behind an update */
      break;
    if (!s->alive[v] || s->done[v])
      continue;
    int slot = m->op == LIMN_OP_BATCHNORM_BACKWARD && m->inputs[0] == x && m->inputs[2] == dy ? 0
               : m->op == LIMN_OP_BATCHNORM_DGAMMA && m->inputs[0] == x && m->inputs[1] == dy ? 1
               : is_channel_sum(s, m) && m->inputs[0] == dy                                   ? 2
                                                                                              : -1;
    if (slot < 0 || outputs[slot] != LIMN_NONE || (slot < 2 && (m->alpha != n.alpha || m->groups != n.groups)))
      continue;
    outputs[slot] = v;
    s->done[v] = true;
    if (slot == 0)
      gamma = m->inputs[1];
  }
  int statistics = statistics_of(s, x, n.groups);
  limn_task *task = limn_scheduling_add(s, LIMN_TASK_BATCHNORM_BACKWARD, &n);
  task->node.shape = limn_graph_shape(s->graph, x);
  const limn_node *g = limn_graph_node(s->graph, dy);
  limn_value y = LIMN_NONE;
  if (s->absorbed[dy]) {
    task->activation = g->pointwise;
    task->slope = g->alpha;
    y = g->inputs[1];
    dy = g->inputs[0];
  }
  const int inputs[5] = {x, statistics, gamma, dy, y};
  memcpy(task->inputs, inputs, sizeof inputs);
  task->input_count = 5;
  memcpy(task->outputs, outputs, sizeof outputs);
  task->output_count = 3;
  return LIMN_OK;
}

/* Statistics of what a leaf was are not those of what it is now. */
static void forget_statistics(struct scheduling *s, const limn_node *n) {
  for (int i = 0; i < n->target_count; ++i)
    s->statistics[n->targets[i]] = LIMN_NONE;
}

limn_status limn_schedule_running(struct scheduling *s, limn_value v) {
  const limn_node *n = limn_graph_node(s->graph, v);
  const int statistics = statistics_of(s, n->inputs[0], n->groups);
  limn_task *task = limn_scheduling_add(s, LIMN_TASK_UPDATE_RUNNING, n);
  task->node.shape = limn_graph_shape(s->graph, n->inputs[0]);
  task->inputs[task->input_count++] = statistics;
  if (n->input_count > 1)
    task->inputs[task->input_count++] = n->inputs[1];
  forget_statistics(s, n);
  return LIMN_OK;
}

limn_status limn_schedule_update(struct scheduling *s, limn_value v) {
  const limn_node *n = limn_graph_node(s->graph, v);
  const bool in_place = n->op == LIMN_OP_ASSIGN && s->schedule->alias[n->inputs[0]] == n->targets[0];
  if (!in_place)
    add_inputs(limn_scheduling_add(s, limn_op_row_of(n->op)->task, n), n);
  forget_statistics(s, n);
  return LIMN_OK;
}

/* An OUTPUT leaf that one assign writes and nobody reads may be where its value is made. */
static void find_aliases(struct scheduling *s) {
  for (int v = 0; v < s->count; ++v) {
    const limn_node *n = limn_graph_node(s->graph, v);
    if (n->op != LIMN_OP_ASSIGN)
      continue;
    limn_value leaf = n->targets[0], value = n->inputs[0];
    int writers = 0;
    for (int u = 0; u < s->count; ++u)
      for (int t = 0; t < limn_graph_node(s->graph, u)->target_count; ++t)
        writers += limn_graph_node(s->graph, u)->targets[t] == leaf;
    limn_op op = limn_graph_node(s->graph, value)->op;
    if (writers == 1 && !s->uses[leaf] && limn_graph_node(s->graph, leaf)->role == LIMN_ROLE_OUTPUT &&
        op != LIMN_OP_LEAF && s->schedule->alias[value] == LIMN_NONE)
      s->schedule->alias[value] = leaf;
  }
}

static limn_status schedule_node(struct scheduling *s, limn_value v) {
  const limn_op_row *row = limn_op_row_of(limn_graph_node(s->graph, v)->op);
  return row->schedule ? row->schedule(s, v) : LIMN_OK;
}

static limn_status scheduling_init(struct scheduling *s, limn_schedule *schedule, const limn_graph *graph,
                                   limn_fusion fusion) {
  int count = limn_graph_count(graph);
  size_t n = (size_t)count + 1;
  *s = (struct scheduling){.graph = graph, .fusion = fusion, .schedule = schedule, .count = count};
  s->alive = calloc(n, sizeof *s->alive);
  s->done = calloc(n, sizeof *s->done);
  s->inlined = calloc(n, sizeof *s->inlined);
  s->absorbed = calloc(n, sizeof *s->absorbed);
  s->uses = calloc(n, sizeof *s->uses);
  s->last_user = malloc(n * sizeof *s->last_user);
  s->statistics = malloc(n * sizeof *s->statistics);
  /* At most one task and one extra buffer a node, and a statistics task each. */
  schedule->tasks = calloc(2 * n, sizeof *schedule->tasks);
  schedule->shapes = calloc(2 * n, sizeof *schedule->shapes);
  schedule->alias = malloc(2 * n * sizeof *schedule->alias);
  if (!s->alive || !s->done || !s->inlined || !s->absorbed || !s->uses || !s->last_user || !s->statistics ||
      !schedule->tasks || !schedule->shapes || !schedule->alias)
    return limn_fail_memory("a schedule");
  for (int v = 0; v < count; ++v) {
    schedule->shapes[v] = limn_graph_shape(graph, v);
    schedule->alias[v] = s->last_user[v] = s->statistics[v] = LIMN_NONE;
  }
  schedule->buffer_count = count;
  return LIMN_OK;
}

static void scheduling_release(struct scheduling *s) {
  free(s->alive);
  free(s->done);
  free(s->inlined);
  free(s->absorbed);
  free(s->uses);
  free(s->last_user);
  free(s->statistics);
}

limn_status limn_schedule_create(limn_schedule **out, const limn_graph *graph, limn_fusion fusion) {
  *out = NULL;
  LIMN_TRY(limn_graph_status(graph));
  limn_schedule *schedule = calloc(1, sizeof *schedule);
  if (!schedule)
    return limn_fail_memory("a schedule");
  struct scheduling s;
  limn_status status = scheduling_init(&s, schedule, graph, fusion);
  if (status == LIMN_OK) {
    find_alive(&s);
    find_aliases(&s);
    absorb_activation_gradients(&s);
    status = limn_mark_inlined(&s);
  }
  for (limn_value v = 0; status == LIMN_OK && v < s.count; ++v)
    if (s.alive[v] && !s.done[v] && !s.inlined[v])
      status = schedule_node(&s, v);
  scheduling_release(&s);
  if (status == LIMN_OK && fusion.pointwise)
    status = limn_schedule_join_passes(schedule, fusion.small);
  if (status == LIMN_OK && fusion.late_updates)
    limn_schedule_delay_updates(schedule);
  if (status != LIMN_OK) {
    limn_schedule_destroy(schedule);
    return status;
  }
  *out = schedule;
  return LIMN_OK;
}

void limn_schedule_destroy(limn_schedule *schedule) {
  if (!schedule)
    return;
  for (int i = 0; i < schedule->task_count; ++i)
    free(schedule->tasks[i].instructions);
  free(schedule->tasks);
  free(schedule->shapes);
  free(schedule->alias);
  free(schedule);
}
