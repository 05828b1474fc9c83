/* Input: how it is read and named; the images' file; the labels' file.
 * Covers: src/host/data/idx.c */
#include "data/source.h"
#include "fuzz/fuzz.h"

static const char *const images_names[] = {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz",
                                           "t10k-images-idx3-ubyte", "fashion-train-images-idx3-ubyte"};
static const char *const labels_names[] = {"train-labels-idx1-ubyte", "train-labels-idx1-ubyte.gz"};

/* Everything that a data set does with a source. */
static void use(limn_data_source *source) {
  const limn_source_ops *ops = source->ops;
  char name[256];
  const uint32_t some[] = {0, source->count / 2, source->count - 1};
  FUZZ_CHECK(source->count > 0);
  for (int i = 0; i < 3; ++i) {
    limn_picture_shape shape;
    limn_image image = {0};
    fuzz_check_message(ops->probe(source, some[i], &shape));
    limn_status status = ops->read(source, some[i], &image);
    fuzz_check_message(status);
    if (status == LIMN_OK) {
      FUZZ_CHECK(image.height == shape.height && image.width == shape.width && image.channels == shape.channels);
      fuzz_touch(image.pixels, (size_t)image.height * (size_t)image.width * (size_t)image.channels);
    }
    limn_image_release(&image);
    int label = ops->label(source, some[i]);
    FUZZ_CHECK(label >= -1 && label < source->class_count);
    if (label >= 0)
      FUZZ_CHECK(ops->class_name(source, label));
    FUZZ_CHECK(ops->name(source, some[i], name, sizeof name));
    ops->identify(source, some[i], 1);
  }
}

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
  if (status == LIMN_OK)
    status = limn_idx_open(&source, path, how & 16 ? 16 : 1 << 20);
  fuzz_check_message(status);
  if (status == LIMN_OK) {
    use(source);
    source->ops->dense(source);
    source->ops->forget(source);
    source->ops->destroy(source);
  }
  free(path);
  return 0;
}
