/* A convolution whose kernel covers the whole picture is a product of matrices: with K = C H W, x is (N, K), w is (O,
 * K), y is (N, O), all row by row, and y = x w', x = y w, w = y' x. cuBLAS counts column by column, where each of them
 * is its own transpose. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct gemm {
  limn_task_kind kind;
  int n, o, k;
  limn_type type, result;
  bool tf32;
};

static cudaDataType_t data_type(limn_type type) {
  return type == LIMN_F32 ? CUDA_R_32F : type == LIMN_BF16 ? CUDA_R_16BF : CUDA_R_16F;
}

/* Operands: result, the two inputs. */
static void run_gemm(const limn_kernel *kernel, const struct limn_call *call) {
  const struct gemm *s = kernel->state;
  const float one = 1, zero = 0;
  bool forward = s->kind == LIMN_TASK_CONV, weights = s->kind == LIMN_TASK_CONV_DW;
  /* Column by column: result (m, columns) = op(a) op(b), the sum running over `depth`. */
  const void *a = weights ? kernel->p[1] : kernel->p[2], *b = weights ? kernel->p[2] : kernel->p[1];
  int m = forward ? s->o : s->k, columns = weights ? s->o : s->n, depth = forward ? s->k : weights ? s->n : s->o;
  int lda = s->k, ldb = forward ? s->k : s->o;
  cublasHandle_t cublas = call->device->cublas;
  cublasStatus_t status = cublasGemmEx(
      cublas, forward ? CUBLAS_OP_T : CUBLAS_OP_N, weights ? CUBLAS_OP_T : CUBLAS_OP_N, m, columns, depth, &one, a,
      data_type(s->type), lda, b, data_type(s->type), ldb, &zero, kernel->p[0], data_type(s->result), m,
      s->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
  if (status != CUBLAS_STATUS_SUCCESS && *call->status == LIMN_OK)
    *call->status = limn_fail(LIMN_DEVICE, "cuda:%d: %s failed: %s", call->device->index, kernel->name,
                              cublasGetStatusString(status));
}

/* Results that no convolution reads stay in fp32: scores, codes, gradients of weights. */
limn_status limn_cuda_build_dense(limn_builder *b, const limn_task *task, const limn_conv_shapes *shapes) {
  const struct cuda_device *cuda = cuda_device_of(b);
  static const char *const names[] = {"dense", "dense backward data", "dense backward weights"};
  int reads = cuda_conv_format(cuda), row = task->kind == LIMN_TASK_CONV ? 0 : task->kind == LIMN_TASK_CONV_DX ? 1 : 2;
  bool picture = task->kind == LIMN_TASK_CONV_DX && shapes->x.h * shapes->x.w > 1;
  int made = picture ? reads : CUDA_FLOAT;
  struct gemm *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a dense layer");
  *s = (struct gemm){.kind = task->kind,
                     .n = shapes->y.n,
                     .o = shapes->y.c,
                     .k = shapes->w.c * shapes->w.h * shapes->w.w,
                     .type = cuda_type(cuda, reads),
                     .result = cuda_type(cuda, made),
                     .tf32 = cuda->tf32};
  const int buffers[] = {limn_builder_output(b, task->outputs[0], made), limn_builder_input(b, task->inputs[0], reads),
                         limn_builder_input(b, task->inputs[1], reads)};
  limn_builder_add(
      b,
      (limn_kernel){
          .name = names[row], .run = run_gemm, .state = s, .count = 3, .flops = shapes->flops, .engine = "cuBLAS"},
      buffers);
  LIMN_TRY(limn_builder_status(b));
  return task->kind == LIMN_TASK_CONV_DW ? LIMN_OK : cuda_add_epilogue(b, task, buffers[0], made);
}
