/* The numbers of a stored tensor as floats. */
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "limn/safetensors.h"

static float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* IEEE 754 binary16: every one of its numbers is a float. */
static float from_half(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
  if (exponent == 31) /* infinite, or not a number */
    return from_bits(sign | 0x7f800000 | fraction << 13);
  if (exponent > 0)
    return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
  float subnormal = (float)fraction * 0x1p-24f;
  return sign ? -subnormal : subnormal;
}

static float value_at(const uint8_t *data, size_t i, char kind) {
  uint16_t half;
  double wide;
  float value;
  switch (kind) {
  case 'h':
    memcpy(&half, data + 2 * i, sizeof half);
    return from_half(half);
  case 'b': /* the upper half of a float */
    memcpy(&half, data + 2 * i, sizeof half);
    return from_bits((uint32_t)half << 16);
  case 'd':
    memcpy(&wide, data + 8 * i, sizeof wide);
    return (float)wide; /* to the nearest; infinite where it is out of range */
  default:
    memcpy(&value, data + 4 * i, sizeof value);
    return value;
  }
}

limn_status limn_stored_tensor_floats(const limn_stored_tensor *tensor, float *out) {
  static const struct {
    const char *dtype;
    size_t size;
    char kind;
  } kinds[] = {{"F32", 4, 'f'}, {"F16", 2, 'h'}, {"BF16", 2, 'b'}, {"F64", 8, 'd'}};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k)
    if (strcmp(tensor->dtype, kinds[k].dtype) == 0) {
      for (size_t i = 0; i < tensor->bytes / kinds[k].size; ++i)
        out[i] = value_at(tensor->data, i, kinds[k].kind);
      return LIMN_OK;
    }
  return limn_fail(LIMN_DATA, "%.96s holds numbers of the type %s: convert it to F32, F16, BF16 or F64", tensor->name,
                   tensor->dtype);
}
