/* A folder of picture files, searched to any depth. Its sub-folders are the classes. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/file_list.h"
#include "data/source.h"

typedef struct folder_source {
  limn_data_source base;
  char *path;
  int64_t max_pixels;
  limn_file_list files;
} folder_source;

typedef struct text_list {
  char **items; /* owned */
  size_t count, capacity;
} text_list;

typedef struct folder_identity {
  dev_t device;
  ino_t inode;
} folder_identity;

/* A search under way. Folders are kept in two lists, so that a folder that is there twice is found by its own path and
 * not by a link to it; each is entered once, so that a loop of links ends. */
typedef struct search {
  const char *root;
  text_list folders, links; /* to enter; relative paths, "" for the root */
  bool following;           /* a link was followed: from here on, a folder may turn up again */
  folder_identity *entered;
  size_t entered_count, entered_capacity;
  limn_file_list files;
  size_t other_pictures; /* of kinds that are not read */
  char other_kind[8];
} search;

/* Takes `item`, also when it fails. */
static limn_status text_list_push(text_list *list, char *item) {
  void *items = list->items;
  limn_status status = limn_grow(&items, list->count, &list->capacity, sizeof *list->items);
  list->items = items;
  if (status != LIMN_OK) {
    free(item);
    return status;
  }
  list->items[list->count++] = item;
  return LIMN_OK;
}

static void text_list_release(text_list *list) {
  for (size_t i = 0; i < list->count; ++i)
    free(list->items[i]);
  free(list->items);
}

static int by_text_descending(const void *a, const void *b) { return strcmp(*(char *const *)b, *(char *const *)a); }
/* folder/name, or name where folder is "". NULL: out of memory. */
static char *join(const char *folder, const char *name) {
  size_t length = strlen(folder);
  char *path = malloc(length + strlen(name) + 2);
  if (!path)
    return NULL;
  const char *gap = length == 0 || folder[length - 1] == '/' ? "" : "/";
  sprintf(path, "%s%s%s", folder, gap, name);
  return path;
}

