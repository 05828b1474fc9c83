/* VAEs of tests: pictures in memory to measure them by, and checkpoints with other numbers than were trained. */
#ifndef LIMN_TESTS_SUPPORT_VAES_H
#define LIMN_TESTS_SUPPORT_VAES_H

#include "base/error.h"
#include "formats/safetensors.h"
#include "infer/codec.h"
#include "metrics/picture_set_kinds.h"
#include "metrics/vae_measures.h"
#include "support/run_files.h"

typedef struct test_memory_set {
  limn_picture_set set;
  int channels, height, width;
  const uint8_t *planes;
} test_memory_set;

static inline limn_status test_read_memory(limn_picture_set *set, const uint32_t *numbers, uint32_t count,
                                           limn_image *images) {
  const test_memory_set *m = (const test_memory_set *)set;
  for (uint32_t i = 0; i < count; ++i) {
    LIMN_TRY(limn_image_init(&images[i], m->height, m->width, m->channels));
    limn_image_from_planes(&images[i], m->planes + (size_t)numbers[i] * (size_t)(m->channels * m->height * m->width));
  }
  return LIMN_OK;
}

static inline const char *test_name_memory(const limn_picture_set *set, uint32_t number, char *buffer, size_t size) {
  (void)set;
  snprintf(buffer, size, "picture %u", number);
  return buffer;
}

static const limn_picture_kind test_memory_kind = {.read = test_read_memory, .name = test_name_memory};

static inline test_memory_set test_make_set(const uint8_t *planes, uint32_t count, int channels, int height,
                                            int width) {
  return (test_memory_set){.set = {.kind = &test_memory_kind, .info = {.count = count}},
                           .channels = channels,
                           .height = height,
                           .width = width,
                           .planes = planes};
}

static inline limn_vae_measures test_take(const char *path, test_memory_set *set,
                                          const limn_vae_measure_options *options) {
  limn_vae_measures m;
  limn_vae_measure_options with = *options;
  with.device = test_device();
  with.threads = 2;
  cr_assert_eq(limn_vae_measures_take(path, &set->set, &with, &m), LIMN_OK, "%s", limn_error_message());
  return m;
}

static inline limn_codec *test_open_codec(const char *path, int codes) {
  limn_codec *codec = NULL;
  const limn_codec_options options = {.device = test_device(), .threads = 2, .codes = codes};
  cr_assert_eq(limn_codec_open(&codec, path, &options), LIMN_OK, "%s", limn_error_message());
  return codec;
}

/* Changes a tensor's numbers. */
typedef void (*test_edit)(const void *context, const char *tensor, float *values, size_t count);

/* The checkpoint of a step as the file NAME.safetensors with what `edit` makes of it; returns its path. */
static inline const char *test_edit_checkpoint(const char *run, uint64_t step, const char *name, test_edit edit,
                                               const void *context) {
  limn_safetensors *file = test_open_checkpoint(run, step);
  const size_t count = limn_safetensors_count(file), pairs = limn_safetensors_metadata_count(file);
  limn_tensor_to_store *tensors = calloc(count, sizeof *tensors);
  const char **metadata = calloc(2 * pairs + 1, sizeof *metadata), *path = test_path("%s.safetensors", name);
  for (size_t i = 0; i < count; ++i) {
    const limn_stored_tensor *stored = limn_safetensors_at(file, i);
    float *values = malloc(stored->bytes);
    memcpy(values, stored->data, stored->bytes);
    edit(context, stored->name, values, stored->bytes / sizeof *values);
    tensors[i] = (limn_tensor_to_store){.name = stored->name, .dims = stored->dims, .data = values};
    memcpy(tensors[i].shape, stored->shape, sizeof tensors[i].shape);
  }
  for (size_t i = 0; i < pairs; ++i)
    limn_safetensors_metadata_at(file, i, &metadata[2 * i], &metadata[2 * i + 1]);
  cr_assert_eq(limn_safetensors_write(path, tensors, count, metadata), LIMN_OK, "%s", limn_error_message());
  for (size_t i = 0; i < count; ++i)
    free((void *)tensors[i].data);
  free(tensors);
  free(metadata);
  limn_safetensors_close(file);
  return path;
}

#endif
