/* Programs of the CUDA device: kernels and library calls that are put on the working stream one by one in the first
 * run, captured as a CUDA graph in the second, and replayed from then on. The first run is not captured because
 * libraries and the driver load code at the first use, which a capture does not allow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct cuda_program {
  limn_program base;
  limn_code code;
  cudaGraphExec_t graph; /* NULL until the second run */
  bool ran;
  bool plain;                          /* without a graph */
  const struct cuda_tensor **pictures; /* (picture_count) leaves of bytes that it reads */
  int picture_count;
};

static size_t bytes(limn_shape shape, int format) {
  return (size_t)limn_shape_count(shape) * (format == CUDA_BYTES ? 1 : format == CUDA_HALF ? 2 : 4);
}

static int leaf_format(const limn_tensor *leaf) { return leaf->role == LIMN_ROLE_PICTURES ? CUDA_BYTES : CUDA_FLOAT; }

static bool leaf_memory(const limn_tensor *leaf, int format, void **address) {
  const struct cuda_tensor *tensor = (const struct cuda_tensor *)leaf;
  *address = format == CUDA_BYTES  ? (void *)tensor->pictures.bytes
             : format == CUDA_HALF ? tensor->half
                                   : (void *)tensor->data;
  return format == leaf_format(leaf) || (format == CUDA_HALF && tensor->kept_half);
}

static limn_status allocate(limn_device *device, size_t size, void **out) {
  return cuda_allocate((struct cuda_device *)device, out, size);
}

static void release(limn_device *device, void *memory) {
  (void)device;
  cudaFree(memory);
}

struct cast {
  int64_t count;
  limn_type from, to;
};

static void run_cast(const limn_kernel *k, const struct limn_call *call) {
  const struct cast *c = k->state;
  cuda_call_check(call, limn_cast(k->p[1], c->from, k->p[0], c->to, c->count, call->stream), "a cast");
}

static limn_status convert(limn_builder *b, limn_shape shape, const int formats[2], int from, int to) {
  const struct cuda_device *cuda = cuda_device_of(b);
  struct cast *c = malloc(sizeof *c);
  if (!c)
    return limn_fail_memory("a program");
  *c = (struct cast){limn_shape_count(shape), cuda_type(cuda, formats[0]), cuda_type(cuda, formats[1])};
  limn_builder_add(b, (limn_kernel){.name = "cast", .run = run_cast, .state = c, .count = 2}, (const int[]){to, from});
  return limn_builder_status(b);
}

static limn_status build(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  *taken = 1;
  switch (tasks->kind) {
  case LIMN_TASK_CONV:
  case LIMN_TASK_CONV_DX:
  case LIMN_TASK_CONV_DW:
    return limn_cuda_build_convolution(b, tasks);
  case LIMN_TASK_STATISTICS:
  case LIMN_TASK_BATCHNORM:
  case LIMN_TASK_BATCHNORM_BACKWARD:
    return limn_cuda_build_batchnorm(b, tasks);
  case LIMN_TASK_UPDATE_RUNNING:
    return limn_cuda_build_running(b, tasks, left, taken);
  case LIMN_TASK_STACK:
  case LIMN_TASK_ROWS:
    return limn_cuda_build_rows(b, tasks, left, taken);
  case LIMN_TASK_CONCAT:
  case LIMN_TASK_SLICE:
    return limn_cuda_build_channels(b, tasks);
  case LIMN_TASK_MAX_POOL:
  case LIMN_TASK_MAX_POOL_DX:
  case LIMN_TASK_MAX_POOL_PICK:
    return limn_cuda_build_max_pool(b, tasks);
  case LIMN_TASK_SEPARABLE:
    return limn_cuda_build_separable(b, tasks);
  case LIMN_TASK_WINDOW:
    return limn_cuda_build_window(b, tasks);
  case LIMN_TASK_POINTWISE:
    return limn_cuda_build_pointwise(b, tasks, left, taken);
  case LIMN_TASK_LOG_SUM_EXP:
    return limn_cuda_build_log_sum_exp(b, tasks);
  case LIMN_TASK_RANDOM:
    return limn_cuda_build_random(b, tasks);
  case LIMN_TASK_PICTURES:
    return limn_cuda_build_pictures(b, tasks);
  case LIMN_TASK_ASSIGN:
    return limn_cuda_build_assign(b, tasks);
  case LIMN_TASK_OPTIMIZER:
    return limn_cuda_build_optimizer(b, tasks, left, taken);
  case LIMN_TASK_LATCH:
    return limn_cuda_build_small(b, tasks, left, taken);
  case LIMN_TASK_RECORD:
    return limn_cuda_build_record(b, tasks, left, taken);
  }
  return limn_fail(LIMN_FAILED, "program: task kind %d is unknown", (int)tasks->kind);
}

