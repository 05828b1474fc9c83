/* Arrays of the three types in memory, as numbers in double: for the stand-ins of cuDNN and cuBLAS. */
#ifndef VIRTUAL_GPU_NUMBERS_H
#define VIRTUAL_GPU_NUMBERS_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace virtual_gpu {

enum class number_type { f32, f16, bf16 };

inline size_t number_bytes(number_type type) { return type == number_type::f32 ? 4 : 2; }

inline double load_number(const void *p, number_type type, int64_t i) {
  switch (type) {
  case number_type::f16:
    return __half2float(static_cast<const __half *>(p)[i]);
  case number_type::bf16:
    return __bfloat162float(static_cast<const __nv_bfloat16 *>(p)[i]);
  default:
    return static_cast<const float *>(p)[i];
  }
}

/* Rounds by way of fp32, as a GPU's fp32 accumulators are. */
inline void store_number(void *p, number_type type, int64_t i, double value) {
  float single = static_cast<float>(value);
  switch (type) {
  case number_type::f16:
    static_cast<__half *>(p)[i] = __float2half(single);
    break;
  case number_type::bf16:
    static_cast<__nv_bfloat16 *>(p)[i] = __float2bfloat16(single);
    break;
  default:
    static_cast<float *>(p)[i] = single;
  }
}

inline double round_number(double value, number_type type) {
  float memory;
  store_number(&memory, type, 0, value);
  return load_number(&memory, type, 0);
}

} // namespace virtual_gpu

#endif
