/* The data set and its loader with many threads, for ThreadSanitizer: plain C, since a test framework has races of its
 * own. Ends with 1 and a line when a picture is not what it should be. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "data/loader.h"
#include "support/pictures.h"

#define COUNT   120
#define BATCH   7
#define BATCHES 20

static int failures;

static void expect(bool good, const char *what) {
  if (good)
    return;
  fprintf(stderr, "races_data: %s: %s\n", what, limn_error_message());
  ++failures;
}

static void take_batches(limn_dataset *dataset, uint64_t first) {
  limn_loader *loader = NULL;
  limn_loader_options options = {.batch = BATCH, .seed = 3, .workers = 5, .prefetch = 3, .first_batch = first};
  expect(limn_loader_create(&loader, dataset, &options) == LIMN_OK, "no loader");
  for (int b = 0; b < BATCHES && loader; ++b) {
    limn_batch batch;
    expect(limn_loader_next(loader, &batch) == LIMN_OK, "no batch");
    const uint8_t *nchw = batch.pixels;
    for (int i = 0; nchw && i < BATCH; ++i)
      expect(nchw[48 * i] == nchw[48 * i + 15], "a picture in parts");
  }
  limn_loader_destroy(loader); /* with batches under way */
}

static void try_data(const limn_dataset_options *options, const char *what) {
  limn_dataset *dataset = NULL;
  limn_dataset_info info = {0};
  expect(limn_dataset_open(&dataset, test_folder, options) == LIMN_OK, what);
  if (!dataset)
    return;
  limn_dataset_get_info(dataset, &info);
  expect(info.count == COUNT && info.broken == 2, "the count is wrong");
  take_batches(dataset, 0);
  take_batches(dataset, 1000);
  limn_dataset_close(dataset);
}

int main(void) {
  char kept[TEST_PATH_SIZE];
  test_folder_create();
  for (int i = 0; i < COUNT; ++i) {
    const uint8_t color[3] = {(uint8_t)i, (uint8_t)(i * 7), 3};
    test_write_plain(test_path("%03d.png", i), 200 + i % 3, 200, 3, color);
  }
  test_write(test_path("003-broken.png"), "\x89PNG", 4);
  test_write(test_path("080-broken.png"), "\x89PNG", 4);
  snprintf(kept, sizeof kept, "%s", test_path(".kept")); /* hidden, so no part of the data */
  limn_dataset_options options = {.height = 4, .width = 4, .workers = 8, .skip_broken = true};
  try_data(&options, "in memory");
  options.memory_limit = 1;
  try_data(&options, "decoded at each read");
  options.cache = kept;
  try_data(&options, "a new cache");
  try_data(&options, "from the cache");
  test_folder_remove();
  return failures > 0;
}
