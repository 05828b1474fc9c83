/* Picture sets from files: whatever a data set can be, each picture as it is or brought to one form. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory_limit.h"
#include "base/parallel.h"
#include "data/source.h"
#include "metrics/picture_set_kinds.h"

typedef struct files_set {
  limn_picture_set set; /* first, so that one is the other */
  limn_data_source *source;
  limn_picture_form form;
} files_set;

static void close_files(limn_picture_set *set) {
  files_set *f = (files_set *)set;
  if (f->source)
    f->source->ops->destroy(f->source);
  free(f);
}

static limn_status bring_to_form(const limn_picture_form *form, limn_image *image) {
  int channels = form->channels ? form->channels : image->channels <= 2 ? 1 : 3;
  LIMN_TRY(limn_image_convert(image, channels, form->background));
  if (!form->height)
    return LIMN_OK;
  LIMN_TRY(limn_image_resize(image, form->height + form->crop, form->width + form->crop, form->fit, form->background));
  limn_picture_cut_middle(image, form->crop);
  return LIMN_OK;
}

struct reading {
  files_set *files;
  const uint32_t *numbers;
  limn_image *images;
};

static limn_status read_one(void *context, uint32_t i) {
  const struct reading *r = context;
  LIMN_TRY(r->files->source->ops->read(r->files->source, r->numbers[i], &r->images[i]));
  return bring_to_form(&r->files->form, &r->images[i]);
}

static limn_status read_files(limn_picture_set *set, const uint32_t *numbers, uint32_t count, limn_image *images) {
  return limn_parallel_for(count, 0, read_one, &(struct reading){(files_set *)set, numbers, images});
}

static int label_of(const limn_picture_set *set, uint32_t number) {
  const limn_data_source *source = ((const files_set *)set)->source;
  return source->class_count ? source->ops->label(source, number) : -1;
}

static const char *class_name_of(const limn_picture_set *set, int label) {
  const limn_data_source *source = ((const files_set *)set)->source;
  return source->ops->class_name(source, label);
}

static const char *name_of(const limn_picture_set *set, uint32_t number, char *buffer, size_t size) {
  const limn_data_source *source = ((const files_set *)set)->source;
  return source->ops->name(source, number, buffer, size);
}

/* A number that changes with the pictures: of their files where those tell, else of all pixels. */
static limn_status identify(files_set *f) {
  const limn_data_source *source = f->source;
  const limn_picture_form *form = &f->form;
  const int64_t shape[] = {source->count, form->channels, form->height, form->width, form->crop, form->fit};
  uint64_t hash = limn_hash_bytes(limn_hash_bytes(0, shape, sizeof shape), form->background, sizeof form->background);
  if (source->ops->state) {
    f->set.info.fingerprint = source->ops->state(source, hash);
    return LIMN_OK;
  }
  for (uint32_t i = 0; i < source->count; ++i) {
    limn_image image = {0};
    limn_status status = source->ops->read(f->source, i, &image);
    if (status == LIMN_OK)
      hash = limn_hash_bytes(hash, image.pixels, (size_t)image.height * (size_t)image.width * (size_t)image.channels);
    limn_image_release(&image);
    LIMN_TRY(status);
  }
  f->set.info.fingerprint = hash;
  return LIMN_OK;
}

static const limn_picture_kind files_kind = {close_files, read_files, label_of, name_of, class_name_of};

static limn_status open_source(files_set *f, const char *path, const limn_picture_set_options *options) {
  const limn_source_options source_options = {.memory_limit = limn_memory_limit_read(NULL).available / 2,
                                              .max_pixels =
                                                  options->max_pixels ? options->max_pixels : LIMN_MAX_PICTURE_PIXELS,
                                              .labels = options->labels,
                                              .label_column = options->label_column};
  LIMN_TRY(limn_source_open(&f->source, path, &source_options));
  if (f->source->count == 0)
    return limn_fail(LIMN_DATA, "%s holds no pictures", path);
  f->set.info.available = f->source->count;
  f->set.info.class_count = f->source->class_count;
  snprintf(f->set.info.kind, sizeof f->set.info.kind, "%s", f->source->ops->kind);
  return identify(f);
}

limn_status limn_files_set_open(limn_picture_set **out, const char *path, const limn_picture_set_options *options) {
  files_set *f = calloc(1, sizeof *f);
  *out = NULL;
  if (!f)
    return limn_fail_memory("a set of pictures");
  f->set.kind = &files_kind;
  f->form = options->form;
  limn_status status = open_source(f, path, options);
  if (status == LIMN_OK)
    *out = &f->set;
  else
    close_files(&f->set);
  return status;
}
