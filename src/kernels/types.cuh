/* Elements in memory: float, bf16 or fp16, read as float and written rounded, one or four at a time. */
#ifndef LIMN_KERNELS_TYPES_CUH
#define LIMN_KERNELS_TYPES_CUH

#include <float.h>
#include <limn_launch.h>

#include "kernels/kernels.h"

__device__ inline float to_float(float v) { return v; }
__device__ inline float to_float(__nv_bfloat16 v) { return __bfloat162float(v); }
__device__ inline float to_float(__half v) { return __half2float(v); }

__device__ inline void convert(float *out, float v) { *out = v; }
__device__ inline void convert(__nv_bfloat16 *out, float v) { *out = __float2bfloat16_rn(v); }
__device__ inline void convert(__half *out, float v) { *out = __float2half_rn(v); }

__device__ inline bool is_finite(float v) { return fabsf(v) <= FLT_MAX; }

/* V neighbours that move as one: 16 bytes of float, 8 of a half type. */
template <class T, int V> struct alignas(V * sizeof(T)) pack { T v[V]; };

/* Memory that is read, of a type T; void: the type is known at run time alone. Elements are counted from `data`; where
 * V is 4, i is a multiple of 4. from(i) begins at element i; NULL stays NULL. */
template <class T> struct source {
  const T *data;

  __host__ __device__ source from(int64_t i) const { return {data ? data + i : nullptr}; }

  template <int V> __device__ void load(float (&v)[V], int64_t i) const {
    pack<T, V> p = *reinterpret_cast<const pack<T, V> *>(data + i);
    for (int j = 0; j < V; ++j)
      v[j] = to_float(p.v[j]);
  }
};

template <class T> struct target {
  T *data;

  __host__ __device__ target from(int64_t i) const { return {data ? data + i : nullptr}; }

  template <int V> __device__ void store(int64_t i, const float (&v)[V]) const {
    pack<T, V> p;
    for (int j = 0; j < V; ++j)
      convert(&p.v[j], v[j]);
    *reinterpret_cast<pack<T, V> *>(data + i) = p;
  }
};

__host__ __device__ static inline int64_t type_size(limn_type type) { return type == LIMN_F32 ? 4 : 2; }

template <> struct source<void> {
  const void *data;
  limn_type type;

  __host__ __device__ source from(int64_t i) const {
    return {data ? static_cast<const char *>(data) + i * type_size(type) : nullptr, type};
  }

  template <int V> __device__ void load(float (&v)[V], int64_t i) const {
    if (type == LIMN_F32)
      source<float>{static_cast<const float *>(data)}.load(v, i);
    else if (type == LIMN_BF16)
      source<__nv_bfloat16>{static_cast<const __nv_bfloat16 *>(data)}.load(v, i);
    else
      source<__half>{static_cast<const __half *>(data)}.load(v, i);
  }
};

template <> struct target<void> {
  void *data;
  limn_type type;

  __host__ __device__ target from(int64_t i) const {
    return {data ? static_cast<char *>(data) + i * type_size(type) : nullptr, type};
  }

  template <int V> __device__ void store(int64_t i, const float (&v)[V]) const {
    if (type == LIMN_F32)
      target<float>{static_cast<float *>(data)}.store(i, v);
    else if (type == LIMN_BF16)
      target<__nv_bfloat16>{static_cast<__nv_bfloat16 *>(data)}.store(i, v);
    else
      target<__half>{static_cast<__half *>(data)}.store(i, v);
  }
};

template <class T> static inline source<T> make_source(const void *data, limn_type) {
  return {static_cast<const T *>(data)};
}
template <> inline source<void> make_source<void>(const void *data, limn_type type) { return {data, type}; }

template <class T> static inline target<T> make_target(void *data, limn_type) { return {static_cast<T *>(data)}; }
template <> inline target<void> make_target<void>(void *data, limn_type type) { return {data, type}; }

template <class S> __device__ inline float load_one(const S &s, int64_t i) {
  float v[1];
  s.template load<1>(v, i);
  return v[0];
}
template <class S> __device__ inline void store_one(const S &s, int64_t i, float value) {
  const float v[1] = {value};
  s.template store<1>(i, v);
}

/* The first `valid` of V elements: the end of a tensor need not be a multiple of 4. The others become 0. */
template <int V, class S> __device__ inline void load_some(const S &s, float (&v)[V], int64_t i, int valid) {
  if (valid >= V) {
    s.template load<V>(v, i);
    return;
  }
  for (int j = 0; j < V; ++j)
    v[j] = j < valid ? load_one(s, i + j) : 0;
}
template <int V, class S> __device__ inline void store_some(const S &s, int64_t i, const float (&v)[V], int valid) {
  if (valid >= V) {
    s.template store<V>(i, v);
    return;
  }
  for (int j = 0; j < V; ++j)
    if (j < valid)
      store_one(s, i + j, v[j]);
}

/* A master and, where it has one, its half copy. */
template <int V>
__device__ inline void store_master(const limn_master &out, int64_t i, const float (&v)[V], int valid) {
  store_some(target<float>{out.data}, i, v, valid);
  if (out.half)
    store_some(target<void>{out.half, out.half_type}, i, v, valid);
}

#endif