static const limn_backend backend = {
    .fusion = {.conv_activation = true,
               .conv_gradient = true,
               .batchnorm_activation = true,
               .pointwise = true,
               .late_updates = true,
               .small = LIMN_SMALL_DOMAIN},
    .bytes = bytes,
    .leaf_format = leaf_format,
    .leaf_memory = leaf_memory,
    .convert = convert,
    .build = build,
    .allocate = allocate,
    .free = release,
};

void cuda_program_destroy(limn_program *base) {
  struct cuda_program *p = (struct cuda_program *)base;
  if (!p)
    return;
  const struct cuda_device *cuda = (const struct cuda_device *)base->device;
  cuda_enter(cuda);
  if (cuda->work)
    cudaStreamSynchronize(cuda->work);
  if (p->graph)
    cudaGraphExecDestroy(p->graph);
  limn_code_release(&p->code);
  free(p->pictures);
  free(p);
}

static limn_status find_pictures(struct cuda_program *p, const limn_graph *graph, limn_tensor *const *leaves) {
  p->pictures = calloc((size_t)limn_graph_count(graph) + 1, sizeof *p->pictures);
  if (!p->pictures)
    return limn_fail_memory("a program");
  for (int v = 0; v < limn_graph_count(graph); ++v)
    if (leaves[v] && leaves[v]->role == LIMN_ROLE_PICTURES)
      p->pictures[p->picture_count++] = (const struct cuda_tensor *)leaves[v];
  return LIMN_OK;
}

/* Of the engines that options named: those that are not to be had here. */
static void note_missed(struct cuda_device *cuda) {
  const int missed = cuda_planner_missed(cuda->planner);
  if (missed)
    snprintf(cuda->base.note, sizeof cuda->base.note,
             "%d of the engines that the run began with are not to be had here and are chosen anew: %s", missed,
             cuda->base.description);
}

/* To measure what graphs spare. */
static bool by_wish(void) {
  const char *graphs = getenv("LIMN_CUDA_GRAPHS");
  return graphs && strcmp(graphs, "0") == 0;
}

limn_status cuda_program_create(limn_device *device, const limn_graph *graph, limn_tensor *const *leaves,
                                const limn_program_options *options, limn_program **out) {
  struct cuda_program *p = calloc(1, sizeof *p);
  if (!p)
    return limn_fail_memory("a program");
  p->base.device = device;
  p->plain = by_wish();
  p->code = (limn_code){.backend = &backend, .device = device, .options = *options};
  cuda_enter((struct cuda_device *)device);
  limn_status status = find_pictures(p, graph, leaves);
  if (status == LIMN_OK)
    status = limn_code_build(&p->code, graph, leaves);
  if (status == LIMN_OK && !((struct cuda_device *)device)->planning)
    status = limn_code_bind(&p->code);
  if (status != LIMN_OK) {
    cuda_program_destroy(&p->base);
    return status;
  }
  note_missed((struct cuda_device *)device);
  *out = &p->base;
  return LIMN_OK;
}

static limn_status enqueue(void *program) {
  const struct cuda_program *p = program;
  const struct cuda_device *cuda = (const struct cuda_device *)p->base.device;
  limn_status status = LIMN_OK;
  const struct limn_call call = {.device = cuda, .stream = cuda->work, .status = &status};
  for (int i = 0; p->code.options.separate_buffers && i < p->code.buffer_count; ++i)
    if (p->code.buffers[i].own) /* all ones is a NaN in every type */
      LIMN_TRY(cuda_check(cuda, cudaMemsetAsync(p->code.buffers[i].own, 0xff, p->code.buffers[i].bytes, cuda->work),
                          "filling memory"));
  for (int k = 0; k < p->code.kernel_count && status == LIMN_OK; ++k)
    p->code.kernels[k].run(&p->code.kernels[k], &call);
  return status;
}

/* Something in the program cannot be captured: its runs cost the host more, and are the same. */
static void do_without_graph(struct cuda_program *p, struct cuda_device *cuda) {
  p->plain = true;
  snprintf(cuda->base.note, sizeof cuda->base.note, "a step is launched kernel by kernel, which is slower: %.180s",
           limn_error_message());
}

