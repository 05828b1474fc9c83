/* Pictures: windows, moved and mirrored, and what reads them: convolutions, other ops, both, or a result itself.
 * Windows on numbers, and their adjoints. */
#include "cases.h"

typedef enum reader { READ_RESULT, READ_CONV, READ_BOTH, READ_TWICE, READER_COUNT } reader;

static limn_value pictures_of(case_graph *g, const op_case *c, const char *name, uint32_t stream) {
  limn_value bytes = case_leaf_of(g, LIMN_ROLE_PICTURES, name, c->x, RANGE_BYTES, false);
  return limn_graph_pictures(g->graph, bytes,
                             (limn_picture_attrs){.height = c->y.h,
                                                  .width = c->y.w,
                                                  .scale = c->alpha,
                                                  .shift = c->beta,
                                                  .window = c->window,
                                                  .stream = stream});
}

static void build_pictures(case_graph *g, const op_case *c) {
  limn_value x = pictures_of(g, c, "bytes", 14);
  if (c->variant == READ_CONV || c->variant == READ_BOTH) {
    limn_value w = case_parameter(g, "w", c->w, RANGE_SIGNED);
    case_output(g, limn_graph_conv(g->graph, x, w, LIMN_NONE, c->conv));
  }
  if (c->variant == READ_BOTH)
    case_output(g, limn_graph_mul(g->graph, x, case_parameter(g, "factor", LIMN_SCALAR, RANGE_SIGNED)));
  if (c->variant == READ_TWICE) /* another leaf, and other random numbers */
    case_output(g, limn_graph_sub(g->graph, x, pictures_of(g, c, "more", 15)));
  if (c->variant == READ_RESULT)
    case_output(g, x);
}

/* Numbers in leaves of bytes, and bytes where numbers belong. */
static void build_misuse(case_graph *g, const op_case *c) {
  limn_value bytes = case_leaf_of(g, LIMN_ROLE_PICTURES, "bytes", c->x, RANGE_BYTES, false);
  limn_value input = case_input(g, "x", c->x, RANGE_UNIT);
  if (c->variant == 0)
    case_output(g, limn_graph_unary(g->graph, LIMN_PW_SQUARE, bytes, 0, 0));
  else if (c->variant == 1)
    limn_graph_assign(g->graph, bytes, input);
  else
    case_output(g, limn_graph_pictures(g->graph, input, (limn_picture_attrs){.height = 1, .width = 1}));
}

static void add_window(case_table *table, limn_shape from, int height, int width, limn_window window, uint64_t step) {
  for (int read = 0; read < READER_COUNT; ++read) {
    op_case c = {.build = build_pictures,
                 .x = from,
                 .y = {from.n, from.c, height, width},
                 .w = {5, from.c, 1, 1},
                 .conv = {.stride_h = 1, .stride_w = 1},
                 .alpha = read == READ_CONV ? 1 / 255.0f : 2 / 255.0f,
                 .beta = read == READ_CONV ? 0 : -1,
                 .window = window,
                 .step = step,
                 .variant = read};
    static const char *const names[] = {"result", "conv", "both", "twice"};
    case_add(table, c, "pictures/%dx%dx%dx%d-%dx%d%s%s-reach%dx%d-step%llx-%s", from.n, from.c, from.h, from.w, height,
             width, window.flip ? "-flip" : "", window.moved ? "-moved" : "", window.reach_h, window.reach_w,
             (unsigned long long)step, names[read]);
  }
}

static void add_refused(case_table *table, int height, int width, limn_window window, const char *refusal) {
  op_case c = {.build = build_pictures,
               .flags = CASE_REFUSED,
               .refusal = refusal,
               .x = {2, 3, 8, 9},
               .y = {2, 3, height, width},
               .window = window};
  case_add(table, c, "pictures/refused-%dx%d-reach%dx%d%s", height, width, window.reach_h, window.reach_w,
           window.moved ? "-moved" : "");
}

/* What a discriminator sees of pictures, and what flows back. */
static void build_window(case_graph *g, const op_case *c) {
  limn_value x = limn_graph_unary(g->graph, LIMN_PW_SQUARE, case_input(g, "x", c->x, RANGE_SIGNED), 0, 0);
  if (c->variant == 1) {
    case_output(g, limn_graph_window_dx(g->graph, x, c->window, 17));
  } else {
    limn_value y = limn_graph_window(g->graph, x, c->window, 17);
    limn_value w = case_parameter(g, "w", (limn_shape){5, c->x.c, 1, 1}, RANGE_SIGNED);
    case_output(g, y);
    case_output(g, limn_graph_conv(g->graph, y, w, LIMN_NONE, (limn_conv_attrs){.stride_h = 1, .stride_w = 1}));
  }
}

