#include "data/file_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "data/source.h"

limn_status limn_grow(void **items, size_t count, size_t *capacity, size_t item_size) {
  if (count < *capacity)
    return LIMN_OK;
  size_t larger = *capacity ? *capacity * 2 : 64;
  void *moved = larger > SIZE_MAX / item_size ? NULL : realloc(*items, larger * item_size);
  if (!moved)
    return limn_fail_memory("the list of a data set's files");
  *items = moved;
  *capacity = larger;
  return LIMN_OK;
}

void limn_file_list_release(limn_file_list *list) {
  for (size_t i = 0; i < list->count; ++i) {
    free(list->items[i].path);
    free(list->items[i].fault);
  }
  for (int i = 0; i < list->class_count; ++i)
    free(list->classes[i]);
  free(list->items);
  free(list->classes);
  memset(list, 0, sizeof *list);
}

limn_status limn_file_list_add(limn_file_list *list, char *path, uint64_t offset, uint64_t size) {
  void *items = list->items;
  limn_status status =
      path ? limn_grow(&items, list->count, &list->capacity, sizeof *list->items) : limn_fail_memory("a file name");
  list->items = items;
  if (status != LIMN_OK) {
    free(path);
    return status;
  }
  list->items[list->count++] = (limn_file_entry){.path = path, .offset = offset, .size = size, .label = -1};
  return LIMN_OK;
}

limn_status limn_file_list_add_broken(limn_file_list *list, char *path, char *fault) {
  limn_status status = limn_file_list_add(list, path, 0, 0);
  if (status == LIMN_OK && fault) {
    list->items[list->count - 1].fault = fault;
    return LIMN_OK;
  }
  free(fault);
  return status == LIMN_OK ? limn_fail_memory("a file name") : status;
}

static int by_path(const void *a, const void *b) {
  return strcmp(((const limn_file_entry *)a)->path, ((const limn_file_entry *)b)->path);
}

limn_status limn_file_list_finish(limn_file_list *list, const char *where) {
  if (list->count > INT32_MAX)
    return limn_fail(LIMN_DATA, "%s: %zu pictures, over the limit of %d; take a part of them", where, list->count,
                     INT32_MAX);
  if (list->count > 1)
    qsort(list->items, list->count, sizeof *list->items, by_path);
  return LIMN_OK;
}

