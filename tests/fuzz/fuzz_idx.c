/* Input: how it is read and named; the images' file; the labels' file.
 * Covers: src/host/data/idx.c */
#include "fuzz/sources.h"

static const char *const images_names[] = {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz",
                                           "t10k-images-idx3-ubyte", "fashion-train-images-idx3-ubyte"};
static const char *const labels_names[] = {"train-labels-idx1-ubyte", "train-labels-idx1-ubyte.gz"};

/* Lays the files out, and names the one that would be read. */
static limn_status lay_out(unsigned how, fuzz_input images, fuzz_input labels, char **path) {
  for (int i = 0; i < 4; ++i)
    fuzz_remove(images_names[i]);
  for (int i = 0; i < 2; ++i)
    fuzz_remove(labels_names[i]);
  fuzz_file(images_names[how & 3], images.data, images.size);
  if (how & 4)
    fuzz_file(labels_names[how >> 3 & 1], labels.data, labels.size);
  if (how & 32)
    fuzz_file(images_names[how >> 6 & 3], images.data, images.size);
  return limn_idx_find(fuzz_folder(), path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  unsigned how = fuzz_byte(&in);
  fuzz_input images = fuzz_part(&in), labels = fuzz_part(&in);
  char *path = NULL;
  limn_data_source *source = NULL;
  limn_status status = lay_out(how, images, labels, &path);
  const limn_source_options options = {.memory_limit = how & 16 ? 16 : 1 << 20, .max_pixels = LIMN_MAX_PICTURE_PIXELS};
  if (status == LIMN_OK)
    status = limn_idx_open(&source, path, &options);
  fuzz_use_source(status, source);
  free(path);
  return 0;
}
