/* Times a pretrained network for bench/evaluate: feature_times WEIGHTS PICTURES BATCH THREADS, where PICTURES is
 * (count, 3, side, side) bytes of the network's own side and BATCH is how many a pass takes (0: the extractor chooses).
 * Says what it runs on, and then answers each line of standard input with one:
 *
 *   features FILE   writes the features of the first pictures, up to 4: floats as they are; says how many numbers
 *   memory          the most memory that the process has had, in bytes
 *   (empty)         milliseconds that all pictures take, once
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "infer/extractor.h"

#define CHECKED 4

typedef struct feature_times {
  limn_extractor *extractor;
  limn_extractor_info info;
  char *bytes;
  size_t count, picture; /* pictures; numbers of one */
  float *x, *features;   /* of a pass */
} feature_times;

static limn_status feature_times_init(feature_times *t, char **argv) {
  size_t size;
  LIMN_TRY(limn_extractor_open(
      &t->extractor, &(limn_extractor_options){
                         .features = argv[1], .device = "cpu", .threads = atoi(argv[4]), .batch = atoi(argv[3])}));
  limn_extractor_get_info(t->extractor, &t->info);
  LIMN_TRY(limn_read_file(argv[2], (size_t)1 << 30, &t->bytes, &size));
  t->picture = 3 * (size_t)t->info.size * (size_t)t->info.size;
  t->count = size / t->picture;
  t->x = malloc((size_t)t->info.batch * t->picture * sizeof *t->x);
  t->features = malloc((size_t)t->info.batch * (size_t)t->info.widths[0] * sizeof *t->features);
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
  const double begin = limn_clock();
  for (size_t first = 0; first < t->count; first += pass(t, first, t->count))
    LIMN_TRY(run(t, first, pass(t, first, t->count)));
  printf("%.3f\n", 1e3 * (limn_clock() - begin));
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

static limn_status answer(feature_times *t, const char *line) {
  struct rusage usage;
  if (strncmp(line, "features ", 9) == 0)
    return write_features(t, line + 9);
  if (strcmp(line, "memory") != 0)
    return time_all(t);
  getrusage(RUSAGE_SELF, &usage);
  printf("%zu\n", (size_t)usage.ru_maxrss * 1024);
  return LIMN_OK;
}

int main(int argc, char **argv) {
  feature_times times = {0};
  char line[4096];
  setvbuf(stdout, NULL, _IOLBF, 0);
  limn_status status =
      argc == 5 ? feature_times_init(&times, argv) : limn_fail(LIMN_USAGE, "WEIGHTS PICTURES BATCH THREADS");
  if (status == LIMN_OK)
    printf("%s: %s, %d pictures a pass\n", times.info.network->name, times.info.device, times.info.batch);
  while (status == LIMN_OK && fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = '\0';
    status = answer(&times, line);
  }
  if (status != LIMN_OK)
    fprintf(stderr, "feature_times: %s\n", limn_error_message());
  feature_times_release(&times);
  return status == LIMN_OK ? 0 : 1;
}
