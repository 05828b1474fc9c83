/* Fusion of pointwise functions: a tree of them, with a sum behind, becomes one pass over memory. */
#include <stdlib.h>

#include "base/error.h"
#include "graph/op.h"
#include "graph/scheduling.h"

static bool takes_inlined(const limn_node *n) { return n->op == LIMN_OP_POINTWISE || n->op == LIMN_OP_SUM; }

/* The shape that the instructions of a node's task run over. */
static limn_shape domain_of(const struct scheduling *s, const limn_node *n) {
  return n->op == LIMN_OP_SUM ? limn_graph_shape(s->graph, n->inputs[0]) : n->shape;
}

/* A constant costs nothing inside a task: it is inlined when every user can take it. */
static void mark_fills(struct scheduling *s) {
  for (limn_value v = 0; v < s->count; ++v)
    s->inlined[v] =
        s->alive[v] && limn_graph_node(s->graph, v)->op == LIMN_OP_FILL && s->schedule->alias[v] == LIMN_NONE;
  for (limn_value u = 0; u < s->count; ++u) {
    const limn_node *n = limn_graph_node(s->graph, u);
    if (!s->alive[u] || takes_inlined(n))
      continue;
    for (int i = 0; i < n->input_count; ++i)
      s->inlined[n->inputs[i]] = false;
  }
}

limn_status limn_mark_inlined(struct scheduling *s) {
  mark_fills(s);
  if (!s->fusion.pointwise)
    return LIMN_OK;
  struct root {
    limn_value node;
    int instructions, inputs;
  } *roots = calloc((size_t)s->count + 1, sizeof *roots);
  if (!roots)
    return limn_fail_memory("a schedule");
  for (limn_value v = s->count - 1; v >= 0; --v) {
    const limn_node *n = limn_graph_node(s->graph, v);
    if (!s->alive[v] || s->done[v] || !takes_inlined(n))
      continue;
    limn_value user = s->last_user[v];
    roots[v] = (struct root){v, n->op == LIMN_OP_POINTWISE, n->input_count};
    if (n->op != LIMN_OP_POINTWISE || s->uses[v] != 1 || s->schedule->alias[v] != LIMN_NONE ||
        limn_scheduling_is_fused_activation(s, v))
      continue;
    const limn_node *by = limn_graph_node(s->graph, user);
    if (!takes_inlined(by) || s->done[user] || limn_scheduling_is_fused_activation(s, user) ||
        !limn_shape_equal(domain_of(s, by), n->shape))
      continue;
    struct root *root = &roots[roots[user].node];
    /* An inlined fill becomes an instruction, hence the inputs count here too. */
    if (root->instructions + root->inputs + 1 + n->input_count > LIMN_MAX_INSTRUCTIONS ||
        root->inputs + n->input_count - 1 > LIMN_MAX_TASK_INPUTS || !limn_scheduling_can_delay(s, v, root->node))
      continue;
    s->inlined[v] = true;
    root->instructions += 1;
    root->inputs += n->input_count - 1;
    roots[v].node = root->node;
  }
  free(roots);
  return LIMN_OK;
}

static int add_input(limn_task *task, limn_value value) {
  for (int i = 0; i < task->input_count; ++i)
    if (task->inputs[i] == value)
      return i;
  task->inputs[task->input_count] = value;
  return task->input_count++;
}

/* Emits what makes `value` inside the task; returns the operand that holds it. The depth of the recursion is bounded by
 * LIMN_MAX_INSTRUCTIONS. */
static int emit(struct scheduling *s, limn_task *task, limn_value value, bool root) {
  const limn_node *n = limn_graph_node(s->graph, value);
  if (!root && !s->inlined[value])
    return add_input(task, value);
  limn_instruction instruction = {.alpha = n->alpha, .beta = n->beta};
  if (n->op == LIMN_OP_FILL) {
    instruction.function = LIMN_CONSTANT;
    instruction.beta = n->alpha;
  } else {
    instruction.function = n->pointwise;
    instruction.x = emit(s, task, n->inputs[0], false);
    instruction.y = n->input_count > 1 ? emit(s, task, n->inputs[1], false) : instruction.x;
  }
  task->instructions[task->instruction_count] = instruction;
  return LIMN_MAX_TASK_INPUTS + task->instruction_count++;
}

limn_status limn_schedule_pointwise(struct scheduling *s, limn_value v) {
  const limn_node *n = limn_graph_node(s->graph, v);
  limn_task *task = limn_scheduling_add(s, LIMN_TASK_POINTWISE, n);
  task->domain = domain_of(s, n);
  task->outputs[task->output_count++] = v;
  task->instructions = calloc(LIMN_MAX_INSTRUCTIONS, sizeof *task->instructions);
  if (!task->instructions)
    return limn_fail_memory("a schedule");
  task->operands[0] = n->op == LIMN_OP_SUM ? emit(s, task, n->inputs[0], false) : emit(s, task, v, true);
  return LIMN_OK;
}
