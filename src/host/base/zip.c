#include "base/zip.h"

#include <string.h>

/* Lengths without what varies, and where the numbers lie (APPNOTE.TXT of PKWARE, 4.3 and 4.5.3). */
#define END_SIZE     22
#define END64_SIZE   56
#define LOCATOR_SIZE 20
#define ENTRY_SIZE   46
#define LOCAL_SIZE   30
#define LONGEST_END  (END_SIZE + 65535) /* with a comment */

static uint64_t number(const uint8_t *bytes, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i)
    value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

static bool has(const limn_zip *zip, uint64_t offset, uint64_t size) {
  return offset <= zip->size && size <= zip->size - offset;
}

/* Directories of more than 65535 entries or behind the first 4 GB are told of in a record ahead of the end's. */
static void take_end64(const limn_zip *zip, uint64_t *end, uint64_t *start, uint64_t *size) {
  if (*end < LOCATOR_SIZE)
    return;
  const uint8_t *locator = zip->bytes + (*end - LOCATOR_SIZE);
  if (memcmp(locator, "PK\6\7", 4) != 0)
    return;
  const uint64_t offset = number(locator + 8, 8);
  if (!has(zip, offset, END64_SIZE) || memcmp(zip->bytes + offset, "PK\6\6", 4) != 0)
    return;
  *size = number(zip->bytes + offset + 40, 8);
  *start = number(zip->bytes + offset + 48, 8);
  *end = offset;
}

bool limn_zip_find(limn_zip *zip, const void *bytes, size_t size) {
  *zip = (limn_zip){.bytes = bytes, .size = size};
  if (size < END_SIZE)
    return false;
  const size_t first = size > LONGEST_END ? size - LONGEST_END : 0;
  for (size_t at = size - END_SIZE + 1; at-- > first;) {
    if (memcmp(zip->bytes + at, "PK\5\6", 4) != 0)
      continue;
    uint64_t end = at, length = number(zip->bytes + at + 12, 4), start = number(zip->bytes + at + 16, 4);
    take_end64(zip, &end, &start, &length);
    if (length > end || start > end - length)
      return false;
    zip->directory_size = (size_t)length;
    zip->directory = (size_t)(end - length);
    zip->shift = (size_t)(end - length - start);
    return true;
  }
  return false;
}

/* Of the numbers that did not fit into their four bytes, in the order in which the extra field has them. */
static uint64_t wide(const uint8_t *entry, size_t name, size_t extra, int field) {
  static const int places[3] = {24, 20, 42}; /* size, packed size, offset */
  const uint64_t narrow = number(entry + places[field], 4);
  if (narrow != UINT32_MAX)
    return narrow;
  const uint8_t *at = entry + ENTRY_SIZE + name, *end = at + extra;
  while (end - at >= 4 && number(at, 2) != 1)
    at += 4 + number(at + 2, 2) < (uint64_t)(end - at) ? 4 + number(at + 2, 2) : (uint64_t)(end - at);
  size_t before = 0;
  for (int i = 0; i < field; ++i)
    before += 8 * (size_t)(number(entry + places[i], 4) == UINT32_MAX);
  return end - at >= (ptrdiff_t)(4 + before + 8) ? number(at + 4 + before, 8) : narrow;
}

static void find_data(const limn_zip *zip, uint64_t offset, limn_zip_entry *entry) {
  const uint64_t at = offset + zip->shift;
  if (at < offset || !has(zip, at, LOCAL_SIZE) || memcmp(zip->bytes + at, "PK\3\4", 4) != 0)
    return;
  const uint8_t *local = zip->bytes + at;
  const uint64_t name = number(local + 26, 2), begin = at + LOCAL_SIZE + name + number(local + 28, 2);
  if (!has(zip, at + LOCAL_SIZE, name))
    return;
  entry->local_name = (const char *)local + LOCAL_SIZE;
  entry->local_name_length = (size_t)name;
  if (has(zip, begin, entry->packed_size))
    entry->data = zip->bytes + begin;
}

bool limn_zip_next(const limn_zip *zip, size_t *at, limn_zip_entry *out) {
  const uint8_t *entry = zip->bytes + zip->directory + *at;
  const size_t left = zip->directory_size - *at;
  if (left < ENTRY_SIZE || memcmp(entry, "PK\1\2", 4) != 0)
    return false;
  const size_t name = number(entry + 28, 2), extra = number(entry + 30, 2), comment = number(entry + 32, 2);
  if (left - ENTRY_SIZE < name + extra + comment)
    return false;
  *out = (limn_zip_entry){.name = (const char *)entry + ENTRY_SIZE,
                          .name_length = name,
                          .method = (int)number(entry + 10, 2),
                          .sum = (uint32_t)number(entry + 16, 4),
                          .size = wide(entry, name, extra, 0),
                          .packed_size = wide(entry, name, extra, 1)};
  find_data(zip, wide(entry, name, extra, 2), out);
  *at += ENTRY_SIZE + name + extra + comment;
  return true;
}
