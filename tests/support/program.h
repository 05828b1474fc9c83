/* The program, run by tests from outside, in a folder of the test's own. */
#ifndef LIMN_TESTS_SUPPORT_PROGRAM_H
#define LIMN_TESTS_SUPPORT_PROGRAM_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_ARGUMENTS 48
#define MOST_OUTPUT    65536

static char folder[64]; /* of the test; every command runs in it */

typedef struct outcome {
  int code; /* exit code, or -signal */
  char out[MOST_OUTPUT], err[MOST_OUTPUT];
} outcome;

static inline int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about, (void)kind, (void)where;
  return remove(path);
}

static inline void set_up(void) {
  strcpy(folder, "/tmp/limn-cli-XXXXXX");
  cr_assert(mkdtemp(folder) != NULL);
}

static inline void tear_down(void) { nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

static inline const char *in_folder(const char *name, char buffer[256]) {
  snprintf(buffer, 256, "%s/%s", folder, name);
  return buffer;
}

static inline bool exists(const char *name) {
  char path[256];
  return access(in_folder(name, path), F_OK) == 0;
}

static inline void slurp(const char *name, char buffer[MOST_OUTPUT]) {
  char path[256];
  FILE *stream = fopen(in_folder(name, path), "rb");
  size_t size = stream ? fread(buffer, 1, MOST_OUTPUT - 1, stream) : 0;
  buffer[size] = '\0';
  if (stream)
    fclose(stream);
}

/* Starts the program with the words of `line` (no quoting). Standard output goes to the descriptor, which is closed
 * here, standard error to the file "err". */
static inline pid_t start(const char *line, int output) {
  char copy[2048], *arguments[MOST_ARGUMENTS], program[] = LIMN_PROGRAM, path[256], *rest = copy, *word;
  int count = 0;
  snprintf(copy, sizeof(copy), "%s", line);
  arguments[count++] = program;
  while ((word = strsep(&rest, " ")) != NULL && count + 1 < MOST_ARGUMENTS)
    if (*word)
      arguments[count++] = word;
  arguments[count] = NULL;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t standard;
  sigemptyset(&standard);
  for (size_t i = 0; i < 4; i++)
    sigaddset(&standard, (int[]){SIGINT, SIGTERM, SIGHUP, SIGUSR1}[i]);
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigdefault(&attributes, &standard);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_addopen(&actions, 2, in_folder("err", path), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  posix_spawn_file_actions_addchdir_np(&actions, folder);
  pid_t child = 0;
  int failed = posix_spawn(&child, LIMN_PROGRAM, &actions, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(output);
  cr_assert(failed == 0, "cannot start %s", LIMN_PROGRAM);
  return child;
}

static inline int open_output(const char *path) { return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666); }

/* A child that does not end is killed, so that a failing test leaves nothing running. */
static inline int end_of(pid_t child) {
  int status = 0;
  pid_t ended = 0;
  for (int i = 0; i < 20000 && (ended = waitpid(child, &status, WNOHANG)) == 0; i++)
    usleep(10000);
  if (ended == 0) {
    kill(child, SIGKILL);
    ended = waitpid(child, &status, 0);
  }
  cr_assert(ended == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void run(outcome *result, const char *line) {
  char path[256];
  result->code = end_of(start(line, open_output(in_folder("out", path))));
  slurp("out", result->out);
  slurp("err", result->err);
}

static inline void expect(outcome *result, const char *line, int code, const char *said) {
  run(result, line);
  cr_assert(result->code == code, "limn %s: exit code %d instead of %d; it said: %s", line, result->code, code,
            result->err);
  if (said)
    cr_assert(strstr(code ? result->err : result->out, said), "limn %s: no \"%s\" in: %s%s", line, said, result->out,
              result->err);
}

static inline bool one_line(const char *text) {
  const char *newline = strchr(text, '\n');
  return newline && newline[1] == '\0';
}

/* 64 pictures of 16x16: bright squares at places that differ, so that there is something to learn. */
static inline void write_pictures(void) {
  static const unsigned char head[16] = {0, 0, 8, 3, 0, 0, 0, 64, 0, 0, 0, 16, 0, 0, 0, 16};
  char path[256];
  FILE *stream = fopen(in_folder("pictures-idx3-ubyte", path), "wb");
  cr_assert(stream != NULL);
  fwrite(head, 1, sizeof(head), stream);
  for (int i = 0; i < 64; i++)
    for (int pixel = 0; pixel < 256; pixel++)
      fputc(pixel / 16 / 4 == i % 4 && pixel % 16 / 4 == i / 4 % 4 ? 255 - i : i, stream);
  cr_assert(fclose(stream) == 0);
}

#define TINY "--data pictures-idx3-ubyte --filters 4 --latent 8 --batch 8 --threads 1 "

/* Whether both are there, with the same bytes. */
static inline bool same_file(const char *a, const char *b) {
  static char x[MOST_OUTPUT], y[MOST_OUTPUT];
  char path[2][256];
  struct stat about[2];
  if (stat(in_folder(a, path[0]), &about[0]) != 0 || stat(in_folder(b, path[1]), &about[1]) != 0)
    return false;
  FILE *first = fopen(path[0], "rb"), *second = fopen(path[1], "rb");
  size_t size = fread(x, 1, sizeof(x), first), other = fread(y, 1, sizeof(y), second);
  fclose(first);
  fclose(second);
  return about[0].st_size == about[1].st_size && size == other && memcmp(x, y, size) == 0;
}

/* Waits until the file `name` has `text` in it. */
static inline bool comes(const char *name, const char *text) {
  static char buffer[MOST_OUTPUT];
  for (int i = 0; i < 600; i++) {
    slurp(name, buffer);
    if (strstr(buffer, text))
      return true;
    usleep(50000);
  }
  return false;
}

#endif
