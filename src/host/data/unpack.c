#include "data/unpack.h"

#include <errno.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"
#include "data/zip_names.h"

#define BLOCK_SIZE ((size_t)1 << 17)
#define TAR_END    1024 /* zeros at least */

static limn_status fail_broken(const limn_unpacker *unpacker) {
  if (unpacker->stream_status != LIMN_OK) /* and has its message */
    return unpacker->stream_status;
  if (archive_errno(unpacker->archive) == ENOMEM)
    return limn_fail_memory(unpacker->path);
  const char *why = archive_error_string(unpacker->archive);
  return limn_fail(LIMN_DATA, "%s: cannot unpack: %s; fetch the file again, or unpack it and name the folder",
                   unpacker->path, why ? why : "broken");
}

static bool is_zip(const limn_unpacker *unpacker) {
  return (archive_format(unpacker->archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP;
}

static limn_status read_stream(limn_unpacker *unpacker, const void **bytes, size_t *size) {
  LIMN_TRY(limn_compressed_read(unpacker->stream, bytes, size));
  const uint8_t *begin = *bytes;
  size_t zeros = 0;
  while (zeros < *size && begin[*size - 1 - zeros] == 0)
    ++zeros;
  unpacker->zeros = zeros == *size ? unpacker->zeros + zeros : zeros;
  return LIMN_OK;
}

/* archive_read_callback */
static la_ssize_t hand_on(struct archive *archive, void *context, const void **bytes) {
  limn_unpacker *unpacker = context;
  size_t size = 0;
  (void)archive;
  unpacker->stream_status = read_stream(unpacker, bytes, &size);
  return unpacker->stream_status == LIMN_OK ? (la_ssize_t)size : -1;
}

/* The rest of a compressed tar, at whose end its sum is. A tar that does not end as tars do, with something behind the
 * compressed part, has lost a part of a file that is compressed in several. */
static limn_status check_rest(limn_unpacker *unpacker) {
  const void *bytes;
  size_t size = 1;
  while (unpacker->stream && size > 0)
    LIMN_TRY(read_stream(unpacker, &bytes, &size));
  if (unpacker->stream && unpacker->zeros < TAR_END && limn_compressed_is_followed(unpacker->stream))
    return limn_fail(LIMN_DATA, "%s: damaged: what follows its compressed part is not compressed; fetch the file again",
                     unpacker->path);
  return LIMN_OK;
}

static limn_status open_archive(limn_unpacker *unpacker) {
  struct archive *archive = unpacker->archive = archive_read_new();
  if (!archive)
    return limn_fail_memory(unpacker->path);
  LIMN_TRY(limn_compressed_open(&unpacker->stream, unpacker->path));
  if (archive_read_support_format_tar(archive) != ARCHIVE_OK)
    return fail_broken(unpacker);
  if (unpacker->stream)
    return archive_read_open(archive, unpacker, NULL, hand_on, NULL) == ARCHIVE_OK ? LIMN_OK : fail_broken(unpacker);
  /* Zip by its directory at the end alone, which a file that is cut off has lost. */
  if (archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK ||
      archive_read_open_filename(archive, unpacker->path, BLOCK_SIZE) != ARCHIVE_OK)
    return fail_broken(unpacker);
  return limn_zip_check_names(unpacker->path);
}

limn_status limn_unpack_open(limn_unpacker *unpacker, const char *path) {
  *unpacker = (limn_unpacker){.path = path};
  /* libarchive hands out names in the charset of the locale, which in a plain C program has ASCII alone. */
  unpacker->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (unpacker->utf8)
    unpacker->before = uselocale(unpacker->utf8);
  limn_status status = open_archive(unpacker);
  if (status != LIMN_OK)
    limn_unpack_close(unpacker);
  return status;
}

static limn_status next_header(limn_unpacker *unpacker, struct archive_entry **entry, bool *done) {
  int result = archive_read_next_header(unpacker->archive, entry);
  *done = result == ARCHIVE_EOF;
  if (*done)
    return check_rest(unpacker);
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) /* warnings are about owners, times and charsets */
    return fail_broken(unpacker);
  ++unpacker->members;
  return LIMN_OK;
}

/* Opens the archive again and goes to where it was. */
static limn_status get_unstuck(limn_unpacker *unpacker) {
  struct archive_entry *entry;
  const size_t members = unpacker->members;
  bool done = false;
  archive_read_free(unpacker->archive);
  unpacker->stuck = false;
  LIMN_TRY(open_archive(unpacker));
  for (unpacker->members = 0; unpacker->members < members && !done;)
    LIMN_TRY(next_header(unpacker, &entry, &done));
  return LIMN_OK;
}

/* What a member is that is no file, and whether that matters: of a zip, which has no sum over it, a kind that no
 * program makes is damage. */
static limn_status pass_over(const limn_unpacker *unpacker, struct archive_entry *entry, bool *over) {
  const mode_t kind = archive_entry_filetype(entry);
  *over = kind != AE_IFREG && kind != AE_IFLNK && !archive_entry_hardlink(entry);
  if (!*over || kind == AE_IFDIR || !is_zip(unpacker))
    return LIMN_OK;
  return limn_fail(LIMN_DATA, "%s: damaged: it says that %s is no file; fetch the archive again", unpacker->path,
                   archive_entry_pathname(entry) ? archive_entry_pathname(entry) : "a member");
}

limn_status limn_unpack_next(limn_unpacker *unpacker, limn_member *out) {
  if (unpacker->stuck)
    LIMN_TRY(get_unstuck(unpacker));
  for (;;) {
    struct archive_entry *entry;
    bool done, over;
    *out = (limn_member){0};
    LIMN_TRY(next_header(unpacker, &entry, &done));
    if (done)
      return LIMN_OK;
    LIMN_TRY(pass_over(unpacker, entry, &over));
    if (over)
      continue;
    out->link_to = archive_entry_hardlink(entry);
    if (!out->link_to && archive_entry_filetype(entry) == AE_IFLNK)
      out->link_to = archive_entry_symlink(entry) ? archive_entry_symlink(entry) : "";
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
    if (part < 0) {
      unpacker->stuck = true;
      return fail_broken(unpacker);
    }
    if (part == 0)
      break;
    *got += (size_t)part;
  }
  return LIMN_OK;
}

const char *limn_unpack_member_fault(const limn_unpacker *unpacker) {
  const int reason = archive_errno(unpacker->archive);
  bool damaged = reason == EILSEQ || reason < 0; /* libarchive's own reasons: not the disk's, nor memory's */
  return is_zip(unpacker) && unpacker->stuck && damaged ? archive_error_string(unpacker->archive) : NULL;
}

void limn_unpack_close(limn_unpacker *unpacker) {
  if (unpacker->archive)
    archive_read_free(unpacker->archive);
  limn_compressed_close(unpacker->stream);
  if (unpacker->utf8) {
    uselocale(unpacker->before);
    freelocale(unpacker->utf8);
  }
  memset(unpacker, 0, sizeof *unpacker);
}
