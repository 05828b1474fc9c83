/* extract_features WEIGHTS SIZE PICTURES OUT BATCH TAP...: PICTURES is (count, 3, SIZE, SIZE) bytes as they are; OUT
 * becomes a safetensors file with a tensor a tap. Prints seconds a pass over all. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "formats/safetensors.h"
#include "infer/extractor.h"

static limn_status run(limn_extractor *e, const limn_extractor_info *info, const char *pictures, const char *out) {
  limn_tensor_to_store tensors[LIMN_MAX_TAPS] = {{0}};
  float *features[LIMN_MAX_TAPS] = {NULL};
  char *bytes;
  size_t size;
  LIMN_TRY(limn_read_file(pictures, (size_t)1 << 30, &bytes, &size));
  const size_t plane = (size_t)info->size * (size_t)info->size, count = size / (3 * plane);
  float *x = malloc(size * sizeof *x);
  for (size_t i = 0; x && i < size; ++i)
    x[i] = info->scale[i / plane % 3] * (float)(unsigned char)bytes[i] + info->shift[i / plane % 3];
  for (int i = 0; i < info->tap_count; ++i) {
    features[i] = malloc(count * (size_t)info->widths[i] * sizeof **features);
    tensors[i] = (limn_tensor_to_store){
        .name = info->taps[i], .dims = 2, .shape = {(int64_t)count, info->widths[i]}, .data = features[i]};
  }
  limn_status status = limn_extractor_run(e, x, (int)count, features); /* the first pass meets cold memory */
  const double begin = limn_clock();
  if (status == LIMN_OK)
    status = limn_extractor_run(e, x, (int)count, features);
  printf("%s: %.3f s for %zu pictures, %.2f images/s\n", info->network->name, limn_clock() - begin, count,
         (double)count / (limn_clock() - begin));
  if (status == LIMN_OK)
    status = limn_safetensors_write(out, tensors, (size_t)info->tap_count, NULL);
  for (int i = 0; i < info->tap_count; ++i)
    free(features[i]);
  free(x);
  free(bytes);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 7) {
    fprintf(stderr, "extract_features WEIGHTS SIZE PICTURES OUT BATCH TAP...\n");
    return 2;
  }
  limn_extractor_options options = {.features = argv[1],
                                    .size = atoi(argv[2]),
                                    .batch = atoi(argv[5]),
                                    .taps = (const char *const *)(argv + 6),
                                    .tap_count = argc - 6};
  limn_extractor *e;
  limn_extractor_info info;
  limn_status status = limn_extractor_open(&e, &options);
  if (status == LIMN_OK) {
    limn_extractor_get_info(e, &info);
    status = run(e, &info, argv[3], argv[4]);
  }
  limn_extractor_close(e);
  if (status != LIMN_OK)
    fprintf(stderr, "extract_features: %s\n", limn_error_message());
  return status == LIMN_OK ? 0 : 1;
}