static limn_status launch(struct cuda_program *p, struct cuda_device *cuda) {
  if (!p->ran || p->plain) {
    p->ran = true;
    return enqueue(p);
  }
  if (!p->graph && cuda_capture(cuda, enqueue, p, &p->graph) != LIMN_OK) {
    /* A card that is lost is no reason to go on without a graph. */
    LIMN_TRY(cuda_check(cuda, cudaStreamSynchronize(cuda->work), "a graph's capture"));
    do_without_graph(p, cuda);
    return enqueue(p);
  }
  return cuda_check(cuda, cudaGraphLaunch(p->graph, cuda->work), "a step");
}

limn_status cuda_program_run(limn_program *base, uint64_t step) {
  struct cuda_program *p = (struct cuda_program *)base;
  struct cuda_device *cuda = (struct cuda_device *)base->device;
  LIMN_TRY(cuda_refuse_planning(cuda));
  cuda_enter(cuda);
  for (int i = 0; i < p->picture_count; ++i)
    LIMN_TRY(cuda_pictures_begin(p->pictures[i]));
  const limn_run_words run = {.step = step, .slots = cuda->picture_slots};
  LIMN_TRY(cuda_check(cuda, limn_set_run_words(cuda->run, run, cuda->work), "a step"));
  LIMN_TRY(launch(p, cuda));
  for (int i = 0; i < p->picture_count; ++i)
    LIMN_TRY(cuda_pictures_end(p->pictures[i]));
  return LIMN_OK;
}

/* What a trace needs besides the program. */
struct trace {
  cudaEvent_t begin, end;
  void *flush; /* four times the second-level cache: it also takes the card longer than the host takes for a row */
  size_t flush_bytes;
};

static void trace_release(struct trace *t) {
  if (t->begin)
    cudaEventDestroy(t->begin);
  if (t->end)
    cudaEventDestroy(t->end);
  if (t->flush)
    cudaFree(t->flush);
}

static limn_status trace_init(struct trace *t, const struct cuda_device *cuda) {
  int cache = 0;
  LIMN_TRY(cuda_check(cuda, cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, cuda->index), "a trace"));
  t->flush_bytes = 4 * (size_t)cache;
  LIMN_TRY(cuda_check(cuda, cudaEventCreateWithFlags(&t->begin, cudaEventDefault), "a trace"));
  LIMN_TRY(cuda_check(cuda, cudaEventCreateWithFlags(&t->end, cudaEventDefault), "a trace"));
  return t->flush_bytes ? cuda_check(cuda, cudaMalloc(&t->flush, t->flush_bytes), "a trace") : LIMN_OK;
}

static limn_status trace_row(const limn_kernel *kernel, const struct limn_call *call, const struct trace *t,
                             double *seconds) {
  const struct cuda_device *cuda = call->device;
  float milliseconds = 0;
  if (t->flush)
    LIMN_TRY(cuda_check(cuda, cudaMemsetAsync(t->flush, 0, t->flush_bytes, call->stream), "a trace"));
  LIMN_TRY(cuda_check(cuda, cudaEventRecord(t->begin, call->stream), "a trace"));
  kernel->run(kernel, call);
  LIMN_TRY(*call->status);
  LIMN_TRY(cuda_check(cuda, cudaEventRecord(t->end, call->stream), "a trace"));
  LIMN_TRY(cuda_check(cuda, cudaEventSynchronize(t->end), "waiting for the GPU"));
  LIMN_TRY(cuda_check(cuda, cudaEventElapsedTime(&milliseconds, t->begin, t->end), "a trace"));
  *seconds = (double)milliseconds / 1e3;
  return LIMN_OK;
}

limn_status cuda_program_trace(limn_program *base, int rounds, double *seconds) {
  const struct cuda_program *p = (const struct cuda_program *)base;
  const struct cuda_device *cuda = (const struct cuda_device *)base->device;
  limn_status status = LIMN_OK;
  const struct limn_call call = {.device = cuda, .stream = cuda->work, .status = &status};
  struct trace trace = {0};
  LIMN_TRY(cuda_refuse_planning(cuda));
  cuda_enter(cuda);
  limn_status result = trace_init(&trace, cuda);
  for (int round = 0; result == LIMN_OK && round < rounds; ++round)
    for (int k = 0; result == LIMN_OK && k < p->code.kernel_count; ++k)
      result = trace_row(&p->code.kernels[k], &call, &trace, seconds++);
  trace_release(&trace);
  return result;
}

void cuda_program_info(const limn_program *base, limn_program_info *out) {
  *out = ((const struct cuda_program *)base)->code.info;
}

void cuda_program_row(const limn_program *base, int index, limn_program_row *out) {
  limn_code_row(&((const struct cuda_program *)base)->code, index, out);
}
