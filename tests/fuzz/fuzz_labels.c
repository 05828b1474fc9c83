/* Input: which pictures there are and which column is asked for; a file with their labels. What is accepted must come
 * back the same from a file that says it in our own words. Covers: src/host/data/labels.c src/host/data/label_table.c
 */
#include <string.h>

#include "data/file_list.h"
#include "fuzz/fuzz.h"

#define PICTURES 4

static const char *const pictures[][PICTURES] = {
    {"a.png", "b.png"},
    {"cat/1.png", "cat/2.png", "dog/1.png", "e\xcc\x81.png"},
    {"a,b.png", "\"q\".png", "\n.png", " .png"},
    {"id", "file", "x/id", "a.png"},
};
#define LISTS (sizeof pictures / sizeof *pictures)

static const char *const columns[] = {NULL, "label", "Smiling", "a"};
#define COLUMNS (sizeof columns / sizeof *columns)

static limn_file_list make_list(const char *const names[PICTURES]) {
  limn_file_list list = {0};
  for (int i = 0; i < PICTURES && names[i]; ++i)
    FUZZ_CHECK(limn_file_list_add(&list, strdup(names[i]), 0, 1) == LIMN_OK);
  FUZZ_CHECK(limn_file_list_finish(&list, "set") == LIMN_OK);
  return list;
}

static void put_quoted(FILE *stream, const char *text, char end) {
  putc('"', stream);
  for (; *text; ++text) {
    putc(*text, stream);
    if (*text == '"')
      putc('"', stream);
  }
  fprintf(stream, "\"%c", end);
}

static const char *write_labels(const limn_file_list *list) {
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  FUZZ_CHECK(stream);
  fputs("file,label\n", stream);
  for (size_t i = 0; i < list->count; ++i) {
    put_quoted(stream, list->items[i].path, ',');
    put_quoted(stream, list->classes[list->items[i].label], '\n');
  }
  FUZZ_CHECK(fclose(stream) == 0);
  const char *path = fuzz_file("y.csv", (const uint8_t *)text, size);
  free(text);
  return path;
}

static void check_same(const limn_file_list *a, const limn_file_list *b) {
  FUZZ_CHECK(a->labelled && b->labelled && a->class_count == b->class_count && a->class_count > 0);
  for (int i = 0; i < a->class_count; ++i)
    FUZZ_CHECK(strcmp(a->classes[i], b->classes[i]) == 0 && (i == 0 || strcmp(a->classes[i - 1], a->classes[i]) != 0));
  for (size_t i = 0; i < a->count; ++i) {
    FUZZ_CHECK(a->items[i].label == b->items[i].label && a->items[i].label >= 0);
    FUZZ_CHECK(limn_file_list_identify(a, (uint32_t)i, 1) == limn_file_list_identify(b, (uint32_t)i, 1));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  const unsigned which = fuzz_byte(&in);
  const char *const *names = pictures[which % LISTS], *column = columns[which / LISTS % COLUMNS];
  limn_file_list list = make_list(names), again = make_list(names);
  limn_status status = limn_labels_read(&list, fuzz_file("x.csv", in.data, in.size), column, "set");
  fuzz_check_message(status);
  if (status == LIMN_OK) {
    FUZZ_CHECK(limn_labels_read(&again, write_labels(&list), NULL, "set") == LIMN_OK);
    check_same(&list, &again);
  }
  limn_file_list_release(&list);
  limn_file_list_release(&again);
  return 0;
}
