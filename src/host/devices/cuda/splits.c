/* Configurations that cuDNN runs and does not offer: gradients of weights whose sum over all positions is split between
 * blocks. Such a gradient is a long sum into few numbers: 256x64x32x32 -> 128 makes 16 tiles, each of 65,536 terms, for
 * the 132 multiprocessors of an H100. On compute capability 8.0, 8.6, 8.9 and 12.0 cuDNN 9.19 offers splits for fp32
 * results of 16-bit operands; on 9.0 it offers one configuration, which has none. */
#include <stdio.h>

#include "devices/cuda/planning.h"

/* The engine that compiles Ampere's kernels and its configurations, by their numbers in cuDNN 9: "knob_8_128x128x32".
 * A cuDNN that means something else by them refuses, or says so in the kernel's name. */
#define ENGINE 1
static const struct { int config, rows, columns; } tiles[] = {{8, 128, 128}, {9, 128, 64}, {10, 64, 128}, {11, 64, 64}};

#define MOST_SPLITS 128 /* that the knob can be set to */
#define LEAST_DEPTH 256 /* terms of a sum that are worth a block */
#define EMPTY_TILES 0.75

static int64_t terms_of(const cuda_operation *o) { return (int64_t)o->y.n * o->y.h * o->y.w; }

/* As many parts as make `blocks` blocks. */
static int parts_for(const cuda_operation *o, cuda_tile tile, int64_t blocks) {
  const int64_t most = terms_of(o) / LEAST_DEPTH < MOST_SPLITS ? terms_of(o) / LEAST_DEPTH : MOST_SPLITS;
  const int64_t parts = blocks / cuda_tile_blocks(tile, o);
  return (int)(parts < most ? parts : most);
}

/* The largest tile that is not mostly empty. */
static size_t tile_for(const cuda_operation *o) {
  const size_t last = sizeof tiles / sizeof *tiles - 1;
  for (size_t i = 0; i < last; ++i)
    if (cuda_tile_use((cuda_tile){.rows = tiles[i].rows, .columns = tiles[i].columns, .split = 1}, o) >= EMPTY_TILES)
      return i;
  return last;
}

cudnnBackendDescriptor_t cuda_split_config(cuda_descriptors *set, const cuda_planner *planner,
                                           const cuda_operation *operation, cudnnBackendDescriptor_t graph, int share) {
  if (operation->kind != LIMN_TASK_CONV_DW || operation->type == LIMN_F32 || operation->result != LIMN_F32)
    return NULL;
  const size_t i = tile_for(operation);
  const cuda_tile tile = {.rows = tiles[i].rows, .columns = tiles[i].columns, .split = 1};
  const int parts = parts_for(operation, tile, (int64_t)share * planner->multiprocessors),
            fewer = share > 1 ? parts_for(operation, tile, (int64_t)(share - 1) * planner->multiprocessors) : 1;
  char name[LIMN_ENGINE_SIZE];
  snprintf(name, sizeof name, "eng%d_k%d=%d_k%d=%d", ENGINE, (int)CUDNN_KNOB_TYPE_SPLIT_K_SLC, parts,
           (int)CUDNN_KNOB_TYPE_KERNEL_CFG, tiles[i].config);
  return parts > 1 && parts > fewer ? cuda_config_named(set, planner, graph, name) : NULL;
}
