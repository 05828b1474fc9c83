#include "runtime_cases.h"

#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "sample_kernels.h"

namespace {

cudaStream_t new_stream(unsigned flags) {
  cudaStream_t s;
  NEED(cudaStreamCreateWithFlags(&s, flags));
  return s;
}

cudaEvent_t new_event() {
  cudaEvent_t e;
  NEED(cudaEventCreateWithFlags(&e, cudaEventDefault));
  return e;
}

/* One stream sets the buffer, the other one reads it into pinned memory: is it the new value? */
struct pair {
  cudaStream_t a, b;
  cudaEvent_t event, back;
  int *device, *host;

  explicit pair(unsigned flags_a, unsigned flags_b)
      : a(new_stream(flags_a)), b(new_stream(flags_b)), event(new_event()), back(new_event()), device(make<int>(64)) {
    void *p;
    NEED(cudaMallocHost(&p, 256));
    host = static_cast<int *>(p);
    memset(host, 0, 256);
    NEED(cudaMemset(device, 0, 256));
    NEED(cudaDeviceSynchronize());
  }
  void work(bool wait) {
    NEED(cudaMemsetAsync(device, 1, 256, a));
    if (wait) {
      NEED(cudaEventRecord(event, a));
      NEED(cudaStreamWaitEvent(b, event, 0));
    }
    NEED(cudaMemcpyAsync(host, device, 256, cudaMemcpyDeviceToHost, b));
  }
  bool fresh() const { return host[63] == 0x01010101; }
  void release() {
    NEED(cudaStreamDestroy(a));
    NEED(cudaStreamDestroy(b));
    NEED(cudaEventDestroy(event));
    NEED(cudaEventDestroy(back));
    NEED(cudaFree(device));
    NEED(cudaFreeHost(host));
  }
};

int streams_with(bool wait) {
  pair p(cudaStreamNonBlocking, cudaStreamNonBlocking);
  p.work(wait);
  bool early = p.fresh();
  NEED(cudaDeviceSynchronize());
  int result = early ? 2 : p.fresh() ? 0 : 1;
  p.release();
  return result;
}
int with_wait() { return streams_with(true); }
int without_wait() { return streams_with(false); }

/* The same inside of a graph: b joins a's capture by the event, and a waits for b at its end. */
int graph_with(bool wait) {
  pair p(cudaStreamNonBlocking, cudaStreamNonBlocking);
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  NEED(cudaStreamBeginCapture(p.a, cudaStreamCaptureModeGlobal));
  NEED(cudaEventRecord(p.event, p.a));
  NEED(cudaStreamWaitEvent(p.b, p.event, 0));
  p.work(wait);
  NEED(cudaEventRecord(p.back, p.b));
  NEED(cudaStreamWaitEvent(p.a, p.back, 0));
  NEED(cudaStreamEndCapture(p.a, &graph));
  NEED(cudaGraphInstantiate(&exec, graph, 0));
  NEED(cudaGraphUpload(exec, p.a));
  NEED(cudaGraphLaunch(exec, p.a));
  NEED(cudaStreamSynchronize(p.a));
  int result = p.fresh() ? 0 : 1;
  NEED(cudaGraphDestroy(graph));
  NEED(cudaGraphExecDestroy(exec));
  p.release();
  return result;
}
int graph_with_wait() { return graph_with(true); }
int graph_without_wait() { return graph_with(false); }

/* Blocking streams and the legacy stream wait for each other; a copy on the latter is enough. */
int legacy_stream() {
  pair p(cudaStreamDefault, cudaStreamNonBlocking);
  NEED(cudaMemsetAsync(p.device, 1, 256, p.a));
  int value;
  NEED(cudaMemcpy(&value, p.device, 4, cudaMemcpyDeviceToHost));
  CHECK(value == 0x01010101, "%x", value);
  NEED(cudaMemsetAsync(p.device, 2, 256, nullptr));
  NEED(cudaMemcpyAsync(p.host, p.device, 256, cudaMemcpyDeviceToHost, p.a));
  NEED(cudaStreamSynchronize(p.a));
  CHECK(p.host[0] == 0x02020202, "%x", p.host[0]);
  p.release();
  return 0;
}

int replay() {
  cudaStream_t s = new_stream(cudaStreamNonBlocking);
  std::vector<float> x(3000, 1.0f);
  float *dx = upload(x), *out = make<float>(1);
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  NEED(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
  NEED(cudaMemsetAsync(out, 0, 4, s));
  NEED(sample_sum(out, dx, 3000, s));
  cudaStreamCaptureStatus status;
  NEED(cudaStreamIsCapturing(s, &status));
  CHECK(status == cudaStreamCaptureStatusActive, "%d", status);
  NEED(cudaStreamEndCapture(s, &graph));
  NEED(cudaGraphInstantiate(&exec, graph, 0));
  NEED(cudaGraphDestroy(graph));
  for (int i = 0; i < 3; ++i)
    NEED(cudaGraphLaunch(exec, s));
  NEED(cudaStreamSynchronize(s));
  CHECK(download(out, 1)[0] == 3000, "%g", download(out, 1)[0]);
  NEED(cudaGraphExecDestroy(exec));
  NEED(cudaFree(dx));
  NEED(cudaFree(out));
  NEED(cudaStreamDestroy(s));
  return 0;
}

/* What a capture refuses, and what it says at its end. */
int captures() {
  pair p(cudaStreamNonBlocking, cudaStreamNonBlocking);
  cudaGraph_t graph;
  void *memory;
  int pageable = 0;
  auto begin = [&] { NEED(cudaStreamBeginCapture(p.a, cudaStreamCaptureModeGlobal)); };
  auto end = [&](cudaError_t wanted, const char *why) {
    cudaError_t got = cudaStreamEndCapture(p.a, &graph);
    CHECK(got == wanted && graph == nullptr, "%s: %s", why, cudaGetErrorName(got));
    cudaGetLastError();
  };
  begin();
  CHECK(cudaMalloc(&memory, 4) == cudaErrorStreamCaptureUnsupported, "malloc");
  end(cudaErrorStreamCaptureInvalidated, "malloc");
  begin();
  CHECK(cudaStreamSynchronize(p.a) == cudaErrorStreamCaptureUnsupported, "synchronize");
  end(cudaErrorStreamCaptureInvalidated, "synchronize");
  NEED(cudaEventRecord(p.back, p.b));
  begin();
  CHECK(cudaStreamWaitEvent(p.a, p.back, 0) == cudaErrorStreamCaptureIsolation, "isolation");
  end(cudaErrorStreamCaptureInvalidated, "isolation");
  begin();
  NEED(cudaEventRecord(p.event, p.a));
  NEED(cudaStreamWaitEvent(p.b, p.event, 0));
  NEED(cudaMemsetAsync(p.device, 0, 4, p.b));
  end(cudaErrorStreamCaptureUnjoined, "unjoined");
  CHECK(cudaStreamWaitEvent(p.a, p.event, 0) == cudaErrorCapturedEvent, "an event of a capture that is over");
  begin();
  CHECK(cudaMemcpyAsync(&pageable, p.device, 4, cudaMemcpyDeviceToHost, p.a) == cudaErrorStreamCaptureUnsupported,
        "copy");
  NEED(cudaStreamEndCapture(p.a, &graph));
  NEED(cudaGraphDestroy(graph));
  cudaGetLastError();
  NEED(cudaDeviceSynchronize());
  p.release();
  return 0;
}

int device_questions() {
  int value;
  size_t free, total;
  NEED(cudaMemGetInfo(&free, &total));
  CHECK(total == 1000000 && free == total, "%zu of %zu", free, total);
  float *p = make<float>(200000), *none;
  CHECK(cudaMalloc(reinterpret_cast<void **>(&none), 300000) == cudaErrorMemoryAllocation && !none, "over the limit");
  CHECK(cudaPeekAtLastError() == cudaErrorMemoryAllocation, "peek");
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaSuccess, "forgotten once read");
  NEED(cudaMemGetInfo(&free, &total));
  CHECK(free == 200000, "%zu", free);
  NEED(cudaFree(p));
  CHECK(cudaFree(p) == cudaErrorInvalidValue, "freed twice");
  NEED(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0));
  CHECK(value == 132, "%d", value);
  cudaDeviceProp properties;
  NEED(cudaGetDeviceProperties(&properties, 0));
  CHECK(properties.major == 9 && strstr(properties.name, "H100"), "%s", properties.name);
  CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice, "device 1");
  CHECK(strcmp(cudaGetErrorName(cudaErrorMemoryAllocation), "cudaErrorMemoryAllocation") == 0, "name");
  cudaGetLastError();
  return 0;
}

