/* A cuDNN engine's configuration by what it consists of: the engine's number and the values of its knobs, which is also
 * what its name tells, "eng6_k2=3_k13=1" (cudnnBackendKnobType_t). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/cuda/planning.h"

static cudnnBackendDescriptor_t engine_of(cuda_descriptors *set, cudnnBackendDescriptor_t config) {
  cudnnBackendDescriptor_t engine = cuda_descriptor_create(set, CUDNN_BACKEND_ENGINE_DESCRIPTOR, "describe an engine");
  cuda_descriptor_get(set, config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine);
  return engine;
}

unsigned cuda_config_notes(cuda_descriptors *set, cudnnBackendDescriptor_t config) {
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  const int64_t count = cuda_descriptor_get(set, engine_of(set, config), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                            CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT, notes);
  unsigned bits = 0;
  for (int64_t i = 0; i < count && i < CUDNN_NUMERICAL_NOTE_TYPE_COUNT; ++i)
    bits |= 1u << notes[i];
  return bits;
}

void cuda_config_name(cuda_descriptors *set, cudnnBackendDescriptor_t config, char *out, size_t size) {
  int64_t index = 0;
  cuda_descriptor_get(set, engine_of(set, config), CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index);
  int used = snprintf(out, size, "eng%lld", (long long)index);

  cudnnBackendDescriptor_t knobs[CUDNN_KNOB_TYPE_COUNTS];
  for (int i = 0; i < CUDNN_KNOB_TYPE_COUNTS; ++i)
    knobs[i] = cuda_descriptor_create(set, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, "read an engine's knobs");
  const int64_t count = cuda_descriptor_get(set, config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                            CUDNN_TYPE_BACKEND_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS, knobs);
  for (int64_t i = 0; i < count && used > 0 && (size_t)used < size; ++i) {
    cudnnBackendKnobType_t type = CUDNN_KNOB_TYPE_COUNTS;
    int64_t value = 0;
    cuda_descriptor_get(set, knobs[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type);
    cuda_descriptor_get(set, knobs[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, &value);
    used += snprintf(out + used, size - (size_t)used, "_k%d=%lld", (int)type, (long long)value);
  }
}

/* The number behind `before`, which the text has to begin with; *text moves past both. */
static bool read_number(const char **text, const char *before, int64_t *out) {
  const size_t length = strlen(before);
  char *end = NULL;
  if (strncmp(*text, before, length) != 0)
    return false;
  *out = strtoll(*text + length, &end, 10);
  const bool found = end != *text + length;
  *text = end;
  return found;
}

static bool is_among(int64_t value, const int64_t *values, int count) {
  while (count > 0 && values[count - 1] != value)
    --count;
  return count > 0;
}

/* *knobs: how many, each once. */
static bool read_name(const char *name, int64_t *engine, int64_t types[CUDNN_KNOB_TYPE_COUNTS],
                      int64_t values[CUDNN_KNOB_TYPE_COUNTS], int *knobs) {
  bool good = read_number(&name, "eng", engine);
  for (*knobs = 0; good && *name && *knobs < CUDNN_KNOB_TYPE_COUNTS; ++*knobs)
    good = read_number(&name, "_k", &types[*knobs]) && read_number(&name, "=", &values[*knobs]) && types[*knobs] >= 0 &&
           types[*knobs] < CUDNN_KNOB_TYPE_COUNTS && !is_among(types[*knobs], types, *knobs);
  return good && !*name;
}

cudnnBackendDescriptor_t cuda_config_named(cuda_descriptors *set, const cuda_planner *planner,
                                           cudnnBackendDescriptor_t graph, const char *name) {
  int64_t number, types[CUDNN_KNOB_TYPE_COUNTS], values[CUDNN_KNOB_TYPE_COUNTS];
  int count;
  if (!read_name(name, &number, types, values, &count))
    return NULL;
  cuda_descriptors own = {.count = 0};
  cudnnBackendDescriptor_t knobs[CUDNN_KNOB_TYPE_COUNTS],
      engine = cuda_descriptor_create(&own, CUDNN_BACKEND_ENGINE_DESCRIPTOR, "describe an engine");
  cuda_descriptor_set(&own, engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph);
  cuda_descriptor_set(&own, engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &number);
  cuda_descriptor_set(&own, engine, CUDNN_ATTR_ENGINE_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                      &planner->properties);
  cuda_descriptor_finalize(&own, engine);
  for (int i = 0; i < count; ++i) {
    const cudnnBackendKnobType_t type = (cudnnBackendKnobType_t)types[i];
    knobs[i] = cuda_descriptor_create(&own, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, "set an engine's knobs");
    cuda_descriptor_set(&own, knobs[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type);
    cuda_descriptor_set(&own, knobs[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, &values[i]);
    cuda_descriptor_finalize(&own, knobs[i]);
  }
  cudnnBackendDescriptor_t config =
      cuda_descriptor_create(&own, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "configure an engine");
  cuda_descriptor_set(&own, config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine);
  if (count)
    cuda_descriptor_set(&own, config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, knobs);
  cuda_descriptor_finalize(&own, config);
  if (cuda_descriptors_unsupported(&own)) {
    cuda_descriptors_release(&own);
    return NULL;
  }
  cuda_descriptors_adopt(set, &own);
  return config;
}
