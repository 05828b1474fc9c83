#include "cases.h"

#include <dlfcn.h>
#include <stdio.h>

enum { FORWARD = 1, DATA = 2, WEIGHTS = 4, ALL = 7 };

/* A layer between `from` channels on a side of `side` pixels and `to` channels on a smaller side. */
typedef struct layer {
  const char *name;
  int batch, from, side, to, kernel, stride, pad;
  int kinds;
  int sample;       /* kinds in the quick sample */
  int groups, more; /* 0 counts as one group; padding behind, beyond `pad` */
} layer;

static const layer layers[] = {
    {"dcgan 3-64", 128, 3, 64, 64, 4, 2, 1, ALL, ALL},
    {"dcgan 64-128", 128, 64, 32, 128, 4, 2, 1, ALL, ALL},
    {"dcgan 128-256", 128, 128, 16, 256, 4, 2, 1, ALL, 0},
    {"dcgan 256-512", 128, 256, 8, 512, 4, 2, 1, ALL, 0},
    {"dcgan 512-1", 128, 512, 4, 1, 4, 1, 0, ALL, 0},
    {"dcgan z100-512", 128, 512, 4, 100, 4, 1, 0, ALL, DATA}, /* the generator's first layer is its DATA */
    {"vae 3-32", 128, 3, 64, 32, 4, 2, 1, ALL, 0},
    {"vae dense 4096-256", 128, 256, 4, 256, 4, 1, 0, ALL, 0},
    {"grey 28-14", 64, 1, 28, 64, 4, 2, 1, ALL, FORWARD | WEIGHTS},
    {"14-7", 64, 64, 14, 128, 4, 2, 1, ALL, 0},
    {"7-1", 64, 128, 7, 1, 7, 1, 0, ALL, 0},
    {"3x3 same 64-64", 16, 64, 17, 64, 3, 1, 1, ALL, 0},
    {"odd 5-7 batch 1", 1, 5, 9, 7, 3, 2, 1, ALL, 0},
    {"1x1 33-1", 3, 33, 5, 1, 1, 1, 0, ALL, 0},
    /* EfficientNet's, the first of which are padded behind alone; ResNeXt's, in groups of 4 and of 16 channels. */
    {"stem same 3-32", 8, 3, 224, 32, 3, 2, 0, ALL, FORWARD, 0, 1},
    {"depthwise 3 32", 8, 32, 112, 32, 3, 1, 1, ALL, ALL, 32, 0},
    {"depthwise 3 same 96", 8, 96, 112, 96, 3, 2, 0, ALL, ALL, 96, 1},
    {"depthwise 5 same 144", 8, 144, 56, 144, 5, 2, 1, ALL, 0, 144, 1},
    {"depthwise 5 480", 8, 480, 14, 480, 5, 1, 2, ALL, ALL, 480, 0},
    {"groups of 4 128", 8, 128, 56, 128, 3, 1, 1, ALL, 0, 32, 0},
    {"groups of 16 512", 8, 512, 14, 512, 3, 2, 1, ALL, ALL, 32, 0},
    {"groups of 3 odd", 2, 9, 7, 6, 3, 1, 1, ALL, ALL, 3, 0},
};
enum { LAYERS = sizeof layers / sizeof *layers };

/* What is fused behind a layer's convolution. */
typedef struct fusion {
  const char *name;
  int layer;
  limn_task_kind kind;
  bool bias;
  limn_pointwise activation;
  bool sample;
} fusion;

static const fusion fusions[] = {
    {"D first leaky", 0, LIMN_TASK_CONV, false, LIMN_PW_LEAKY_RELU, true},
    {"G last tanh", 0, LIMN_TASK_CONV_DX, false, LIMN_PW_TANH, true},
    {"D leaky 64-128", 1, LIMN_TASK_CONV, false, LIMN_PW_LEAKY_RELU, false},
    {"VAE bias relu 3-32", 6, LIMN_TASK_CONV, true, LIMN_PW_RELU, false},
    {"VAE bias relu 64-128", 1, LIMN_TASK_CONV, true, LIMN_PW_RELU, false},
    {"VAE dx bias relu 64-128", 1, LIMN_TASK_CONV_DX, true, LIMN_PW_RELU, false},
    {"VAE dx bias sigmoid 3-32", 6, LIMN_TASK_CONV_DX, true, LIMN_PW_SIGMOID, false},
    {"VAE dx bias 3-32", 6, LIMN_TASK_CONV_DX, true, LIMN_PW_COUNT, false},
    {"VAE dense bias", 7, LIMN_TASK_CONV, true, LIMN_PW_COUNT, false},
    {"VAE dense dx bias relu", 7, LIMN_TASK_CONV_DX, true, LIMN_PW_RELU, false},
    {"grey bias leaky 28-14", 8, LIMN_TASK_CONV, true, LIMN_PW_LEAKY_RELU, false},
    {"grey dx bias tanh 28-14", 8, LIMN_TASK_CONV_DX, true, LIMN_PW_TANH, false},
    {"D last bias 512-1", 4, LIMN_TASK_CONV, true, LIMN_PW_COUNT, false},
};
enum { FUSIONS = sizeof fusions / sizeof *fusions };

