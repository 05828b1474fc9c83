#include "metrics/labelled_pictures.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define NAME_SIZE 256

void limn_class_names_release(limn_class_names *names) {
  for (int i = 0; names->items && i < names->count; ++i)
    free(names->items[i]);
  free(names->items);
  *names = (limn_class_names){0};
}

int limn_class_names_find(const limn_class_names *names, const char *name) {
  for (int i = 0; i < names->count; ++i)
    if (strcmp(names->items[i], name) == 0)
      return i;
  return -1;
}

static limn_status make_names(limn_class_names *out, int count) {
  *out = (limn_class_names){.items = calloc((size_t)count + 1, sizeof(char *)), .count = count};
  return out->items ? LIMN_OK : limn_fail_memory("names of classes");
}

static limn_status put_name(limn_class_names *names, int at, const char *name) {
  char shown[NAME_SIZE];
  names->items[at] = strdup(limn_text_printable(name ? name : "", shown, sizeof shown));
  return names->items[at] ? LIMN_OK : limn_fail_memory("names of classes");
}

limn_status limn_class_names_copy(limn_class_names *out, const limn_class_names *from) {
  limn_status status = make_names(out, from->count);
  for (int i = 0; i < from->count && status == LIMN_OK; ++i)
    status = put_name(out, i, from->items[i]);
  if (status != LIMN_OK)
    limn_class_names_release(out);
  return status;
}

static limn_status name_classes(limn_labelled_pictures *p, const limn_picture_set *set, int count) {
  LIMN_TRY(make_names(&p->classes, count));
  for (int i = 0; i < count; ++i)
    LIMN_TRY(put_name(&p->classes, i, limn_picture_set_class_name(set, i)));
  return LIMN_OK;
}

static limn_status gather(limn_labelled_pictures *p, const limn_picture_set *set, const char *what) {
  limn_picture_set_info info;
  limn_picture_set_get_info(set, &info);
  p->numbers = malloc(((size_t)info.count + 1) * sizeof *p->numbers);
  p->labels = malloc(((size_t)info.count + 1) * sizeof *p->labels);
  if (!p->numbers || !p->labels)
    return limn_fail_memory("labels");
  for (uint32_t i = 0; info.class_count && i < info.count; ++i) {
    const int label = limn_picture_set_label(set, i);
    if (label < 0 || label >= info.class_count)
      continue;
    p->numbers[p->count] = i;
    p->labels[p->count++] = (uint32_t)label;
  }
  if (p->count == 0)
    return limn_fail(LIMN_USAGE,
                     "%s have no labels: name pictures in a folder a class, IDX, CIFAR or NumPy files with labels, or "
                     "a list with --labels FILE",
                     what);
  return name_classes(p, set, info.class_count);
}

limn_status limn_labelled_pictures_init(limn_labelled_pictures *out, const limn_picture_set *set, const char *what) {
  *out = (limn_labelled_pictures){0};
  limn_status status = gather(out, set, what);
  if (status != LIMN_OK)
    limn_labelled_pictures_release(out);
  return status;
}

void limn_labelled_pictures_release(limn_labelled_pictures *p) {
  free(p->numbers);
  free(p->labels);
  limn_class_names_release(&p->classes);
  *p = (limn_labelled_pictures){0};
}

limn_status limn_labelled_pictures_renumber(limn_labelled_pictures *p, const limn_class_names *classes,
                                            const char *what) {
  limn_class_names names;
  LIMN_TRY(limn_class_names_copy(&names, classes));
  for (uint32_t i = 0; i < p->count; ++i) {
    const char *name = p->classes.items[p->labels[i]];
    const int label = limn_class_names_find(classes, name);
    if (label < 0) {
      limn_class_names_release(&names);
      return limn_fail(LIMN_DATA, "%s have a class \"%s\", which is not among the %d that were learned", what, name,
                       classes->count);
    }
    p->labels[i] = (uint32_t)label;
  }
  limn_class_names_release(&p->classes);
  p->classes = names;
  return LIMN_OK;
}

limn_status limn_labelled_pictures_rows(const limn_labelled_pictures *p, const limn_feature_set *features,
                                        limn_labelled_set *out, float **rows) {
  const size_t width = (size_t)features->width;
  *out = (limn_labelled_set){.features = *features, .labels = p->labels, .classes = p->classes.count};
  *rows = NULL;
  if (p->count == features->count)
    return LIMN_OK;
  *rows = malloc(p->count * width * sizeof **rows);
  if (!*rows)
    return limn_fail_memory("features of the labelled pictures");
  for (uint32_t i = 0; i < p->count; ++i)
    memcpy(*rows + i * width, limn_feature_row(features, p->numbers[i]), width * sizeof **rows);
  out->features.rows = *rows;
  out->features.count = p->count;
  return LIMN_OK;
}
