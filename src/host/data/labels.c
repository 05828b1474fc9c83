/* Labels of picture files from a text file: a CSV file of two columns, one of several columns with a header, or a list
 * as CelebA has them: the number of pictures, the names of the attributes, and a line a picture. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "data/file_list.h"
#include "data/label_table.h"

/* A picture and its label, in the file's text. */
typedef struct label_row {
  const char *name, *label;
  size_t line;
} label_row;

/* The pictures by what a row may call them; "" is none. */
typedef struct picture_index {
  const limn_file_list *list;
  limn_file_entry **by_name, **by_stem; /* (list->count), sorted by base name, with and without its ending */
} picture_index;

/* Reading under way. */
typedef struct label_file {
  limn_label_table table;
  const picture_index *pictures;
  const char *wanted;             /* the column of the labels; "": the only other one */
  const char **names;             /* (columns), NULL: the file does not name them; owned, in the text */
  size_t columns, picture, label; /* the two that count */
  uint64_t expected;              /* rows, as the first line says; 0: it does not */
  label_row *rows;
  size_t count, capacity;
} label_file;

/* ---- Which picture a row means ---- */

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* The length of a path without its ending. */
static size_t stem_length(const char *path) {
  const char *dot = strrchr(base_name(path), '.');
  return dot ? (size_t)(dot - path) : strlen(path);
}

static int by_base_name(const void *a, const void *b) {
  return strcmp(base_name((*(limn_file_entry *const *)a)->path), base_name((*(limn_file_entry *const *)b)->path));
}

