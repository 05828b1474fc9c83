/* A folder of picture files, searched to any depth. Its sub-folders are the classes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "data/file_list.h"
#include "data/source.h"
#include "limn/tools.h"

#define SHOWN_OF_PATH 200 /* at its ends, where it is so long that the reason would be cut off */

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
  limn_other_files other_files;
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

/* Takes `relative`. why: "a link to a file that is not there". */
static limn_status add_broken(search *state, char *relative, const char *full, const char *why) {
  char *fault = NULL;
  const size_t length = strlen(full), most = 2 * SHOWN_OF_PATH;
  const int made = length <= most
                       ? asprintf(&fault, "%s: %s", full, why)
                       : asprintf(&fault, "%.*s...%s: %s", SHOWN_OF_PATH, full, full + length - SHOWN_OF_PATH, why);
  if (made < 0)
    fault = NULL;
  return limn_file_list_add_broken(&state->files, relative, fault);
}

/* Whether a file that is not named like a picture is one all the same. */
static bool looks_like_picture(const char *full) {
  uint8_t start[LIMN_PICTURE_START];
  const int descriptor = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const ssize_t size = descriptor < 0 ? -1 : read(descriptor, start, sizeof start);
  if (descriptor >= 0)
    close(descriptor);
  return size > 0 && limn_image_is_picture(&(limn_image_input){.bytes = start, .size = (size_t)size, .name = full});
}

/* What is not there, or nobody may look at. Not only what is named like a picture is missed, but what may be a folder
 * of them too, unless it is a link that leads nowhere. `relative` is taken. */
static limn_status visit_unreachable(search *state, char *relative, const char *full, bool link, int error) {
  const char *name = strrchr(relative, '/');
  name = name ? name + 1 : relative;
  if (!limn_image_has_known_name(name) && (link || strchr(name, '.'))) {
    limn_other_files_add(&state->other_files, relative);
    free(relative);
    return LIMN_OK;
  }
  if (link && error == ENOENT)
    return add_broken(state, relative, full, "a link to a file that is not there; fetch the file or remove the link");
  char why[128];
  snprintf(why, sizeof why, "cannot open: %s", strerror(error));
  return add_broken(state, relative, full, why);
}

/* `relative` is taken. */
static limn_status visit_file(search *state, char *relative, const char *full, const struct stat *info) {
  const bool named = limn_image_has_known_name(relative);
  if (!S_ISREG(info->st_mode)) { /* never opened: a pipe makes who opens it wait */
    if (named)
      return add_broken(state, relative, full, "a pipe, socket or device and no file; remove it");
    free(relative);
    return LIMN_OK;
  }
  if (!named && !looks_like_picture(full)) {
    limn_other_files_add(&state->other_files, relative);
    free(relative);
    return LIMN_OK;
  }
  LIMN_TRY(limn_file_list_add(&state->files, relative, 0, (uint64_t)info->st_size));
  state->files.items[state->files.count - 1].times = limn_hash_times(0, info);
  return LIMN_OK;
}

static limn_status visit_entry(search *state, const char *folder, const char *name) {
  if (limn_other_files_passes_over(name))
    return LIMN_OK;
  char *relative = join(folder, name), *full = relative ? join(state->root, relative) : NULL;
  struct stat info;
  if (!full) {
    free(relative);
    return limn_fail_memory("a file name");
  }
  limn_status status;
  const bool listed = lstat(full, &info) == 0, link = listed && S_ISLNK(info.st_mode);
  if (!listed || (link && stat(full, &info) != 0))
    status = visit_unreachable(state, relative, full, link, errno);
  else if (S_ISDIR(info.st_mode))
    status = text_list_push(link ? &state->links : &state->folders, relative);
  else
    status = visit_file(state, relative, full, &info);
  free(full);
  return status;
}

/* *fresh tells whether the open folder was not entered before. */
static limn_status enter(search *state, DIR *dir, bool *fresh) {
  struct stat info;
  *fresh = false;
  if (fstat(dirfd(dir), &info) != 0)
    return LIMN_OK;
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

/* A folder that cannot be read is like a broken picture; not so the one that all lies in. */
static limn_status refuse_folder(search *state, const char *folder, const char *full, const char *what, int error) {
  if (!folder[0])
    return limn_fail(LIMN_DATA, "%s: %s: %s", full, what, strerror(error));
  char why[160];
  snprintf(why, sizeof why, "a folder, %s: %s", what, strerror(error));
  return add_broken(state, strdup(folder), full, why);
}

static limn_status visit_folder(search *state, const char *folder) {
  bool fresh = false;
  char *full = folder[0] ? join(state->root, folder) : strdup(state->root);
  if (!full)
    return limn_fail_memory("a file name");
  DIR *dir = opendir(full);
  limn_status status = dir ? enter(state, dir, &fresh) : refuse_folder(state, folder, full, "cannot open", errno);
  errno = 0;
  for (struct dirent *entry; status == LIMN_OK && fresh && (entry = readdir(dir)) != NULL; errno = 0)
    status = visit_entry(state, folder, entry->d_name);
  if (status == LIMN_OK && fresh && errno)
    status = refuse_folder(state, folder, full, "cannot list", errno);
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
  char others[LIMN_OTHER_FILES_TEXT_SIZE];
  limn_other_files_text(&state->other_files, others, sizeof others);
  return limn_fail(LIMN_DATA, "%s: no pictures, and no IDX or CIFAR files%s%s; name a folder of pictures", state->root,
                   others[0] ? ": " : "", others);
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
  if (source->files.items[index].fault)
    return limn_fail(LIMN_DATA, "%s", source->files.items[index].fault);
  return limn_image_probe_file(out, full_path(source, index, path, sizeof path), source->max_pixels);
}

static limn_status folder_read(limn_data_source *base, uint32_t index, limn_image *out) {
  const folder_source *source = (const folder_source *)base;
  char path[PATH_MAX];
  if (source->files.items[index].fault)
    return limn_fail(LIMN_DATA, "%s", source->files.items[index].fault);
  return limn_image_read_file(out, full_path(source, index, path, sizeof path), source->max_pixels);
}

static const char *folder_file(const limn_data_source *base, uint32_t index) {
  return ((const folder_source *)base)->files.items[index].path;
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
    if (file->fault)
      hash = limn_hash_bytes(hash, file->fault, strlen(file->fault));
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
    .file = folder_file,
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
  *source = (folder_source){.base = {.ops = &folder_ops,
                                     .count = (uint32_t)state.files.count,
                                     .class_count = state.files.class_count,
                                     .other_files = state.other_files},
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