static void count_other_picture(search *state, const char *extension) {
  static const char *const kinds[] = {".gif",  ".bmp",  ".tif", ".tiff", ".ppm", ".pgm",
                                      ".avif", ".heic", ".jxl", ".svg",  ".psd"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
    if (strcasecmp(extension, kinds[i]) == 0) {
      ++state->other_pictures;
      if (!state->other_kind[0] || strcmp(kinds[i], state->other_kind) < 0)
        snprintf(state->other_kind, sizeof state->other_kind, "%s", kinds[i]);
      return;
    }
}

static limn_status visit_entry(search *state, const char *folder, const char *name) {
  if (name[0] == '.')
    return LIMN_OK;
  const char *extension = strrchr(name, '.');
  bool picture = limn_image_has_known_name(name);
  char *relative = join(folder, name), *full = relative ? join(state->root, relative) : NULL;
  limn_status status = LIMN_OK;
  struct stat info;
  if (!full) {
    status = limn_fail_memory("a file name");
  } else if (lstat(full, &info) == 0) {
    bool link = S_ISLNK(info.st_mode);
    bool found = !link || stat(full, &info) == 0;
    if (!found && picture) {
      status = limn_fail(LIMN_DATA, "%s: a link to a file that is not there; fetch the file or remove the link", full);
    } else if (found && S_ISDIR(info.st_mode)) {
      status = text_list_push(link ? &state->links : &state->folders, relative);
      relative = NULL;
    } else if (found && S_ISREG(info.st_mode) && picture) {
      status = limn_file_list_add(&state->files, relative, 0, (uint64_t)info.st_size);
      if (status == LIMN_OK)
        state->files.items[state->files.count - 1].times = limn_hash_times(0, &info);
      relative = NULL;
    } else if (found && S_ISREG(info.st_mode) && extension) {
      count_other_picture(state, extension);
    }
  }
  free(relative);
  free(full);
  return status;
}

/* *fresh tells whether the folder was not entered before. */
static limn_status enter(search *state, const char *full, bool *fresh) {
  struct stat info;
  if (stat(full, &info) != 0)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", full, strerror(errno));
  *fresh = false;
  for (size_t i = 0; state->following && i < state->entered_count; ++i)
    if (state->entered[i].device == info.st_dev && state->entered[i].inode == info.st_ino)
      return LIMN_OK;
  void *entered = state->entered;
  limn_status status = limn_grow(&entered, state->entered_count, &state->entered_capacity, sizeof *state->entered);
  state->entered = entered;
  LIMN_TRY(status);
  state->entered[state->entered_count++] = (folder_identity){info.st_dev, info.st_ino};
  *fresh = true;
  return LIMN_OK;
}

static limn_status visit_folder(search *state, const char *folder) {
  limn_status status = LIMN_OK;
  DIR *dir = NULL;
  bool fresh = false;
  char *full = folder[0] ? join(state->root, folder) : strdup(state->root);
  if (!full)
    return limn_fail_memory("a file name");
  LIMN_TRY_OR_CLEANUP(status, enter(state, full, &fresh));
  if (!fresh)
    goto cleanup;
  dir = opendir(full);
  if (!dir) {
    status = limn_fail(LIMN_DATA, "%s: cannot open: %s", full, strerror(errno));
    goto cleanup;
  }
  errno = 0;
  for (struct dirent *entry; status == LIMN_OK && (entry = readdir(dir)) != NULL; errno = 0)
    status = visit_entry(state, folder, entry->d_name);
  if (status == LIMN_OK && errno)
    status = limn_fail(LIMN_DATA, "%s: cannot list: %s", full, strerror(errno));
cleanup:
  if (dir)
    closedir(dir);
  free(full);
  return status;
}

static limn_status search_all(search *state) {
  while (state->folders.count + state->links.count > 0) {
    text_list *list = &state->folders;
    if (list->count == 0) {
      list = &state->links;
      state->following = true;
      qsort(list->items, list->count, sizeof *list->items, by_text_descending); /* the last one is taken */
    }
    char *folder = list->items[--list->count];
    limn_status status = visit_folder(state, folder);
    free(folder);
    LIMN_TRY(status);
  }
  if (state->files.count > 0)
    return LIMN_OK;
  if (state->other_pictures > 0)
    return limn_fail(LIMN_DATA,
                     "%s: no PNG, JPEG or WebP files, but %zu other pictures (%s); convert them, for example with "
                     "mogrify -format png",
                     state->root, state->other_pictures, state->other_kind);
  return limn_fail(LIMN_DATA, "%s: no PNG, JPEG or WebP files, and no IDX or CIFAR files; name a folder of pictures",
                   state->root);
}

static const char *full_path(const folder_source *source, uint32_t index, char *buffer, size_t size) {
  size_t length = strlen(source->path);
  snprintf(buffer, size, "%s%s%s", source->path, source->path[length - 1] == '/' ? "" : "/",
           source->files.items[index].path);
  return buffer;
}

static void folder_destroy(limn_data_source *base) {
  folder_source *source = (folder_source *)base;
  limn_file_list_release(&source->files);
  free(source->path);
  free(source);
}

static limn_status folder_probe(limn_data_source *base, uint32_t index, limn_picture_shape *out) {
  const folder_source *source = (const folder_source *)base;
  char path[PATH_MAX];
  return limn_image_probe_file(out, full_path(source, index, path, sizeof path), source->max_pixels);
}

static limn_status folder_read(limn_data_source *base, uint32_t index, limn_image *out) {
  const folder_source *source = (const folder_source *)base;
  char path[PATH_MAX];
  return limn_image_read_file(out, full_path(source, index, path, sizeof path), source->max_pixels);
}

static int folder_label(const limn_data_source *base, uint32_t index) {
  return ((const folder_source *)base)->files.items[index].label;
}

static const char *folder_class_name(const limn_data_source *base, int label) {
  return ((const folder_source *)base)->files.classes[label];
}

static const char *folder_name(const limn_data_source *base, uint32_t index, char *buffer, size_t size) {
  return full_path((const folder_source *)base, index, buffer, size);
}

static uint64_t folder_identify(const limn_data_source *base, uint32_t index, uint64_t hash) {
  return limn_file_list_identify(&((const folder_source *)base)->files, index, hash);
}

static uint64_t folder_state(const limn_data_source *base, uint64_t hash) {
  const folder_source *source = (const folder_source *)base;
  for (uint32_t i = 0; i < base->count; ++i) {
    const limn_file_entry *file = &source->files.items[i];
    const uint64_t numbers[2] = {file->size, file->times};
    hash = limn_hash_bytes(limn_hash_bytes(hash, file->path, strlen(file->path)), numbers, sizeof numbers);
  }
  return hash;
}

static const limn_source_ops folder_ops = {
    .kind = "folder",
    .destroy = folder_destroy,
    .probe = folder_probe,
    .read = folder_read,
    .label = folder_label,
    .class_name = folder_class_name,
    .name = folder_name,
    .identify = folder_identify,
    .state = folder_state,
};

static void search_release(search *state) {
  limn_file_list_release(&state->files);
  free(state->entered);
  text_list_release(&state->folders);
  text_list_release(&state->links);
}

limn_status limn_folder_open(limn_data_source **out, const char *path, const limn_source_options *options) {
  *out = NULL;
  search state = {.root = path};
  char *root = strdup(""); /* relative to itself */
  folder_source *source = calloc(1, sizeof *source);
  char *own_path = strdup(path);
  limn_status status = LIMN_OK;
  if (!root || !source || !own_path) {
    free(root);
    status = limn_fail_memory("a data set");
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, text_list_push(&state.folders, root));
  LIMN_TRY_OR_CLEANUP(status, search_all(&state));
  LIMN_TRY_OR_CLEANUP(status, limn_file_list_finish(&state.files, path));
  if (options->labels && options->labels[0])
    status = limn_labels_read(&state.files, options->labels, options->label_column, path);
  else
    status = limn_file_list_classify_by_folder(&state.files, 0);
  if (status != LIMN_OK)
    goto cleanup;
  *source = (folder_source){
      .base = {.ops = &folder_ops, .count = (uint32_t)state.files.count, .class_count = state.files.class_count},
      .path = own_path,
      .max_pixels = options->max_pixels,
      .files = state.files};
  state.files = (limn_file_list){0};
  *out = &source->base;
  own_path = NULL;
  source = NULL;
cleanup:
  free(source);
  free(own_path);
  search_release(&state);
  return status;
}
