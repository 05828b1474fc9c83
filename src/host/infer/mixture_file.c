#include "infer/mixture_file.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "formats/safetensors.h"

#define FORMAT "limn mixture" /* of the metadata */
#define ENDING ".safetensors"

limn_status limn_mixture_locate(const char *path, int components, char *file, char *checkpoint, size_t size) {
  char opened[PATH_MAX], followed[PATH_MAX], whole[PATH_MAX];
  limn_safetensors *contents = NULL;
  LIMN_TRY(limn_checkpoint_open(&contents, path, opened, sizeof opened));
  limn_safetensors_close(contents);
  /* Marks are links, or files that hold a name. */
  if (!realpath(limn_safetensors_follow(opened, followed, sizeof followed), whole))
    return limn_fail(LIMN_DATA, "%s: cannot be found any more", opened);
  int length = (int)strlen(whole);
  if (length > (int)strlen(ENDING) && strcmp(whole + length - strlen(ENDING), ENDING) == 0)
    length -= (int)strlen(ENDING);
  if (snprintf(checkpoint, size, "%s", whole) >= (int)size ||
      snprintf(file, size, "%.*s-gmm%d" ENDING, length, whole, components) >= (int)size)
    return limn_fail(LIMN_USAGE, "%.64s...: the path is too long", whole);
  return LIMN_OK;
}

/* safetensors holds what the networks have: float32. */
static float *to_floats(const double *numbers, size_t count) {
  float *floats = malloc(count * sizeof *floats);
  for (size_t i = 0; floats && i < count; ++i)
    floats[i] = (float)numbers[i];
  return floats;
}

limn_status limn_mixture_write(const char *file, const limn_mixture *m, const limn_mixture_origin *origin) {
  const int64_t count = m->components, width = m->width;
  char step[24], components[16], seed[24], data[24], pictures[16], likelihood[32];
  snprintf(step, sizeof step, "%" PRIu64, origin->step);
  snprintf(components, sizeof components, "%d", m->components);
  snprintf(seed, sizeof seed, "%" PRIu64, origin->seed);
  snprintf(data, sizeof data, "%016" PRIx64, origin->data);
  snprintf(pictures, sizeof pictures, "%u", origin->count);
  snprintf(likelihood, sizeof likelihood, "%.9g", origin->log_likelihood);
  const char *const metadata[] = {"format", FORMAT,   "checkpoint",     origin->checkpoint, "step", step,
                                  "seed",   seed,     "components",     components,         "data", data,
                                  "codes",  pictures, "log_likelihood", likelihood,         NULL};
  const size_t means = (size_t)(count * width);
  float *weights = to_floats(m->weights, (size_t)count), *centres = to_floats(m->means, means),
        *factors = to_floats(m->factors, means * (size_t)width);
  const limn_tensor_to_store tensors[] = {
      {.name = "weights", .dims = 1, .shape = {count}, .data = weights},
      {.name = "means", .dims = 2, .shape = {count, width}, .data = centres},
      {.name = "factors", .dims = 3, .shape = {count, width, width}, .data = factors},
  };
  limn_status status = weights && centres && factors
                           ? limn_safetensors_write(file, tensors, sizeof tensors / sizeof *tensors, metadata)
                           : limn_fail_memory("a mixture of Gaussians");
  free(weights);
  free(centres);
  free(factors);
  return status;
}

static limn_status read_tensor(const limn_safetensors *contents, const char *name, size_t count, double *out) {
  const limn_stored_tensor *stored = limn_safetensors_find(contents, name);
  size_t found = stored ? 1 : 0;
  for (int i = 0; stored && i < stored->dims; ++i)
    found *= (size_t)stored->shape[i];
  if (found != count)
    return limn_fail(LIMN_DATA, "its tensor %s has %zu numbers, not %zu", name, found, count);
  float *floats = malloc(count * sizeof *floats);
  if (!floats)
    return limn_fail_memory("a mixture of Gaussians");
  limn_status status = limn_stored_tensor_floats(stored, floats);
  for (size_t i = 0; status == LIMN_OK && i < count; ++i) {
    out[i] = (double)floats[i];
    if (!isfinite(out[i]))
      status = limn_fail(LIMN_DATA, "its tensor %s is not finite", name);
  }
  free(floats);
  return status;
}

static uint64_t read_number(const limn_safetensors *contents, const char *key, int base) {
  const char *text = limn_safetensors_metadata(contents, key);
  return text ? strtoull(text, NULL, base) : 0;
}

static limn_status read_mixture(limn_mixture *out, const limn_safetensors *contents, const char *checkpoint) {
  const char *format = limn_safetensors_metadata(contents, "format"),
             *made_of = limn_safetensors_metadata(contents, "checkpoint");
  const limn_stored_tensor *means = limn_safetensors_find(contents, "means");
  if (!format || strcmp(format, FORMAT) != 0 || !means || means->dims != 2)
    return limn_fail(LIMN_DATA, "it is no mixture of codes");
  if (!made_of || strcmp(made_of, checkpoint) != 0)
    return limn_fail(LIMN_DATA, "it was fitted on another checkpoint's codes");
  if (means->shape[0] < 1 || means->shape[0] > LIMN_MOST_COMPONENTS || means->shape[1] < 1 || means->shape[1] > 4096)
    return limn_fail(LIMN_DATA, "it has %lld components of width %lld", (long long)means->shape[0],
                     (long long)means->shape[1]);
  const int components = (int)means->shape[0], width = (int)means->shape[1];
  LIMN_TRY(limn_mixture_init(out, components, width));
  const size_t count = (size_t)components, size = (size_t)width;
  LIMN_TRY(read_tensor(contents, "weights", count, out->weights));
  LIMN_TRY(read_tensor(contents, "means", count * size, out->means));
  return read_tensor(contents, "factors", count * size * size, out->factors);
}

limn_status limn_mixture_read(limn_mixture *out, limn_mixture_origin *origin, const char *file,
                              const char *checkpoint) {
  char problem[512];
  limn_safetensors *contents = NULL;
  *out = (limn_mixture){0};
  LIMN_TRY(limn_safetensors_open(&contents, file));
  limn_status status = read_mixture(out, contents, checkpoint);
  if (status != LIMN_OK) {
    limn_mixture_release(out);
    snprintf(problem, sizeof problem, "%s", limn_error_message());
    status = limn_fail(status, "%s: %s; fit it again", file, problem);
  } else if (origin) {
    const char *likelihood = limn_safetensors_metadata(contents, "log_likelihood");
    *origin = (limn_mixture_origin){.step = read_number(contents, "step", 10),
                                    .seed = read_number(contents, "seed", 10),
                                    .data = read_number(contents, "data", 16),
                                    .count = (uint32_t)read_number(contents, "codes", 10),
                                    .log_likelihood = likelihood ? atof(likelihood) : NAN};
    snprintf(origin->checkpoint, sizeof origin->checkpoint, "%s", checkpoint);
  }
  limn_safetensors_close(contents);
  return status;
}
