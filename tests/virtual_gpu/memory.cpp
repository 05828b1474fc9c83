/* Device memory: an address range of its own that faults on any access except while device work runs. Addresses are
 * never used twice, so that a freed one keeps faulting. Pinned memory, copies and fills. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <vector>

#include "fibers.h"
#include "virtual_gpu.h"

namespace virtual_gpu {
namespace {

constexpr size_t SPAN = 256ull << 30, PAGE = 4096, ALIGNMENT = 256;
constexpr size_t HUGE_SPAN = 4 << 20; /* what has room for huge pages */
constexpr unsigned char SLACK = 0xa5;

/* Ends as near as its alignment lets it before a page that always faults; the bytes up to there are checked. */
struct allocation {
  size_t bytes;
  char *pages;
  size_t span;
};

struct {
  char *base = nullptr;
  size_t top = 0, used = 0;
  bool open = false;
  std::map<char *, allocation> live;
  std::map<char *, size_t> pinned;
} g;

size_t up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* The entry that holds [p, p + bytes). */
template <class M, class Size> auto holder(M &map, const void *p, size_t bytes, Size size) {
  char *address = static_cast<char *>(const_cast<void *>(p));
  auto i = map.upper_bound(address);
  if (i == map.begin())
    return map.end();
  --i;
  return address + bytes <= i->first + size(i->second) ? i : map.end();
}

#ifndef VIRTUAL_GPU_ASAN /* whose own reports say more */
void check_slack(const char *kernel, const char *start, const allocation &a) {
  const char *end = start + a.bytes, *limit = a.pages + a.span;
  for (const char *p = end; p < limit; ++p)
    if (static_cast<unsigned char>(*p) != SLACK)
      die("kernel %s: wrote byte %zu behind an allocation of %zu bytes", kernel, static_cast<size_t>(p - end), a.bytes);
}

/* Says what happened; the access then faults once more and ends the program as it would have. */
void on_fault(int number, siginfo_t *info, void *) {
  char text[256];
  if (is_device(info->si_addr)) {
    const char *kernel = running_kernel();
    int length =
        snprintf(text, sizeof text, "virtual gpu: %s%s touched %p, which is not live device memory it may touch\n",
                 kernel ? "kernel " : "the host", kernel ? kernel : "", info->si_addr);
    if (write(STDERR_FILENO, text, static_cast<size_t>(length)) < 0)
      _exit(1);
  }
  signal(number, SIG_DFL);
}
#endif

void reserve() {
  void *p = mmap(nullptr, SPAN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED)
    die("cannot reserve %zu bytes of addresses for device memory", SPAN);
  g.base = static_cast<char *>(p);
#ifndef VIRTUAL_GPU_ASAN
  struct sigaction old, ours = {};
  ours.sa_sigaction = on_fault;
  ours.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSEGV, nullptr, &old) == 0 && old.sa_handler == SIG_DFL)
    sigaction(SIGSEGV, &ours, nullptr);
#endif
}

void protect(const allocation &a, bool open) { mprotect(a.pages, a.span, open ? PROT_READ | PROT_WRITE : PROT_NONE); }

char *allocate(size_t bytes) {
  if (!g.base)
    reserve();
  allocation a = {bytes, g.base + g.top, up(bytes, PAGE)};
  if (g.used + bytes > card_memory() || g.top + a.span + PAGE > SPAN)
    return nullptr;
  g.top += a.span + PAGE;
  g.used += bytes;
  char *start = a.pages + a.span - up(bytes, ALIGNMENT);
  protect(a, true);
  if (a.span >= HUGE_SPAN) /* every wait of the host protects it anew: by the page, of which there are fewer then */
    madvise(a.pages, a.span, MADV_HUGEPAGE);
  memset(a.pages, SLACK, a.span);
  memset(start, 0xff, bytes); /* NaN in every type */
  __asan_poison_memory_region(a.pages, a.span);
  __asan_unpoison_memory_region(start, bytes);
  protect(a, g.open);
  g.live[start] = a;
  alive("allocations of device memory", 1);
  return start;
}

void release(std::map<char *, allocation>::iterator i) {
  const allocation &a = i->second;
  __asan_poison_memory_region(a.pages, a.span);
  protect(a, false);
  madvise(a.pages, a.span, MADV_DONTNEED);
  g.used -= a.bytes;
  g.live.erase(i);
  alive("allocations of device memory", -1);
}

cudaError_t copy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  bool device_to = is_device(to), device_from = is_device(from);
  bool says_to = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  bool says_from = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind != cudaMemcpyDefault && (device_to != says_to || device_from != says_from))
    return report(cudaErrorInvalidValue);
  if ((device_to && !is_live(to, bytes)) || (device_from && !is_live(from, bytes)))
    return report(cudaErrorInvalidValue);
  bool pageable = (!device_to && !is_pinned(to, bytes)) || (!device_from && !is_pinned(from, bytes));
  if (pageable && is_capturing(stream)) { /* a replay would read whatever lies there by then */
    fprintf(stderr, "virtual gpu: a copy of pageable memory is captured\n");
    return report(cudaErrorStreamCaptureUnsupported);
  }
  if (!device_from && pageable) { /* the driver reads pageable memory before the call returns */
    const char *bytes_from = static_cast<const char *>(from);
    auto staged = std::make_shared<std::vector<char>>(bytes_from, bytes_from + bytes);
    return report(enqueue(stream, [=] { memcpy(to, staged->data(), bytes); }));
  }
  return report(enqueue(stream, [=] { memmove(to, from, bytes); }));
}

