/* Pictures: from the host's bytes to numbers, and windows on these. */
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
  else if (w.cut_h || w.cut_w)
    limn_graph_refuse(graph, LIMN_USAGE, "pictures: nothing is cut out of bytes");
}

void limn_window_shape(limn_graph *graph, limn_node *n) {
  const limn_window w = n->window;
  const limn_shape s = n->shape = limn_graph_shape(graph, n->inputs[0]);
  if (w.reach_h < 0 || w.reach_w < 0 || w.reach_h >= s.h || w.reach_w >= s.w)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: pictures of %d x %d cannot be moved by %d and %d pixels", limn_op_name(n),
                      s.h, s.w, w.reach_h, w.reach_w);
  else if (!w.moved && (w.reach_h || w.reach_w))
    limn_graph_refuse(graph, LIMN_USAGE, "%s: a window that is not moved has no reach", limn_op_name(n));
  else if (w.cut_h < 0 || w.cut_w < 0 || w.cut_h > s.h || w.cut_w > s.w || !w.cut_h != !w.cut_w)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: no %d x %d can be cut out of pictures of %d x %d", limn_op_name(n),
                      w.cut_h, w.cut_w, s.h, s.w);
}

static limn_value add_window(limn_graph *graph, limn_op op, limn_value x, limn_window window, uint32_t stream) {
  return limn_graph_append(graph,
                           &(limn_node){.op = op, .input_count = 1, .inputs = {x}, .window = window, .stream = stream});
}

limn_value limn_graph_window(limn_graph *graph, limn_value x, limn_window window, uint32_t stream) {
  return add_window(graph, LIMN_OP_WINDOW, x, window, stream);
}

limn_value limn_graph_window_dx(limn_graph *graph, limn_value dy, limn_window window, uint32_t stream) {
  return add_window(graph, LIMN_OP_WINDOW_DX, dy, window, stream);
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
