/* The CPU device: creation, tensors, and the thread on which all of it runs. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory_limit.h"
#include "devices/cpu/cpu.h"

#define ALIGNMENT             64
#define CLEARED_BY_THE_CALLER ((size_t)1 << 17) /* less is done before another thread wakes up */

static struct cpu_device *cpu_of(const limn_tensor *tensor) { return (struct cpu_device *)tensor->device; }

static void tensor_destroy(limn_tensor *base) {
  struct cpu_tensor *tensor = (struct cpu_tensor *)base;
  if (!tensor)
    return;
  ((struct cpu_device *)base->device)->taken -= (double)tensor->bytes;
  free(tensor->data);
  free(tensor);
}

struct clearing {
  void *data;
  size_t bytes;
};

static limn_status clear(void *argument) {
  const struct clearing *c = argument;
  limn_cpu_get_pages(c->data, c->bytes, true);
  return LIMN_OK;
}

/* Memory for a tensor, as far as the process may have it: the system itself promises more, and ends who then uses it.
 */
static void *get_memory(struct cpu_device *cpu, size_t bytes) {
  void *data = NULL;
  if (cpu->taken + (double)bytes <= cpu->base.memory_bytes)
    data = aligned_alloc(ALIGNMENT, bytes);
  cpu->base.starved = cpu->base.starved || !data;
  return data;
}

