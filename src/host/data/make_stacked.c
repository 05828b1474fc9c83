/* Stacked MNIST. A number of modes is counted on it that is known beforehand, which no other data set of pictures has.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"
#include "data/dataset.h"
#include "formats/npz.h"
#include "limn/tools.h"

#define COLOURS  3
#define DIGITS   10
#define MODES    1000
#define SMALLEST 5
#define ENDING   ".npz" /* by which a data set of arrays is told */

typedef struct stacking {
  const limn_stacked_options *options;
  limn_dataset *digits;
  limn_dataset_info info;
  uint8_t *plane; /* a digit */
} stacking;

enum { IMAGES, LABELS };

/* Which digits picture `index` is made of. */
static void choose(const stacking *s, uint64_t index, uint32_t chosen[COLOURS]) {
  const uint32_t counter[4] = {(uint32_t)index, LIMN_STREAM_STACK, 0, 0};
  const uint32_t key[2] = {(uint32_t)s->options->seed, (uint32_t)(s->options->seed >> 32)};
  uint32_t words[4];
  limn_philox(counter, key, words);
  for (int c = 0; c < COLOURS; ++c)
    chosen[c] = (uint32_t)((uint64_t)words[c] * s->info.count >> 32);
}

static int label_of(const stacking *s, const uint32_t chosen[COLOURS]) {
  int label = 0;
  for (int c = 0; c < COLOURS; ++c)
    label = DIGITS * label + limn_dataset_label(s->digits, chosen[c]);
  return label;
}

/* A limn_npz_reader. */
static limn_status make_row(void *context, int array, uint64_t row, void *out) {
  const stacking *s = context;
  const size_t size = (size_t)s->info.height * (size_t)s->info.width;
  uint8_t *bytes = out;
  uint32_t chosen[COLOURS];
  choose(s, row, chosen);
  if (array == LABELS) {
    const int label = label_of(s, chosen);
    bytes[0] = (uint8_t)label;
    bytes[1] = (uint8_t)(label >> 8);
    return LIMN_OK;
  }
  for (int c = 0; c < COLOURS; ++c) {
    LIMN_TRY(limn_dataset_read(s->digits, chosen[c], s->plane));
    for (size_t i = 0; i < size; ++i)
      bytes[i * COLOURS + (size_t)c] = s->plane[i];
  }
  return LIMN_OK;
}

static limn_status check_source(const stacking *s) {
  const char *from = s->options->from;
  if (s->info.channels != 1)
    return limn_fail(LIMN_DATA, "%s: pictures in colour; Stacked MNIST is made of grey ones, as MNIST's are", from);
  if (s->info.height < SMALLEST) /* nor would it be known again for a height */
    return limn_fail(LIMN_DATA, "%s: pictures of %d x %d pixels are too small to train on", from, s->info.height,
                     s->info.width);
  if (s->info.class_count == 0)
    return limn_fail(LIMN_DATA,
                     "%s: no labels, without which the modes cannot be numbered; an IDX file's lie beside it", from);
  if (s->info.class_count > DIGITS)
    return limn_fail(LIMN_DATA, "%s: %d classes; three labels make a number of 0 to 999, so 10 are the most", from,
                     s->info.class_count);
  for (uint32_t i = 0; i < s->info.count; ++i)
    if (limn_dataset_label(s->digits, i) < 0)
      return limn_fail(LIMN_DATA, "%s: picture %u has no label", from, i);
  return LIMN_OK;
}

static int count_modes(const stacking *s) {
  bool found[MODES] = {false};
  int count = 0;
  uint32_t chosen[COLOURS];
  for (uint32_t i = 0; i < s->options->count; ++i) {
    choose(s, i, chosen);
    bool *mode = &found[label_of(s, chosen)];
    count += !*mode;
    *mode = true;
  }
  return count;
}

static limn_status check_target(const char *path) {
  const size_t length = strlen(path), ending = strlen(ENDING);
  return length > ending && strcmp(path + length - ending, ENDING) == 0
             ? LIMN_OK
             : limn_fail(LIMN_USAGE, "%s: a data set of arrays is told by its ending; name a file .npz", path);
}

static limn_status write_stacked(stacking *s) {
  const uint64_t height = (uint64_t)s->info.height, width = (uint64_t)s->info.width, count = s->options->count;
  const limn_npz_array arrays[] = {
      [IMAGES] = {.name = "images", .descr = "|u1", .dims = 4, .shape = {count, height, width, COLOURS}},
      [LABELS] = {.name = "labels", .descr = "<i2", .dims = 1, .shape = {count}},
  };
  s->plane = malloc((size_t)height * (size_t)width);
  if (!s->plane)
    return limn_fail_memory("a picture");
  limn_status status = limn_npz_write_from(s->options->to, arrays, 2, true, make_row, s);
  free(s->plane);
  return status;
}

limn_status limn_make_stacked(const limn_stacked_options *options, int *modes) {
  stacking s = {.options = options};
  const limn_dataset_options opening = {.cache = "off"};
  limn_status status;
  LIMN_TRY(check_target(options->to));
  LIMN_TRY(limn_dataset_open(&s.digits, options->from, &opening));
  limn_dataset_get_info(s.digits, &s.info);
  LIMN_TRY_OR_CLEANUP(status, check_source(&s));
  LIMN_TRY_OR_CLEANUP(status, write_stacked(&s));
  *modes = count_modes(&s);
cleanup:
  limn_dataset_close(s.digits);
  return status;
}
