/* Streams, events and captured graphs: what streams.cpp and graphs.cpp share. */
#ifndef VIRTUAL_GPU_STREAMS_H
#define VIRTUAL_GPU_STREAMS_H

#include <deque>
#include <memory>
#include <vector>

#include "virtual_gpu.h"

namespace virtual_gpu {

struct graph_node {
  std::function<void()> run;
  std::vector<size_t> after; /* nodes that it waits for */
};

/* One launch of a graph: any node whose predecessors are done may be next. */
struct replay {
  std::shared_ptr<const std::vector<graph_node>> nodes;
  std::vector<size_t> missing, ready; /* predecessors that are not done, by node; nodes that may run */
  size_t left;
  std::shared_ptr<replay> before; /* the launch of the same graph before it: two of them never overlap */

  explicit replay(std::shared_ptr<const std::vector<graph_node>> graph);
  bool may_run();
  void run_one();
};

struct capture {
  unsigned long id;
  cudaStream_t origin;
  cudaStreamCaptureMode mode;
  bool spoilt;
  std::vector<graph_node> nodes;
};

/* What an event stands for. Lives on in queued operations when the event is destroyed. */
struct moment {
  long recorded = 0, done = 0; /* numbers of records */
  bool timed = true;
  double seconds = 0;           /* when the last record was reached */
  unsigned long capture_id = 0; /* recorded inside of this capture, after these nodes */
  std::vector<size_t> nodes;
};

struct operation {
  std::function<void()> run;
  std::shared_ptr<moment> record, wait;
  long number = 0; /* of the record */
  std::shared_ptr<replay> graph;
  unsigned long order = 0; /* in which the host called */
  double called = 0;       /* when */
};

capture *captured_by(cudaStream_t stream); /* NULL: none */
cudaError_t push(cudaStream_t stream, operation o);

} // namespace virtual_gpu

struct CUstream_st {
  bool blocking; /* waits for the legacy stream and it for this one */
  std::deque<virtual_gpu::operation> queue;
  std::shared_ptr<virtual_gpu::capture> captured;
  std::vector<size_t> tail; /* the captured nodes that its next one waits for */
  double busy = 0;          /* until when, by the virtual card's clock */
};

struct CUevent_st {
  std::shared_ptr<virtual_gpu::moment> state;
};

struct CUgraph_st {
  std::shared_ptr<const std::vector<virtual_gpu::graph_node>> nodes;
};

struct CUgraphExec_st {
  std::shared_ptr<const std::vector<virtual_gpu::graph_node>> nodes;
  std::shared_ptr<virtual_gpu::replay> last;
};

namespace virtual_gpu {
std::vector<cudaStream_t> &streams(); /* the legacy stream is the first */
} // namespace virtual_gpu

#endif
