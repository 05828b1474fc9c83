/* Streams are lazy: work runs only while the host waits, one operation of a random stream after the other, so that a
 * missing wait shows. The legacy stream and blocking streams wait for each other as on a GPU. */
#include "streams.h"

#include <algorithm>
#include <stdio.h>
#include <string>

#include "fibers.h"

namespace virtual_gpu {
namespace {

unsigned long last_order;

cudaStream_t legacy() { return streams()[0]; }
cudaStream_t resolve(cudaStream_t s) { return s && s != cudaStreamLegacy ? s : legacy(); }

bool known(cudaStream_t s) {
  auto &all = streams();
  return !s || s == cudaStreamLegacy || std::find(all.begin(), all.end(), s) != all.end();
}

bool front_before(cudaStream_t s, unsigned long order) { return !s->queue.empty() && s->queue.front().order < order; }

bool may_run(cudaStream_t s) {
  if (s->queue.empty())
    return false;
  operation &o = s->queue.front();
  if ((o.wait && o.wait->done < o.number) || (o.graph && !o.graph->may_run()))
    return false;
  if (s == legacy())
    return std::none_of(streams().begin(), streams().end(),
                        [&](cudaStream_t t) { return t->blocking && t != s && front_before(t, o.order); });
  return !s->blocking || !front_before(legacy(), o.order);
}

/* The card's clock: a stream is busy for as long as its work takes here, and an idle one begins when the host calls, so
 * that what the host does between two calls is between two events of an idle stream, as on a GPU. */
template <class F> void take_time(cudaStream_t s, F work) {
  const double begin = measured_seconds();
  work();
  s->busy += told_seconds(measured_seconds() - begin);
}

void run_front(cudaStream_t s) {
  operation &front = s->queue.front();
  open_device();
  s->busy = std::max(s->busy, front.called);
  if (front.graph && front.graph->left) {
    take_time(s, [&] { front.graph->run_one(); });
    if (front.graph->left)
      return;
  }
  operation o = std::move(front);
  s->queue.pop_front();
  if (o.run)
    take_time(s, o.run);
  if (o.wait)
    s->busy = std::max(s->busy, o.wait->seconds);
  if (o.record && o.record->done < o.number) {
    o.record->done = o.number;
    o.record->seconds = s->busy;
  }
}

bool run_something() {
  std::vector<cudaStream_t> able;
  for (cudaStream_t s : streams())
    if (may_run(s))
      able.push_back(s);
  if (able.empty())
    return false;
  run_front(able[random_numbers()() % able.size()]);
  return true;
}

template <class F> void run_until(F done) {
  while (!done())
    if (!run_something())
      die("the streams wait for each other");
  close_device();
}

/* A question lets some work pass, so that a program that asks until it is done gets there. */
void run_a_little() {
  for (unsigned n = random_numbers()() % 3; n > 0 && run_something(); --n)
    continue;
  close_device();
}

/* What a wait of the host has in common. Its failure is a kernel's that ran before: the context is lost with it. */
template <class F> cudaError_t host_waits(F done) {
  if (cudaError_t error = refuse_in_capture())
    return report(error);
  run_until(done);
  if (fails(call::sync))
    lose(cudaErrorLaunchFailure);
  return report(lost());
}

bool all_empty() {
  return std::all_of(streams().begin(), streams().end(), [](cudaStream_t s) { return s->queue.empty(); });
}

} // namespace

std::vector<cudaStream_t> &streams() {
  static auto *all = new std::vector<cudaStream_t>{new CUstream_st{true, {}, {}, {}, 0}};
  return *all;
}

capture *captured_by(cudaStream_t stream) { return resolve(stream)->captured.get(); }

cudaError_t push(cudaStream_t stream, operation o) {
  if (!known(stream))
    return cudaErrorInvalidResourceHandle;
  cudaStream_t s = resolve(stream);
  if (s == legacy()) /* which would have to wait for the captured blocking stream */
    for (cudaStream_t t : streams())
      if (t->captured && t->blocking) {
        t->captured->spoilt = true;
        return cudaErrorStreamCaptureImplicit;
      }
  o.order = ++last_order;
  o.called = host_seconds();
  s->queue.push_back(std::move(o));
  return cudaSuccess;
}

void finish_stream(cudaStream_t stream) {
  cudaStream_t s = resolve(stream);
  run_until([=] { return s->queue.empty(); });
}

void finish_everything() { run_until(all_empty); }

void enqueue_kernel(const char *name, const launch_shape &shape, cudaStream_t stream, std::function<void()> thread) {
  guard held(lock());
  if (lost()) {
    report(lost());
    return;
  }
  const dim3 &grid = shape.grid, &block = shape.block;
  if (fails(call::launch)) {
    report(cudaErrorLaunchOutOfResources);
    return;
  }
  if (!grid.x || !grid.y || !grid.z || !block.x || !block.y || !block.z || block.z > 64 || grid.x > 0x7fffffffu ||
      grid.y > 65535 || grid.z > 65535 || static_cast<size_t>(block.x) * block.y * block.z > 1024) {
    report(cudaErrorInvalidConfiguration);
    return;
  }
  if (shape.shared_bytes > MAX_SHARED_BYTES) {
    report(cudaErrorInvalidValue);
    return;
  }
  report(enqueue(stream, [=, text = std::string(name)] {
    run_grid(text.c_str(), shape, thread);
    check_overruns(text.c_str());
  }));
}

} // namespace virtual_gpu

