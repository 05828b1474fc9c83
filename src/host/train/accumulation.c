#include "train/accumulation.h"

#include <stdio.h>

/* One number a micro-batch. */
static limn_value leaf_of(limn_graph *graph, const limn_config *config, const char *name) {
  char leaf[64];
  snprintf(leaf, sizeof leaf, "micro.%s", name);
  return limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, leaf, (limn_shape){config->accumulate, 1, 1, 1});
}

/* A ring's row is that of the step number modulo their count: the micro-batch's own. */
void limn_accumulation_note(limn_graph *graph, const limn_config *config, const char *name, limn_value scalar) {
  limn_graph_record(graph, leaf_of(graph, config, name), 0, scalar);
}

limn_value limn_accumulation_mean(limn_graph *graph, const limn_config *config, const char *name) {
  return limn_graph_mean_all(graph, leaf_of(graph, config, name));
}

void limn_accumulation_measure(limn_session *s, limn_graph *graph, const char *name, limn_value scalar) {
  if (s->measure_count == LIMN_MAX_MEASURES)
    return;
  s->measures[s->measure_count++] = name;
  limn_accumulation_note(graph, s->config, name, scalar);
}

void limn_accumulation_take_measures(limn_session *s, limn_graph *graph) {
  const int noted = s->measure_count;
  s->measure_count = s->recorded; /* each takes its own column again */
  while (s->measure_count < noted)
    limn_session_measure(s, graph, s->measures[s->measure_count],
                         limn_accumulation_mean(graph, s->config, s->measures[s->measure_count]));
}
