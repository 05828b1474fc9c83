#include "fuzz/sources.h"

void fuzz_check_picture(const limn_image *image, const limn_picture_shape *shape) {
  FUZZ_CHECK(image->height == shape->height && image->width == shape->width && image->channels == shape->channels);
  fuzz_touch(image->pixels, (size_t)image->height * (size_t)image->width * (size_t)image->channels);
}

static void use_picture(limn_data_source *source, uint32_t index) {
  const limn_source_ops *ops = source->ops;
  char name[256];
  limn_picture_shape shape;
  limn_image image = {0};
  fuzz_check_message(ops->probe(source, index, &shape));
  limn_status status = ops->read(source, index, &image);
  fuzz_check_message(status);
  if (status == LIMN_OK)
    fuzz_check_picture(&image, &shape);
  limn_image_release(&image);
  int label = ops->label(source, index);
  FUZZ_CHECK(label >= -1 && label < source->class_count);
  if (label >= 0)
    FUZZ_CHECK(ops->class_name(source, label));
  FUZZ_CHECK(ops->name(source, index, name, sizeof name));
  ops->identify(source, index, 1);
}

void fuzz_use_source(limn_status status, limn_data_source *source) {
  fuzz_check_message(status);
  FUZZ_CHECK((status == LIMN_OK) == (source != NULL));
  if (!source)
    return;
  FUZZ_CHECK(source->count > 0);
  use_picture(source, 0);
  use_picture(source, source->count / 2);
  use_picture(source, source->count - 1);
  if (source->ops->dense)
    source->ops->dense(source);
  if (source->ops->forget)
    source->ops->forget(source);
  source->ops->destroy(source);
}
