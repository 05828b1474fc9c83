#include "runs.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE     512
#define MOST_WORDS    64
#define MOST_BYTES    (4 << 20) /* of a file of such a run */
#define LONGEST_RUN_S 120

const char *const run_models[RUN_MODELS] = {"dcgan", "vae", "autoencoder"};

#define COMMON                                                                                                         \
  "--filters", "4", "--latent", "8", "--batch", "8", "--threads", "1", "--steps", "150", "--deterministic", "-q",      \
      "--out", "run", "--set", "sample_count=4", "--set", "log_every=3", "--set", "sample_every=20", "--set",          \
      "checkpoint_every=15", "--set", "keep=2", "--set", "keep_every=60"
#define VALIDATED "--set", "validation=0.25", "--set", "validate_every=25", "--patience", "100"

static const char *const settings[RUN_MODELS][MOST_WORDS] = {
    {COMMON, "--set", "ema=0.9", "--set", "d_steps=2", "--set", "schedule=cosine", "--set", "warmup=9"},
    {COMMON, VALIDATED, "--set", "schedule=linear", "--set", "beta_warmup=50"},
    {COMMON, VALIDATED, "--set", "noise=0.3", "--set", "clip=1"},
};

static void give_up(const char *what) {
  perror(what);
  exit(2);
}

static const char *path_of(const run_setting *s, const char *name, const char *file, char path[PATH_SIZE]) {
  snprintf(path, PATH_SIZE, "%s/%s%s%s", s->folder, name, *file ? "/" : "", file);
  return path;
}

/* 64 pictures of 16x16: bright squares at places that differ. */
static void write_pictures(const run_setting *s) {
  static const unsigned char head[16] = {0, 0, 8, 3, 0, 0, 0, 64, 0, 0, 0, 16, 0, 0, 0, 16};
  char path[PATH_SIZE];
  FILE *stream = fopen(path_of(s, "pictures-idx3-ubyte", "", path), "wb");
  if (!stream)
    give_up(path);
  fwrite(head, 1, sizeof head, stream);
  for (int i = 0; i < 64; ++i)
    for (int pixel = 0; pixel < 256; ++pixel)
      fputc(pixel / 16 / 4 == i % 4 && pixel % 16 / 4 == i / 4 % 4 ? 255 - i : i, stream);
  if (fclose(stream) != 0)
    give_up(path);
}

void run_setting_init(run_setting *s, const char *program, const char *faults) {
  *s = (run_setting){.program = program, .faults = faults};
  snprintf(s->folder, sizeof s->folder, "/tmp/limn-torture-XXXXXX");
  if (!mkdtemp(s->folder))
    give_up(s->folder);
  write_pictures(s);
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about, (void)kind, (void)where;
  return remove(path);
}

