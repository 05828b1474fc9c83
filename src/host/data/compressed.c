#include "data/compressed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include "base/error.h"

#define BLOCK_SIZE  ((size_t)1 << 17)
#define GZIP_WINDOW (15 + 16) /* the largest window, and gzip's head and trailer, which zlib then checks itself */

/* gzip goes through zlib, since libarchive's own reader of gzip passes over the sum at the end; the others through
 * libarchive, whose readers leave their sums to the libraries that know them. */
struct limn_compressed {
  const char *path;
  struct archive *archive; /* NULL: gzip */
  int descriptor;          /* of a gzip file */
  z_stream gzip;
  bool gzip_ready, ended, followed;
  uint8_t *input, *output; /* (BLOCK_SIZE) each; gzip */
};

static limn_status fail_broken(const limn_compressed *stream, const char *why) {
  return limn_fail(LIMN_DATA, "%s: damaged: %s; fetch the file again", stream->path, why ? why : "cannot be unpacked");
}

/* ---- gzip ---- */

/* More input behind what is left of it; `avail_in` stays as it was at the end of the file. */
static limn_status fill(limn_compressed *stream) {
  z_stream *gzip = &stream->gzip;
  memmove(stream->input, gzip->next_in, gzip->avail_in);
  gzip->next_in = stream->input;
  ssize_t got;
  do
    got = read(stream->descriptor, stream->input + gzip->avail_in, BLOCK_SIZE - gzip->avail_in);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return limn_fail(LIMN_DATA, "%s: cannot read: %s", stream->path, strerror(errno));
  gzip->avail_in += (uInt)got;
  return LIMN_OK;
}

/* Behind a gzip member, whose sum was right: another one, or the end, which zeros may fill up and anything may follow,
 * as for gzip itself. */
static limn_status next_member(limn_compressed *stream) {
  z_stream *gzip = &stream->gzip;
  if (gzip->avail_in < 2)
    LIMN_TRY(fill(stream));
  if (gzip->avail_in >= 2 && gzip->next_in[0] == 0x1f && gzip->next_in[1] == 0x8b) {
    inflateReset(gzip);
    return LIMN_OK;
  }
  stream->ended = true;
  while (gzip->avail_in > 0 && !stream->followed) {
    for (uInt i = 0; i < gzip->avail_in; ++i)
      stream->followed = stream->followed || gzip->next_in[i] != 0;
    gzip->avail_in = 0;
    LIMN_TRY(fill(stream));
  }
  return LIMN_OK;
}

static limn_status read_gzip(limn_compressed *stream, const void **bytes, size_t *size) {
  z_stream *gzip = &stream->gzip;
  gzip->next_out = stream->output;
  gzip->avail_out = BLOCK_SIZE;
  while (gzip->avail_out == BLOCK_SIZE && !stream->ended) {
    if (gzip->avail_in == 0)
      LIMN_TRY(fill(stream));
    if (gzip->avail_in == 0)
      return fail_broken(stream, "cut off before its end");
    int result = inflate(gzip, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR)
      return limn_fail_memory(stream->path);
    if (result == Z_STREAM_END)
      LIMN_TRY(next_member(stream));
    else if (result != Z_OK)
      return fail_broken(stream, gzip->msg);
  }
  *bytes = stream->output;
  *size = BLOCK_SIZE - gzip->avail_out;
  return LIMN_OK;
}

static limn_status open_gzip(limn_compressed *stream) {
  stream->input = malloc(BLOCK_SIZE);
  stream->output = malloc(BLOCK_SIZE);
  stream->gzip.next_in = stream->input;
  stream->gzip_ready = stream->input && stream->output && inflateInit2(&stream->gzip, GZIP_WINDOW) == Z_OK;
  return stream->gzip_ready ? LIMN_OK : limn_fail_memory(stream->path);
}

/* ---- bzip2, xz and zstd ---- */

static limn_status fail_archive(const limn_compressed *stream) {
  if (archive_errno(stream->archive) == ENOMEM)
    return limn_fail_memory(stream->path);
  return fail_broken(stream, archive_error_string(stream->archive));
}

/* As an archive of one member, the bytes as they are. */
static limn_status open_others(limn_compressed *stream) {
  struct archive *archive = stream->archive = archive_read_new();
  struct archive_entry *entry;
  if (!archive)
    return limn_fail_memory(stream->path);
  if (archive_read_support_format_raw(archive) != ARCHIVE_OK ||
      archive_read_support_filter_bzip2(archive) != ARCHIVE_OK ||
      archive_read_support_filter_xz(archive) != ARCHIVE_OK ||
      archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
      archive_read_open_filename(archive, stream->path, BLOCK_SIZE) != ARCHIVE_OK ||
      archive_read_next_header(archive, &entry) != ARCHIVE_OK)
    return fail_archive(stream);
  return LIMN_OK;
}

static limn_status read_others(limn_compressed *stream, const void **bytes, size_t *size) {
  la_int64_t offset;
  int result;
  do
    result = archive_read_data_block(stream->archive, bytes, size, &offset);
  while (result == ARCHIVE_OK && *size == 0);
  if (result == ARCHIVE_OK)
    return LIMN_OK;
  if (result != ARCHIVE_EOF)
    return fail_archive(stream);
  struct stat info;
  *size = 0;
  stream->ended = true;
  stream->followed = stat(stream->path, &info) == 0 && archive_filter_bytes(stream->archive, -1) < info.st_size;
  return LIMN_OK;
}

/* ---- both ---- */

static bool is_compressed(const uint8_t start[6], bool *gzip) {
  *gzip = start[0] == 0x1f && start[1] == 0x8b;
  return *gzip || memcmp(start, "BZh", 3) == 0 ||
         memcmp(start,
                "\xfd"
                "7zXZ",
                6) == 0 ||
         memcmp(start, "\x28\xb5\x2f\xfd", 4) == 0;
}

limn_status limn_compressed_open(limn_compressed **out, const char *path) {
  uint8_t start[6] = {0};
  bool gzip;
  *out = NULL;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", path, strerror(errno));
  if (pread(descriptor, start, sizeof start, 0) < 0 || !is_compressed(start, &gzip)) {
    close(descriptor);
    return LIMN_OK;
  }
  limn_compressed *stream = calloc(1, sizeof *stream);
  if (!stream) {
    close(descriptor);
    return limn_fail_memory(path);
  }
  stream->path = path;
  stream->descriptor = descriptor;
  limn_status status = gzip ? open_gzip(stream) : open_others(stream);
  if (status == LIMN_OK)
    *out = stream;
  else
    limn_compressed_close(stream);
  return status;
}

limn_status limn_compressed_read(limn_compressed *stream, const void **bytes, size_t *size) {
  *size = 0;
  if (stream->ended)
    return LIMN_OK;
  return stream->archive ? read_others(stream, bytes, size) : read_gzip(stream, bytes, size);
}

bool limn_compressed_is_followed(const limn_compressed *stream) { return stream->followed; }

void limn_compressed_close(limn_compressed *stream) {
  if (!stream)
    return;
  if (stream->gzip_ready)
    inflateEnd(&stream->gzip);
  if (stream->archive)
    archive_read_free(stream->archive);
  close(stream->descriptor);
  free(stream->input);
  free(stream->output);
  free(stream);
}
