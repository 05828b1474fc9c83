/* Work that is captured as a CUDA graph: a program's, and the launches of an engine that is timed. */
#include "base/error.h"
#include "devices/cuda/cuda.h"

limn_status cuda_capture(const struct cuda_device *cuda, limn_status (*enqueue)(void *context), void *context,
                         cudaGraphExec_t *out) {
  cudaGraph_t graph = NULL;
  *out = NULL;
  LIMN_TRY(cuda_check(cuda, cudaStreamBeginCapture(cuda->work, cudaStreamCaptureModeThreadLocal), "a graph's capture"));
  limn_status status = enqueue(context);
  cudaError_t ended = cudaStreamEndCapture(cuda->work, &graph); /* whatever happened, the capture has to end */
  if (status == LIMN_OK)
    status = cuda_check(cuda, ended, "a graph's capture");
  else
    cudaGetLastError();
  if (status == LIMN_OK)
    status = cuda_check(cuda, cudaGraphInstantiate(out, graph, 0), "making a graph");
  if (graph)
    cudaGraphDestroy(graph);
  return status;
}