static limn_status tensor_create(limn_device *device, limn_role role, limn_shape shape, limn_tensor **out) {
  struct cpu_device *cpu = (struct cpu_device *)device;
  bool weight =
      role == LIMN_ROLE_PARAMETER || role == LIMN_ROLE_OPTIMIZER || role == LIMN_ROLE_FROZEN || role == LIMN_ROLE_SUM;
  cpu_layout layout = role == LIMN_ROLE_PICTURES ? CPU_BYTES
                      : weight                   ? limn_cpu_weight_layout(cpu->simd->block, shape)
                                                 : limn_cpu_activation_layout(cpu->simd->block, shape);
  size_t each = layout == CPU_BYTES ? 1 : sizeof(float);
  size_t bytes = ((size_t)limn_shape_count(shape) * each + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  struct cpu_tensor *tensor = calloc(1, sizeof *tensor);
  if (!tensor)
    return limn_fail_memory("a tensor");
  *tensor = (struct cpu_tensor){.base = {.device = device, .role = role, .shape = shape}, .layout = layout};
  if (cpu->planning) {
    *out = &tensor->base;
    return LIMN_OK;
  }
  tensor->data = get_memory(cpu, bytes);
  if (!tensor->data) {
    free(tensor);
    return limn_fail(
        LIMN_DEVICE,
        "the CPU has no %.1f MB of memory for a tensor beside %.1f MB of others, since %s has %.1f GB; use "
        "a smaller --batch, size or network",
        (double)bytes / 1e6, cpu->taken / 1e6, device->memory_of, device->memory_bytes / 1e9);
  }
  tensor->bytes = bytes;
  cpu->taken += (double)bytes;
  *out = &tensor->base;
  if (bytes > CLEARED_BY_THE_CALLER)
    return limn_cpu_worker_call(cpu->worker, clear, &(struct clearing){tensor->data, bytes});
  memset(tensor->data, 0, bytes);
  return LIMN_OK;
}

struct transfer {
  const struct cpu_tensor *tensor;
  const float *from;
  float *to;
  bool up;
};

static limn_status transfer_job(void *argument) {
  const struct transfer *t = argument;
  const struct cpu_device *cpu = cpu_of(&t->tensor->base);
  cpu_layout from = t->up ? CPU_PLAIN : t->tensor->layout, to = t->up ? t->tensor->layout : CPU_PLAIN;
  return limn_onednn_reorder(cpu->onednn, cpu->simd->block, t->tensor->base.shape, from, t->from, to, t->to);
}

static limn_status upload(limn_tensor *base, const float *nchw) {
  struct cpu_tensor *tensor = (struct cpu_tensor *)base;
  if (cpu_of(base)->planning)
    return LIMN_OK;
  if (tensor->layout == CPU_PLAIN) {
    memcpy(tensor->data, nchw, (size_t)limn_shape_count(base->shape) * sizeof(float));
    return LIMN_OK;
  }
  return limn_cpu_worker_call(cpu_of(base)->worker, transfer_job,
                              &(struct transfer){.tensor = tensor, .from = nchw, .to = tensor->data, .up = true});
}

static limn_status download(const limn_tensor *base, float *nchw) {
  const struct cpu_tensor *tensor = (const struct cpu_tensor *)base;
  if (cpu_of(base)->planning)
    return limn_fail(LIMN_DEVICE, "%s is there for plans only", base->device->description);
  if (tensor->layout == CPU_PLAIN) {
    memcpy(nchw, tensor->data, (size_t)limn_shape_count(base->shape) * sizeof(float));
    return LIMN_OK;
  }
  return limn_cpu_worker_call(cpu_of(base)->worker, transfer_job,
                              &(struct transfer){.tensor = tensor, .from = tensor->data, .to = nchw, .up = false});
}

static limn_status upload_u8(limn_tensor *base, const uint8_t *nchw) {
  if (!cpu_of(base)->planning)
    memcpy(((struct cpu_tensor *)base)->data, nchw, (size_t)limn_shape_count(base->shape));
  return LIMN_OK;
}

static limn_status start_onednn(void *argument) {
  struct cpu_device *cpu = argument;
  return limn_onednn_create(&cpu->onednn);
}

static limn_status stop_onednn(void *argument) {
  struct cpu_device *cpu = argument;
  limn_onednn_destroy(cpu->onednn);
  return LIMN_OK;
}

static void cpu_destroy(limn_device *device) {
  struct cpu_device *cpu = (struct cpu_device *)device;
  if (cpu->worker)
    limn_cpu_worker_call(cpu->worker, stop_onednn, cpu);
  limn_cpu_worker_destroy(cpu->worker);
  free(cpu->told);
  free(cpu->found);
  free(cpu);
}

static limn_status engines(const limn_device *base, char **out) {
  const char *found = ((const struct cpu_device *)base)->found;
  *out = found ? strdup(found) : NULL;
  return found && !*out ? limn_fail_memory("the choices of engines") : LIMN_OK;
}

static const limn_device_ops cpu_ops = {
    .kind = "cpu",
    .destroy = cpu_destroy,
    .tensor_create = tensor_create,
    .tensor_destroy = tensor_destroy,
    .upload = upload,
    .download = download,
    .upload_u8 = upload_u8,
    .program_create = limn_cpu_program_create,
    .program_destroy = limn_cpu_program_destroy,
    .program_run = limn_cpu_program_run,
    .program_info = limn_cpu_program_info,
    .program_row = limn_cpu_program_row,
    .program_trace = limn_cpu_program_trace,
    .measure_peaks = limn_cpu_measure_peaks,
    .engines = engines,
};

/* Our loops use the instruction set that oneDNN uses, so that both agree on the block of their layouts. */
static limn_status choose_simd(const char *isa, const limn_simd **out) {
  const char *name;
  LIMN_TRY(limn_onednn_limit(isa && isa[0] ? isa : "auto", &name));
  *out = strcmp(name, "avx512") == 0 ? &limn_simd_avx512
         : strcmp(name, "avx2") == 0 ? &limn_simd_avx2
                                     : &limn_simd_baseline;
  return LIMN_OK;
}

/* An instruction set that is asked for is the limit here too: AMX is beyond AVX-512. AVX512_BF16 alone multiplies at
 * twice the rate of fp32 at best, and Winograd spares more. */
static limn_status choose_precision(struct cpu_device *cpu, const limn_device_options *options) {
  const char *precision = options->precision ? options->precision : "auto";
  const char *isa = options->isa && options->isa[0] ? options->isa : "auto";
  if (strcmp(precision, "auto") == 0 || strcmp(precision, "fp32") == 0)
    return LIMN_OK;
  if (strcmp(precision, "bf16") != 0)
    return limn_fail(LIMN_USAGE, "precision %s needs a CUDA device: choose precision fp32", precision);
  if (strcmp(isa, "auto") != 0)
    return limn_fail(LIMN_USAGE,
                     "precision bf16 needs AMX, which isa %s leaves out: choose isa auto, or precision fp32", isa);
  if (!cpu->simd->bf16->usable || !cpu->simd->bf16->usable())
    return limn_fail(LIMN_DEVICE, "precision bf16 needs AMX, which this CPU does not have: choose precision fp32");
  cpu->bf16 = cpu->simd->bf16;
  return LIMN_OK;
}

static int usable_processors(void) {
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return count > 0 ? count : 1;
}

limn_status limn_cpu_device_create(limn_device **out, const limn_device_options *options) {
  struct cpu_device *cpu = calloc(1, sizeof *cpu);
  if (!cpu)
    return limn_fail_memory("the CPU device");
  cpu->base.ops = &cpu_ops;
  cpu->base.seed = options->seed;
  cpu->threads = options->threads > 0 ? options->threads : usable_processors();
  cpu->winograd = !options->direct;
  cpu->time_graph = limn_cpu_time_graph;
  cpu->planning = options->planning;
  cpu->autotune = options->autotune && !options->planning;
  cpu->told = options->engines ? strdup(options->engines) : NULL;
  limn_status status =
      options->engines && !cpu->told ? limn_fail_memory("the CPU device") : choose_simd(options->isa, &cpu->simd);
  if (status == LIMN_OK)
    status = choose_precision(cpu, options);
  if (status == LIMN_OK)
    status = limn_cpu_worker_create(&cpu->worker, cpu->threads);
  if (status == LIMN_OK)
    status = limn_cpu_worker_call(cpu->worker, start_onednn, cpu);
  if (status != LIMN_OK) {
    cpu_destroy(&cpu->base);
    return status;
  }
  const limn_memory_limit memory = limn_memory_limit_read(NULL);
  cpu->base.memory_bytes = (double)memory.available;
  cpu->base.memory_of = memory.by;
  char version[32];
  limn_onednn_version(version, sizeof version);
  snprintf(cpu->base.description, sizeof cpu->base.description, "CPU, %d thread%s, %s%s, oneDNN %s", cpu->threads,
           cpu->threads == 1 ? "" : "s", cpu->simd->name, cpu->bf16 ? ", bf16 by AMX" : "", version);
  *out = &cpu->base;
  return LIMN_OK;
}
