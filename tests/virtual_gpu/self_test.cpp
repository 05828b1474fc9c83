/* The virtual GPU's own test. Without arguments it starts itself anew for each case: what is right has to come out
 * right under several seeds, and each mistake has to be noticed. `self_test CASE` runs one case. */
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "runtime_cases.h"
#include "sample_kernels.h"
#include "virtual_gpu.h"

namespace {

#if defined(VIRTUAL_GPU_ASAN)
const char build = 'a';
#elif defined(LIMN_VIRTUAL_GPU_TSAN)
const char build = 't';
#else
const char build = 'p';
#endif

std::vector<float> counting(size_t n) {
  std::vector<float> x(n);
  for (size_t i = 0; i < n; ++i)
    x[i] = static_cast<float>(i * 37 % 101);
  return x;
}

double total(const std::vector<float> &x) {
  double sum = 0;
  for (float v : x)
    sum += v;
  return sum;
}

cudaStream_t new_stream() {
  cudaStream_t s;
  NEED(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  return s;
}

/* ---- right kernels ---- */

void sums(cudaStream_t s) {
  std::vector<float> x = counting(5000);
  float *dx = upload(x), *out = upload(std::vector<float>{0}), *partial = make<float>(20);
  NEED(sample_sum(out, dx, 5000, s));
  NEED(sample_tree(partial, dx, 5000, s));
  NEED(cudaStreamSynchronize(s));
  CHECK(download(out, 1)[0] == total(x), "sum %g, not %g", download(out, 1)[0], total(x));
  CHECK(total(download(partial, 20)) == total(x), "tree %g, not %g", total(download(partial, 20)), total(x));
  for (void *p : {dx, out, partial})
    NEED(cudaFree(p));
}

bool transposed(const std::vector<float> &x, const std::vector<float> &y, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j)
      if (y[j * rows + i] != x[i * columns + j])
        return false;
  return true;
}

bool run_transpose(cudaStream_t s, bool barrier) {
  std::vector<float> x = counting(37 * 53);
  float *dx = upload(x), *y = make<float>(x.size());
  NEED((barrier ? sample_transpose : mistake_no_barrier)(y, dx, 37, 53, s));
  NEED(cudaStreamSynchronize(s));
  bool right = transposed(x, download(y, x.size()), 37, 53);
  NEED(cudaFree(dx));
  NEED(cudaFree(y));
  return right;
}

void warps(cudaStream_t s) {
  float *out = make<float>(32);
  unsigned *flags = upload(std::vector<unsigned>{0, 0});
  NEED(sample_warp(out, flags, s));
  NEED(cudaStreamSynchronize(s));
  std::vector<unsigned> f = download(flags, 2);
  CHECK(f[0] == 0xffffffffu && f[1] == 31, "flags %x, highest lane %u", f[0], f[1]);
  CHECK(download(out, 32)[3] == 7, "lane 3 got %g", download(out, 32)[3]);
  NEED(cudaFree(out));
  NEED(cudaFree(flags));
}

template <class T, class To, class From, class Launch> void halves(cudaStream_t s, To to, From from, Launch launch) {
  std::vector<T> x(700);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = to(static_cast<float>(i) * 0.37f);
  T *dx = upload(x), *y = make<T>(x.size());
  NEED(launch(y, dx, 0.3f, static_cast<int>(x.size()), s));
  NEED(cudaStreamSynchronize(s));
  std::vector<T> got = download(y, x.size());
  for (size_t i = 0; i < x.size(); ++i)
    CHECK(from(got[i]) == from(to(0.3f * from(x[i]))), "element %zu is %g", i, from(got[i]));
  NEED(cudaFree(dx));
  NEED(cudaFree(y));
}

void long_arguments(cudaStream_t s) {
  sample_long bias = {};
  bias.values[0] = 0.5f;
  float *y = make<float>(1000);
  NEED(sample_fill(y, 1000, &bias, s));
  bias.values[0] = 7; /* the launch has its own copy */
  NEED(cudaStreamSynchronize(s));
  CHECK(download(y, 1000)[999] == 999.5f, "%g", download(y, 1000)[999]);
  NEED(cudaFree(y));
}

void right_kernels() {
  cudaStream_t s = new_stream();
  sums(s);
  CHECK(run_transpose(s, true), "transpose");
  warps(s);
  halves<__nv_bfloat16>(
      s, [](float v) { return __float2bfloat16(v); }, [](__nv_bfloat16 v) { return __bfloat162float(v); },
      sample_scale_bf16);
  halves<__half>(
      s, [](float v) { return __float2half(v); }, [](__half v) { return __half2float(v); }, sample_scale_f16);
  long_arguments(s);
  NEED(cudaStreamDestroy(s));
}

/* ---- mistakes: what a case prints when nothing stops it is "not noticed" ---- */

void run_mistake(cudaError_t (*launch)(float *, cudaStream_t)) {
  float *y = make<float>(64);
  NEED(launch(y, nullptr));
  NEED(cudaDeviceSynchronize());
  puts("not noticed");
}

/* Less than a page behind the end, and then so far that it faults. */
void overrun() {
  float *y = make<float>(60);
  NEED(mistake_overrun(y, 60, nullptr));
  NEED(cudaDeviceSynchronize());
  puts("not noticed");
}
void overrun_of_page() {
  run_mistake([](float *y, cudaStream_t s) { return mistake_overrun(y, 64, s); });
}
void early_exit() {
  run_mistake([](float *y, cudaStream_t s) { return mistake_early_exit(y, 40, s); });
}
void two_barriers() { run_mistake(mistake_two_barriers); }
void lane_left() { run_mistake(mistake_lane_left); }
void shared_overrun() { run_mistake(mistake_shared_overrun); }
void blocks_race() { run_mistake(mistake_blocks_race); }

void no_barrier() { puts(run_transpose(nullptr, false) ? "not noticed" : "wrong result"); }

void shared_unset() {
  float *y = make<float>(64);
  NEED(mistake_shared_unset(y, nullptr));
  puts(isnan(download(y, 64)[63]) ? "wrong result" : "not noticed");
}

void host_pointer() {
  std::vector<float> x(64);
  sample_tree(x.data(), x.data(), 64, nullptr);
  puts("not noticed");
}

void host_access() {
  volatile float *x = upload(counting(64));
  printf("not noticed: %g\n", static_cast<double>(x[0]));
}

void host_access_new() {
  volatile float *x = make<float>(64);
  printf("not noticed: %g\n", static_cast<double>(x[0]));
}

void freed() {
  float *y = make<float>(64);
  NEED(cudaFree(y));
  mistake_overrun(y, 64, nullptr);
  puts("not noticed");
}

/* A pointer that the launch does not see: the graph was made while the memory was alive. */
void freed_in_graph() {
  cudaStream_t s = new_stream();
  float *y = make<float>(64);
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  NEED(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal));
  NEED(cudaMemsetAsync(y, 0, 256, s));
  NEED(cudaStreamEndCapture(s, &graph));
  NEED(cudaGraphInstantiate(&exec, graph, 0));
  NEED(cudaFree(y));
  NEED(cudaGraphLaunch(exec, s));
  NEED(cudaStreamSynchronize(s));
  puts("not noticed");
}

