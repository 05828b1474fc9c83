/* A page as text. */
#include <string.h>

#include "report/page.h"

#define TITLED_INDENT 2

static const char *cell_text(const limn_page_section *section, size_t index) {
  return index < section->count && section->cells[index] ? section->cells[index] : "";
}

/* Columns that UTF-8 text takes, near enough: one a code point. */
static int shown_width(const char *text) {
  int width = 0;
  for (; *text; text++)
    width += ((unsigned char)*text & 0xc0) != 0x80;
  return width;
}

static void print_section(const limn_page_section *section, FILE *stream) {
  size_t columns = strlen(section->columns);
  int widths[LIMN_PAGE_COLUMNS] = {0}, indent = section->title ? TITLED_INDENT : 0;
  for (size_t i = 0; i < section->count; i++) {
    int width = shown_width(cell_text(section, i));
    if (width > widths[i % columns])
      widths[i % columns] = width;
  }
  if (section->title)
    fprintf(stream, "%s\n", section->title);
  for (size_t first = 0; first < section->count; first += columns) {
    size_t last = columns;
    while (last > 0 && !*cell_text(section, first + last - 1))
      last--;
    fprintf(stream, "%*s", last ? indent : 0, "");
    for (size_t i = 0; i < last; i++) {
      const char *text = cell_text(section, first + i);
      int padding = widths[i] - shown_width(text);
      bool right = section->columns[i] == 'r';
      fprintf(stream, "%s%*s%s%*s", i ? "  " : "", right ? padding : 0, "", text, right || i + 1 == last ? 0 : padding,
              "");
    }
    fputc('\n', stream);
  }
}

void limn_page_print_text(const limn_page *page, FILE *stream) {
  bool first = true;
  for (size_t i = 0; i < page->count; i++) {
    if (page->sections[i].count == 0)
      continue;
    if (!first)
      fputc('\n', stream);
    first = false;
    print_section(&page->sections[i], stream);
  }
}
