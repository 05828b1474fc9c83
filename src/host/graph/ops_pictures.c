/* Pictures: from the host's bytes to numbers. */
#include "graph/op.h"

void limn_pictures_shape(limn_graph *graph, limn_node *n) {
  const limn_node *bytes = limn_graph_node(graph, n->inputs[0]);
  const limn_window w = n->window;
  const int32_t height = n->shape.h, width = n->shape.w;
  n->shape.n = bytes->shape.n;
  n->shape.c = bytes->shape.c;
  if (bytes->op != LIMN_OP_LEAF || bytes->role != LIMN_ROLE_PICTURES)
    limn_graph_refuse(graph, LIMN_USAGE, "pictures: the input is no leaf of bytes");
  else if (height < 1 || width < 1 || height > bytes->shape.h || width > bytes->shape.w)
    limn_graph_refuse(graph, LIMN_USAGE, "pictures: no window of %d x %d is in pictures of %d x %d", height, width,
                      bytes->shape.h, bytes->shape.w);
  else if (w.reach_h < 0 || w.reach_w < 0 || w.reach_h >= height || w.reach_w >= width)
    limn_graph_refuse(graph, LIMN_USAGE, "pictures: a window of %d x %d cannot be moved by %d and %d pixels", height,
                      width, w.reach_h, w.reach_w);
  else if (!w.moved && (w.reach_h || w.reach_w))
    limn_graph_refuse(graph, LIMN_USAGE, "pictures: a window that is not moved has no reach");
}

limn_value limn_graph_pictures(limn_graph *graph, limn_value bytes, limn_picture_attrs attrs) {
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_PICTURES,
                                               .shape = {.h = attrs.height, .w = attrs.width},
                                               .input_count = 1,
                                               .inputs = {bytes},
                                               .alpha = attrs.scale,
                                               .beta = attrs.shift,
                                               .window = attrs.window,
                                               .stream = attrs.stream});
}
