/* A folder of PNG files, searched to any depth. Its sub-folders are the classes. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/source.h"

typedef struct picture_file {
  char *path; /* relative to the folder; owned */
  uint64_t size;
  int label;
} picture_file;

typedef struct folder_source {
  limn_data_source base;
  char *path;
  picture_file *files; /* in byte order of their paths, which is the same on every machine */
  char **classes;      /* sorted; owned */
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
  picture_file *files;
  size_t file_count, file_capacity;
  size_t other_pictures; /* of kinds that are not read */
  char other_kind[8];
} search;

/* Makes room for one more item. */
static limn_status grow(void **items, size_t count, size_t *capacity, size_t item_size) {
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

/* Takes `item`, also when it fails. */
static limn_status text_list_push(text_list *list, char *item) {
  void *items = list->items;
  limn_status status = grow(&items, list->count, &list->capacity, sizeof *list->items);
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

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static int by_text_descending(const void *a, const void *b) { return by_text(b, a); }
static int by_path(const void *a, const void *b) {
  return strcmp(((const picture_file *)a)->path, ((const picture_file *)b)->path);
}

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

static limn_status add_picture(search *state, char *path, uint64_t size) {
  void *files = state->files;
  limn_status status = grow(&files, state->file_count, &state->file_capacity, sizeof *state->files);
  state->files = files;
  if (status != LIMN_OK) {
    free(path);
    return status;
  }
  state->files[state->file_count++] = (picture_file){.path = path, .size = size, .label = -1};
  return LIMN_OK;
}

static void count_other_picture(search *state, const char *extension) {
  static const char *const kinds[] = {".jpg", ".jpeg", ".webp", ".gif", ".bmp",
                                      ".tif", ".tiff", ".ppm",  ".pgm", ".avif"};
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
  bool png = extension && strcasecmp(extension, ".png") == 0;
  char *relative = join(folder, name), *full = relative ? join(state->root, relative) : NULL;
  limn_status status = LIMN_OK;
  struct stat info;
  if (!full) {
    status = limn_fail_memory("a file name");
  } else if (lstat(full, &info) == 0) {
    bool link = S_ISLNK(info.st_mode);
    bool found = !link || stat(full, &info) == 0;
    if (!found && png) {
      status = limn_fail(LIMN_DATA, "%s: a link to a file that is not there; fetch the file or remove the link", full);
    } else if (found && S_ISDIR(info.st_mode)) {
      status = text_list_push(link ? &state->links : &state->folders, relative);
      relative = NULL;
    } else if (found && S_ISREG(info.st_mode) && png) {
      status = add_picture(state, relative, (uint64_t)info.st_size);
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
  limn_status status = grow(&entered, state->entered_count, &state->entered_capacity, sizeof *state->entered);
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
  if (state->file_count > 0)
    return LIMN_OK;
  if (state->other_pictures > 0)
    return limn_fail(
        LIMN_DATA, "%s: no PNG files, but %zu other pictures (%s); convert them, for example with mogrify -format png",
        state->root, state->other_pictures, state->other_kind);
  return limn_fail(LIMN_DATA, "%s: no PNG files and no IDX files; name a folder of pictures", state->root);
}

/* The first folder of a relative path, as a copy; *inside is false for a file of the root itself. */
static char *class_of(const char *path, bool *inside) {
  const char *slash = strchr(path, '/');
  *inside = slash != NULL;
  return slash ? strndup(path, (size_t)(slash - path)) : NULL;
}

static limn_status label_pictures(folder_source *source) {
  text_list names = {0};
  limn_status status = LIMN_OK;
  const char *previous = NULL;
  /* Pictures of one class stand together, so that a name is new when it differs from the one before. */
  for (uint32_t i = 0; i < source->base.count && status == LIMN_OK; ++i) {
    bool inside;
    char *name = class_of(source->files[i].path, &inside);
    if (!inside)
      continue;
    if (!name) {
      status = limn_fail_memory("the classes of a data set");
    } else if (previous && strcmp(previous, name) == 0) {
      free(name);
    } else {
      status = text_list_push(&names, name);
      previous = name;
    }
  }
  source->classes = names.items;
  source->base.class_count = (int)names.count;
  LIMN_TRY(status);
  if (names.count > 1)
    qsort(names.items, names.count, sizeof *names.items, by_text);
  int label = 0;
  for (uint32_t i = 0; i < source->base.count; ++i) {
    const char *path = source->files[i].path, *slash = strchr(path, '/');
    if (!slash)
      continue;
    size_t length = (size_t)(slash - path);
    /* Classes come in the order of "name/", labels in that of "name": almost the same. */
    for (int tries = 0; tries < source->base.class_count; ++tries, label = (label + 1) % source->base.class_count)
      if (strncmp(names.items[label], path, length) == 0 && names.items[label][length] == '\0')
        break;
    source->files[i].label = label;
  }
  return LIMN_OK;
}

static const char *full_path(const folder_source *source, uint32_t index, char *buffer, size_t size) {
  size_t length = strlen(source->path);
  snprintf(buffer, size, "%s%s%s", source->path, source->path[length - 1] == '/' ? "" : "/", source->files[index].path);
  return buffer;
}

static void folder_destroy(limn_data_source *base) {
  folder_source *source = (folder_source *)base;
  for (uint32_t i = 0; source->files && i < source->base.count; ++i)
    free(source->files[i].path);
  for (int i = 0; source->classes && i < source->base.class_count; ++i)
    free(source->classes[i]);
  free(source->files);
  free(source->classes);
  free(source->path);
  free(source);
}

static limn_status folder_probe(limn_data_source *base, uint32_t index, limn_picture_shape *out) {
  char path[PATH_MAX];
  return limn_image_probe_png(full_path((const folder_source *)base, index, path, sizeof path), &out->height,
                              &out->width, &out->channels);
}

static limn_status folder_read(limn_data_source *base, uint32_t index, limn_image *out) {
  char path[PATH_MAX];
  return limn_image_read_png(out, full_path((const folder_source *)base, index, path, sizeof path),
                             LIMN_MAX_PICTURE_PIXELS);
}

static int folder_label(const limn_data_source *base, uint32_t index) {
  return ((const folder_source *)base)->files[index].label;
}

static const char *folder_class_name(const limn_data_source *base, int label) {
  return ((const folder_source *)base)->classes[label];
}

static const char *folder_name(const limn_data_source *base, uint32_t index, char *buffer, size_t size) {
  return full_path((const folder_source *)base, index, buffer, size);
}

static uint64_t folder_identify(const limn_data_source *base, uint32_t index, uint64_t hash) {
  const picture_file *file = &((const folder_source *)base)->files[index];
  hash = limn_hash_bytes(hash, file->path, strlen(file->path));
  uint8_t size[8]; /* a changed picture is noticed by it even when its pixels are not read */
  for (int i = 0; i < 8; ++i)
    size[i] = (uint8_t)(file->size >> (8 * i));
  return limn_hash_bytes(hash, size, sizeof size);
}

static const limn_source_ops folder_ops = {
    .kind = "png folder",
    .destroy = folder_destroy,
    .probe = folder_probe,
    .read = folder_read,
    .label = folder_label,
    .class_name = folder_class_name,
    .name = folder_name,
    .identify = folder_identify,
};

static void search_release(search *state) {
  for (size_t i = 0; state->files && i < state->file_count; ++i)
    free(state->files[i].path);
  free(state->files);
  free(state->entered);
  text_list_release(&state->folders);
  text_list_release(&state->links);
}

limn_status limn_folder_open(limn_data_source **out, const char *path) {
  *out = NULL;
  search state = {.root = path};
  char *root = strdup(""); /* relative to itself */
  folder_source *source = calloc(1, sizeof *source);
  limn_status status = LIMN_OK;
  if (!root || !source) {
    free(root);
    status = limn_fail_memory("a data set");
    goto cleanup;
  }
  source->base.ops = &folder_ops;
  LIMN_TRY_OR_CLEANUP(status, text_list_push(&state.folders, root));
  LIMN_TRY_OR_CLEANUP(status, search_all(&state));
  if (state.file_count > INT32_MAX) {
    status = limn_fail(LIMN_DATA, "%s: %zu pictures, over the limit of %d; name a sub-folder", path, state.file_count,
                       INT32_MAX);
    goto cleanup;
  }
  qsort(state.files, state.file_count, sizeof *state.files, by_path);
  source->path = strdup(path);
  if (!source->path) {
    status = limn_fail_memory("a file name");
    goto cleanup;
  }
  source->files = state.files;
  source->base.count = (uint32_t)state.file_count;
  state.files = NULL;
  LIMN_TRY_OR_CLEANUP(status, label_pictures(source));
  *out = &source->base;
  source = NULL;
cleanup:
  if (source)
    folder_destroy(&source->base);
  search_release(&state);
  return status;
}
