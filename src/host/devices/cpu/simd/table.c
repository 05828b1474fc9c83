#include "devices/cpu/simd/simd.h"

#if defined __AVX512F__
#define ISA_NAME  "AVX-512"
#define ISA_BLOCK 16
#define ISA_TABLE limn_simd_avx512
#elif defined __AVX2__
#define ISA_NAME  "AVX2"
#define ISA_BLOCK 8
#define ISA_TABLE limn_simd_avx2
#else
#define ISA_NAME  "SSE2"
#define ISA_BLOCK 1
#define ISA_TABLE limn_simd_baseline
#endif

const limn_simd ISA_TABLE = {
    .name = ISA_NAME,
    .block = ISA_BLOCK,
    .pointwise = LIMN_SIMD(pointwise),
    .sum = LIMN_SIMD(sum),
    .fill = LIMN_SIMD(fill),
    .moments = LIMN_SIMD(moments),
    .normalize = LIMN_SIMD(normalize),
    .gradient_sums = LIMN_SIMD(gradient_sums),
    .gradient_input = LIMN_SIMD(gradient_input),
    .channel_sums = LIMN_SIMD(channel_sums),
    .log_sum_exp = LIMN_SIMD(log_sum_exp),
    .adam = LIMN_SIMD(adam),
    .sgd = LIMN_SIMD(sgd),
    .multiply_adds = LIMN_SIMD(multiply_adds),
    .winograd = &LIMN_SIMD(winograd),
    .unit_winograd = &LIMN_SIMD(unit_winograd),
    .few_channels = &LIMN_SIMD(few_channels),
    .depthwise = &LIMN_SIMD(depthwise),
    .gemm = &LIMN_SIMD(gemm),
    .spatial = &LIMN_SIMD(spatial),
    .bf16 = &LIMN_SIMD(bf16),
    .bf16_batchnorm = &LIMN_SIMD(bf16_batchnorm),
};
