#include "report/page.h"

#include <stdlib.h>
#include <string.h>

void limn_page_section_begin(limn_page *page, const char *title, const char *columns) {
  limn_page_section *sections = realloc(page->sections, (page->count + 1) * sizeof(*sections));
  if (!sections) {
    page->failed = true;
    return;
  }
  page->sections = sections;
  limn_page_section *section = &sections[page->count++];
  *section = (limn_page_section){.title = title ? strdup(title) : NULL};
  page->failed = page->failed || (title && !section->title);
  strncpy(section->columns, columns, LIMN_PAGE_COLUMNS);
}

limn_page_section *limn_page_last(limn_page *page) {
  if (page->count == 0)
    limn_page_section_begin(page, NULL, "ll");
  return page->count ? &page->sections[page->count - 1] : NULL;
}

static bool has_room(limn_page_section *section) {
  if (section->count < section->capacity)
    return true;
  size_t capacity = section->capacity ? 2 * section->capacity : 32;
  char **cells = realloc(section->cells, capacity * sizeof(*cells));
  if (!cells)
    return false;
  section->cells = cells;
  section->capacity = capacity;
  return true;
}

void limn_page_row(limn_page *page) {
  limn_page_section *section = limn_page_last(page);
  while (section && section->count % strlen(section->columns) != 0 && !page->failed)
    if (has_room(section))
      section->cells[section->count++] = NULL;
    else
      page->failed = true;
}

/* Foreign text (names in a file) must not drive a terminal. */
static char *cleaned(char *text) {
  for (char *at = text; at && *at; at++)
    if ((unsigned char)*at < 0x20 || *at == 0x7f)
      *at = '?';
  return text;
}

void limn_page_cell(limn_page *page, char *text) {
  limn_page_section *section = limn_page_last(page);
  if (section && text && has_room(section)) {
    section->cells[section->count++] = cleaned(text);
    return;
  }
  page->failed = true;
  free(text);
}

void limn_page_more(limn_page *page, char *text) {
  limn_page_section *section = limn_page_last(page);
  char **cell = section && section->count ? &section->cells[section->count - 1] : NULL, *longer;
  if (cell && *cell && text && asprintf(&longer, "%s%s", *cell, cleaned(text)) >= 0) {
    free(*cell);
    *cell = longer;
  } else {
    page->failed = true;
  }
  free(text);
}

void limn_page_release(limn_page *page) {
  for (size_t i = 0; i < page->count; i++) {
    for (size_t j = 0; j < page->sections[i].count; j++)
      free(page->sections[i].cells[j]);
    free(page->sections[i].cells);
    free(page->sections[i].title);
  }
  free(page->sections);
  *page = (limn_page){0};
}
