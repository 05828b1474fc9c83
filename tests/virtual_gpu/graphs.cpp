/* Capture and graphs. A capture keeps which node waits for which: a stream's next one for its last, and whatever an
 * event wait adds. A replay runs nodes in any order that this permits, so that a missing event wait shows inside of
 * graphs too. */
#include "streams.h"

#include <stdio.h>

#include <algorithm>

namespace virtual_gpu {
namespace {

unsigned long last_capture;

/* Adds a node behind everything that the stream has to wait for. */
void add_node(cudaStream_t s, std::function<void()> run) {
  auto &nodes = s->captured->nodes;
  nodes.push_back({std::move(run), s->tail});
  s->tail = {nodes.size() - 1};
}

void join(std::vector<size_t> &tail, const std::vector<size_t> &more) {
  for (size_t node : more)
    if (std::find(tail.begin(), tail.end(), node) == tail.end())
      tail.push_back(node);
}

/* Which nodes come before those of the tail, themselves included. Predecessors have lower numbers. */
std::vector<bool> reached(const std::vector<graph_node> &nodes, const std::vector<size_t> &tail) {
  std::vector<bool> mark(nodes.size());
  for (size_t node : tail)
    mark[node] = true;
  for (size_t node = nodes.size(); node-- > 0;)
    if (mark[node])
      for (size_t earlier : nodes[node].after)
        mark[earlier] = true;
  return mark;
}

capture *find_capture(unsigned long id) {
  for (cudaStream_t s : streams())
    if (s->captured && s->captured->id == id)
      return s->captured.get();
  return nullptr;
}

cudaError_t wait_in_capture(cudaStream_t s, const moment &m) {
  if (!m.recorded && !m.capture_id)
    return cudaSuccess; /* never recorded: nothing to wait for */
  if (!m.capture_id || !find_capture(m.capture_id)) {
    s->captured->spoilt = true;
    return m.capture_id ? cudaErrorCapturedEvent : cudaErrorStreamCaptureIsolation;
  }
  if (m.capture_id != s->captured->id)
    return cudaErrorStreamCaptureMerge;
  join(s->tail, m.nodes);
  return cudaSuccess;
}

/* An event of a capture draws a stream outside of it into it. */
cudaError_t enter_capture(cudaStream_t s, const moment &m) {
  for (cudaStream_t t : streams())
    if (t->captured && t->captured->id == m.capture_id) {
      if (!s || s == streams()[0])
        return cudaErrorStreamCaptureImplicit;
      s->captured = t->captured;
      s->tail = m.nodes;
      return cudaSuccess;
    }
  return cudaErrorCapturedEvent;
}

} // namespace

replay::replay(std::shared_ptr<const std::vector<graph_node>> graph)
    : nodes(std::move(graph)), missing(nodes->size()), left(nodes->size()) {
  for (size_t i = 0; i < left; ++i)
    if ((missing[i] = (*nodes)[i].after.size()) == 0)
      ready.push_back(i);
}

bool replay::may_run() {
  if (before && before->left)
    return false;
  before.reset();
  return true;
}

void replay::run_one() {
  size_t pick = random_numbers()() % ready.size(), node = ready[pick];
  ready[pick] = ready.back();
  ready.pop_back();
  if ((*nodes)[node].run)
    (*nodes)[node].run();
  --left;
  for (size_t later = node + 1; later < nodes->size(); ++later)
    for (size_t earlier : (*nodes)[later].after)
      if (earlier == node && --missing[later] == 0)
        ready.push_back(later);
}

cudaError_t enqueue(cudaStream_t stream, std::function<void()> run) {
  capture *c = captured_by(stream);
  if (!c)
    return push(stream, {std::move(run), nullptr, nullptr, 0, nullptr, 0});
  if (c->spoilt)
    return cudaErrorStreamCaptureInvalidated;
  add_node(stream, std::move(run));
  return cudaSuccess;
}

bool is_capturing(cudaStream_t stream) { return captured_by(stream) != nullptr; }

cudaError_t refuse_in_capture() {
  bool any = false;
  for (cudaStream_t s : streams())
    if (s->captured && s->captured->mode != cudaStreamCaptureModeRelaxed)
      any = s->captured->spoilt = true;
  return any ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

} // namespace virtual_gpu

using namespace virtual_gpu;

extern "C" {

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  VIRTUAL_GPU_ENTER();
  moment &m = *e->state;
  if (capture *c = captured_by(s)) {
    m.capture_id = c->id;
    m.nodes = s->tail;
    return cudaSuccess;
  }
  m.capture_id = 0;
  return report(push(s, {nullptr, e->state, nullptr, ++m.recorded, nullptr, 0}));
}

cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned) {
  VIRTUAL_GPU_ENTER();
  const moment &m = *e->state;
  if (is_capturing(s))
    return report(wait_in_capture(s, m));
  if (m.capture_id)
    return report(enter_capture(s, m));
  return report(push(s, {nullptr, nullptr, e->state, m.recorded, nullptr, 0}));
}

cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode) {
  VIRTUAL_GPU_ENTER();
  if (fails(call::capture))
    return report(cudaErrorUnknown);
  if (!s || s == cudaStreamLegacy)
    return report(cudaErrorStreamCaptureUnsupported);
  if (s->captured)
    return report(cudaErrorIllegalState);
  s->captured = std::make_shared<capture>(capture{++last_capture, s, mode, false, {}});
  s->tail.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *out) {
  VIRTUAL_GPU_ENTER();
  *out = nullptr;
  if (!is_capturing(s))
    return report(cudaErrorIllegalState);
  std::shared_ptr<capture> c = s->captured;
  if (c->origin != s)
    return report(cudaErrorStreamCaptureUnmatched);
  std::vector<bool> joined = reached(c->nodes, s->tail);
  bool unjoined = false;
  for (cudaStream_t t : streams())
    if (t->captured == c) {
      for (size_t node : t->tail)
        unjoined |= !joined[node];
      t->captured.reset();
      t->tail.clear();
    }
  if (c->spoilt)
    return report(cudaErrorStreamCaptureInvalidated);
  if (unjoined)
    return report(cudaErrorStreamCaptureUnjoined);
  if (fails(call::capture))
    return report(cudaErrorUnknown);
  *out = new CUgraph_st{std::make_shared<const std::vector<graph_node>>(std::move(c->nodes))};
  alive("graphs", 1);
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t s, cudaStreamCaptureStatus *status) {
  VIRTUAL_GPU_ENTER();
  capture *c = captured_by(s);
  *status = !c          ? cudaStreamCaptureStatusNone
            : c->spoilt ? cudaStreamCaptureStatusInvalidated
                        : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long) {
  VIRTUAL_GPU_ENTER();
  *out = nullptr;
  if (!graph)
    return report(cudaErrorInvalidValue);
  if (fails(call::capture))
    return report(cudaErrorMemoryAllocation);
  *out = new CUgraphExec_st{graph->nodes, nullptr};
  alive("executable graphs", 1);
  return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t) {
  VIRTUAL_GPU_ENTER();
  return exec ? cudaSuccess : report(cudaErrorInvalidValue);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s) {
  VIRTUAL_GPU_ENTER();
  if (!exec)
    return report(cudaErrorInvalidValue);
  if (fails(call::graph))
    return report(cudaErrorLaunchOutOfResources);
  if (is_capturing(s)) { /* a graph inside of a graph: nothing of ours makes one */
    fprintf(stderr, "virtual gpu: a graph is launched into a capture\n");
    return report(cudaErrorStreamCaptureUnsupported);
  }
  auto launched = std::make_shared<replay>(exec->nodes);
  launched->before = exec->last;
  exec->last = launched;
  return report(push(s, {nullptr, nullptr, nullptr, 0, launched, 0}));
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  guard held(lock());
  if (!graph)
    return report(cudaErrorInvalidValue);
  delete graph;
  alive("graphs", -1);
  return report(lost());
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  guard held(lock());
  if (!exec)
    return report(cudaErrorInvalidValue);
  delete exec;
  alive("executable graphs", -1);
  return report(lost());
}

} // extern "C"
