#include "data/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "data/source.h"

#define MAGIC        "LIMNPIX" /* with its NUL: 8 bytes */
#define VERSION      3
#define SUFFIX       ".pictures"
#define PAGE         4096
#define UNUSED_DAYS  30
#define LEFT_FREE(n) ((n) / 20) /* of a file system: a cache is not what fills it */

typedef struct cache_head {
  char magic[8];
  uint32_t version, reserved;
  uint64_t sum; /* of the head with 0 here, of the records and of the names */
  limn_cache_key key;
  limn_cache_facts facts;
} cache_head;
_Static_assert(sizeof(cache_head) == 1232 && sizeof(limn_picture_record) == 24,
               "no gaps, whose bytes would be anything");

static uint64_t checksum(cache_head head, const limn_picture_record *records, const char *names) {
  head.sum = 0;
  uint64_t hash = limn_hash_bytes(0, &head, sizeof head);
  hash = limn_hash_bytes(hash, records, head.facts.count * sizeof *records);
  return limn_hash_bytes(hash, names, head.facts.names_bytes);
}

/* false: no file can be so large. */
static bool layout(const limn_cache_facts *facts, size_t *first_row, size_t *row_bytes, size_t *size) {
  if (facts->channels < 1 || facts->height < 1 || facts->width < 1 || facts->count < 1 || facts->channels > 4 ||
      facts->height > LIMN_MAX_PICTURE_PIXELS / facts->width)
    return false;
  size_t head = sizeof(cache_head) + facts->count * sizeof(limn_picture_record) + facts->names_bytes;
  *first_row = (head + PAGE - 1) / PAGE * PAGE;
  *row_bytes = (size_t)facts->channels * (size_t)facts->height * (size_t)facts->width;
  if (*row_bytes > (SIZE_MAX / 2 - *first_row) / facts->count)
    return false;
  *size = *first_row + *row_bytes * facts->count;
  return true;
}

static limn_status path_of(const char *folder, const limn_cache_key *key, char *path) {
  int length = snprintf(path, PATH_MAX, "%s/%016" PRIx64 "-%016" PRIx64 "-%016" PRIx64 SUFFIX, folder, key->place,
                        key->state, key->form);
  return length > 0 && length < PATH_MAX ? LIMN_OK : limn_fail(LIMN_FAILED, "%s: the path is too long", folder);
}

static const limn_picture_record *records_of(const cache_head *head) { return (const limn_picture_record *)(head + 1); }

static const char *names_of(const cache_head *head) { return (const char *)(records_of(head) + head->facts.count); }

static bool is_whole(const limn_cache *cache, const limn_cache_key *key, size_t *first_row) {
  const cache_head *head = cache->map;
  size_t row_bytes, size;
  return memcmp(head->magic, MAGIC, sizeof head->magic) == 0 && head->version == VERSION &&
         memcmp(&head->key, key, sizeof *key) == 0 && layout(&head->facts, first_row, &row_bytes, &size) &&
         size == cache->size && head->facts.note[LIMN_CACHE_NOTE_SIZE - 1] == '\0' &&
         head->facts.broken_count < head->facts.count && head->sum == checksum(*head, records_of(head), names_of(head));
}

bool limn_cache_open(limn_cache *cache, const char *folder, const limn_cache_key *key) {
  struct stat info;
  *cache = (limn_cache){.descriptor = -1};
  if (path_of(folder, key, cache->path) != LIMN_OK)
    return false;
  cache->descriptor = open(cache->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (cache->descriptor < 0)
    return false;
  flock(cache->descriptor, LOCK_SH | LOCK_NB); /* refused only while it is being cleared away, which does no harm */
  if (fstat(cache->descriptor, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < (off_t)sizeof(cache_head))
    goto unusable;
  cache->size = (size_t)info.st_size;
  cache->map = mmap(NULL, cache->size, PROT_READ, MAP_SHARED, cache->descriptor, 0);
  if (cache->map == MAP_FAILED) {
    cache->map = NULL;
    goto unusable;
  }
  size_t first_row = 0;
  if (!is_whole(cache, key, &first_row))
    goto unusable;
  futimens(cache->descriptor, NULL); /* used today; a folder that is only read keeps its dates */
  const cache_head *head = cache->map;
  cache->facts = head->facts;
  cache->records = records_of(head);
  cache->names = names_of(head);
  cache->pixels = (const uint8_t *)cache->map + first_row;
  return true;
unusable:
  limn_cache_close(cache);
  return false;
}

void limn_cache_close(limn_cache *cache) {
  if (cache->map)
    munmap(cache->map, cache->size);
  if (cache->map || cache->descriptor > 0)
    close(cache->descriptor);
  *cache = (limn_cache){.descriptor = -1};
}

/* Removes decoded pictures of data that has changed since, and of data that nobody has used for a while. A file in use
 * is locked and stays. */
static void clear_away(const char *folder, const limn_cache_key *key) {
  char place[20], state[20];
  snprintf(place, sizeof place, "%016" PRIx64 "-", key->place);
  snprintf(state, sizeof state, "%016" PRIx64 "-", key->state);
  DIR *entries = opendir(folder);
  if (!entries)
    return;
  for (struct dirent *entry; (entry = readdir(entries));) {
    const char *name = entry->d_name;
    size_t length = strlen(name), digits = strspn(name, "0123456789abcdef-");
    if (digits != 3 * 16 + 2 || length != digits + strlen(SUFFIX) || strcmp(name + digits, SUFFIX) != 0)
      continue;
    struct stat info;
    int descriptor = openat(dirfd(entries), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0)
      continue;
    bool stale = strncmp(name, place, 17) == 0 && strncmp(name + 17, state, 17) != 0;
    bool unused = fstat(descriptor, &info) == 0 && time(NULL) - info.st_mtime > UNUSED_DAYS * 24 * 3600;
    if ((stale || unused) && flock(descriptor, LOCK_EX | LOCK_NB) == 0)
      unlinkat(dirfd(entries), name, 0);
    close(descriptor);
  }
  closedir(entries);
}

/* The folder and the one that it lies in. */
static limn_status make_folder(const char *folder) {
  char parent[PATH_MAX];
  const char *slash = strrchr(folder, '/');
  if (slash && slash > folder && (size_t)(slash - folder) < sizeof parent) {
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - folder), folder);
    mkdir(parent, 0700); /* where that fails, so does the next */
  }
  if (mkdir(folder, 0700) != 0 && errno != EEXIST)
    return limn_fail(LIMN_FAILED, "%s: cannot make the folder: %s", folder, strerror(errno));
  return LIMN_OK;
}