static cuda_operation convolution(const layer *l, limn_task_kind kind, limn_type type) {
  const int out = (l->side + 2 * l->pad + l->more - l->kernel) / l->stride + 1, groups = l->groups ? l->groups : 1;
  return (cuda_operation){.kind = kind,
                          .x = {l->batch, l->from, l->side, l->side},
                          .w = {l->to, l->from / groups, l->kernel, l->kernel},
                          .y = {l->batch, l->to, out, out},
                          .attrs = {l->stride, l->stride, l->pad, l->pad, l->more, l->more, groups},
                          .type = type,
                          .result = type,
                          .activation = LIMN_PW_COUNT};
}

/* Four plain cases a layer: forward, data, weights, and weights with an fp32 result from half inputs. */
static bool plain_case(int index, limn_type type, plan_case *out) {
  static const char *const suffixes[4] = {"", " dx", " dw", " dw->fp32"};
  static const limn_task_kind kinds[4] = {LIMN_TASK_CONV, LIMN_TASK_CONV_DX, LIMN_TASK_CONV_DW, LIMN_TASK_CONV_DW};
  static const int bits[4] = {FORWARD, DATA, WEIGHTS, WEIGHTS};
  const layer *l = &layers[index / 4];
  const int k = index % 4;
  if (!(l->kinds & bits[k]) || (k == 3 && type == LIMN_F32))
    return false;
  snprintf(out->name, sizeof out->name, "%s%s", l->name, suffixes[k]);
  out->convolution = convolution(l, kinds[k], type);
  if (k == 3)
    out->convolution.result = LIMN_F32;
  out->need = k == 3 ? PLAN_MAY : PLAN_MUST;
  out->sample = l->sample & bits[k];
  return true;
}

/* The generator's, which are too large for one launch of Limn's own. */
static bool batchnorm_case(int index, limn_type type, plan_case *out) {
  static const struct {
    const char *name;
    limn_shape shape;
  } norms[] = {{"G batchnorm 128", {128, 128, 16, 16}}, {"G batchnorm 64", {128, 64, 32, 32}}};
  if (index >= (int)(sizeof norms / sizeof *norms))
    return false;
  *out = (plan_case){.need = PLAN_MUST, .sample = index == 1};
  snprintf(out->name, sizeof out->name, "%s", norms[index].name);
  out->convolution = (cuda_operation){.kind = LIMN_TASK_BATCHNORM,
                                      .x = norms[index].shape,
                                      .y = norms[index].shape,
                                      .type = type,
                                      .result = type,
                                      .bias = true,
                                      .activation = LIMN_PW_RELU};
  return true;
}

bool plan_case_at(int index, limn_type type, plan_case *out) {
  *out = (plan_case){.need = PLAN_MAY};
  for (int i = 0; i < 4 * LAYERS; ++i)
    if (plain_case(i, type, out) && index-- == 0)
      return true;
  if (index >= FUSIONS)
    return batchnorm_case(index - FUSIONS, type, out);
  const fusion *f = &fusions[index];
  snprintf(out->name, sizeof out->name, "%s", f->name);
  out->convolution = convolution(&layers[f->layer], f->kind, type);
  out->convolution.bias = f->bias;
  out->convolution.activation = f->activation;
  out->convolution.slope = f->activation == LIMN_PW_LEAKY_RELU ? 0.2F : 0;
  out->need = PLAN_MAY;
  out->sample = f->sample;
  return true;
}

/* Asked for by the leak checker, where there is one; it does not find what is hidden. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libnvrtc\nleak:libcublasLt\n"; }

void keep_leaks_legible(void) { dlopen("libnvrtc.so.13", RTLD_LAZY | RTLD_NODELETE); }
