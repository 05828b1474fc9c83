/* Pictures: from bytes to numbers, with the window and the mirroring of each sample (docs/randomness.md). */
#include <stdlib.h>

#include "base/error.h"
#include "base/philox.h"
#include "devices/cpu/cpu.h"

struct pictures {
  limn_node node;
  limn_shape from; /* (N, C, H0, W0) */
};

/* Where a sample's window begins, and whether it is mirrored. */
struct cut {
  int32_t row, column;
  bool mirrored;
};

static int32_t draw_offset(uint32_t word, int32_t outside, int32_t inside, int32_t reach) {
  uint64_t places = (uint64_t)(outside - inside) + 2 * (uint64_t)reach + 1;
  return (int32_t)(word * places >> 32) - reach;
}

static struct cut cut_of(const struct pictures *s, const struct limn_call *call, int32_t sample) {
  const limn_node *n = &s->node;
  const limn_window *w = &n->window;
  struct cut cut = {(s->from.h - n->shape.h) / 2, (s->from.w - n->shape.w) / 2, false};
  if (!w->flip && !w->moved)
    return cut;
  const uint32_t counter[4] = {(uint32_t)sample, n->stream, (uint32_t)call->step, (uint32_t)(call->step >> 32)},
                 key[2] = {(uint32_t)call->seed, (uint32_t)(call->seed >> 32)};
  uint32_t words[4];
  limn_philox(counter, key, words);
  cut.mirrored = w->flip && words[0] >> 31;
  if (w->moved) {
    cut.row = draw_offset(words[1], s->from.h, n->shape.h, w->reach_h);
    cut.column = draw_offset(words[2], s->from.w, n->shape.w, w->reach_w);
  }
  return cut;
}

static int32_t within(int32_t at, int32_t side) { return at < 0 ? 0 : at < side ? at : side - 1; }

/* A line of the result, of a line of the picture. */
static void make_line(const struct pictures *s, const uint8_t *line, struct cut cut, float *out) {
  int32_t width = s->node.shape.w, outside = s->from.w;
  float scale = s->node.alpha, shift = s->node.beta;
  if (!cut.mirrored && cut.column >= 0 && cut.column + width <= outside) { /* mostly: one run */
    for (int32_t w = 0; w < width; ++w)
      out[w] = scale * (float)line[cut.column + w] + shift;
    return;
  }
  for (int32_t w = 0; w < width; ++w)
    out[w] = scale * (float)line[within(cut.column + (cut.mirrored ? width - 1 - w : w), outside)] + shift;
}

/* Operands: numbers, bytes. */
static void run_pictures(const limn_kernel *k, const struct limn_call *call) {
  const struct pictures *s = k->state;
  const uint8_t *bytes = k->p[1];
  limn_shape to = s->node.shape, from = s->from;
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int32_t i = 0; i < to.n; ++i) {
    struct cut cut = cut_of(s, call, i);
    float *out = cpu_at(k, 0) + (size_t)i * (size_t)to.c * (size_t)to.h * (size_t)to.w;
    for (int32_t c = 0; c < to.c; ++c)
      for (int32_t h = 0; h < to.h; ++h, out += to.w) {
        size_t row = ((size_t)i * (size_t)from.c + (size_t)c) * (size_t)from.h + (size_t)within(cut.row + h, from.h);
        make_line(s, bytes + row * (size_t)from.w, cut, out);
      }
  }
}

limn_status limn_cpu_build_pictures(limn_builder *b, const limn_task *task) {
  struct pictures *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  *s = (struct pictures){.node = task->node, .from = limn_builder_shape(b, task->inputs[0])};
  const int buffers[2] = {limn_builder_output(b, task->outputs[0], CPU_PLAIN),
                          limn_builder_input(b, task->inputs[0], CPU_BYTES)};
  cpu_add(b, "pictures", run_pictures, s, 2, buffers);
  return limn_builder_status(b);
}