static int compare_stems(const char *a, size_t a_length, const char *b, size_t b_length) {
  const int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
  return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int by_base_stem(const void *a, const void *b) {
  const char *one = (*(limn_file_entry *const *)a)->path, *other = (*(limn_file_entry *const *)b)->path;
  const char *one_base = base_name(one), *other_base = base_name(other);
  return compare_stems(one_base, stem_length(one_base), other_base, stem_length(other_base));
}

/* By base stem too, but the first is a name as it stands. */
static int by_given_stem(const void *name, const void *item) {
  const char *given = base_name(name), *other = base_name((*(limn_file_entry *const *)item)->path);
  return compare_stems(given, strlen(given), other, stem_length(other));
}

static limn_status index_pictures(picture_index *index, const limn_file_list *list) {
  const size_t bytes = (list->count ? list->count : 1) * sizeof(limn_file_entry *);
  *index = (picture_index){.list = list, .by_name = malloc(bytes), .by_stem = malloc(bytes)};
  if (!index->by_name || !index->by_stem)
    return limn_fail_memory("the names of the pictures");
  for (size_t i = 0; i < list->count; ++i)
    index->by_name[i] = index->by_stem[i] = &list->items[i];
  qsort(index->by_name, list->count, sizeof *index->by_name, by_base_name);
  qsort(index->by_stem, list->count, sizeof *index->by_stem, by_base_stem);
  return LIMN_OK;
}

static void release_index(picture_index *index) {
  free(index->by_name);
  free(index->by_stem);
}

/* Whether `name` is the path of the entry but for its ending; of a name without folders the base name counts. */
static bool is_stem_of(const char *name, const limn_file_entry *entry) {
  const char *path = strchr(name, '/') ? entry->path : base_name(entry->path);
  return strlen(name) == stem_length(path) && strncmp(name, path, strlen(name)) == 0;
}

/* A picture without its ending: "id" for id.jpg. */
static limn_file_entry *find_stem(const picture_index *index, const char *name, bool *ambiguous) {
  limn_file_entry **items = index->by_stem, **end = items + index->list->count, *found = NULL;
  limn_file_entry **at =
      index->list->count ? bsearch(name, items, index->list->count, sizeof *items, by_given_stem) : NULL;
  while (at && at > items && by_given_stem(name, at - 1) == 0)
    --at;
  for (; at && at < end && by_given_stem(name, at) == 0; ++at)
    if (is_stem_of(name, *at)) {
      *ambiguous = *ambiguous || found;
      found = *at;
    }
  return found;
}

/* A picture by its path, else by a base name that it alone has, each also without the ending. */
static limn_file_entry *find_picture(const picture_index *index, const char *name, bool *ambiguous) {
  *ambiguous = false;
  if (strncmp(name, "./", 2) == 0)
    name += 2;
  if (!name[0] || index->list->count == 0)
    return NULL;
  limn_file_entry *entry = limn_file_list_find(index->list, name);
  if (entry)
    return entry;
  limn_file_entry key = {.path = (char *)(uintptr_t)name}, *wanted = &key;
  limn_file_entry **items = index->by_name, **end = items + index->list->count,
                  **found = strchr(name, '/')
                                ? NULL
                                : bsearch(&wanted, items, index->list->count, sizeof *items, by_base_name);
  if (!found)
    return find_stem(index, name, ambiguous);
  *ambiguous = (found > items && by_base_name(found - 1, found) == 0) ||
               (found + 1 < end && by_base_name(found, found + 1) == 0);
  return *found;
}

static bool names_picture(const picture_index *index, const char *name) {
  bool ambiguous;
  return find_picture(index, name, &ambiguous) != NULL;
}

/* ---- The columns ---- */

/* What the column of the pictures is called, whatever the case, with '_', '-', ' ' or nothing between words. */
static bool is_picture_column(const char *name) {
  static const char *const known[] = {"file",      "filename",  "filepath",  "path",  "image",   "imageid", "imagename",
                                      "imagefile", "imagepath", "img",       "imgid", "imgname", "imgpath", "name",
                                      "id",        "picture",   "pictureid", "photo", "photoid", "images"};
  char plain[32];
  size_t length = 0;
  for (; *name && length + 1 < sizeof plain; ++name)
    if (!strchr("_- ", *name))
      plain[length++] = *name;
  plain[length] = '\0';
  for (size_t i = 0; i < sizeof known / sizeof *known && !*name; ++i)
    if (strcasecmp(plain, known[i]) == 0)
      return true;
  return false;
}

/* Whether the row that was taken names the columns. */
static bool is_header(const label_file *file) {
  const limn_label_table *row = &file->table;
  bool listed = false, wanted = false;
  for (size_t i = 0; i < row->count; ++i) {
    listed = listed || is_picture_column(row->fields[i]);
    wanted = wanted || (file->wanted[0] && strcasecmp(row->fields[i], file->wanted) == 0);
  }
  return is_picture_column(row->fields[0]) || wanted || (listed && !names_picture(file->pictures, row->fields[0]));
}

static limn_status take_header(label_file *file) {
  limn_label_table *row = &file->table;
  file->columns = row->count;
  file->names = malloc((row->count + 1) * sizeof *file->names); /* one more: see name_first_column */
  if (!file->names)
    return limn_fail_memory(row->path);
  for (size_t i = 0; i < row->count; ++i)
    file->names[i] = row->fields[i];
  return limn_label_table_next(row);
}

/* CelebA's lists do not name the column of the pictures. */
static void name_first_column(label_file *file) {
  memmove(file->names + 1, file->names, file->columns * sizeof *file->names);
  file->names[0] = "file";
  ++file->columns;
}

/* Whether the column has a name and is not that of the pictures. */
static bool may_be_label(const label_file *file, size_t column) {
  return column != file->picture && file->names[column][0];
}

/* The names of the columns, cut off where they are too many. Returns buffer. */
static const char *list_columns(const label_file *file, char *buffer, size_t size) {
  size_t used = 0;
  buffer[0] = '\0';
  for (size_t i = 0; i < file->columns && used + 1 < size; ++i)
    if (may_be_label(file, i))
      used += (size_t)snprintf(buffer + used, size - used, "%s%s", used ? ", " : "", file->names[i]);
  if (used >= size)
    memcpy(buffer + size - 4, "...", 4);
  return buffer;
}

static limn_status fail_unknown_column(const label_file *file) {
  char names[700];
  size_t best = strlen(file->wanted) / 3 + 2; /* letters that may be wrong, and one */
  const char *nearest = NULL;
  for (size_t i = 0; i < file->columns; ++i) {
    const size_t distance = limn_text_distance(file->wanted, file->names[i]);
    if (may_be_label(file, i) && distance < best) {
      best = distance;
      nearest = file->names[i];
    }
  }
  list_columns(file, names, sizeof names);
  return nearest ? limn_fail(LIMN_DATA, "%s: no column %s; do you mean %s? There are %s", file->table.path,
                             file->wanted, nearest, names)
                 : limn_fail(LIMN_DATA, "%s: no column %s; there are %s", file->table.path, file->wanted, names);
}

/* By its name as it stands, else whatever the case. */
static limn_status find_label_column(label_file *file) {
  for (int exact = 1; exact >= 0; --exact)
    for (size_t i = 0; i < file->columns; ++i)
      if (may_be_label(file, i) && (exact ? strcmp : strcasecmp)(file->names[i], file->wanted) == 0) {
        file->label = i;
        return LIMN_OK;
      }
  return fail_unknown_column(file);
}

/* Of the columns that are called so the first that does name a picture, in the first row. */
static void choose_picture_column(label_file *file) {
  const limn_label_table *row = &file->table;
  bool listed = false, certain = false;
  for (size_t i = 0; i < file->columns && i < row->count && !certain; ++i)
    if (is_picture_column(file->names[i])) {
      certain = names_picture(file->pictures, row->fields[i]);
      if (!listed || certain)
        file->picture = i;
      listed = true;
    }
}

/* With the first row of labels taken. */
static limn_status choose_columns(label_file *file) {
  const limn_label_table *row = &file->table;
  char names[700];
  if (file->names && row->count == file->columns + 1)
    name_first_column(file);
  if (file->names)
    choose_picture_column(file);
  else
    file->columns = row->count;
  if (file->wanted[0] && !file->names)
    return limn_fail(LIMN_DATA,
                     "%s: no first line that names its columns, %s among them; add it, or leave out "
                     "label_column",
                     row->path, file->wanted);
  if (file->wanted[0])
    return find_label_column(file);
  file->label = file->picture == 0;
  if (file->columns == 2)
    return LIMN_OK;
  if (file->names && file->columns > 2)
    return limn_fail(LIMN_DATA, "%s: several columns could be the labels; name one with --label-column: %s", row->path,
                     list_columns(file, names, sizeof names));
  return limn_fail(LIMN_DATA, "%s: line %zu: not a file and a label with a comma, a tab or a space between them",
                   row->path, row->row_line);
}

/* ---- The rows ---- */

static limn_status add_row(label_file *file) {
  const limn_label_table *table = &file->table;
  if (table->count != file->columns)
    return limn_fail(LIMN_DATA, "%s: line %zu: %zu fields, where the others have %zu; quote what holds a separator",
                     table->path, table->row_line, table->count, file->columns);
  const label_row row = {table->fields[file->picture], table->fields[file->label], table->row_line};
  if (!row.name[0] || !row.label[0])
    return limn_fail(LIMN_DATA, "%s: line %zu: not a file and a label: one of them is empty", table->path, row.line);
  void *rows = file->rows;
  limn_status status = limn_grow(&rows, file->count, &file->capacity, sizeof row);
  file->rows = rows;
  LIMN_TRY(status);
  file->rows[file->count++] = row;
  return LIMN_OK;
}

/* What comes before the labels: how many there are, as in CelebA's lists, and what the columns are. */
static limn_status take_head(label_file *file) {
  limn_label_table *row = &file->table;
  LIMN_TRY(limn_label_table_next(row));
  const bool counted = row->separator == ' ' && row->count == 1 && limn_text_to_uint64(row->fields[0], &file->expected);
  if (counted)
    LIMN_TRY(limn_label_table_next(row));
  if (row->count > 0 && (counted || is_header(file)))
    LIMN_TRY(take_header(file));
  return row->count > 0 ? choose_columns(file)
                        : limn_fail(LIMN_DATA, "%s: no rows of a file and its label in it", row->path);
}

static limn_status take_rows(label_file *file) {
  LIMN_TRY(take_head(file));
  while (file->table.count > 0) {
    LIMN_TRY(add_row(file));
    LIMN_TRY(limn_label_table_next(&file->table));
  }
  if (file->expected && file->expected != file->count)
    return limn_fail(LIMN_DATA, "%s: %zu pictures, where its first line says %llu; fetch the file again",
                     file->table.path, file->count, (unsigned long long)file->expected);
  return LIMN_OK;
}

/* A second row for a picture may say the same again. */
static limn_status set_row(const char *path, const limn_file_entry *entry, const label_row **of, const label_row *row) {
  if (*of && strcmp((*of)->label, row->label) != 0)
    return limn_fail(LIMN_DATA, "%s: %s is %s in line %zu and %s in line %zu; keep one", path, entry->path,
                     (*of)->label, (*of)->line, row->label, row->line);
  *of = row;
  return LIMN_OK;
}

/* of[picture] = its row. */
static limn_status match(const label_file *file, const label_row **of, const char *where) {
  const limn_file_list *list = file->pictures->list;
  const char *path = file->table.path, *first = NULL;
  size_t strangers = 0, unlabelled = 0;
  const label_row *stranger = NULL;
  for (size_t i = 0; i < file->count; ++i) {
    const label_row *row = &file->rows[i];
    bool ambiguous;
    const limn_file_entry *entry = find_picture(file->pictures, row->name, &ambiguous);
    if (!entry) {
      stranger = strangers++ ? stranger : row;
      continue;
    }
    if (ambiguous)
      return limn_fail(LIMN_DATA,
                       "%s: line %zu: several pictures in %s are named %s; write their sub-folders and "
                       "endings too",
                       path, row->line, where, row->name);
    LIMN_TRY(set_row(path, entry, &of[entry - list->items], row));
  }
  if (strangers > 0)
    return limn_fail(LIMN_DATA, "%s: %zu of %zu rows name no picture in %s, the first in line %zu: %s", path, strangers,
                     file->count, where, stranger->line, stranger->name);
  for (size_t i = 0; i < list->count; ++i)
    if (!of[i] && !list->items[i].fault) /* what is no more there may have lost its row too */
      first = unlabelled++ ? first : list->items[i].path;
  if (unlabelled > 0)
    return limn_fail(LIMN_DATA, "%s: %zu of the %zu pictures in %s have no row, the first: %s", path, unlabelled,
                     list->count, where, first);
  return LIMN_OK;
}

static limn_status classify(const label_file *file, limn_file_list *list, const char *where) {
  const label_row **of = calloc(list->count ? list->count : 1, sizeof *of);
  const char **texts = calloc(list->count ? list->count : 1, sizeof *texts);
  limn_status status = of && texts ? match(file, of, where) : limn_fail_memory(file->table.path);
  for (size_t i = 0; status == LIMN_OK && i < list->count; ++i)
    texts[i] = of[i] ? of[i]->label : NULL;
  if (status == LIMN_OK)
    status = limn_file_list_classify(list, texts, true);
  list->labelled = status == LIMN_OK;
  free(of);
  free(texts);
  return status;
}

limn_status limn_labels_read(limn_file_list *list, const char *path, const char *column, const char *where) {
  picture_index pictures = {0};
  label_file file = {.pictures = &pictures, .wanted = column ? column : ""};
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, index_pictures(&pictures, list));
  LIMN_TRY_OR_CLEANUP(status, limn_label_table_open(&file.table, path));
  LIMN_TRY_OR_CLEANUP(status, take_rows(&file));
  status = classify(&file, list, where);
cleanup:
  limn_label_table_close(&file.table);
  free(file.rows);
  free(file.names);
  release_index(&pictures);
  return status;
}