static void add_numbers(case_table *table, limn_shape x, limn_window w, uint64_t step, const char *refusal) {
  for (int variant = 0; variant < 2; ++variant) {
    op_case c = {.build = build_window, .x = x, .window = w, .step = step, .variant = variant};
    c.flags = refusal ? CASE_REFUSED : 0;
    c.refusal = refusal;
    case_add(table, c, "window/%dx%dx%dx%d%s%s-reach%dx%d-cut%dx%d-step%llx%s%s", x.n, x.c, x.h, x.w,
             w.flip ? "-flip" : "", w.moved ? "-moved" : "", w.reach_h, w.reach_w, w.cut_h, w.cut_w,
             (unsigned long long)step, variant ? "-adjoint" : "", refusal ? "-refused" : "");
  }
}

static void add_windows(case_table *table) {
  static const uint64_t steps[] = {0, 0x123456789abcdef0};
  const limn_window windows[] = {
      {0},
      {.flip = true},
      {.moved = true, .reach_h = 2, .reach_w = 3},
      {.cut_h = 3, .cut_w = 2},
      {.flip = true, .moved = true, .reach_h = 1, .reach_w = 2, .cut_h = 2, .cut_w = 3},
      {.flip = true, .moved = true, .reach_h = 3, .cut_h = 4, .cut_w = 4},
  };
  static const limn_shape shapes[] = {{5, 3, 5, 6}, {6, 16, 4, 5}, {7, 1, 6, 4}, {4, 20, 7, 7}, {3, 40, 5, 8}};
  for (int s = 0; s < 2; ++s)
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
      for (size_t k = 0; k < sizeof windows / sizeof *windows; ++k)
        add_numbers(table, shapes[i], windows[k], steps[s], NULL);
  add_numbers(table, (limn_shape){3, 3, 1, 1}, (limn_window){.flip = true, .moved = true, .cut_h = 1, .cut_w = 1}, 3,
              NULL);
  add_numbers(table, (limn_shape){33, 3, 40, 36}, (limn_window){true, true, 5, 4, 20, 18}, 3, NULL);
  const limn_shape x = {2, 3, 4, 5};
  add_numbers(table, x, (limn_window){.moved = true, .reach_h = 4}, 0, "cannot be moved by 4 and 0 pixels");
  add_numbers(table, x, (limn_window){.moved = true, .reach_w = -1}, 0, "cannot be moved by 0 and -1 pixels");
  add_numbers(table, x, (limn_window){.reach_w = 1}, 0, "not moved has no reach");
  add_numbers(table, x, (limn_window){.cut_h = 5, .cut_w = 1}, 0, "no 5 x 1 can be cut out");
  add_numbers(table, x, (limn_window){.cut_w = 1}, 0, "no 0 x 1 can be cut out");
}

void cases_add_pictures(case_table *table) {
  static const uint64_t steps[] = {0, 0x123456789abcdef0};
  const limn_window still = {0}, flip = {.flip = true}, crop = {.moved = true},
                    shift = {.moved = true, .reach_h = 2, .reach_w = 3},
                    all = {.flip = true, .moved = true, .reach_h = 1, .reach_w = 4};
  for (int s = 0; s < 2; ++s) {
    add_window(table, (limn_shape){3, 3, 8, 8}, 8, 8, still, steps[s]);
    add_window(table, (limn_shape){2, 3, 9, 12}, 6, 8, still, steps[s]);
    add_window(table, (limn_shape){9, 3, 8, 8}, 8, 8, flip, steps[s]);
    add_window(table, (limn_shape){7, 1, 9, 7}, 5, 4, crop, steps[s]);
    add_window(table, (limn_shape){7, 3, 7, 5}, 7, 5, shift, steps[s]);
    add_window(table, (limn_shape){16, 1, 5, 11}, 4, 8, all, steps[s]);
    add_window(table, (limn_shape){5, 16, 6, 7}, 4, 5, all, steps[s]);
    add_window(table, (limn_shape){1, 1, 1, 1}, 1, 1, flip, steps[s]);
  }
  add_window(table, (limn_shape){6, 3, 40, 36}, 32, 31, all, 7); /* more than one piece a sample */
  add_windows(table);
  add_refused(table, 4, 4, (limn_window){.cut_h = 1, .cut_w = 1}, "nothing is cut out of bytes");
  add_refused(table, 9, 9, still, "no window of 9 x 9 is in pictures of 8 x 9");
  add_refused(table, 0, 9, still, "no window of 0 x 9");
  add_refused(table, 8, 9, (limn_window){.reach_h = 1}, "not moved has no reach");
  add_refused(table, 4, 4, (limn_window){.moved = true, .reach_h = 4}, "cannot be moved by 4 and 0 pixels");
  add_refused(table, 4, 4, (limn_window){.moved = true, .reach_w = -1}, "cannot be moved by 0 and -1 pixels");
  static const char *const misuses[] = {"the leaf bytes holds bytes: make numbers", "which only the host writes",
                                        "no leaf of bytes"};
  for (int i = 0; i < 3; ++i) {
    op_case c = {.build = build_misuse, .flags = CASE_REFUSED, .refusal = misuses[i], .x = {1, 1, 2, 2}, .variant = i};
    case_add(table, c, "pictures/misuse-%d", i);
  }
}
