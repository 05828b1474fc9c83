/* The card that the virtual GPU pretends to be: cuDNN's JSON of its properties, and what the runtime says about it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stdexcept>

#include "json.h"
#include "virtual_gpu.h"

using namespace virtual_gpu;

namespace {

/* NVIDIA's public figures of an H100 SXM. */
const char h100[] = R"({"maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
 "regsPerBlock": 65536, "multiProcessorCount": 132, "warpSize": 32, "maxSharedMemoryPerBlock": 49152,
 "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536,
 "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "pciDeviceId": 0, "isTccDriver": 0,
 "supportCoopLaunch": 1, "totalGlobalMem": 85899345920, "smClockRateKHz": 1980000, "memClockRateKHz": 2619000,
 "l2CacheSize": 52428800, "cudaDeviceId": 0, "deviceVer": 900, "driverVer": 13000,
 "deviceName": "NVIDIA H100 80GB HBM3"})";

struct card {
  std::string text = h100;
  json properties;
  size_t memory = 0;

  int integer(const char *name) const { return static_cast<int>(properties[name].number); }
};

[[noreturn]] void refuse(const char *setting, const char *value, const char *why) {
  fprintf(stderr, "virtual gpu: %s=%s: %s\n", setting, value, why);
  _exit(2);
}

card *read_card() {
  card *made = new card;
  const char *path = getenv("LIMN_VIRTUAL_GPU_CARD"), *memory = getenv("LIMN_VIRTUAL_GPU_MEMORY");
  if (path && *path) {
    FILE *f = fopen(path, "r");
    if (!f)
      refuse("LIMN_VIRTUAL_GPU_CARD", path, "cannot be read");
    char buffer[16384];
    made->text.assign(buffer, fread(buffer, 1, sizeof buffer, f));
    fclose(f);
  }
  try {
    made->properties = parse_json(made->text.c_str());
    made->memory = static_cast<size_t>(made->properties["totalGlobalMem"].number);
  } catch (const std::exception &e) {
    refuse("LIMN_VIRTUAL_GPU_CARD", path ? path : "", e.what());
  }
  if (memory && *memory) {
    char *end;
    made->memory = strtoull(memory, &end, 10);
    if (*end)
      refuse("LIMN_VIRTUAL_GPU_MEMORY", memory, "is no number of bytes");
  }
  return made;
}

const card &the_card() {
  static const card *made = read_card();
  return *made;
}

/* cuDNN's JSON does not have it; by compute capability, of the cards that Limn plans for. */
int bus_width(int version) { return version == 800 || version == 900 ? 5120 : version >= 1000 ? 512 : 384; }

int attribute(const card &c, cudaDeviceAttr name) {
  int version = c.integer("deviceVer");
  switch (name) {
  case cudaDevAttrMultiProcessorCount:
    return c.integer("multiProcessorCount");
  case cudaDevAttrComputeCapabilityMajor:
    return version / 100;
  case cudaDevAttrComputeCapabilityMinor:
    return version % 100 / 10;
  case cudaDevAttrL2CacheSize:
    return c.integer("l2CacheSize");
  case cudaDevAttrMaxSharedMemoryPerBlock:
    return c.integer("maxSharedMemoryPerBlock");
  case cudaDevAttrMaxSharedMemoryPerBlockOptin:
    return c.integer("maxSharedMemoryPerBlockOptin");
  case cudaDevAttrMaxThreadsPerBlock:
    return c.integer("maxThreadsPerBlock");
  case cudaDevAttrMaxThreadsPerMultiProcessor:
    return c.integer("maxThreadsPerSM");
  case cudaDevAttrWarpSize:
    return c.integer("warpSize");
  case cudaDevAttrClockRate:
    return c.integer("smClockRateKHz");
  case cudaDevAttrMemoryClockRate:
    return c.integer("memClockRateKHz");
  case cudaDevAttrGlobalMemoryBusWidth:
    return bus_width(version);
  case cudaDevAttrIntegrated:
    return 0;
  default:
    return -1;
  }
}

} // namespace

namespace virtual_gpu {
const char *card_properties() { return the_card().text.c_str(); }
size_t card_memory() { return the_card().memory; }
} // namespace virtual_gpu

extern "C" {

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr name, int device) {
  VIRTUAL_GPU_ENTER();
  if (device != 0)
    return report(cudaErrorInvalidDevice);
  int found = attribute(the_card(), name);
  if (found < 0)
    return report(cudaErrorInvalidValue);
  *value = found;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device) {
  VIRTUAL_GPU_ENTER();
  if (device != 0)
    return report(cudaErrorInvalidDevice);
  const card &c = the_card();
  *p = {};
  snprintf(p->name, sizeof p->name, "%s", c.properties["deviceName"].text.c_str());
  p->totalGlobalMem = c.memory;
  p->sharedMemPerBlock = static_cast<size_t>(c.integer("maxSharedMemoryPerBlock"));
  p->sharedMemPerBlockOptin = static_cast<size_t>(c.integer("maxSharedMemoryPerBlockOptin"));
  p->reservedSharedMemPerBlock = static_cast<size_t>(c.integer("reservedSharedMemoryPerBlock"));
  p->regsPerBlock = c.integer("regsPerBlock");
  p->regsPerMultiprocessor = c.integer("maxRegistersPerSM");
  p->warpSize = c.integer("warpSize");
  p->maxThreadsPerBlock = c.integer("maxThreadsPerBlock");
  p->maxThreadsPerMultiProcessor = c.integer("maxThreadsPerSM");
  p->maxBlocksPerMultiProcessor = c.integer("maxCtasPerSM");
  for (size_t i = 0; i < 3; ++i) {
    p->maxThreadsDim[i] = static_cast<int>(c.properties["maxBlockSize"].list.at(i).number);
    p->maxGridSize[i] = static_cast<int>(c.properties["maxGridSize"].list.at(i).number);
  }
  p->major = attribute(c, cudaDevAttrComputeCapabilityMajor);
  p->minor = attribute(c, cudaDevAttrComputeCapabilityMinor);
  p->multiProcessorCount = c.integer("multiProcessorCount");
  p->l2CacheSize = c.integer("l2CacheSize");
  p->memoryBusWidth = bus_width(c.integer("deviceVer"));
  p->concurrentKernels = p->unifiedAddressing = p->asyncEngineCount = 1;
  return cudaSuccess;
}

} // extern "C"
