/* Zip and tar archives for tests, by libarchive's own writers. */
#ifndef LIMN_TESTS_SUPPORT_ARCHIVES_H
#define LIMN_TESTS_SUPPORT_ARCHIVES_H

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

typedef struct test_archive {
  struct archive *archive;
  locale_t utf8, before;
} test_archive;

/* format: "zip", "pax", "gnutar", "ustar"; filter: "none", "gzip", "bzip2", "xz", "zstd". */
static inline test_archive test_archive_open(const char *path, const char *format, const char *filter) {
  test_archive made = {.archive = archive_write_new(), .utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};
  made.before = uselocale(made.utf8); /* so that names are marked as UTF-8, as other programs do */
  if (archive_write_set_format_by_name(made.archive, format) != ARCHIVE_OK ||
      (strcmp(filter, "none") != 0 && archive_write_add_filter_by_name(made.archive, filter) != ARCHIVE_OK) ||
      archive_write_open_filename(made.archive, path) != ARCHIVE_OK)
    abort();
  return made;
}

/* hardlink: the member that holds the bytes, or NULL. */
static inline void test_archive_add_link(test_archive *made, const char *name, const char *hardlink, const void *bytes,
                                         size_t size) {
  struct archive_entry *entry = archive_entry_new();
  archive_entry_set_pathname(entry, name);
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0644);
  if (hardlink)
    archive_entry_set_hardlink(entry, hardlink);
  archive_entry_set_size(entry, hardlink ? 0 : (la_int64_t)size);
  if (archive_write_header(made->archive, entry) < ARCHIVE_WARN ||
      (!hardlink && archive_write_data(made->archive, bytes, size) != (la_ssize_t)size))
    abort();
  archive_entry_free(entry);
}

static inline void test_archive_add(test_archive *made, const char *name, const void *bytes, size_t size) {
  test_archive_add_link(made, name, NULL, bytes, size);
}

static inline void test_archive_close(test_archive *made) {
  if (archive_write_close(made->archive) != ARCHIVE_OK)
    abort();
  archive_write_free(made->archive);
  uselocale(made->before);
  freelocale(made->utf8);
}

#endif
