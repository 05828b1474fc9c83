/* Windows on numbers, and their adjoints: the mirroring, the move and the cut-out of each sample (docs/randomness.md).
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"
#include "devices/cpu/cpu.h"

struct window {
  limn_node node;
  int block;
};

/* Pixel (h, w) of what is made is pixel (h + row, w + column) of what is read, w counted from the other side where it
 * is mirrored; of a WINDOW_DX the other way round. */
struct view {
  bool mirrored, adjoint;
  int32_t row, column;
  int32_t cut_top, cut_bottom, cut_left, cut_right; /* in the coordinates of the result of WINDOW */
};

static int32_t draw(uint32_t word, int32_t first, int64_t places) {
  return first + (int32_t)((uint64_t)word * (uint64_t)places >> 32);
}

/* Places for a side of which `cut` are cut out: the centre of an even number lies between pixels, or outside them. */
static int64_t cut_places(int32_t side, int32_t cut) { return (int64_t)side + (cut % 2 == 0); }

static struct view view_of(const limn_node *n, const struct limn_call *call, int32_t sample) {
  const limn_window *a = &n->window;
  const uint32_t key[2] = {(uint32_t)call->seed, (uint32_t)(call->seed >> 32)};
  uint32_t words[8];
  for (uint32_t half = 0; half < 2; ++half)
    limn_philox(
        (const uint32_t[]){2 * (uint32_t)sample + half, n->stream, (uint32_t)call->step, (uint32_t)(call->step >> 32)},
        key, words + 4 * half);
  struct view v = {.mirrored = a->flip && words[0] >> 31, .adjoint = n->op == LIMN_OP_WINDOW_DX};
  if (a->moved) {
    v.row = draw(words[1], -a->reach_h, 2 * (int64_t)a->reach_h + 1);
    v.column = draw(words[2], -a->reach_w, 2 * (int64_t)a->reach_w + 1);
  }
  if (a->cut_h) {
    v.cut_top = draw(words[4], -(a->cut_h / 2), cut_places(n->shape.h, a->cut_h));
    v.cut_left = draw(words[5], -(a->cut_w / 2), cut_places(n->shape.w, a->cut_w));
  }
  v.cut_bottom = v.cut_top + a->cut_h;
  v.cut_right = v.cut_left + a->cut_w;
  return v;
}

static bool is_within(int32_t at, int32_t first, int32_t end) { return at >= first && at < end; }

/* A row of WINDOW's result, or of dx: pixel w is pixel from(w) of a row that is read, or 0. */
static void make_row(float *out, const float *in, int32_t width, int block, const struct view *v, bool row_is_cut) {
  for (int32_t w = 0; w < width; ++w, out += block) {
    const int32_t seen = v->mirrored ? width - 1 - w : w;
    int32_t from = v->adjoint ? seen - v->column : w + v->column;
    const bool outside = !is_within(from, 0, width);
    const bool cut = row_is_cut && is_within(v->adjoint ? from : w, v->cut_left, v->cut_right);
    if (!v->adjoint && v->mirrored)
      from = width - 1 - from;
    if (outside || cut)
      memset(out, 0, (size_t)block * sizeof *out);
    else
      memcpy(out, in + (size_t)from * (size_t)block, (size_t)block * sizeof *out);
  }
}

static void make_plane(float *out, const float *in, limn_shape s, int block, const struct view *v) {
  const size_t width = (size_t)s.w * (size_t)block;
  for (int32_t h = 0; h < s.h; ++h, out += width) {
    const int32_t from = v->adjoint ? h - v->row : h + v->row;
    const bool cut = is_within(v->adjoint ? from : h, v->cut_top, v->cut_bottom);
    if (!is_within(from, 0, s.h))
      memset(out, 0, width * sizeof *out);
    else if (!v->mirrored && !v->column && !cut)
      memcpy(out, in + (size_t)from * width, width * sizeof *out);
    else
      make_row(out, in + (size_t)from * width, s.w, block, v, cut);
  }
}

/* Operands: value, x. */
static void run_window(const limn_kernel *k, const struct limn_call *call) {
  const struct window *s = k->state;
  const limn_shape shape = s->node.shape;
  const int32_t planes = shape.c / s->block;
  const size_t plane = cpu_plane_elements(shape, s->block);
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int32_t i = 0; i < shape.n; ++i) {
    const struct view v = view_of(&s->node, call, i);
    for (int32_t p = 0; p < planes; ++p) {
      const size_t at = ((size_t)i * (size_t)planes + (size_t)p) * plane;
      make_plane(cpu_at(k, 0) + at, cpu_at(k, 1) + at, shape, s->block, &v);
    }
  }
}

limn_status limn_cpu_build_window(limn_builder *b, const limn_step *step) {
  struct window *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  *s = (struct window){step->node, limn_cpu_plane_block(b, step->node.shape)};
  const int x = limn_cpu_plane_input(b, step->inputs[0]), y = limn_cpu_plane_output(b, step->outputs[0]);
  cpu_add(b, limn_op_name(&step->node), run_window, s, 2, (const int[]){y, x});
  return limn_builder_status(b);
}
