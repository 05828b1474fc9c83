/* cuDNN without a GPU: planning goes to the real library for the card of the settings; handles and execution are ours.
 * Variant packs cannot be read back from it, so what is set on them is kept here, beside the plans. */
#include <cudnn.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>

#include "interpret.h"
#include "virtual_gpu.h"

struct cudnnContext {
  cudaStream_t stream;
};

namespace virtual_gpu {
namespace {

constexpr double EXECUTE_SECONDS = 3e-3; /* of the host, by the clock of chance */

struct pack {
  std::vector<int64_t> names;
  std::vector<void *> pointers;
  void *workspace = nullptr;
};

struct plan {
  std::shared_ptr<const graph_description> graph; /* NULL until the first execution: parsed once */
  size_t workspace = 0;
};

std::map<cudnnBackendDescriptor_t, pack> &packs() {
  static auto *all = new std::map<cudnnBackendDescriptor_t, pack>;
  return *all;
}

std::map<cudnnBackendDescriptor_t, plan> &plans() {
  static auto *all = new std::map<cudnnBackendDescriptor_t, plan>;
  return *all;
}

#define TEXT(x)       #x
#define TEXT_OF(x)    TEXT(x)
#define CUDNN_LIBRARY "libcudnn.so." TEXT_OF(CUDNN_MAJOR)

/* The function of this name in NVIDIA's library, which this module hides from itself. */
template <class F> F *real(F *, const char *name) {
  static void *library = dlopen(CUDNN_LIBRARY, RTLD_NOW);
  void *found = library ? dlsym(library, name) : nullptr;
  if (!found)
    die("%s has no %s: %s", CUDNN_LIBRARY, name, dlerror());
  return reinterpret_cast<F *>(found);
}
#define REAL(f) real(&f, #f)

/* What cuDNN itself never frees is not ours to report; descriptors that the program forgets are counted (alive). */
struct unwatched {
#ifdef VIRTUAL_GPU_ASAN
  unwatched() { __lsan_disable(); }
  ~unwatched() { __lsan_enable(); }
#else
  unwatched() {}
#endif
};

std::string plan_json(cudnnBackendDescriptor_t d) {
  int64_t length = 0;
  auto get = REAL(cudnnBackendGetAttribute);
  const auto name = CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION;
  if (get(d, name, CUDNN_TYPE_CHAR, 0, &length, nullptr) || length <= 0)
    throw std::runtime_error("the plan gives no JSON");
  std::string text(static_cast<size_t>(length) + 1, '\0');
  if (get(d, name, CUDNN_TYPE_CHAR, length, &length, text.data()))
    throw std::runtime_error("the plan gives no JSON");
  return text;
}

void describe(cudnnBackendDescriptor_t d, plan &p) {
  unwatched here;
  int64_t bytes = 0, count = 0;
  p.graph = describe_graph(plan_json(d).c_str());
  if (REAL(cudnnBackendGetAttribute)(d, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count, &bytes))
    throw std::runtime_error("the plan gives no workspace size");
  p.workspace = static_cast<size_t>(bytes);
}

/* Values passed by value are read now, as cuDNN does; all others have to be live device memory, aligned as promised. */
binding bind(const graph_description &graph, const pack &given) {
  binding bound;
  if (given.names.size() != given.pointers.size())
    throw std::runtime_error("the variant pack has not as many pointers as names");
  for (auto &entry : graph.tensors) {
    const std::string &name = entry.first;
    const tensor &t = entry.second;
    if (t.is_virtual)
      continue;
    auto i = std::find_if(given.names.begin(), given.names.end(), [&](int64_t n) { return std::to_string(n) == name; });
    if (i == given.names.end())
      throw std::runtime_error("the variant pack lacks tensor " + name);
    char *p = static_cast<char *>(given.pointers[static_cast<size_t>(i - given.names.begin())]);
    if (t.by_value)
      bound.values[name] = load_number(p, t.type, 0);
    else if (!is_live(p, t.bytes()))
      throw std::runtime_error("tensor " + name + " is not in live device memory");
    else if (reinterpret_cast<uintptr_t>(p) % static_cast<uintptr_t>(t.alignment))
      throw std::runtime_error("tensor " + name + " is not aligned as its descriptor says");
    bound.memory[name] = p;
  }
  return bound;
}

/* What an engine leaves in its workspace is nobody's to use. Both ends will do: workspaces can be large. */
void spoil(void *workspace, size_t bytes) {
  size_t end = std::min<size_t>(bytes, 64 << 10);
  memset(workspace, 0xff, end);
  memset(static_cast<char *>(workspace) + bytes - end, 0xff, end);
}

cudnnStatus_t execute(cudaStream_t stream, cudnnBackendDescriptor_t d, const pack &given) {
  plan &p = plans()[d];
  std::shared_ptr<const binding> bound;
  try {
    if (!p.graph)
      describe(d, p);
    bound = std::make_shared<const binding>(bind(*p.graph, given));
    if (p.workspace && !is_live(given.workspace, p.workspace))
      throw std::runtime_error("the workspace is not " + std::to_string(p.workspace) + " bytes of live device memory");
  } catch (const std::exception &e) {
    fprintf(stderr, "virtual gpu: cudnnBackendExecute: %s\n", e.what());
    return CUDNN_STATUS_BAD_PARAM;
  }
  auto graph = p.graph;
  void *workspace = given.workspace;
  size_t bytes = p.workspace;
  cudaError_t error = enqueue(stream, [=] {
    if (bytes)
      spoil(workspace, bytes);
    run_graph(*graph, *bound);
    if (bytes)
      spoil(workspace, bytes);
  });
  return error ? CUDNN_STATUS_EXECUTION_FAILED_CUDART : CUDNN_STATUS_SUCCESS;
}

bool is_plan_attribute(cudnnBackendAttributeName_t name) {
  return name == CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG || name == CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION ||
         name == CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP;
}

template <class T> void assign(std::vector<T> &to, int64_t count, const void *from) {
  const T *first = static_cast<const T *>(from);
  to.assign(first, first + count);
}

/* The card of the settings instead of a device that is not there. */
cudnnStatus_t set_card(cudnnBackendDescriptor_t d, const void *device) {
  if (*static_cast<const int32_t *>(device) != 0)
    return CUDNN_STATUS_BAD_PARAM;
  const char *card = card_properties();
  return REAL(cudnnBackendSetAttribute)(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                        static_cast<int64_t>(strlen(card)) + 1, card);
}

} // namespace
} // namespace virtual_gpu

