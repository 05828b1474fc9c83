/* Times a pretrained network for bench/evaluate: feature_times WEIGHTS PICTURES BATCH THREADS, where PICTURES is
 * (count, 3, side, side) bytes of the network's own side and BATCH is how many a pass takes (0: the extractor chooses).
 * Its lines (side.h):
 *
 *   features FILE   writes the features of the first pictures, up to 4: floats as they are; says how many numbers
 *   (empty)         milliseconds that all pictures take, once
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "infer/extractor.h"
#include "side.h"

#define CHECKED 4

typedef struct feature_times {
  limn_extractor *extractor;
  limn_extractor_info info;
  char *bytes;
  size_t count, picture; /* pictures; numbers of one */
  float *x, *features;   /* of a pass */
} feature_times;

static limn_status begin(void *context, char **arguments) {
  feature_times *t = context;
  size_t size;
  LIMN_TRY(limn_extractor_open(&t->extractor, &(limn_extractor_options){.features = arguments[0],
                                                                        .device = "cpu",
                                                                        .threads = atoi(arguments[3]),
                                                                        .batch = atoi(arguments[2])}));
  limn_extractor_get_info(t->extractor, &t->info);
  LIMN_TRY(limn_read_file(arguments[1], (size_t)1 << 30, &t->bytes, &size));
  t->picture = 3 * (size_t)t->info.size * (size_t)t->info.size;
  t->count = size / t->picture;
  t->x = malloc((size_t)t->info.batch * t->picture * sizeof *t->x);
  t->features = malloc((size_t)t->info.batch * (size_t)t->info.widths[0] * sizeof *t->features);
  printf("%s: %s, %d pictures a pass\n", t->info.network->name, t->info.device, t->info.batch);
  return t->x && t->features ? LIMN_OK : limn_fail_memory("pictures");
}

static void feature_times_release(feature_times *t) {
  limn_extractor_close(t->extractor);
  free(t->bytes);
  free(t->x);
  free(t->features);
}

/* `count` pictures from number `first` on, at most a pass; their features lie in t->features then. */
static limn_status run(feature_times *t, size_t first, size_t count) {
  const size_t plane = t->picture / 3;
  const unsigned char *bytes = (const unsigned char *)t->bytes + first * t->picture;
  for (size_t i = 0; i < 3 * count; ++i)
    for (size_t k = 0; k < plane; ++k)
      t->x[i * plane + k] = t->info.scale[i % 3] * (float)bytes[i * plane + k] + t->info.shift[i % 3];
  return limn_extractor_run(t->extractor, t->x, (int)count, &t->features);
}

static size_t pass(const feature_times *t, size_t first, size_t end) {
  return end - first < (size_t)t->info.batch ? end - first : (size_t)t->info.batch;
}

static limn_status time_all(feature_times *t) {
  const double start = limn_clock();
  for (size_t first = 0; first < t->count; first += pass(t, first, t->count))
    LIMN_TRY(run(t, first, pass(t, first, t->count)));
  printf("%.3f\n", 1e3 * (limn_clock() - start));
  return LIMN_OK;
}

static limn_status write_features(feature_times *t, const char *path) {
  const size_t count = t->count < CHECKED ? t->count : CHECKED, width = (size_t)t->info.widths[0];
  FILE *file = fopen(path, "wb");
  limn_status status = file ? LIMN_OK : limn_fail(LIMN_FAILED, "%s cannot be written", path);
  for (size_t first = 0; status == LIMN_OK && first < count; first += pass(t, first, count)) {
    const size_t some = pass(t, first, count);
    status = run(t, first, some);
    if (status == LIMN_OK && fwrite(t->features, sizeof(float), some * width, file) != some * width)
      status = limn_fail(LIMN_FAILED, "%s cannot be written", path);
  }
  if (file)
    fclose(file);
  if (status == LIMN_OK)
    printf("%zu\n", count * width);
  return status;
}

static limn_status answer(void *context, const char *line) {
  feature_times *t = context;
  return strncmp(line, "features ", 9) == 0 ? write_features(t, line + 9) : time_all(t);
}

int main(int argc, char **argv) {
  feature_times times = {0};
  const side here = {"feature_times", "WEIGHTS PICTURES BATCH THREADS", begin, answer, &times};
  const int code = side_serve(&here, argc, argv);
  feature_times_release(&times);
  return code;
}
