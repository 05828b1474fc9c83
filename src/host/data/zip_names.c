#include "data/zip_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* Lengths without what varies, and where the numbers lie (APPNOTE.TXT of PKWARE, 4.3 and 4.5.3). */
#define END_SIZE       22
#define END64_SIZE     56
#define LOCATOR_SIZE   20
#define ENTRY_SIZE     46
#define LOCAL_SIZE     30
#define LONGEST_END    (END_SIZE + 65535) /* with a comment */
#define MOST_DIRECTORY ((uint64_t)1 << 31)

/* The directory of a file. */
typedef struct zip_directory {
  const char *path;
  int descriptor;
  uint64_t start, size, shift; /* shift: bytes ahead of the archive, as in a file that unpacks itself */
  uint8_t *bytes;              /* (size) */
} zip_directory;

static uint64_t number(const uint8_t *bytes, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i)
    value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

static bool read_exactly(int descriptor, void *bytes, size_t size, uint64_t offset) {
  uint8_t *at = bytes;
  while (size > 0) {
    ssize_t got = pread(descriptor, at, size, (off_t)offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    at += got;
    size -= (size_t)got;
    offset += (uint64_t)got;
  }
  return true;
}

/* Directories of more than 65535 entries or behind the first 4 GB are told of in a record ahead of the end's. */
static void take_end64(zip_directory *zip, uint64_t *end) {
  uint8_t locator[LOCATOR_SIZE], record[END64_SIZE];
  if (*end < LOCATOR_SIZE || !read_exactly(zip->descriptor, locator, sizeof locator, *end - LOCATOR_SIZE) ||
      memcmp(locator, "PK\6\7", 4) != 0)
    return;
  const uint64_t offset = number(locator + 8, 8);
  if (!read_exactly(zip->descriptor, record, sizeof record, offset) || memcmp(record, "PK\6\6", 4) != 0)
    return;
  zip->size = number(record + 40, 8);
  zip->start = number(record + 48, 8);
  *end = offset;
}

static bool find_directory(zip_directory *zip) {
  struct stat info;
  if (fstat(zip->descriptor, &info) != 0 || info.st_size < END_SIZE)
    return false;
  const uint64_t file = (uint64_t)info.st_size, size = file < LONGEST_END ? file : LONGEST_END;
  uint8_t *tail = malloc(size), *at = NULL;
  if (tail && read_exactly(zip->descriptor, tail, size, file - size))
    for (at = tail + size - END_SIZE; at >= tail && memcmp(at, "PK\5\6", 4) != 0;)
      --at;
  bool found = at && at >= tail;
  if (found) {
    uint64_t end = file - size + (uint64_t)(at - tail);
    zip->size = number(at + 12, 4);
    zip->start = number(at + 16, 4);
    take_end64(zip, &end);
    found = zip->size <= MOST_DIRECTORY && zip->size <= end && zip->start <= end - zip->size;
    zip->shift = found ? end - zip->size - zip->start : 0;
  }
  free(tail);
  return found;
}

/* Where the member begins; behind the first 4 GB the extra field says so, after the sizes that do not fit either. */
static uint64_t local_offset(const uint8_t *entry, size_t name, size_t extra) {
  const uint64_t offset = number(entry + 42, 4);
  if (offset != UINT32_MAX)
    return offset;
  const uint8_t *at = entry + ENTRY_SIZE + name, *end = at + extra;
  while (end - at >= 4 && number(at, 2) != 1)
    at += 4 + number(at + 2, 2) < (uint64_t)(end - at) ? 4 + number(at + 2, 2) : (uint64_t)(end - at);
  const size_t before = 8 * ((number(entry + 20, 4) == UINT32_MAX) + (number(entry + 24, 4) == UINT32_MAX));
  return end - at >= (ptrdiff_t)(4 + before + 8) ? number(at + 4 + before, 8) : offset;
}

static bool same_name(const zip_directory *zip, const uint8_t *entry, size_t name, size_t extra) {
  uint8_t local[LOCAL_SIZE + UINT16_MAX];
  const uint64_t offset = local_offset(entry, name, extra) + zip->shift;
  return read_exactly(zip->descriptor, local, LOCAL_SIZE + name, offset) && memcmp(local, "PK\3\4", 4) == 0 &&
         number(local + 26, 2) == name && memcmp(local + LOCAL_SIZE, entry + ENTRY_SIZE, name) == 0;
}

static limn_status check_entries(const zip_directory *zip) {
  for (uint64_t at = 0; zip->size - at >= ENTRY_SIZE;) {
    const uint8_t *entry = zip->bytes + at;
    const size_t name = number(entry + 28, 2), extra = number(entry + 30, 2), comment = number(entry + 32, 2);
    if (memcmp(entry, "PK\1\2", 4) != 0 || zip->size - at - ENTRY_SIZE < name + extra + comment)
      break;
    if (!same_name(zip, entry, name, extra))
      return limn_fail(
          LIMN_DATA,
          "%s: damaged: %.*s has another name in the archive's directory; fetch the file again, or unpack it",
          zip->path, (int)name, (const char *)entry + ENTRY_SIZE);
    at += ENTRY_SIZE + name + extra + comment;
  }
  return LIMN_OK;
}

limn_status limn_zip_check_names(const char *path) {
  zip_directory zip = {.path = path, .descriptor = open(path, O_RDONLY | O_CLOEXEC)};
  limn_status status = LIMN_OK;
  if (zip.descriptor < 0)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", path, strerror(errno));
  if (find_directory(&zip)) {
    zip.bytes = malloc(zip.size ? zip.size : 1);
    if (!zip.bytes)
      status = limn_fail_memory(path);
    else if (read_exactly(zip.descriptor, zip.bytes, zip.size, zip.start + zip.shift))
      status = check_entries(&zip);
  }
  free(zip.bytes);
  close(zip.descriptor);
  return status;
}
