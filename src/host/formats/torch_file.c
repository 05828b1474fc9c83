#include "formats/torch_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/zip.h"
#include "formats/pickle.h"

#define ZIP          "PK\003\004"
#define PICKLE       "data.pkl"
#define LOOK         4096              /* a zip file's first names stand within these bytes */
#define LONGEST      1024              /* name of a tensor */
#define DEEPEST      64                /* dictionary in a dictionary */
#define MOST_SEEN    ((size_t)1 << 20) /* lists and tensors */
#define MOST_LETTERS ((size_t)1 << 26) /* of all names */

/* The first pickle of files before 1.6 is a number of ten bytes. */
static const uint8_t legacy[] = {0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
#define LEGACY_PICKLES 5 /* that number, a version, the machine, the object, the order of the storages */

static bool ends_in_pickle(const limn_zip_entry *e) {
  return e->name_length >= strlen(PICKLE) &&
         memcmp(e->name + e->name_length - strlen(PICKLE), PICKLE, strlen(PICKLE)) == 0;
}

bool limn_torch_file_is(const void *bytes, size_t size) {
  limn_zip zip;
  limn_zip_entry e;
  if (size >= sizeof legacy && memcmp(bytes, legacy, sizeof legacy) == 0)
    return true;
  if (size <= 4 || memcmp(bytes, ZIP, 4) != 0)
    return false;
  if (limn_zip_find(&zip, bytes, size))
    for (size_t at = 0; limn_zip_next(&zip, &at, &e);)
      if (ends_in_pickle(&e))
        return true;
  /* One that was cut short has no directory any more. */
  return memmem(bytes, size < LOOK ? size : LOOK, PICKLE, strlen(PICKLE)) != NULL;
}

/* Where a storage's numbers are. */
struct place {
  const char *key; /* not terminated where it is a zip's */
  size_t key_length;
  const char *dtype; /* of a legacy file, where the tensors alone tell how many bytes a number has */
  const uint8_t *data;
  uint64_t bytes;
};

struct reading {
  limn_safetensors *file;
  /* What was found in the pickle, by the index that it has in file->tensors. */
  const limn_pickled **found;
  size_t capacity, seen, letters;
  struct place *places;
  size_t place_count, place_capacity;
  char name[LONGEST];
};

static limn_status damaged(const struct reading *r, const char *format, const char *what) {
  char text[256];
  snprintf(text, sizeof text, format, what);
  return limn_fail(LIMN_DATA, "%s: damaged: %s", r->file->path, text);
}

static void *keep(limn_safetensors *file, size_t size) {
  void **memory = realloc(file->memory, (file->memory_count + 1) * sizeof *memory);
  if (!memory)
    return NULL;
  file->memory = memory;
  void *kept = malloc(size ? size : 1);
  if (kept)
    memory[file->memory_count++] = kept;
  return kept;
}

static limn_status add_tensor(struct reading *r, const limn_pickled *value) {
  limn_safetensors *file = r->file;
  if (file->count == r->capacity) {
    size_t capacity = r->capacity ? 2 * r->capacity : 64;
    limn_stored_tensor *tensors = realloc(file->tensors, capacity * sizeof *tensors);
    const limn_pickled **found = tensors ? realloc(r->found, capacity * sizeof(const limn_pickled *)) : NULL;
    file->tensors = tensors ? tensors : file->tensors;
    r->found = found ? found : r->found;
    if (!found)
      return limn_fail_memory("the tensors of a file");
    r->capacity = capacity;
  }
  const size_t length = strlen(r->name) + 1;
  if ((r->letters += length) > MOST_LETTERS || file->count >= MOST_SEEN)
    return damaged(r, "%s", "its lists lie in one another without end");
  char *name = keep(file, length);
  if (!name || !r->found)
    return limn_fail_memory("the tensors of a file");
  memcpy(name, r->name, length);
  r->found[file->count] = value;
  file->tensors[file->count++] = (limn_stored_tensor){.name = name};
  return LIMN_OK;
}

/* Appends a part of a name; the length before it. */
static limn_status go_into(struct reading *r, const limn_pickled *key, size_t index, size_t *before) {
  char number[32];
  const char *part = number;
  *before = strlen(r->name);
  if (key && key->kind == LIMN_PICKLED_TEXT)
    part = key->text;
  else
    snprintf(number, sizeof number, "%" PRId64,
             key && key->kind == LIMN_PICKLED_INTEGER ? key->integer : (int64_t)index);
  size_t room = sizeof r->name - *before;
  return snprintf(r->name + *before, room, "%s%s", *before ? "." : "", part) < (int)room
             ? LIMN_OK
             : damaged(r, "%s", "a name of over a thousand letters");
}

/* Whether there may be tensors in it. */
static bool is_container(const limn_pickled *value) {
  return value->kind == LIMN_PICKLED_DICT || value->kind == LIMN_PICKLED_LIST;
}

static limn_status collect(struct reading *r, const limn_pickled *value, int depth) {
  if (value->kind == LIMN_PICKLED_TENSOR)
    return add_tensor(r, value);
  if (!is_container(value))
    return LIMN_OK;
  const bool pairs = value->kind == LIMN_PICKLED_DICT;
  if (depth > DEEPEST || ++r->seen > MOST_SEEN)
    return damaged(r, "%s", "its lists lie in one another without end");
  for (size_t i = 0; i < value->length; i += pairs ? 2 : 1) {
    size_t before;
    const limn_pickled *inner = value->items[pairs ? i + 1 : i];
    if (inner->kind != LIMN_PICKLED_TENSOR && !is_container(inner))
      continue;
    LIMN_TRY(go_into(r, pairs ? value->items[i] : NULL, i, &before));
    LIMN_TRY(collect(r, inner, depth + 1));
    r->name[before] = '\0';
  }
  return LIMN_OK;
}

static int by_key(const void *a, const void *b) {
  const struct place *x = a, *y = b;
  size_t length = x->key_length < y->key_length ? x->key_length : y->key_length;
  int order = memcmp(x->key, y->key, length);
  return order ? order : (x->key_length > y->key_length) - (x->key_length < y->key_length);
}

static struct place *find_place(const struct reading *r, const char *key) {
  const struct place wanted = {.key = key, .key_length = strlen(key)};
  return r->place_count ? bsearch(&wanted, r->places, r->place_count, sizeof wanted, by_key) : NULL;
}

/* Whether the numbers lie one behind the other; *count of them; *last: how far the last is from the first. False in
 * *fits where a number would be too large. */
static bool measure(const limn_pickled_tensor *t, int64_t *count, int64_t *last, bool *fits) {
  bool dense = true;
  *count = 1;
  *last = 0;
  *fits = true;
  for (int i = t->dims - 1; i >= 0; --i) {
    int64_t reach = 0;
    dense = dense && (t->shape[i] == 1 || t->stride[i] == *count);
    *fits = *fits && !__builtin_mul_overflow(*count, t->shape[i], count) &&
            (t->shape[i] == 0 || (!__builtin_mul_overflow(t->stride[i], t->shape[i] - 1, &reach) &&
                                  !__builtin_add_overflow(*last, reach, last)));
  }
  return dense;
}

/* The numbers in the order of their indices, the last of which runs fastest. */
static void gather(const limn_pickled_tensor *t, const uint8_t *from, size_t size, int64_t count, uint8_t *to) {
  int64_t index[LIMN_MAX_DIMS] = {0}, at = 0;
  for (int64_t k = 0; k < count; ++k, to += size) {
    memcpy(to, from + (size_t)at * size, size);
    for (int i = t->dims - 1; i >= 0; --i) {
      at += t->stride[i];
      if (++index[i] < t->shape[i])
        break;
      at -= t->stride[i] * t->shape[i];
      index[i] = 0;
    }
  }
}

static limn_status place_tensor(struct reading *r, limn_stored_tensor *out, const limn_pickled *value) {
  const limn_pickled_storage *storage = value->storage;
  const limn_pickled_tensor *t = value->tensor;
  const struct place *place = find_place(r, storage->key);
  const size_t size = limn_dtype_size(storage->dtype, &out->dtype);
  int64_t count, last, end;
  bool fits, dense = measure(t, &count, &last, &fits);
  if (!place || !place->data || place->bytes / size < (uint64_t)storage->elements)
    return damaged(r, "the numbers of tensor \"%.96s\" are not all there", out->name);
  if (!fits || __builtin_add_overflow(t->offset, last, &end) || (count > 0 && end >= storage->elements))
    return damaged(r, "tensor \"%.96s\" is larger than its numbers", out->name);
  if (count > storage->elements)
    return limn_fail(LIMN_DATA, "%s: tensor \"%.96s\" repeats its numbers (expand): in Python, save its contiguous()",
                     r->file->path, out->name);
  out->dims = t->dims;
  memcpy(out->shape, t->shape, sizeof out->shape);
  out->bytes = (size_t)count * size;
  out->data = place->data + (size_t)(count > 0 ? t->offset : 0) * size;
  if (dense || count == 0)
    return LIMN_OK;
  uint8_t *copy = keep(r->file, out->bytes);
  if (!copy)
    return limn_fail_memory("a tensor");
  gather(t, out->data, size, count, copy);
  out->data = copy;
  return LIMN_OK;
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static limn_status check_names(const struct reading *r) {
  const limn_safetensors *file = r->file;
  const char **names = malloc((file->count + 1) * sizeof *names);
  limn_status status = LIMN_OK;
  if (!names)
    return limn_fail_memory("the tensors of a file");
  for (size_t i = 0; i < file->count; ++i)
    names[i] = file->tensors[i].name;
  qsort(names, file->count, sizeof *names, by_name);
  for (size_t i = 1; i < file->count && status == LIMN_OK; ++i)
    if (strcmp(names[i - 1], names[i]) == 0)
      status = damaged(r, "two tensors have the name \"%.96s\"", names[i]);
  free(names);
  return status;
}

static limn_status place_tensors(struct reading *r) {
  if (!r->found) /* no tensors */
    return LIMN_OK;
  if (r->place_count)
    qsort(r->places, r->place_count, sizeof *r->places, by_key);
  for (size_t i = 0; i < r->file->count; ++i)
    LIMN_TRY(place_tensor(r, &r->file->tensors[i], r->found[i]));
  return check_names(r);
}

static limn_status read_pickle(const struct reading *r, const uint8_t *bytes, size_t size, limn_pickle **out,
                               size_t *used) {
  limn_status status = limn_pickle_read(out, bytes, size, used);
  return status == LIMN_DATA ? limn_fail(status, "%s: %s", r->file->path, limn_error_message()) : status;
}

static limn_status add_place(struct reading *r, const struct place *place) {
  if (r->place_count == r->place_capacity) {
    size_t capacity = r->place_capacity ? 2 * r->place_capacity : 64;
    struct place *places = realloc(r->places, capacity * sizeof *places);
    if (!places)
      return limn_fail_memory("the tensors of a file");
    r->places = places;
    r->place_capacity = capacity;
  }
  r->places[r->place_count++] = *place;
  return LIMN_OK;
}

/* What begins with "FOLDER/", where FOLDER is `length` letters of `entry`'s name. NULL: it does not. */
static const char *within(const limn_zip_entry *e, const char *folder, size_t length, size_t *rest) {
  if (e->name_length <= length || memcmp(e->name, folder, length) != 0)
    return NULL;
  *rest = e->name_length - length;
  return e->name + length;
}

/* FOLDER/data.pkl, and the storages FOLDER/data/KEY. */
static limn_status read_archive(struct reading *r) {
  limn_zip zip;
  limn_zip_entry e, pickle = {0};
  const char *folder = NULL;
  size_t folder_length = 0, rest, used;
  if (!limn_zip_find(&zip, r->file->map, r->file->size))
    return damaged(r, "%s", "the archive's directory is not there: it is cut short");
  for (size_t at = 0; limn_zip_next(&zip, &at, &e);)
    if (!folder && ends_in_pickle(&e)) {
      pickle = e;
      folder = e.name;
      folder_length = e.name_length - strlen(PICKLE);
    }
  if (!folder || pickle.method != 0 || !pickle.data)
    return damaged(r, "%s", "its " PICKLE " is not there, or is compressed");
  for (size_t at = 0; limn_zip_next(&zip, &at, &e);) {
    const char *name = within(&e, folder, folder_length, &rest);
    if (name && rest == 9 && memcmp(name, "byteorder", 9) == 0 && e.data && e.size == 3)
      return limn_fail(LIMN_DATA, "%s was written by a big-endian machine: load it in Python and save it again",
                       r->file->path);
    if (!name || rest <= 5 || memcmp(name, "data/", 5) != 0)
      continue;
    LIMN_TRY(add_place(r, &(struct place){.key = name + 5,
                                          .key_length = rest - 5,
                                          .data = e.method == 0 ? e.data : NULL,
                                          .bytes = e.packed_size}));
  }
  limn_pickle *object;
  LIMN_TRY(read_pickle(r, pickle.data, (size_t)pickle.packed_size, &object, &used));
  limn_status status = collect(r, limn_pickle_root(object), 0);
  if (status == LIMN_OK)
    status = place_tensors(r);
  limn_pickle_destroy(object);
  return status;
}

/* The storages that tensors use, each once. */
static limn_status list_storages(struct reading *r) {
  size_t kept = 0;
  for (size_t i = 0; i < r->file->count; ++i) {
    const limn_pickled_storage *storage = r->found[i]->storage;
    LIMN_TRY(add_place(
        r, &(struct place){.key = storage->key, .key_length = strlen(storage->key), .dtype = storage->dtype}));
  }
  if (r->place_count)
    qsort(r->places, r->place_count, sizeof *r->places, by_key);
  for (size_t i = 0; i < r->place_count; ++i)
    if (kept == 0 || by_key(&r->places[kept - 1], &r->places[i]) != 0)
      r->places[kept++] = r->places[i];
  r->place_count = kept;
  return LIMN_OK;
}

/* Behind the pickles: for each key, how many numbers, and these. */
static limn_status find_legacy_places(struct reading *r, const limn_pickled *keys, size_t at) {
  const uint8_t *bytes = r->file->map;
  LIMN_TRY(list_storages(r));
  for (size_t i = 0; keys->kind == LIMN_PICKLED_LIST && i < keys->length; ++i) {
    const limn_pickled *key = keys->items[i];
    struct place *place = key->kind == LIMN_PICKLED_TEXT ? find_place(r, key->text) : NULL;
    uint64_t count;
    if (!place || r->file->size - at < sizeof count)
      return damaged(r, "%s", "its numbers are cut short, or not all of them are a tensor's");
    memcpy(&count, bytes + at, sizeof count);
    at += sizeof count;
    if (__builtin_mul_overflow(count, limn_dtype_size(place->dtype, NULL), &place->bytes) ||
        place->bytes > r->file->size - at)
      return damaged(r, "%s", "its numbers are cut short");
    place->data = bytes + at;
    at += place->bytes;
  }
  return LIMN_OK;
}

static limn_status read_legacy(struct reading *r) {
  const uint8_t *bytes = r->file->map;
  limn_pickle *pickles[LEGACY_PICKLES] = {NULL};
  limn_status status = LIMN_OK;
  size_t at = 0;
  for (int i = 0; i < LEGACY_PICKLES && status == LIMN_OK; ++i) {
    size_t used = 0;
    status = read_pickle(r, bytes + at, r->file->size - at, &pickles[i], &used);
    at += used;
  }
  if (status == LIMN_OK)
    status = collect(r, limn_pickle_root(pickles[3]), 0);
  if (status == LIMN_OK)
    status = find_legacy_places(r, limn_pickle_root(pickles[4]), at);
  if (status == LIMN_OK)
    status = place_tensors(r);
  for (int i = 0; i < LEGACY_PICKLES; ++i)
    limn_pickle_destroy(pickles[i]);
  return status;
}

limn_status limn_torch_file_read(limn_safetensors *file) {
  struct reading r = {.file = file};
  limn_status status = memcmp(file->map, ZIP, 4) == 0 ? read_archive(&r) : read_legacy(&r);
  free(r.found);
  free(r.places);
  return status;
}
