/* Times one convolution by one engine: a graph of it alone, on zeros, since the arithmetic takes no longer for one
 * number than for another. What is fused to it is left out: a pass over the result at most, which some engines spare.
 */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

enum { FIRST, SECOND, RESULT, LEAVES };

static limn_status add_leaf(struct cpu_device *cpu, limn_graph *graph, limn_role role, const char *name,
                            limn_shape shape, limn_value *value, limn_tensor **tensor) {
  *value = limn_graph_leaf(graph, role, name, shape);
  return cpu->base.ops->tensor_create(&cpu->base, role, shape, tensor);
}

/* The task's convolution, without what is fused to it. tensors: (LEAVES), by their order of creation in the graph. */
static limn_status build_graph(struct cpu_device *cpu, limn_graph *graph, const limn_task *task,
                               const limn_conv_shapes *s, limn_tensor **tensors) {
  const bool forward = task->kind == LIMN_TASK_CONV, to_weights = task->kind == LIMN_TASK_CONV_DW;
  const limn_role weight = LIMN_ROLE_PARAMETER;
  limn_value first, second, result, made;
  LIMN_TRY(add_leaf(cpu, graph, LIMN_ROLE_INPUT, "first", task->kind == LIMN_TASK_CONV_DX ? s->y : s->x, &first,
                    &tensors[FIRST]));
  LIMN_TRY(add_leaf(cpu, graph, to_weights ? LIMN_ROLE_INPUT : weight, "second", to_weights ? s->y : s->w, &second,
                    &tensors[SECOND]));
  LIMN_TRY(add_leaf(cpu, graph, to_weights ? weight : LIMN_ROLE_OUTPUT, "result",
                    to_weights ? s->w
                    : forward  ? s->y
                               : s->x,
                    &result, &tensors[RESULT]));
  made = to_weights ? limn_graph_conv_dw(graph, first, second, task->node.conv, s->w)
         : forward  ? limn_graph_conv(graph, first, second, LIMN_NONE, task->node.conv)
                    : limn_graph_conv_dx(graph, first, second, LIMN_NONE, task->node.conv, s->x);
  limn_graph_assign(graph, result, made);
  return limn_graph_status(graph);
}

limn_status limn_cpu_time_engine(struct cpu_device *cpu, const limn_task *task, const limn_conv_shapes *shapes,
                                 const cpu_engine *engine, double *seconds) {
  limn_graph *graph = NULL;
  limn_tensor *tensors[LEAVES + 8] = {NULL}; /* one for each node, as programs want them */
  LIMN_TRY(limn_graph_create(&graph));
  limn_status status = build_graph(cpu, graph, task, shapes, tensors);
  cpu->forced = engine;
  if (status == LIMN_OK)
    status = cpu->time_graph(cpu, graph, tensors, seconds);
  cpu->forced = NULL;
  for (int i = 0; i < LEAVES; ++i)
    cpu->base.ops->tensor_destroy(tensors[i]);
  limn_graph_destroy(graph);
  return status;
}