int waiting() {
  pair p(cudaStreamNonBlocking, cudaStreamNonBlocking);
  NEED(cudaEventRecord(p.back, p.a));
  NEED(cudaMemsetAsync(p.device, 1, 256, p.a));
  NEED(cudaEventRecord(p.event, p.a));
  float milliseconds;
  while (cudaEventQuery(p.event) == cudaErrorNotReady)
    continue;
  NEED(cudaEventElapsedTime(&milliseconds, p.back, p.event));
  CHECK(milliseconds >= 0, "%g ms", static_cast<double>(milliseconds));
  NEED(cudaMemsetAsync(p.device, 2, 256, p.a));
  while (cudaStreamQuery(p.a) == cudaErrorNotReady)
    continue;
  NEED(cudaMemcpy(p.host, p.device, 4, cudaMemcpyDeviceToHost));
  CHECK(p.host[0] == 0x02020202, "%x", p.host[0]);
  NEED(cudaEventSynchronize(p.event));
  p.release();
  return 0;
}

/* A launch fails once, by cudaGetLastError; a failed wait has lost the context, for every call from then on. */
int failed_launch() {
  float *y = make<float>(64);
  sample_long bias = {};
  CHECK(sample_fill(y, 64, &bias, nullptr) == cudaErrorLaunchOutOfResources, "the first");
  CHECK(sample_fill(y, 64, &bias, nullptr) == cudaSuccess, "the second");
  NEED(cudaFree(y));
  return 0;
}
int failed_wait() {
  float *y = make<float>(64);
  void *other;
  CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure, "the first");
  CHECK(cudaMalloc(&other, 4) == cudaErrorLaunchFailure && cudaGetLastError() && cudaGetLastError(), "all later ones");
  CHECK(cudaFree(y) == cudaErrorLaunchFailure, "free");
  return 0;
}

