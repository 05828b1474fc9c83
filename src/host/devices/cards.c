#include "devices/cards.h"

#include <string.h>

#define GIB 1073741824.0

/* What cuDNN asks about a card, of which these differ between the cards here. Sizes are bytes, clocks kHz. */
#define PROPERTIES(sms, shared, blocks, threads, memory, clock, memory_clock, l2, version, name)                       \
  "{\"maxGridSize\": [2147483647, 65535, 65535], \"maxBlockSize\": [1024, 1024, 64], \"regsPerBlock\": 65536, "        \
  "\"multiProcessorCount\": " #sms ", \"warpSize\": 32, \"maxSharedMemoryPerBlock\": 49152, "                          \
  "\"maxSharedMemoryPerBlockOptin\": " #shared ", \"reservedSharedMemoryPerBlock\": 1024, "                            \
  "\"maxRegistersPerSM\": 65536, \"maxCtasPerSM\": " #blocks ", \"maxThreadsPerBlock\": 1024, "                        \
  "\"maxThreadsPerSM\": " #threads ", \"pciDeviceId\": 0, \"isTccDriver\": 0, \"supportCoopLaunch\": 1, "              \
  "\"totalGlobalMem\": " #memory ", \"smClockRateKHz\": " #clock ", \"memClockRateKHz\": " #memory_clock               \
  ", \"l2CacheSize\": " #l2 ", \"cudaDeviceId\": 0, \"deviceVer\": " #version                                          \
  ", \"driverVer\": 13000, \"deviceName\": \"" name "\"}"

/* Figures are NVIDIA's: the data sheets of the H100 and A100 (SXM, 80 GB) and the H200 and the whitepapers of the
 * GA102, AD102 and RTX Blackwell GPUs; limits of a multiprocessor are those that the CUDA programming guide lists by
 * compute capability. Memory is the nominal size (a driver keeps some of it), clocks are the boost clocks. Peaks are
 * dense, without structured sparsity; `half` is fp16 and bf16 with fp32 sums, which GeForce cards do at half the
 * advertised rate. */
static const limn_card cards[] = {
    {
        .name = "h100",
        .properties =
            PROPERTIES(132, 232448, 32, 2048, 85899345920, 1980000, 2619000, 52428800, 900, "NVIDIA H100 80GB HBM3"),
        .memory_bytes = 80 * GIB,
        .bandwidth = 3.35e12,
        .fp32 = 66.9e12,
        .tf32 = 494.7e12,
        .half = 989.4e12,
    },
    {
        .name = "h200",
        .properties = PROPERTIES(132, 232448, 32, 2048, 141000000000, 1980000, 3201000, 52428800, 900, "NVIDIA H200"),
        .memory_bytes = 141e9,
        .bandwidth = 4.8e12,
        .fp32 = 66.9e12,
        .tf32 = 494.7e12,
        .half = 989.4e12,
    },
    {
        .name = "a100",
        .properties =
            PROPERTIES(108, 166912, 32, 2048, 85899345920, 1410000, 1593000, 41943040, 800, "NVIDIA A100-SXM4-80GB"),
        .memory_bytes = 80 * GIB,
        .bandwidth = 2.039e12,
        .fp32 = 19.5e12,
        .tf32 = 156e12,
        .half = 312e12,
    },
    {
        .name = "rtx3090",
        .properties =
            PROPERTIES(82, 101376, 16, 1536, 25769803776, 1695000, 9751000, 6291456, 860, "NVIDIA GeForce RTX 3090"),
        .memory_bytes = 24 * GIB,
        .bandwidth = 0.936e12,
        .fp32 = 35.6e12,
        .tf32 = 35.6e12,
        .half = 71e12,
    },
    {
        .name = "rtx4090",
        .properties =
            PROPERTIES(128, 101376, 24, 1536, 25769803776, 2520000, 10501000, 75497472, 890, "NVIDIA GeForce RTX 4090"),
        .memory_bytes = 24 * GIB,
        .bandwidth = 1.008e12,
        .fp32 = 82.6e12,
        .tf32 = 82.6e12,
        .half = 165.2e12,
    },
    {
        .name = "rtx5090",
        .properties = PROPERTIES(170, 101376, 24, 1536, 34359738368, 2407000, 14001000, 100663296, 1200,
                                 "NVIDIA GeForce RTX 5090"),
        .memory_bytes = 32 * GIB,
        .bandwidth = 1.792e12,
        .fp32 = 104.8e12,
        .tf32 = 104.8e12,
        .half = 209.5e12,
    },
};

size_t limn_card_count(void) { return sizeof cards / sizeof *cards; }

const limn_card *limn_card_at(size_t index) { return index < limn_card_count() ? &cards[index] : NULL; }

const limn_card *limn_card_find(const char *name) {
  for (size_t i = 0; i < limn_card_count(); ++i)
    if (strcmp(cards[i].name, name) == 0)
      return &cards[i];
  return NULL;
}

double limn_card_peak(const limn_card *card, const char *precision) {
  if (!precision)
    return card->tf32;
  bool half = strcmp(precision, "bf16") == 0 || strcmp(precision, "fp16") == 0;
  return half ? card->half : strcmp(precision, "fp32") == 0 ? card->fp32 : card->tf32;
}
