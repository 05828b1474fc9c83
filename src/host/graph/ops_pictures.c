/* Pictures: from the host's bytes to numbers. */
#include "graph/node.h"

limn_value limn_graph_pictures(limn_graph *graph, limn_value bytes, limn_picture_attrs attrs) {
  limn_shape s = limn_graph_shape(graph, bytes);
  limn_window w = attrs.window;
  if (limn_graph_status(graph) != LIMN_OK)
    return LIMN_NONE;
  if (bytes < 0 || bytes >= limn_graph_count(graph) || limn_graph_node(graph, bytes)->op != LIMN_OP_LEAF ||
      limn_graph_node(graph, bytes)->role != LIMN_ROLE_PICTURES)
    return limn_graph_refuse(graph, LIMN_USAGE, "pictures: the input is no leaf of bytes");
  if (attrs.height < 1 || attrs.width < 1 || attrs.height > s.h || attrs.width > s.w)
    return limn_graph_refuse(graph, LIMN_USAGE, "pictures: no window of %d x %d is in pictures of %d x %d",
                             attrs.height, attrs.width, s.h, s.w);
  if (w.reach_h < 0 || w.reach_w < 0 || w.reach_h >= attrs.height || w.reach_w >= attrs.width)
    return limn_graph_refuse(graph, LIMN_USAGE, "pictures: a window of %d x %d cannot be moved by %d and %d pixels",
                             attrs.height, attrs.width, w.reach_h, w.reach_w);
  if (!w.moved && (w.reach_h || w.reach_w))
    return limn_graph_refuse(graph, LIMN_USAGE, "pictures: a window that is not moved has no reach");
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_PICTURES,
                                               .shape = {s.n, s.c, attrs.height, attrs.width},
                                               .input_count = 1,
                                               .inputs = {bytes},
                                               .alpha = attrs.scale,
                                               .beta = attrs.shift,
                                               .window = attrs.window,
                                               .stream = attrs.stream});
}