using namespace virtual_gpu;

extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
  guard held(lock());
  *handle = nullptr;
  if (lost() || fails(call::create))
    return CUDNN_STATUS_NOT_INITIALIZED;
  *handle = new cudnnContext{nullptr};
  alive("cuDNN handles", 1);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  guard held(lock());
  if (!handle)
    return CUDNN_STATUS_BAD_PARAM;
  delete handle;
  alive("cuDNN handles", -1);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t *stream) {
  *stream = handle->stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *out) {
  guard held(lock());
  unwatched here;
  cudnnStatus_t status = REAL(cudnnBackendCreateDescriptor)(type, out);
  if (status == CUDNN_STATUS_SUCCESS)
    alive("cuDNN descriptors", 1);
  return status;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t d) {
  guard held(lock());
  unwatched here;
  packs().erase(d);
  plans().erase(d);
  cudnnStatus_t status = REAL(cudnnBackendDestroyDescriptor)(d);
  if (d && status == CUDNN_STATUS_SUCCESS)
    alive("cuDNN descriptors", -1);
  return status;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count, const void *values) {
  guard held(lock());
  unwatched here;
  if (name == CUDNN_ATTR_DEVICEPROP_DEVICE_ID)
    return set_card(d, values);
  if (name == CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS)
    assign(packs()[d].names, count, values);
  else if (name == CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)
    assign(packs()[d].pointers, count, values);
  else if (name == CUDNN_ATTR_VARIANT_PACK_WORKSPACE)
    packs()[d].workspace = *static_cast<void *const *>(values);
  else if (is_plan_attribute(name))
    plans()[d] = {};
  return REAL(cudnnBackendSetAttribute)(d, name, type, count, values);
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t wanted, int64_t *count, void *values) {
  guard held(lock());
  unwatched here;
  return REAL(cudnnBackendGetAttribute)(d, name, type, wanted, count, values);
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t d) {
  guard held(lock());
  unwatched here;
  if (plans().count(d) && fails(call::plan))
    return CUDNN_STATUS_INTERNAL_ERROR_COMPILATION_FAILED;
  return REAL(cudnnBackendFinalize)(d);
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t d, cudnnBackendDescriptor_t given) {
  guard held(lock());
  auto i = packs().find(given);
  if (!handle || i == packs().end() || !plans().count(d))
    return CUDNN_STATUS_BAD_PARAM;
  if (lost() || fails(call::execute))
    return CUDNN_STATUS_EXECUTION_FAILED;
  host_works(EXECUTE_SECONDS);
  return execute(handle->stream, d, i->second);
}

} // extern "C"