int leaks() {
  make<float>(1);
  new_event();
  return 0;
}

struct named_case {
  const char *name;
  int (*run)();
  std::vector<std::string> settings;
  int exit_code;
};

const std::vector<named_case> &cases() {
  static const std::vector<named_case> all = {
      {"legacy_stream", legacy_stream, {}, 0},
      {"replay", replay, {}, 0},
      {"captures", captures, {}, 0},
      {"device_questions", device_questions, {"LIMN_VIRTUAL_GPU_MEMORY=1000000"}, 0},
      {"waiting", waiting, {}, 0},
      {"failed_launch", failed_launch, {"LIMN_VIRTUAL_GPU_FAIL=launch:1"}, 0},
      {"failed_wait", failed_wait, {"LIMN_VIRTUAL_GPU_FAIL=sync:1"}, 0},
      {"replay", replay, {"LIMN_VIRTUAL_GPU_FAIL=graph:2"}, 1},
      {"replay", replay, {"LIMN_VIRTUAL_GPU_FAIL=graph:4"}, 0},
      {"replay", replay, {"LIMN_VIRTUAL_GPU_FAIL=grahp:1"}, 2},
      {"leaks", leaks, {}, 86},
  };
  return all;
}

const named_case streams_cases[] = {
    {"with_wait", with_wait, {}, 0},
    {"without_wait", without_wait, {}, 1},
    {"graph_with_wait", graph_with_wait, {}, 0},
    {"graph_without_wait", graph_without_wait, {}, 1},
};

/* With the wait every seed is right; without it some are wrong. */
void check_waits(const named_case &c) {
  int wrong = 0;
  for (int seed = 1; seed <= 12; ++seed) {
    outcome o = run_self(c.name, {"LIMN_VIRTUAL_GPU_SEED=" + std::to_string(seed), "LIMN_VIRTUAL_GPU_LEAKS=1"});
    CHECK(o.exit_code <= c.exit_code, "%s, seed %d: exit code %d, output:\n%s", c.name, seed, o.exit_code,
          o.output.c_str());
    wrong += o.exit_code == 1;
  }
  CHECK((wrong > 0) == (c.exit_code == 1), "%s: wrong for %d of 12 seeds", c.name, wrong);
}

void check_counts() {
  char path[] = "/tmp/virtual_gpu_counts_XXXXXX";
  close(mkstemp(path));
  outcome o = run_self("replay", {std::string("LIMN_VIRTUAL_GPU_COUNT=") + path});
  FILE *f = fopen(path, "r");
  char text[512] = "";
  if (f) {
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
  }
  CHECK(o.exit_code == 0 && strstr(text, "graph 3\n") && strstr(text, "launch 1\n") && strstr(text, "malloc 2\n"),
        "counts:\n%s", text);
  unlink(path);
}

} // namespace

void check_runtime() {
  for (const named_case &c : cases()) {
    std::vector<std::string> settings = c.settings;
    settings.push_back("LIMN_VIRTUAL_GPU_LEAKS=1");
    settings.push_back("ASAN_OPTIONS=detect_leaks=0"); /* cases that fail stop where they stand */
    outcome o = run_self(c.name, settings);
    CHECK(o.exit_code == c.exit_code || (c.exit_code == 1 && o.exit_code == 86),
          "%s: exit code %d, not %d, output:\n%s", c.name, o.exit_code, c.exit_code, o.output.c_str());
  }
  for (const named_case &c : streams_cases)
    check_waits(c);
  check_counts();
}

int run_runtime_case(const char *name) {
  for (const named_case &c : cases())
    if (strcmp(c.name, name) == 0)
      return c.run() || checks_failed;
  for (const named_case &c : streams_cases)
    if (strcmp(c.name, name) == 0)
      return c.run();
  return 2;
}
