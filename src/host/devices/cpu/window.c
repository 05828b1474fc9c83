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

/* How what is made sees what is read, in pixels of what is made. */
struct view {
  bool mirrored;
  int32_t row, column; /* (h, w) is pixel (h + row, w + column), or (h + row, width - 1 - column - w) where mirrored */
  int32_t top, bottom, left, right; /* of what is cut out; the last two of each axis excluded */
};

static int32_t draw(uint32_t word, int32_t first, int64_t places) {
  return first + (int32_t)((uint64_t)word * (uint64_t)places >> 32);
}

/* Where `cut` of `side` pixels begin: the centre of an even number lies between pixels, or outside them. */
static int32_t draw_cut(uint32_t word, int32_t side, int32_t cut) {
  return draw(word, -(cut / 2), (int64_t)side + (cut % 2 == 0));
}

/* The way back: what was cut out of the result is looked for where it came from. */
static struct view turned(struct view v, int32_t width) {
  const int32_t left = v.mirrored ? width - v.column - v.right : v.left + v.column,
                right = v.mirrored ? width - v.column - v.left : v.right + v.column;
  return (struct view){v.mirrored, -v.row, v.mirrored ? v.column : -v.column, v.top + v.row, v.bottom + v.row,
                       left,       right};
}

static struct view view_of(const limn_node *n, const struct limn_call *call, int32_t sample) {
  const limn_window *a = &n->window;
  const uint32_t key[2] = {(uint32_t)call->seed, (uint32_t)(call->seed >> 32)};
  uint32_t words[8];
  for (uint32_t half = 0; half < 2; ++half) {
    const uint32_t counter[4] = {2 * (uint32_t)sample + half, n->stream, (uint32_t)call->step,
                                 (uint32_t)(call->step >> 32)};
    limn_philox(counter, key, words + 4 * half);
  }
  struct view v = {.mirrored = a->flip && words[0] >> 31};
  if (a->moved) {
    v.row = draw(words[1], -a->reach_h, 2 * (int64_t)a->reach_h + 1);
    v.column = draw(words[2], -a->reach_w, 2 * (int64_t)a->reach_w + 1);
  }
  if (a->cut_h) {
    v.top = draw_cut(words[4], n->shape.h, a->cut_h);
    v.left = draw_cut(words[5], n->shape.w, a->cut_w);
  }
  v.bottom = v.top + a->cut_h;
  v.right = v.left + a->cut_w;
  return n->op == LIMN_OP_WINDOW_DX ? turned(v, n->shape.w) : v;
}

static int32_t within(int32_t at, int32_t side) { return at < 0 ? 0 : at < side ? at : side; }

/* Pixels first ... end of a row of `block` channels become 0. */
static void clear(float *row, int block, int32_t first, int32_t end) {
  if (end > first)
    memset(row + (size_t)first * (size_t)block, 0, (size_t)(end - first) * (size_t)block * sizeof *row);
}

static void make_row(float *out, const float *in, int32_t width, int block, const struct view *v) {
  const int32_t first = within(-v->column, width), end = within(width - v->column, width);
  const size_t pixel = (size_t)block * sizeof *out;
  clear(out, block, 0, first);
  clear(out, block, end, width);
  if (!v->mirrored) {
    memcpy(out + (size_t)first * (size_t)block, in + (size_t)(first + v->column) * (size_t)block,
           (size_t)(end - first) * pixel);
  } else if (block == 1) {
    for (int32_t w = first; w < end; ++w)
      out[w] = in[width - 1 - v->column - w];
  } else {
    for (int32_t w = first; w < end; ++w)
      memcpy(out + (size_t)w * (size_t)block, in + (size_t)(width - 1 - v->column - w) * (size_t)block, pixel);
  }
}

static void make_plane(float *out, const float *in, limn_shape s, int block, const struct view *v) {
  const size_t width = (size_t)s.w * (size_t)block;
  for (int32_t h = 0; h < s.h; ++h, out += width) {
    if (h + v->row < 0 || h + v->row >= s.h)
      clear(out, block, 0, s.w);
    else
      make_row(out, in + (size_t)(h + v->row) * width, s.w, block, v);
    if (h >= v->top && h < v->bottom)
      clear(out, block, within(v->left, s.w), within(v->right, s.w));
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

limn_status limn_cpu_build_window(limn_builder *b, const limn_task *task) {
  struct window *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  *s = (struct window){task->node, limn_cpu_plane_block(b, task->node.shape)};
  const int x = limn_cpu_plane_input(b, task->inputs[0]), y = limn_cpu_plane_output(b, task->outputs[0]);
  cpu_add(b, limn_op_name(&task->node), run_window, s, 2, (const int[]){y, x});
  return limn_builder_status(b);
}
