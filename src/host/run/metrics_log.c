/* metrics.jsonl: one JSON object a line, appended whole. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "run/folder.h"

#define CHUNK       4096
#define NUMBER_SIZE 40
#define NAME_LIMIT  64
#define PREFIX      "{\"step\": "
#define VALIDATION  "\"validation_" /* how the names of a validation's measures begin, */
#define EVALUATION  "\"evaluation_" /* and of an evaluation's */
#define DIGITS      9               /* what tells any two floats apart */
#define METRIC_ROOM (NAME_LIMIT + NUMBER_SIZE)

static limn_status fail_metrics(const limn_run *run, const char *what, int error) {
  return limn_fail(LIMN_FAILED, "%s/metrics.jsonl: cannot %s: %s", run->path, what, strerror(error));
}

/* Cuts off what follows the last newline: the rest of a line whose writer was killed or had no room. */
static limn_status cut_torn_line(limn_run *run) {
  struct stat info;
  char chunk[CHUNK];
  if (fstat(run->metrics, &info) != 0)
    return fail_metrics(run, "read", errno);
  off_t end = info.st_size;
  while (end > 0) {
    size_t wanted = end < CHUNK ? (size_t)end : CHUNK;
    ssize_t got = pread(run->metrics, chunk, wanted, end - (off_t)wanted);
    if (got != (ssize_t)wanted)
      return fail_metrics(run, "read", got < 0 ? errno : EIO);
    const char *newline = memrchr(chunk, '\n', wanted);
    end -= (off_t)wanted;
    if (newline) {
      end += newline - chunk + 1;
      break;
    }
  }
  if (end != info.st_size && ftruncate(run->metrics, end) != 0)
    return fail_metrics(run, "remove its torn last line", errno);
  return LIMN_OK;
}

limn_status limn_run_open_metrics(limn_run *run) {
  char path[PATH_MAX];
  if (run->metrics >= 0)
    return LIMN_OK;
  snprintf(path, sizeof path, "%s/metrics.jsonl", run->path);
  run->metrics = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (run->metrics < 0)
    return fail_metrics(run, "open", errno);
  limn_status status = cut_torn_line(run);
  if (status != LIMN_OK) {
    close(run->metrics);
    run->metrics = -1;
  }
  return status;
}

static limn_status reserve_line(limn_run *run, size_t size) {
  if (size <= run->line_capacity)
    return LIMN_OK;
  char *grown = realloc(run->line, size);
  if (!grown)
    return limn_fail_memory("a line of metrics");
  run->line = grown;
  run->line_capacity = size;
  return LIMN_OK;
}

/* One write, so that a reader that looks in between sees no half a line; what a full disk left of it goes again. */
static limn_status append(limn_run *run, const char *text, size_t length) {
  off_t before = lseek(run->metrics, 0, SEEK_END);
  size_t written = 0;
  while (written < length) {
    ssize_t now = write(run->metrics, text + written, length - written);
    if (now < 0 && errno == EINTR)
      continue;
    if (now < 0) {
      int error = errno;
      if (before >= 0 && written > 0 && ftruncate(run->metrics, before) != 0)
        error = errno;
      return fail_metrics(run, "write", error);
    }
    written += (size_t)now;
  }
  return LIMN_OK;
}

static bool is_plain_name(const char *name) {
  size_t length = strlen(name);
  for (size_t i = 0; i < length; ++i)
    if ((unsigned char)name[i] < 0x20 || (unsigned char)name[i] > 0x7E || name[i] == '"' || name[i] == '\\')
      return false;
  return length > 0 && length < NAME_LIMIT;
}

limn_status limn_run_log(limn_run *run, uint64_t step, const limn_measure *metrics, size_t count) {
  LIMN_TRY(limn_run_open_metrics(run));
  LIMN_TRY(reserve_line(run, (count + 1) * METRIC_ROOM));
  size_t used = (size_t)snprintf(run->line, run->line_capacity, PREFIX "%" PRIu64, step);
  for (size_t i = 0; i < count; ++i) {
    char number[NUMBER_SIZE];
    if (!is_plain_name(metrics[i].name))
      return limn_fail(LIMN_FAILED, "\"%.64s\" cannot name a metric: use up to %d plain characters", metrics[i].name,
                       NAME_LIMIT - 1);
    if (isfinite(metrics[i].value))
      limn_text_from_double(metrics[i].value, DIGITS, number, sizeof number);
    else
      snprintf(number, sizeof number, "null"); /* JSON has no NaN */
    used += (size_t)snprintf(run->line + used, run->line_capacity - used, ", \"%s\": %s", metrics[i].name, number);
  }
  used += (size_t)snprintf(run->line + used, run->line_capacity - used, "}\n");
  return append(run, run->line, used);
}

limn_status limn_run_flush(limn_run *run) {
  if (run->metrics >= 0 && fsync(run->metrics) != 0)
    return fail_metrics(run, "sync", errno);
  return LIMN_OK;
}

/* Whether `line` is one of metrics, and of which step. */
static bool read_step(const char *line, size_t length, uint64_t *step) {
  char digits[NUMBER_SIZE];
  size_t start = strlen(PREFIX);
  if (strlen(line) != length || length < start + 3 || strncmp(line, PREFIX, start) != 0 ||
      strcmp(line + length - 2, "}\n") != 0)
    return false;
  size_t count = strspn(line + start, "0123456789");
  if (count == 0 || count >= sizeof digits || !strchr(",}", line[start + count]))
    return false;
  memcpy(digits, line + start, count);
  digits[count] = '\0';
  return limn_text_to_uint64(digits, step);
}

/* Where the lines that stay end. */
static limn_status find_cut(const limn_run *run, FILE *stream, uint64_t step, bool validated, off_t *cut) {
  char *line = NULL;
  size_t capacity = 0;
  off_t offset = 0;
  uint64_t bad = 0, number = 0;
  limn_status status = LIMN_OK;
  errno = 0;
  for (ssize_t length; status == LIMN_OK && (length = getline(&line, &capacity, stream)) >= 0; offset += length) {
    uint64_t found;
    ++number;
    bool stays = read_step(line, (size_t)length, &found) && found <= step &&
                 (validated || found < step || !(strstr(line, VALIDATION) || strstr(line, EVALUATION)));
    if (!stays && !bad) {
      bad = number;
      *cut = offset;
    } else if (stays && bad) {
      status = limn_fail(LIMN_DATA,
                         "%s/metrics.jsonl:%" PRIu64 ": broken or out of order, with step %" PRIu64
                         " behind it: mend the line or move the file away",
                         run->path, bad, found);
    }
  }
  if (status == LIMN_OK && !feof(stream))
    status = fail_metrics(run, "read", errno);
  if (!bad)
    *cut = offset;
  free(line);
  return status;
}

limn_status limn_run_truncate_metrics(limn_run *run, uint64_t step, bool validated) {
  char path[PATH_MAX];
  off_t cut = 0;
  LIMN_TRY(limn_run_open_metrics(run));
  snprintf(path, sizeof path, "%s/metrics.jsonl", run->path);
  FILE *stream = fopen(path, "re");
  if (!stream)
    return fail_metrics(run, "read", errno);
  limn_status status = find_cut(run, stream, step, validated, &cut);
  fclose(stream);
  LIMN_TRY(status);
  if (ftruncate(run->metrics, cut) != 0)
    return fail_metrics(run, "shorten", errno);
  return limn_run_flush(run);
}
