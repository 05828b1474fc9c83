#include "base/memory_limit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define LINE_SIZE 4096 /* as long as a control group's path may be */
#define UNKNOWN   ((uint64_t)1 << 30)
#define UNLIMITED ((uint64_t)1 << 60) /* version 1 says so by 2^63 in whole pages */
#define GROUPS    "the control group"

/* The files of a version of control groups. */
typedef struct group_files {
  const char *folder; /* where they are mounted */
  const char *mark;   /* what the line of /proc/self/cgroup has before the path */
  const char *limit, *usage;
  const char *cached[2]; /* lines of memory.stat: files, which the system drops when memory is short */
} group_files;

static const group_files versions[] = {
    {"/sys/fs/cgroup", "0::", "memory.max", "memory.current", {"inactive_file", "active_file"}},
    {"/sys/fs/cgroup/unified", "0::", "memory.max", "memory.current", {"inactive_file", "active_file"}},
    {"/sys/fs/cgroup/memory",
     ":memory:",
     "memory.limit_in_bytes",
     "memory.usage_in_bytes",
     {"total_inactive_file", "total_active_file"}}};

static FILE *open_below(const char *root, const char *path) {
  char full[PATH_MAX];
  return snprintf(full, sizeof full, "%s%s", root, path) < (int)sizeof full ? fopen(full, "re") : NULL;
}

/* The number behind `name` at the beginning of a line of the file. */
static bool read_entry(const char *root, const char *path, const char *name, uint64_t *out) {
  char line[LINE_SIZE];
  const size_t length = strlen(name);
  bool found = false;
  FILE *stream = open_below(root, path);
  if (!stream)
    return false;
  while (!found && fgets(line, sizeof line, stream)) {
    if (strncmp(line, name, length) != 0)
      continue;
    char *number = line + length + strspn(line + length, ": \t");
    number[strspn(number, "0123456789")] = '\0';
    found = limn_text_to_uint64(number, out);
  }
  fclose(stream);
  return found;
}

/* `limit` bytes are permitted, of which `used` are gone. */
static void lower(limn_memory_limit *memory, uint64_t limit, uint64_t used, const char *by) {
  const uint64_t left = limit > used ? limit - used : 0;
  if (limit >= UNLIMITED)
    return;
  if (limit < memory->most)
    memory->most = limit;
  if (left < memory->available) {
    memory->available = left;
    memory->by = by;
  }
}

static void ask_machine(limn_memory_limit *memory, const char *root) {
  uint64_t total = 0, available = 0;
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (read_entry(root, "/proc/meminfo", "MemTotal", &total))
    total *= 1024;
  else
    total = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UNKNOWN;
  available = read_entry(root, "/proc/meminfo", "MemAvailable", &available) ? available * 1024 : total;
  *memory = (limn_memory_limit){.most = total, .available = available < total ? available : total, .by = "the machine"};
}

/* A group of that path. */
static void ask_group(limn_memory_limit *memory, const char *root, const group_files *files, const char *group) {
  char path[2 * LINE_SIZE];
  uint64_t limit, used = 0, cached = 0, part;
  snprintf(path, sizeof path, "%s%s/%s", files->folder, group, files->limit);
  if (!read_entry(root, path, "", &limit)) /* or "max" */
    return;
  snprintf(path, sizeof path, "%s%s/%s", files->folder, group, files->usage);
  read_entry(root, path, "", &used);
  snprintf(path, sizeof path, "%s%s/memory.stat", files->folder, group);
  for (int i = 0; i < 2; ++i)
    cached += read_entry(root, path, files->cached[i], &part) ? part : 0;
  lower(memory, limit, used > cached ? used - cached : 0, GROUPS);
}

/* Every group from the process's own up to the first that is mounted; in a container that first one may be the
 * process's, whatever its path says. */
static void ask_groups(limn_memory_limit *memory, const char *root, const group_files *files) {
  char line[LINE_SIZE], *group = NULL;
  FILE *stream = open_below(root, "/proc/self/cgroup");
  if (!stream)
    return;
  while (!group && fgets(line, sizeof line, stream))
    if ((group = strstr(line, files->mark)))
      group += strlen(files->mark);
  fclose(stream);
  if (!group)
    return;
  group[strcspn(group, "\n")] = '\0';
  for (char *slash; (slash = strrchr(group, '/')); *slash = '\0')
    if (slash[1])
      ask_group(memory, root, files, group);
  ask_group(memory, root, files, "");
}

static void ask_process(limn_memory_limit *memory, const char *root) {
  static const struct {
    const char *limit, *used, *name;
  } limits[] = {{"Max address space", "VmSize", "the process (ulimit -v)"},
                {"Max data size", "VmData", "the process (ulimit -d)"}};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; ++i) {
    uint64_t limit, used = 0;
    if (!read_entry(root, "/proc/self/limits", limits[i].limit, &limit)) /* or "unlimited" */
      continue;
    read_entry(root, "/proc/self/status", limits[i].used, &used);
    lower(memory, limit, used * 1024, limits[i].name);
  }
}

limn_memory_limit limn_memory_limit_read(const char *root) {
  limn_memory_limit memory;
  root = root ? root : "";
  ask_machine(&memory, root);
  for (size_t i = 0; i < sizeof versions / sizeof *versions; ++i)
    ask_groups(&memory, root, &versions[i]);
  ask_process(&memory, root);
  memory.available = memory.available ? memory.available : 1;
  return memory;
}