limn_file_entry *limn_file_list_find(const limn_file_list *list, const char *path) {
  limn_file_entry key = {.path = (char *)(uintptr_t)path};
  return list->count ? bsearch(&key, list->items, list->count, sizeof key, by_path) : NULL;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static int by_number(const void *a, const void *b) {
  int64_t x = 0, y = 0;
  limn_text_to_int64(*(const char *const *)a, &x);
  limn_text_to_int64(*(const char *const *)b, &y);
  return x < y ? -1 : x > y ? 1 : by_text(a, b); /* "1" and "01" are two labels */
}

typedef int (*text_order)(const void *a, const void *b);

static text_order order_of(const char *const *texts, size_t count, bool numeric) {
  int64_t number;
  for (size_t i = 0; i < count && numeric; ++i)
    numeric = !texts[i] || limn_text_to_int64(texts[i], &number);
  return numeric ? by_number : by_text;
}

/* The distinct ones among `texts`, sorted; *classes is yours, its texts too. */
static limn_status distinct(const char *const *texts, size_t count, text_order order, char ***classes,
                            int *class_count) {
  size_t used = 0, different = 0;
  limn_status status = LIMN_OK;
  const char **sorted = calloc(count ? count : 1, sizeof *sorted);
  if (!sorted)
    return limn_fail_memory("the classes of a data set");
  for (size_t i = 0; i < count; ++i)
    if (texts[i])
      sorted[used++] = texts[i];
  qsort(sorted, used, sizeof *sorted, order);
  for (size_t i = 0; i < used; ++i)
    if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
      sorted[different++] = sorted[i];
  *classes = calloc(different ? different : 1, sizeof **classes);
  for (size_t i = 0; *classes && i < different; ++i, *class_count = (int)i)
    if (!((*classes)[i] = strdup(sorted[i])))
      break;
  if ((size_t)*class_count < different)
    status = limn_fail_memory("the classes of a data set");
  free(sorted);
  return status;
}

limn_status limn_file_list_classify(limn_file_list *list, const char *const *texts, bool numeric) {
  text_order order = order_of(texts, list->count, numeric);
  LIMN_TRY(distinct(texts, list->count, order, &list->classes, &list->class_count));
  for (size_t i = 0; i < list->count; ++i) {
    if (!texts[i])
      continue;
    char **found = bsearch(&texts[i], list->classes, (size_t)list->class_count, sizeof *list->classes, order);
    list->items[i].label = (int)(found - list->classes);
  }
  return LIMN_OK;
}

limn_status limn_file_list_classify_by_folder(limn_file_list *list, size_t skip) {
  limn_status status = LIMN_OK;
  char **names = calloc(list->count ? list->count : 1, sizeof *names);
  if (!names)
    return limn_fail_memory("the classes of a data set");
  for (size_t i = 0; i < list->count && status == LIMN_OK; ++i) {
    const char *path = list->items[i].path + skip, *slash = strchr(path, '/');
    if (slash && !(names[i] = strndup(path, (size_t)(slash - path))))
      status = limn_fail_memory("the classes of a data set");
  }
  if (status == LIMN_OK)
    status = limn_file_list_classify(list, (const char *const *)names, false);
  for (size_t i = 0; i < list->count; ++i)
    free(names[i]);
  free(names);
  return status;
}

size_t limn_file_list_common_folder(const limn_file_list *list) {
  if (list->count == 0)
    return 0;
  /* What the first and the last in byte order share, all share. */
  const char *first = list->items[0].path, *last = list->items[list->count - 1].path;
  size_t folder = 0;
  for (size_t i = 0; first[i] && first[i] == last[i]; ++i)
    if (first[i] == '/')
      folder = i + 1;
  return folder;
}

static uint64_t hash_number(uint64_t hash, uint64_t number) {
  uint8_t bytes[8]; /* written out byte by byte: the same on every machine */
  for (int i = 0; i < 8; ++i)
    bytes[i] = (uint8_t)(number >> (8 * i));
  return limn_hash_bytes(hash, bytes, sizeof bytes);
}

uint64_t limn_file_list_identify(const limn_file_list *list, uint32_t index, uint64_t hash) {
  const limn_file_entry *file = &list->items[index];
  hash = limn_hash_bytes(hash, file->path, strlen(file->path));
  hash = hash_number(hash, file->size);   /* a changed picture is noticed by it even when its pixels are not read */
  if (!list->labelled || file->label < 0) /* a broken picture may have none */
    return hash;
  const char *name = list->classes[file->label];
  return limn_hash_bytes(hash, name, strlen(name));
}

limn_status limn_file_list_pack(const limn_file_list *list, char **bytes, size_t *size) {
  *size = 0;
  for (size_t i = 0; i < list->count; ++i)
    *size += sizeof list->items->size + strlen(list->items[i].path) + 1;
  char *to = *bytes = malloc(*size ? *size : 1);
  if (!to)
    return limn_fail_memory("the list of a data set's files");
  for (size_t i = 0; i < list->count; ++i) {
    const limn_file_entry *file = &list->items[i];
    memcpy(to, &file->size, sizeof file->size);
    to += sizeof file->size;
    to = stpcpy(to, file->path) + 1;
  }
  return LIMN_OK;
}

bool limn_file_list_unpack(limn_file_list *list, const char *bytes, size_t size) {
  for (size_t at = 0, length; at < size; at += sizeof(uint64_t) + length + 1) {
    uint64_t file_size;
    const size_t left = size - at;
    if (left <= sizeof file_size)
      return false;
    memcpy(&file_size, bytes + at, sizeof file_size);
    const char *path = bytes + at + sizeof file_size;
    length = strnlen(path, left - sizeof file_size);
    if (length == left - sizeof file_size || limn_file_list_add(list, strdup(path), 0, file_size) != LIMN_OK)
      return false;
  }
  return true;
}