struct named_case {
  const char *name;
  void (*run)();
  const char *builds; /* in which it has to be noticed: p plain, a ASan, t TSan */
  const char *plain;  /* what the output has to hold... */
  const char *asan, *tsan;
};

const char asan_says[] = "AddressSanitizer", race[] = "data race";
const named_case mistakes[] = {
    {"overrun", overrun, "pat", "behind an allocation", asan_says, "behind an allocation"},
    {"overrun_of_page", overrun_of_page, "pat", "touched", asan_says, ""},
    {"no_barrier", no_barrier, "pat", "wrong result", "wrong result", race},
    {"early_exit", early_exit, "pat", "left the kernel", "left the kernel", "left the kernel"},
    {"two_barriers", two_barriers, "pat", "different __syncthreads", "different __syncthreads",
     "different __syncthreads"},
    {"lane_left", lane_left, "pat", "left the kernel", "left the kernel", "left the kernel"},
    {"shared_overrun", shared_overrun, "pat", "behind 256 bytes", asan_says, "behind 256 bytes"},
    {"shared_unset", shared_unset, "pat", "wrong result", "wrong result", "wrong result"},
    {"blocks_race", blocks_race, "t", "", "", race},
    {"host_pointer", host_pointer, "pat", "not in live device", "not in live device", "not in live device"},
    {"host_access", host_access, "pat", "the host touched", asan_says, ""},
    {"host_access_new", host_access_new, "pat", "the host touched", asan_says, ""},
    {"freed", freed, "pat", "not in live device", "not in live device", "not in live device"},
    {"freed_in_graph", freed_in_graph, "pat", "touched", asan_says, ""},
};

const char *expected(const named_case &c) { return build == 'a' ? c.asan : build == 't' ? c.tsan : c.plain; }

void check_mistake(const named_case &c, int seed) {
  if (!strchr(c.builds, build))
    return;
  outcome o = run_self(c.name, {"LIMN_VIRTUAL_GPU_SEED=" + std::to_string(seed)});
  bool noticed = o.output.find(expected(c)) != std::string::npos && o.output.find("not noticed") == std::string::npos;
  CHECK(noticed, "%s, seed %d: exit code %d, output:\n%s", c.name, seed, o.exit_code, o.output.c_str());
}

int run_case(const char *name) {
  for (const named_case &c : mistakes)
    if (strcmp(c.name, name) == 0) {
      c.run();
      fflush(stdout);
      _exit(0); /* not through the leak checker: a case ends where it is noticed */
    }
  if (strcmp(name, "right") == 0) {
    right_kernels();
    return checks_failed != 0;
  }
  return run_runtime_case(name);
}

} // namespace

int main(int argc, char **argv) {
  if (argc > 1)
    return run_case(argv[1]);
  setenv("TSAN_OPTIONS", "halt_on_error=1:atexit_sleep_ms=0", 1);
  for (int seed = 1; seed <= 5; ++seed) {
    outcome o = run_self("right", {"LIMN_VIRTUAL_GPU_SEED=" + std::to_string(seed), "LIMN_VIRTUAL_GPU_LEAKS=1"});
    CHECK(o.exit_code == 0, "seed %d: exit code %d, output:\n%s", seed, o.exit_code, o.output.c_str());
  }
  for (const named_case &c : mistakes)
    for (int seed = 1; seed <= 3; ++seed)
      check_mistake(c, seed);
  check_runtime();
  printf("%s\n", checks_failed ? "FAILED" : "passed");
  return checks_failed != 0;
}
