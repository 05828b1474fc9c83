#include "data/unpack.h"

#include <errno.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"

#define BLOCK_SIZE ((size_t)1 << 17)

static limn_status fail_broken(const limn_unpacker *unpacker) {
  if (archive_errno(unpacker->archive) == ENOMEM)
    return limn_fail_memory(unpacker->path);
  const char *why = archive_error_string(unpacker->archive);
  return limn_fail(LIMN_DATA, "%s: cannot unpack: %s; fetch the file again, or unpack it and name the folder",
                   unpacker->path, why ? why : "broken");
}

static limn_status open_archive(limn_unpacker *unpacker) {
  struct archive *archive = unpacker->archive;
  /* Zip by its directory at the end alone, which a file that is cut off has lost. */
  if (archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK ||
      archive_read_support_format_tar(archive) != ARCHIVE_OK ||
      archive_read_support_filter_gzip(archive) != ARCHIVE_OK ||
      archive_read_support_filter_bzip2(archive) != ARCHIVE_OK ||
      archive_read_support_filter_xz(archive) != ARCHIVE_OK ||
      archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
      archive_read_open_filename(archive, unpacker->path, BLOCK_SIZE) != ARCHIVE_OK)
    return fail_broken(unpacker);
  return LIMN_OK;
}

limn_status limn_unpack_open(limn_unpacker *unpacker, const char *path) {
  *unpacker = (limn_unpacker){.archive = archive_read_new(), .path = path};
  if (!unpacker->archive)
    return limn_fail_memory(path);
  /* libarchive hands out names in the charset of the locale, which in a plain C program has ASCII alone. */
  unpacker->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (unpacker->utf8)
    unpacker->before = uselocale(unpacker->utf8);
  limn_status status = open_archive(unpacker);
  if (status != LIMN_OK)
    limn_unpack_close(unpacker);
  return status;
}

limn_status limn_unpack_next(limn_unpacker *unpacker, limn_member *out) {
  for (;;) {
    struct archive_entry *entry;
    int result = archive_read_next_header(unpacker->archive, &entry);
    *out = (limn_member){0};
    if (result == ARCHIVE_EOF)
      return LIMN_OK;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) /* warnings are about owners, times and charsets */
      return fail_broken(unpacker);
    out->link_to = archive_entry_hardlink(entry);
    if (archive_entry_filetype(entry) != AE_IFREG && !out->link_to)
      continue;
    out->name = archive_entry_pathname(entry);
    if (!out->name)
      return limn_fail(LIMN_DATA, "%s: holds a file whose name cannot be read; unpack it and name the folder",
                       unpacker->path);
    return LIMN_OK;
  }
}

limn_status limn_unpack_read(limn_unpacker *unpacker, void *bytes, size_t size, size_t *got) {
  for (*got = 0; *got < size;) {
    la_ssize_t part = archive_read_data(unpacker->archive, (uint8_t *)bytes + *got, size - *got);
    if (part < 0)
      return fail_broken(unpacker);
    if (part == 0)
      break;
    *got += (size_t)part;
  }
  return LIMN_OK;
}

void limn_unpack_close(limn_unpacker *unpacker) {
  if (unpacker->archive)
    archive_read_free(unpacker->archive);
  if (unpacker->utf8) {
    uselocale(unpacker->before);
    freelocale(unpacker->utf8);
  }
  memset(unpacker, 0, sizeof *unpacker);
}
