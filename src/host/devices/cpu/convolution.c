/* Which engine computes a convolution: a fixed function of the task, instruction set and precision, found by measuring
 * (docs/performance.md); the one that the options name; or, with autotune, the one that is fastest here. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "devices/choices.h"
#include "devices/cpu/cpu.h"

static bool suits_all(const limn_builder *b, const limn_task *task) {
  (void)b;
  (void)task;
  return true;
}

static const cpu_engine engines[] = {
    {CPU_BF16, limn_cpu_bf16_suits, limn_cpu_build_bf16},
    {CPU_FEW_CHANNELS, limn_cpu_few_channels_suits, limn_cpu_build_few_channels},
    {CPU_DEPTHWISE, limn_cpu_depthwise_suits, limn_cpu_build_depthwise},
    {CPU_GEMM, limn_cpu_gemm_suits, limn_cpu_build_gemm},
    {CPU_WINOGRAD, limn_cpu_winograd_suits, limn_cpu_build_winograd},
    {CPU_UNIT_WINOGRAD, limn_cpu_unit_winograd_suits, limn_cpu_build_unit_winograd},
    {CPU_ONEDNN, suits_all, limn_onednn_build_convolution},
};
#define ENGINE_COUNT (sizeof engines / sizeof *engines)

/* With the precision: what was chosen in one says nothing of the other. */
static const char *name_of(const limn_task *task, const limn_conv_shapes *s, bool bf16, char *out, size_t size) {
  const limn_conv_attrs *a = &task->node.conv;
  const char *kind = task->kind == LIMN_TASK_CONV ? "CONV" : task->kind == LIMN_TASK_CONV_DX ? "CONV_DX" : "CONV_DW";
  char rest[64] = "";
  if (!limn_conv_is_plain(*a))
    snprintf(rest, sizeof rest, " more=(%d,%d) groups=%d", a->more_h, a->more_w, limn_conv_groups(*a));
  snprintf(out, size, "%s x=(%d,%d,%d,%d) w=(%d,%d,%d,%d) y=(%d,%d,%d,%d) stride=(%d,%d) pad=(%d,%d)%s%s", kind, s->x.n,
           s->x.c, s->x.h, s->x.w, s->w.n, s->w.c, s->w.h, s->w.w, s->y.n, s->y.c, s->y.h, s->y.w, a->stride_h,
           a->stride_w, a->pad_h, a->pad_w, rest, bf16 ? " bf16" : "");
  return out;
}

/* The engine that `text` names for the operation; NULL where it names none, or (*missed is counted up) one that is not
 * to be had here. */
static const cpu_engine *named_engine(const char *text, const limn_builder *b, const limn_task *task,
                                      const char *operation, int *missed) {
  char name[LIMN_ENGINE_SIZE];
  if (!limn_choices_find(text, operation, name, sizeof name))
    return NULL;
  for (size_t i = 0; i < ENGINE_COUNT; ++i)
    if (strcmp(engines[i].name, name) == 0 && engines[i].suits(b, task))
      return &engines[i];
  ++*missed;
  return NULL;
}

static limn_status fastest_engine(struct cpu_device *cpu, const limn_builder *b, const limn_task *task,
                                  const limn_conv_shapes *shapes, const cpu_engine **out) {
  double least = (double)INFINITY;
  for (size_t i = 0; i < ENGINE_COUNT; ++i) {
    double seconds = 0;
    if (!engines[i].suits(b, task))
      continue;
    LIMN_TRY(limn_cpu_time_engine(cpu, task, shapes, &engines[i], &seconds));
    if (seconds < least)
      *out = &engines[i];
    least = fmin(least, seconds);
  }
  return LIMN_OK;
}

/* What is told or timed is kept, to be told again. *out stays as it is where neither is. */
static limn_status choose_otherwise(struct cpu_device *cpu, const limn_builder *b, const limn_task *task, bool several,
                                    const cpu_engine **out) {
  const limn_conv_shapes shapes = limn_builder_conv_shapes(b, task);
  char operation[256];
  name_of(task, &shapes, cpu->bf16 != NULL, operation, sizeof operation);
  const cpu_engine *engine = named_engine(cpu->told, b, task, operation, &cpu->missed);
  if (!engine)
    engine = named_engine(cpu->found, b, task, operation, &cpu->missed);
  if (!engine && cpu->autotune && several)
    LIMN_TRY(fastest_engine(cpu, b, task, &shapes, &engine));
  if (!engine)
    return LIMN_OK;
  *out = engine;
  return limn_choices_add(&cpu->found, operation, engine->name);
}

limn_status limn_cpu_build_convolution(limn_builder *b, const limn_task *task) {
  struct cpu_device *cpu = (struct cpu_device *)limn_builder_device(b);
  const cpu_engine *engine = &engines[ENGINE_COUNT - 1]; /* which suits all */
  bool several = false;
  for (size_t i = ENGINE_COUNT - 1; i-- > 0;)
    if (engines[i].suits(b, task)) {
      engine = &engines[i];
      several = true;
    }
  if (cpu->forced)
    engine = cpu->forced;
  else if (cpu->told || cpu->autotune)
    LIMN_TRY(choose_otherwise(cpu, b, task, several, &engine));
  return engine->build(b, task);
}
