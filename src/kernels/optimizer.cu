/* Optimisers, all parameters in one launch. */
#include "kernels/table.cuh"
#include "kernels/types.cuh"

#define EACH 4096 /* elements of a block */

struct optimizer_launch {
  limn_trained tensors[LIMN_TABLE];
  block_table blocks;
  limn_optimizer_values values;
};

/* What is the same for all elements. */
struct adam_step {
  float scale, coupled, keep, step, root, beta1, beta2, eps;
};

__device__ static inline adam_step make_adam_step(const limn_optimizer_values &p) {
  float lr = p.hyper[0];
  return {p.scale ? *p.scale : 1,
          p.decoupled ? 0 : p.weight_decay,
          p.decoupled ? 1 - lr * p.weight_decay : 1,
          lr / p.hyper[1],
          1 / sqrtf(p.hyper[2]),
          p.beta1,
          p.beta2 + p.hyper[3],
          p.eps};
}

__device__ static inline void adam_four(const limn_trained &t, const adam_step &s, int64_t i, int valid) {
  float w[4], m[4], v[4], g[4];
  target<float> first = {t.m}, second = {t.v};
  load_some(source<float>{t.w.data}, w, i, valid);
  load_some(source<float>{t.m}, m, i, valid);
  load_some(source<float>{t.v}, v, i, valid);
  load_some(source<void>{t.gradient, t.gradient_type}, g, i, valid);
  for (int j = 0; j < 4; ++j) {
    float gradient = s.scale * g[j] + s.coupled * w[j];
    m[j] = s.beta1 * m[j] + (1 - s.beta1) * gradient;
    v[j] = s.beta2 * v[j] + (1 - s.beta2) * gradient * gradient;
    w[j] = s.keep * w[j] - s.step * m[j] / (sqrtf(v[j]) * s.root + s.eps);
  }
  store_some(first, i, m, valid);
  store_some(second, i, v, valid);
  store_master(t.w, i, w, valid);
}

__device__ static inline void sgd_four(const limn_trained &t, const limn_optimizer_values &p, int64_t i, int valid) {
  float w[4], m[4] = {}, g[4], scale = p.scale ? *p.scale : 1, lr = p.hyper[0];
  load_some(source<float>{t.w.data}, w, i, valid);
  load_some(source<void>{t.gradient, t.gradient_type}, g, i, valid);
  if (t.m)
    load_some(source<float>{t.m}, m, i, valid);
  for (int j = 0; j < 4; ++j) {
    m[j] = (t.m ? p.momentum * m[j] : 0) + (scale * g[j] + p.weight_decay * w[j]);
    w[j] -= lr * m[j];
  }
  if (t.m)
    store_some(target<float>{t.m}, i, m, valid);
  store_master(t.w, i, w, valid);
}

__global__ static void __launch_bounds__(LIMN_BLOCK) adam(const __grid_constant__ optimizer_launch o) {
  if (o.values.gate && *o.values.gate != 0)
    return;
  int entry = find_entry(o.blocks, (int)blockIdx.x);
  span s = find_span(o, entry, EACH);
  adam_step step = make_adam_step(o.values);
  int64_t i = s.begin + (int64_t)threadIdx.x * 4;
  for (; i + 4 <= s.end; i += LIMN_BLOCK * 4)
    adam_four(o.tensors[entry], step, i, 4);
  if (i < s.end)
    adam_four(o.tensors[entry], step, i, (int)(s.end - i));
}

__global__ static void __launch_bounds__(LIMN_BLOCK) sgd(const __grid_constant__ optimizer_launch o) {
  if (o.values.gate && *o.values.gate != 0)
    return;
  int entry = find_entry(o.blocks, (int)blockIdx.x);
  span s = find_span(o, entry, EACH);
  int64_t i = s.begin + (int64_t)threadIdx.x * 4;
  for (; i + 4 <= s.end; i += LIMN_BLOCK * 4)
    sgd_four(o.tensors[entry], o.values, i, 4);
  if (i < s.end)
    sgd_four(o.tensors[entry], o.values, i, (int)(s.end - i));
}

static bool is_good(const limn_trained &t, bool adam) {
  return t.count >= 0 && is_type(t.gradient_type) && is_aligned(t.w.data) && is_aligned(t.w.half) &&
         (!t.w.half || is_type(t.w.half_type)) && is_aligned(t.m) && is_aligned(t.v) && is_aligned(t.gradient) &&
         (!adam || (t.m && t.v));
}

static cudaError_t launch_all(void (*kernel)(optimizer_launch), const limn_trained *tensors, int count,
                              const limn_optimizer_values *values, cudaStream_t stream) {
  static_assert(sizeof(optimizer_launch) <= 4096, "what a kernel takes as arguments");
  for (int i = 0; i < count; ++i)
    if (!is_good(tensors[i], kernel == adam))
      return cudaErrorInvalidValue;
  for (int start = 0; start < count; start += LIMN_TABLE) {
    optimizer_launch o = {};
    int blocks = fill_table(&o, tensors + start, count - start, EACH);
    o.values = *values;
    if (blocks > 0)
      LIMN_LAUNCH(kernel, (unsigned)blocks, LIMN_BLOCK, 0, stream, o);
  }
  return cudaGetLastError();
}

cudaError_t limn_adam(const limn_trained *tensors, int count, const limn_optimizer_values *values,
                      cudaStream_t stream) {
  return launch_all(adam, tensors, count, values, stream);
}

cudaError_t limn_sgd(const limn_trained *tensors, int count, const limn_optimizer_values *values, cudaStream_t stream) {
  return launch_all(sgd, tensors, count, values, stream);
}