void run_setting_release(run_setting *s) { nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

void run_remove(const run_setting *s, const char *name) {
  char path[PATH_SIZE];
  nftw(path_of(s, name, "", path), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* In the child. */
static void become(const run_setting *s, int model, const char *name, const char *fault) {
  const char *words[MOST_WORDS + 8] = {s->program, "train"};
  int count = 2;
  char path[PATH_SIZE], counts[PATH_SIZE], pictures[PATH_SIZE];
  if (access(path_of(s, name, "run/config.yaml", path), F_OK) == 0) {
    words[count++] = "--resume";
    words[count++] = "run";
    words[count++] = "-q";
  } else {
    words[count++] = run_models[model];
    words[count++] = "--data";
    words[count++] = path_of(s, "pictures-idx3-ubyte", "", pictures);
    words[count++] = "--device";
    words[count++] = getenv("LIMN_TEST_DEVICE") ? getenv("LIMN_TEST_DEVICE") : "cpu";
    for (int i = 0; settings[model][i]; ++i)
      words[count++] = settings[model][i];
  }
  int said = open(path_of(s, name, "said", path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (said < 0 || dup2(said, 1) < 0 || dup2(said, 2) < 0 || chdir(path_of(s, name, "", path)) != 0)
    _exit(99);
  setenv("LIMN_FAULT_COUNTS", path_of(s, name, "counts", counts), 1);
  if (fault) {
    setenv("LIMN_FAULT", fault, 1);
    setenv("LD_PRELOAD", s->faults, 1);
  }
  execv(s->program, (char *const *)(const void *)words);
  _exit(99);
}

pid_t run_start(const run_setting *s, int model, const char *name, const char *fault) {
  char path[PATH_SIZE];
  mkdir(path_of(s, name, "", path), 0777);
  fflush(NULL);
  pid_t child = fork();
  if (child < 0)
    give_up("fork");
  if (child == 0)
    become(s, model, name, fault);
  return child;
}

int run_end(pid_t child) {
  int status = 0;
  pid_t ended = 0;
  for (int i = 0; i < LONGEST_RUN_S * 1000 && (ended = waitpid(child, &status, WNOHANG)) == 0; ++i)
    usleep(1000);
  if (ended == 0) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return RUN_TIMED_OUT;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* *bytes is yours, with a NUL behind it; NULL when there is no such file. */
static size_t slurp(const char *path, char **bytes) {
  *bytes = NULL;
  FILE *stream = fopen(path, "rb");
  if (!stream)
    return 0;
  *bytes = malloc(MOST_BYTES + 1);
  if (!*bytes)
    give_up("memory");
  size_t size = fread(*bytes, 1, MOST_BYTES, stream);
  (*bytes)[size] = '\0';
  fclose(stream);
  return size;
}

unsigned long run_count(const run_setting *s, const char *name, const char *call) {
  char path[PATH_SIZE], *text, wanted[32];
  slurp(path_of(s, name, "counts", path), &text);
  snprintf(wanted, sizeof wanted, "\n%s ", call);
  const char *line = text ? strstr(text, wanted) : NULL;
  if (text && !line && strncmp(text, wanted + 1, strlen(wanted) - 1) == 0)
    line = text - 1;
  unsigned long count = line ? strtoul(line + strlen(wanted), NULL, 10) : 0;
  free(text);
  return count;
}

bool run_said_error(const run_setting *s, const char *name) {
  char path[PATH_SIZE], *text;
  size_t size = slurp(path_of(s, name, "said", path), &text);
  if (text && size > 0)
    text[size - 1] = '\0'; /* the last newline */
  const char *newline = text ? strrchr(text, '\n') : NULL;
  bool good = text && strncmp(newline ? newline + 1 : text, "limn: ", 6) == 0;
  if (!good)
    fprintf(stderr, "%s said: %s\n", name, text ? text : "nothing");
  free(text);
  return good;
}

/* Takes the one measure out that is the clock's. */
static size_t remove_speeds(char *text) {
  static const char key[] = ", \"images_per_second\": ";
  char *to = text;
  for (const char *from = text; *from;) {
    if (strncmp(from, key, sizeof key - 1) == 0)
      from += sizeof key - 1 + strcspn(from + sizeof key - 1, ",}");
    else
      *to++ = *from++;
  }
  return (size_t)(to - text);
}

static bool same_link(const char *a, const char *b) {
  char x[PATH_SIZE] = "", y[PATH_SIZE] = "";
  return readlink(a, x, sizeof x - 1) > 0 && readlink(b, y, sizeof y - 1) > 0 && strcmp(x, y) == 0;
}

static bool same_file(const char *a, const char *b) {
  struct stat info;
  if (lstat(a, &info) == 0 && S_ISLNK(info.st_mode))
    return same_link(a, b);
  char *x, *y;
  size_t size = slurp(a, &x), other = slurp(b, &y);
  if (x && y && strcmp(strrchr(a, '/'), "/metrics.jsonl") == 0) {
    size = remove_speeds(x);
    other = remove_speeds(y);
  }
  bool same = x && y && size == other && memcmp(x, y, size) == 0;
  free(x);
  free(y);
  return same;
}

/* Whether each file of A/PART has its like in B/PART. */
static bool part_is_same(const run_setting *s, const char *a, const char *b, const char *part) {
  char folder[PATH_SIZE], other[PATH_SIZE];
  bool same = true;
  DIR *entries = opendir(path_of(s, a, part, folder));
  path_of(s, b, part, other);
  if (!entries) {
    fprintf(stderr, "%s is missing\n", folder);
    return false;
  }
  for (struct dirent *entry; (entry = readdir(entries));) {
    char x[2 * PATH_SIZE], y[2 * PATH_SIZE];
    struct stat info;
    snprintf(x, sizeof x, "%s/%s", folder, entry->d_name);
    snprintf(y, sizeof y, "%s/%s", other, entry->d_name);
    if (strcmp(entry->d_name, "lock") == 0 || (lstat(x, &info) == 0 && S_ISDIR(info.st_mode)) || same_file(x, y))
      continue;
    fprintf(stderr, "%s and %s differ\n", x, y);
    same = false;
  }
  closedir(entries);
  return same;
}

bool run_same(const run_setting *s, const char *a, const char *b) {
  static const char *const parts[] = {"run", "run/checkpoints", "run/samples"};
  bool same = true;
  for (int i = 0; i < 3; ++i)
    same = part_is_same(s, a, b, parts[i]) && part_is_same(s, b, a, parts[i]) && same;
  return same;
}
