/* What the name of a plan's compiled kernel tells: "..._sm80_knob_8_128x128x32_64x64x32_4_..." makes 128 x 128 numbers
 * a block, with instructions of compute capability 8.0. cuDNN's other engines are libraries' kernels, of which a plan
 * names none; those with clusters of blocks among their knobs are for 9.0 and later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/cuda/planning.h"

/* The first "_AxBxC" of a name. */
static void read_tile(cuda_tile *tile, const char *name, const char *end) {
  for (const char *p = name; p < end; ++p) {
    int rows = 0, columns = 0, depth = 0;
    if (*p == '_' && p[1] >= '1' && p[1] <= '9' && sscanf(p, "_%dx%dx%d", &rows, &columns, &depth) == 3) {
      tile->rows = rows;
      tile->columns = columns;
      return;
    }
  }
}

/* The value of a knob in an engine's name; -1 where it has none. */
static int knob(const char *engine, cudnnBackendKnobType_t type) {
  char name[16];
  snprintf(name, sizeof name, "_k%d=", (int)type);
  const char *at = strstr(engine, name);
  return at ? atoi(at + strlen(name)) : -1;
}

cuda_tile cuda_tile_of(const char *plan, const char *engine) {
  cuda_tile tile = {.split = 1};
  const char *key = strstr(plan, "\"kernelName\"");
  const char *name = key ? strchr(key + sizeof "\"kernelName\"" - 1, '"') : NULL;
  const char *end = name ? strchr(name + 1, '"') : NULL;
  const char *generation = end ? strstr(name, "_sm") : NULL;
  if (end)
    read_tile(&tile, name, end);
  if (generation && generation < end)
    tile.generation = atoi(generation + 3);
  else if (knob(engine, CUDNN_KNOB_TYPE_TILE_CGA_M) > 0)
    tile.generation = 90;
  if (knob(engine, CUDNN_KNOB_TYPE_SPLIT_K_SLC) > 1)
    tile.split = knob(engine, CUDNN_KNOB_TYPE_SPLIT_K_SLC);
  return tile;
}

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* What is made, as the result of a matrix product: `parts` matrices, one for each group. A gradient of data over a
 * stride is as many convolutions as the stride has phases. */
typedef struct product {
  int64_t rows, columns, parts;
} product;

static product product_of(const cuda_operation *o) {
  const int64_t groups = limn_conv_groups(o->attrs);
  if (o->kind == LIMN_TASK_CONV_DW)
    return (product){.rows = o->w.n / groups, .columns = (int64_t)o->w.c * o->w.h * o->w.w, .parts = groups};
  const bool forward = o->kind == LIMN_TASK_CONV;
  const limn_shape made = forward ? o->y : o->x;
  const int64_t phases = forward ? 1 : (int64_t)o->attrs.stride_h * o->attrs.stride_w;
  return (product){.rows = divide_up((int64_t)made.n * made.h * made.w, phases),
                   .columns = made.c / groups,
                   .parts = phases * groups};
}

static int64_t tiles_of(cuda_tile tile, product p) {
  return p.parts * divide_up(p.rows, tile.rows) * divide_up(p.columns, tile.columns);
}

static bool is_known(cuda_tile tile, const cuda_operation *o) {
  return tile.rows > 0 && o->kind != LIMN_TASK_BATCHNORM;
}

int64_t cuda_tile_blocks(cuda_tile tile, const cuda_operation *operation) {
  return is_known(tile, operation) ? tiles_of(tile, product_of(operation)) * tile.split : 0;
}

double cuda_tile_use(cuda_tile tile, const cuda_operation *operation) {
  if (!is_known(tile, operation))
    return 1;
  const product p = product_of(operation);
  return (double)(p.parts * p.rows * p.columns) / (double)(tiles_of(tile, p) * tile.rows * tile.columns);
}

double cuda_tile_rate(cuda_tile tile, int generation) {
  const bool warp_groups = generation >= 90 && generation < 120; /* wgmma, tcgen05: not on GeForce cards */
  return warp_groups && tile.generation > 0 && tile.generation < 90 ? 0.6 : 1;
}
