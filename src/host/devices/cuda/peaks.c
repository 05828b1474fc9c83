/* What the card does at most, from what CUDA says of it. */
#include "devices/cuda/cuda.h"

/* FLOP a cycle of one multiprocessor, dense, with fp32 sums; two a multiply-add. NVIDIA's whitepapers of the GPUs. CUDA
 * does not tell workstation cards of 8.6, 8.9 and 12.0, whose tensor cores sum in fp32 at twice this rate, from GeForce
 * ones. */
static const struct {
  int major, minor;
  double fp32, tf32, half;
} rates[] = {
    {8, 0, 128, 1024, 2048}, {8, 6, 256, 256, 512},    {8, 9, 256, 256, 512},
    {9, 0, 256, 2048, 4096}, {10, 0, 256, 4096, 8192}, {12, 0, 256, 256, 512},
};

static double attribute(int index, enum cudaDeviceAttr name) {
  int value = 0;
  return cudaDeviceGetAttribute(&value, name, index) == cudaSuccess ? value : 0;
}

void cuda_find_peaks(limn_card *card, int index, int major, int minor) {
  const double cycles = attribute(index, cudaDevAttrMultiProcessorCount) * attribute(index, cudaDevAttrClockRate) * 1e3;
  for (size_t i = 0; i < sizeof rates / sizeof *rates; ++i)
    if (rates[i].major == major && rates[i].minor == minor) {
      card->fp32 = cycles * rates[i].fp32;
      card->tf32 = cycles * rates[i].tf32;
      card->half = cycles * rates[i].half;
    }
  /* Bits a transfer, and two transfers a cycle. */
  card->bandwidth =
      attribute(index, cudaDevAttrGlobalMemoryBusWidth) / 8 * 2 * attribute(index, cudaDevAttrMemoryClockRate) * 1e3;
}