using namespace virtual_gpu;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags) {
  VIRTUAL_GPU_ENTER();
  *out = nullptr;
  if (fails(call::create))
    return report(cudaErrorMemoryAllocation);
  *out = new CUstream_st{!(flags & cudaStreamNonBlocking), {}, {}, {}, 0};
  streams().push_back(*out);
  alive("streams", 1);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *out) { return cudaStreamCreateWithFlags(out, cudaStreamDefault); }

cudaError_t cudaStreamDestroy(cudaStream_t s) {
  guard held(lock());
  if (!s || !known(s))
    return report(cudaErrorInvalidResourceHandle);
  if (s->captured)
    s->captured->spoilt = true;
  finish_stream(s);
  streams().erase(std::find(streams().begin(), streams().end(), s));
  delete s;
  alive("streams", -1);
  return report(lost());
}

cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  VIRTUAL_GPU_ENTER();
  if (!known(s))
    return report(cudaErrorInvalidResourceHandle);
  return host_waits([=] { return resolve(s)->queue.empty(); });
}

cudaError_t cudaDeviceSynchronize(void) {
  VIRTUAL_GPU_ENTER();
  return host_waits(all_empty);
}

cudaError_t cudaStreamQuery(cudaStream_t s) {
  VIRTUAL_GPU_ENTER();
  if (!known(s))
    return report(cudaErrorInvalidResourceHandle);
  if (cudaError_t error = refuse_in_capture())
    return report(error);
  run_a_little();
  return resolve(s)->queue.empty() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags) {
  VIRTUAL_GPU_ENTER();
  *out = nullptr;
  if (fails(call::create))
    return report(cudaErrorMemoryAllocation);
  *out = new CUevent_st{std::make_shared<moment>()};
  (*out)->state->timed = !(flags & cudaEventDisableTiming);
  alive("events", 1);
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *out) { return cudaEventCreateWithFlags(out, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t e) {
  guard held(lock());
  if (!e)
    return report(cudaErrorInvalidResourceHandle);
  delete e;
  alive("events", -1);
  return report(lost());
}

cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  VIRTUAL_GPU_ENTER();
  moment &m = *e->state;
  if (m.capture_id)
    return report(cudaErrorCapturedEvent);
  return host_waits([&m, number = m.recorded] { return m.done >= number; });
}

cudaError_t cudaEventQuery(cudaEvent_t e) {
  VIRTUAL_GPU_ENTER();
  moment &m = *e->state;
  if (m.capture_id)
    return report(cudaErrorCapturedEvent);
  if (cudaError_t error = refuse_in_capture())
    return report(error);
  run_a_little();
  return m.done >= m.recorded ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end) {
  VIRTUAL_GPU_ENTER();
  const moment &a = *start->state, &z = *end->state;
  if (!a.timed || !z.timed || !a.recorded || !z.recorded)
    return report(cudaErrorInvalidResourceHandle);
  if (a.done < a.recorded || z.done < z.recorded)
    return report(cudaErrorNotReady);
  *milliseconds = static_cast<float>(1e3 * (z.seconds - a.seconds));
  return cudaSuccess;
}

} // extern "C"