static limn_status check_room(const char *folder, size_t size) {
  struct statvfs disk;
  if (statvfs(folder, &disk) != 0)
    return LIMN_OK; /* writing will tell */
  double unit = (double)disk.f_frsize, left = (double)disk.f_bavail * unit - LEFT_FREE((double)disk.f_blocks * unit);
  if ((double)size <= left)
    return LIMN_OK;
  return limn_fail(LIMN_FAILED, "%s: %.1f GB are needed and %.1f GB may be used", folder, (double)size * 1e-9,
                   left > 0 ? left * 1e-9 : 0.0);
}

limn_status limn_cache_begin(limn_cache_writer *writer, const char *folder, const limn_cache_key *key,
                             const limn_cache_facts *facts) {
  char path[PATH_MAX];
  size_t size;
  *writer = (limn_cache_writer){.key = *key};
  if (!layout(facts, &writer->first_row, &writer->row_bytes, &size))
    return limn_fail(LIMN_FAILED, "%u pictures of %d x %d pixels are too much for a file", facts->count, facts->height,
                     facts->width);
  LIMN_TRY(path_of(folder, key, path));
  LIMN_TRY(make_folder(folder));
  limn_durable_clean(folder);
  clear_away(folder, key);
  LIMN_TRY(check_room(folder, size));
  LIMN_TRY(limn_durable_open(&writer->file, path));
  if (ftruncate(fileno(writer->file.stream), (off_t)size) == 0)
    return LIMN_OK;
  int reason = errno;
  limn_durable_discard(&writer->file);
  return limn_fail(LIMN_FAILED, "%s: cannot write: %s", path, strerror(reason));
}

static void put(limn_cache_writer *writer, const void *bytes, size_t size, size_t offset) {
  const char *at = bytes;
  while (size > 0 && writer->failure == 0) {
    ssize_t done = pwrite(fileno(writer->file.stream), at, size, (off_t)offset);
    if (done > 0) {
      at += done;
      size -= (size_t)done;
      offset += (size_t)done;
    } else if (done == 0 || errno != EINTR) {
      writer->failure = done == 0 ? ENOSPC : errno;
    }
  }
}

void limn_cache_put(limn_cache_writer *writer, uint32_t index, const uint8_t *chw) {
  put(writer, chw, writer->row_bytes, writer->first_row + index * writer->row_bytes);
}

bool limn_cache_failed(const limn_cache_writer *writer) { return writer->failure != 0; }

limn_status limn_cache_commit(limn_cache_writer *writer, const limn_cache_facts *facts,
                              const limn_picture_record *records, const char *names) {
  cache_head head = {.magic = MAGIC, .version = VERSION, .key = writer->key, .facts = *facts};
  head.sum = checksum(head, records, names);
  put(writer, &head, sizeof head, 0);
  put(writer, records, facts->count * sizeof *records, sizeof head);
  put(writer, names, facts->names_bytes, sizeof head + facts->count * sizeof *records);
  int reason = writer->failure;
  if (reason == 0)
    return limn_durable_commit(&writer->file);
  limn_status status = limn_fail(LIMN_FAILED, "%s: cannot write: %s", writer->file.path, strerror(reason));
  limn_durable_discard(&writer->file);
  return status;
}

void limn_cache_abandon(limn_cache_writer *writer) { limn_durable_discard(&writer->file); }
