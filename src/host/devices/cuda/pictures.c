/* Pictures: leaves of bytes, and the task that makes numbers of them.
 *
 * An upload goes to the slot that no later run will read before it: it is left in pinned memory and copied on a stream
 * of its own, so that the next batch travels while a step runs. Which slot a run reads is a bit in device memory, which
 * the launch in front of the run writes, so that a captured run serves both. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

#define MOST_LEAVES 64 /* bits of limn_run_words.slots */
#define ALIGNMENT   256

static struct cuda_device *device_of(const struct cuda_tensor *tensor) {
  return (struct cuda_device *)tensor->base.device;
}

static size_t slot_bytes(limn_shape shape) {
  return ((size_t)limn_shape_count(shape) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int slot_of(const struct cuda_tensor *tensor) {
  return (int)(device_of(tensor)->picture_slots >> tensor->pictures.number & 1);
}

static limn_status take_number(struct cuda_device *cuda, int *number) {
  for (*number = 0; *number < MOST_LEAVES; ++*number)
    if (!(cuda->picture_leaves >> *number & 1)) {
      cuda->picture_leaves |= (uint64_t)1 << *number;
      return LIMN_OK;
    }
  *number = -1;
  return limn_fail(LIMN_FAILED, "a CUDA device takes up to %d leaves of pictures", MOST_LEAVES);
}

limn_status cuda_pictures_init(struct cuda_tensor *tensor) {
  struct cuda_device *cuda = device_of(tensor);
  struct cuda_pictures *p = &tensor->pictures;
  size_t bytes = slot_bytes(tensor->base.shape);
  LIMN_TRY(take_number(cuda, &p->number));
  if (cuda->planning)
    return LIMN_OK;
  LIMN_TRY(cuda_allocate(cuda, (void **)&p->bytes, 2 * bytes));
  LIMN_TRY(cuda_check(cuda, cudaMemsetAsync(p->bytes, 0, 2 * bytes, cuda->work), "clearing memory"));
  for (int i = 0; i < 2; ++i) {
    LIMN_TRY(cuda_check(cuda, cudaMallocHost((void **)&p->pinned[i], bytes), "allocating memory for transfers"));
    /* The host, some steps ahead, sleeps until a slot is free: it does not spin. */
    LIMN_TRY(cuda_check(cuda, cudaEventCreateWithFlags(&p->copied[i], cudaEventDisableTiming | cudaEventBlockingSync),
                        "making an event"));
    LIMN_TRY(cuda_check(cuda, cudaEventCreateWithFlags(&p->read[i], cudaEventDisableTiming), "making an event"));
    /* The first copies come after the clearing. */
    LIMN_TRY(cuda_check(cuda, cudaEventRecord(p->read[i], cuda->work), "making an event"));
  }
  return LIMN_OK;
}

void cuda_pictures_release(struct cuda_tensor *tensor) {
  struct cuda_device *cuda = device_of(tensor);
  struct cuda_pictures *p = &tensor->pictures;
  if (p->number >= 0) {
    cuda->picture_leaves &= ~((uint64_t)1 << p->number);
    cuda->picture_slots &= ~((uint64_t)1 << p->number);
  }
  if (p->bytes) {
    cudaStreamSynchronize(cuda->copies);
    cudaStreamSynchronize(cuda->work);
    cudaFree(p->bytes);
  }
  for (int i = 0; i < 2; ++i) {
    if (p->pinned[i])
      cudaFreeHost(p->pinned[i]);
    if (p->copied[i])
      cudaEventDestroy(p->copied[i]);
    if (p->read[i])
      cudaEventDestroy(p->read[i]);
  }
}

limn_status cuda_upload_u8(limn_tensor *base, const uint8_t *nchw) {
  struct cuda_tensor *tensor = (struct cuda_tensor *)base;
  struct cuda_device *cuda = device_of(tensor);
  struct cuda_pictures *p = &tensor->pictures;
  size_t size = (size_t)limn_shape_count(base->shape);
  if (cuda->planning)
    return LIMN_OK;
  int slot = 1 - slot_of(tensor);
  cuda_enter(cuda);
  LIMN_TRY(cuda_check(cuda, cudaEventSynchronize(p->copied[slot]), "waiting for an upload"));
  memcpy(p->pinned[slot], nchw, size);
  LIMN_TRY(cuda_check(cuda, cudaStreamWaitEvent(cuda->copies, p->read[slot], 0), "an upload"));
  LIMN_TRY(cuda_check(cuda,
                      cudaMemcpyAsync(p->bytes + (size_t)slot * slot_bytes(base->shape), p->pinned[slot], size,
                                      cudaMemcpyHostToDevice, cuda->copies),
                      "an upload"));
  LIMN_TRY(cuda_check(cuda, cudaEventRecord(p->copied[slot], cuda->copies), "an upload"));
  cuda->picture_slots ^= (uint64_t)1 << p->number;
  return LIMN_OK;
}

limn_status cuda_pictures_begin(const struct cuda_tensor *tensor) {
  struct cuda_device *cuda = device_of(tensor);
  return cuda_check(cuda, cudaStreamWaitEvent(cuda->work, tensor->pictures.copied[slot_of(tensor)], 0), "a step");
}

limn_status cuda_pictures_end(const struct cuda_tensor *tensor) {
  struct cuda_device *cuda = device_of(tensor);
  return cuda_check(cuda, cudaEventRecord(tensor->pictures.read[slot_of(tensor)], cuda->work), "a step");
}

/* Operands: numbers in CUDA_FLOAT, in CUDA_HALF (one may be absent), bytes. */
static void run_pictures(const limn_kernel *k, const struct limn_call *call) {
  limn_pictures_args args = *(const limn_pictures_args *)k->state;
  args.out = (limn_master){k->p[0], k->p[1], call->device->half};
  args.bytes = k->p[2];
  args.seed = call->device->base.seed;
  cuda_call_check(call, limn_pictures(&args, call->device->run, call->stream), k->name);
}

limn_status limn_cuda_build_pictures(limn_builder *b, const limn_task *task) {
  const limn_node *n = &task->node;
  limn_shape from = limn_builder_shape(b, task->inputs[0]);
  const struct cuda_tensor *leaf = (const struct cuda_tensor *)limn_builder_leaf(b, task->inputs[0]);
  limn_pictures_args *args = calloc(1, sizeof *args);
  if (!args)
    return limn_fail_memory("a program");
  *args = (limn_pictures_args){.slot_bytes = (int64_t)slot_bytes(from),
                               .from_h = from.h,
                               .from_w = from.w,
                               .leaf = leaf->pictures.number,
                               .extents = cuda_extents(n->shape),
                               .scale = n->alpha,
                               .shift = n->beta,
                               .flip = n->window.flip,
                               .moved = n->window.moved,
                               .reach_h = n->window.reach_h,
                               .reach_w = n->window.reach_w,
                               .random_stream = n->stream};
  /* Each reader finds its own type, and none is written that nobody reads. */
  limn_readers readers = limn_builder_readers(b, task->outputs[0], limn_builder_is_operand);
  bool half = cuda_device_of(b)->half != LIMN_F32 && readers.ours, both = half && readers.others;
  int main = limn_builder_output(b, task->outputs[0], half && !both ? CUDA_HALF : CUDA_FLOAT);
  int copy = both ? limn_builder_output_copy(b, task->outputs[0], CUDA_HALF) : LIMN_ABSENT;
  const int buffers[] = {half && !both ? LIMN_ABSENT : main, half && !both ? main : copy,
                         limn_builder_input(b, task->inputs[0], CUDA_BYTES)};
  limn_builder_add(b, (limn_kernel){.name = "pictures", .run = run_pictures, .state = args, .count = 3}, buffers);
  return limn_builder_status(b);
}
