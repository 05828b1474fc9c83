#include "data/other_files.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "limn/tools.h"

/* The ending in lower case, with its dot; "" for none, or none of ASCII letters and digits of a usual length. */
static void ending_of(const char *path, char ending[LIMN_ENDING_SIZE]) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
  memset(ending, 0, LIMN_ENDING_SIZE);
  const size_t length = dot && dot > name ? strlen(dot) : 0;
  if (length < 2 || length >= LIMN_ENDING_SIZE)
    return;
  for (size_t i = 1; i < length; ++i)
    if (!isalnum((unsigned char)dot[i]))
      return;
  for (size_t i = 0; i < length; ++i)
    ending[i] = (char)tolower((unsigned char)dot[i]);
}

static void count(limn_other_files *all, const char *ending, uint32_t files) {
  uint32_t i = 0;
  while (i < all->ending_count && strcmp(all->endings[i].ending, ending) != 0)
    ++i;
  if (i == LIMN_ENDINGS)
    return; /* in the sum alone */
  if (i == all->ending_count)
    snprintf(all->endings[all->ending_count++].ending, LIMN_ENDING_SIZE, "%s", ending);
  all->endings[i].count += files;
}

/* The first by its bytes, whatever the order in which they come. */
static void keep_first(limn_other_files *all, const char *path) {
  char shown[sizeof all->first];
  limn_text_printable(path, shown, sizeof shown);
  if (!all->first[0] || strcmp(shown, all->first) < 0)
    memcpy(all->first, shown, sizeof shown);
}

void limn_other_files_add(limn_other_files *all, const char *path) {
  char ending[LIMN_ENDING_SIZE];
  ending_of(path, ending);
  keep_first(all, path);
  count(all, ending, 1);
  ++all->count;
}

void limn_other_files_merge(limn_other_files *all, const limn_other_files *more) {
  if (more->count == 0)
    return;
  keep_first(all, more->first);
  for (uint32_t i = 0; i < more->ending_count; ++i)
    count(all, more->endings[i].ending, more->endings[i].count);
  all->count += more->count;
}

bool limn_other_files_passes_over(const char *name) {
  static const char *const names[] = {"Thumbs.db", "ehthumbs.db", "desktop.ini"};
  const size_t length = strlen(name);
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (strcasecmp(name, names[i]) == 0)
      return true;
  return name[0] == '.' || (length > 4 && strcasecmp(name + length - 4, ".csv") == 0);
}

static int by_count(const void *a, const void *b) {
  const limn_ending_count *one = a, *two = b;
  if (one->count != two->count)
    return one->count > two->count ? -1 : 1;
  if (!one->ending[0] != !two->ending[0])
    return one->ending[0] ? -1 : 1;
  return strcmp(one->ending, two->ending);
}

const char *limn_other_files_text(const limn_other_files *all, char *buffer, size_t size) {
  limn_ending_count sorted[LIMN_ENDINGS];
  uint32_t named = 0;
  buffer[0] = '\0';
  if (all->count == 0)
    return buffer;
  memcpy(sorted, all->endings, sizeof sorted);
  qsort(sorted, all->ending_count, sizeof *sorted, by_count);
  snprintf(buffer, size,
           all->count == 1 ? "1 file is no picture that Limn reads:" : "%u files are no pictures that Limn reads:",
           all->count);
  for (uint32_t i = 0; i < all->ending_count; ++i) {
    const size_t used = strlen(buffer);
    snprintf(buffer + used, size - used, "%s %u %s", i ? "," : "", sorted[i].count,
             sorted[i].ending[0] ? sorted[i].ending : "without an ending");
    named += sorted[i].count;
  }
  size_t used = strlen(buffer);
  if (named < all->count)
    snprintf(buffer + used, size - used, ", %u others", all->count - named);
  used = strlen(buffer);
  snprintf(buffer + used, size - used, " (first: %s)", all->first);
  return buffer;
}