cudaError_t fill(void *p, int value, size_t bytes, cudaStream_t stream) {
  if (!is_live(p, bytes))
    return report(cudaErrorInvalidValue);
  return report(enqueue(stream, [=] { memset(p, value, bytes); }));
}

} // namespace

bool is_device(const void *p) {
  const char *address = static_cast<const char *>(p);
  return g.base && address >= g.base && address < g.base + SPAN;
}

bool is_live(const void *p, size_t bytes) {
  return holder(g.live, p, bytes, [](const allocation &a) { return a.bytes; }) != g.live.end();
}

bool is_pinned(const void *p, size_t bytes) {
  return holder(g.pinned, p, bytes, [](size_t n) { return n; }) != g.pinned.end();
}

void open_device() {
  if (g.open)
    return;
  g.open = true;
  for (auto &i : g.live)
    protect(i.second, true);
}

void close_device() {
  if (!g.open)
    return;
  for (auto &i : g.live)
    protect(i.second, false);
  g.open = false;
}

void check_overruns(const char *kernel) {
#ifndef VIRTUAL_GPU_ASAN
  for (auto &i : g.live)
    check_slack(kernel, i.first, i.second);
#else
  (void)kernel;
#endif
}

void free_everything() {
  while (!g.live.empty())
    release(g.live.begin());
}

void check_kernel_pointer(const char *name, const void *p) {
  guard held(lock());
  if (p && !is_live(p, 1))
    die("kernel %s: its argument %p is not in live device memory", name, p);
}

} // namespace virtual_gpu

using namespace virtual_gpu;

extern "C" {

cudaError_t cudaMalloc(void **p, size_t bytes) {
  VIRTUAL_GPU_ENTER();
  if (cudaError_t error = refuse_in_capture())
    return report(error);
  *p = nullptr;
  if (fails(call::malloc))
    return report(cudaErrorMemoryAllocation);
  if (bytes == 0)
    return cudaSuccess;
  *p = allocate(bytes);
  return *p ? cudaSuccess : report(cudaErrorMemoryAllocation);
}

cudaError_t cudaFree(void *p) {
  guard held(lock());
  if (!p)
    return report(lost());
  if (cudaError_t error = refuse_in_capture())
    return report(error);
  auto i = g.live.find(static_cast<char *>(p));
  if (i == g.live.end())
    return report(cudaErrorInvalidValue);
  finish_everything();
  release(i);
  return report(lost());
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
  VIRTUAL_GPU_ENTER();
  *total = card_memory();
  *free = *total - g.used;
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned) {
  VIRTUAL_GPU_ENTER();
  *p = nullptr;
  if (cudaError_t error = refuse_in_capture())
    return report(error);
  if (fails(call::host))
    return report(cudaErrorMemoryAllocation);
  if (posix_memalign(p, 512, bytes ? bytes : 1) != 0)
    return report(cudaErrorMemoryAllocation);
  g.pinned[static_cast<char *>(*p)] = bytes;
  alive("allocations of pinned memory", 1);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void **p, size_t bytes) { return cudaHostAlloc(p, bytes, cudaHostAllocDefault); }

cudaError_t cudaFreeHost(void *p) {
  guard held(lock());
  if (!p)
    return report(lost());
  auto i = g.pinned.find(static_cast<char *>(p));
  if (i == g.pinned.end())
    return report(cudaErrorInvalidValue);
  finish_everything(); /* what is queued may still want it */
  g.pinned.erase(i);
  free(p);
  alive("allocations of pinned memory", -1);
  return report(lost());
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  VIRTUAL_GPU_ENTER();
  if (fails(call::copy))
    return report(cudaErrorInvalidValue);
  return copy(to, from, bytes, kind, stream);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
  VIRTUAL_GPU_ENTER();
  if (cudaError_t error = refuse_in_capture())
    return report(error);
  if (fails(call::copy))
    return report(cudaErrorInvalidValue);
  cudaError_t error = copy(to, from, bytes, kind, nullptr);
  if (!error)
    finish_stream(nullptr);
  return error;
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t stream) {
  VIRTUAL_GPU_ENTER();
  if (fails(call::copy))
    return report(cudaErrorInvalidValue);
  return fill(p, value, bytes, stream);
}

/* Of device memory it is asynchronous, on the legacy stream. */
cudaError_t cudaMemset(void *p, int value, size_t bytes) { return cudaMemsetAsync(p, value, bytes, nullptr); }

} // extern "C"
