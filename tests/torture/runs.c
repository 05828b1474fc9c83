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
#include <zlib.h>

#define PATH_SIZE     512
#define MOST_WORDS    96
#define PAGE          4096
#define PICTURES      64
#define SIDE          16
#define MOST_BYTES    (4 << 20) /* of a file of such a run */
#define LONGEST_RUN_S 120

const char *const run_models[RUN_MODELS] = {"dcgan", "vae", "autoencoder", "sngan", "r3gan"};

#define COMMON                                                                                                         \
  "--filters", "4", "--latent", "8", "--batch", "8", "--threads", "1", "--steps", "150", "--deterministic", "--out",   \
      "run", "--set", "sample_count=4", "--set", "sample_every=20", "--set", "keep=2"
#define SAVED "--set", "log_every=3", "--set", "checkpoint_every=15", "--set", "keep_every=60"
/* Its log fills a page of the disk between two checkpoints. */
#define LOGGED "--set", "log_every=1", "--set", "checkpoint_every=45", "--set", "keep_every=90"
#define STABILISED                                                                                                     \
  "--augment", "ada", "--set", "ada_target=0", "--set", "ada_pictures=400", "--set", "norm_d=none", "--set", "r1=1",   \
      "--set", "penalty_every=4", "--set", "pack=2", "--set", "spectral_norm=true", "--set", "instance_noise=0.1"
/* With every stabiliser that goes with it. */
#define RESIDUAL                                                                                                       \
  "--filters", "2", "--steps", "40", "--set", "log_every=3", "--set", "checkpoint_every=6", "--set", "keep_every=18",  \
      "--set", "sample_every=7", "--augment", "ada", "--set", "ada_target=0", "--set", "ada_pictures=400", "--set",    \
      "pack=2", "--set", "instance_noise=0.1", "--set", "minibatch_stddev=true", "--set", "schedule=cosine", "--set",  \
      "lr_end=0.25", "--set", "penalty_end=0.5", "--set", "beta2_end=0.9", "--set", "ema_half_life=200"
#define VALIDATED "--set", "validation=0.25", "--set", "validate_every=25", "--patience", "100"

/* One model waits on a full disk, and one trains on picture files, which it keeps decoded beside its run. */
static const char *const settings[RUN_MODELS][MOST_WORDS] = {
    {COMMON, SAVED, STABILISED, "--set", "ema=0.9", "--set", "d_steps=2", "--set", "schedule=cosine", "--set",
     "warmup=9"},
    {COMMON, LOGGED, VALIDATED, "--set", "schedule=linear", "--set", "beta_warmup=50", "--set", "on_full_disk=wait"},
    {COMMON, LOGGED, VALIDATED, "--set", "noise=0.3", "--set", "clip=1", "--cache", "cache"},
    {COMMON, RESIDUAL, "--set", "d_steps=2", "--set", "gradient_penalty=1", "--set", "penalty_every=4"},
    {COMMON, RESIDUAL, "--accumulate", "2"},
};
static const char *const data[RUN_MODELS] = {"pictures-idx3-ubyte", "pictures-idx3-ubyte", "pictures",
                                             "pictures-idx3-ubyte", "pictures-idx3-ubyte"};
static const bool is_quiet[RUN_MODELS] = {true, false, true, true, true}; /* the one that waits says so */

static void give_up(const char *what) {
  perror(what);
  exit(2);
}

/* FOLDER/NAME/FILE; FOLDER/NAME where the file is "". */
static const char *path_of(const run_setting *s, const char *name, const char *file, char path[PATH_SIZE]) {
  snprintf(path, PATH_SIZE, "%s/%s%s%s", s->folder, name, *file ? "/" : "", file);
  return path;
}

static FILE *create(const run_setting *s, const char *name, const char *file) {
  char path[PATH_SIZE];
  FILE *stream = fopen(path_of(s, name, file, path), "wb");
  if (!stream)
    give_up(path);
  return stream;
}

static void put_number(FILE *stream, unsigned long number) {
  for (int shift = 24; shift >= 0; shift -= 8)
    fputc((int)(number >> shift & 255), stream);
}

/* kind: four letters, and behind them the bytes. */
static void put_chunk(FILE *stream, const unsigned char *kind, size_t size) {
  put_number(stream, size);
  fwrite(kind, 1, size + 4, stream);
  put_number(stream, crc32(0, kind, (uInt)size + 4));
}

static void write_png(FILE *stream, const unsigned char *pixels) {
  static const unsigned char head[] = "\x89PNG\r\n\x1a\n", end[] = "IEND",
                             about[] = {'I', 'H', 'D', 'R', 0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 0, 0, 0, 0};
  unsigned char rows[SIDE * (SIDE + 1)] = {0}, packed[1024] = "IDAT";
  uLongf size = sizeof packed - 4;
  for (int row = 0; row < SIDE; ++row) /* each behind the number of its filter, 0 */
    memcpy(rows + row * (SIDE + 1) + 1, pixels + row * SIDE, SIDE);
  if (compress(packed + 4, &size, rows, sizeof rows) != Z_OK)
    give_up("zlib");
  fwrite(head, 1, 8, stream);
  put_chunk(stream, about, sizeof about - 4);
  put_chunk(stream, packed, size);
  put_chunk(stream, end, 0);
}

/* Bright squares at places that differ, as one IDX file and as PNG files. */
static void write_pictures(const run_setting *s) {
  static const unsigned char head[16] = {0, 0, 8, 3, 0, 0, 0, PICTURES, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
  char path[PATH_SIZE];
  FILE *all = create(s, "pictures-idx3-ubyte", "");
  fwrite(head, 1, sizeof head, all);
  if (mkdir(path_of(s, "pictures", "", path), 0777) != 0)
    give_up(path);
  for (int i = 0; i < PICTURES; ++i) {
    unsigned char pixels[SIDE * SIDE];
    char name[16];
    for (int at = 0; at < SIDE * SIDE; ++at)
      pixels[at] = (unsigned char)(at / SIDE / 4 == i % 4 && at % SIDE / 4 == i / 4 % 4 ? 255 - i : i);
    fwrite(pixels, 1, sizeof pixels, all);
    snprintf(name, sizeof name, "%02d.png", i);
    FILE *one = create(s, "pictures", name);
    write_png(one, pixels);
    if (fclose(one) != 0)
      give_up(name);
  }
  if (fclose(all) != 0)
    give_up("the pictures");
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

/* What a run says and counts lies beside its folder, which may be a full disk. */
static const char *note_of(const run_setting *s, const char *name, const char *kind, char path[PATH_SIZE]) {
  snprintf(path, PATH_SIZE, "%s/%s.%s", s->folder, name, kind);
  return path;
}

void run_remove(const run_setting *s, const char *name) {
  char path[PATH_SIZE];
  unlink(note_of(s, name, "said", path));
  unlink(note_of(s, name, "counts", path));
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
  } else {
    words[count++] = run_models[model];
    words[count++] = "--data";
    words[count++] = path_of(s, data[model], "", pictures);
    words[count++] = "--device";
    words[count++] = getenv("LIMN_TEST_DEVICE") ? getenv("LIMN_TEST_DEVICE") : "cpu";
    for (int i = 0; settings[model][i]; ++i)
      words[count++] = settings[model][i];
  }
  if (is_quiet[model])
    words[count++] = "-q";
  int said = open(note_of(s, name, "said", path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (said < 0 || dup2(said, 1) < 0 || dup2(said, 2) < 0 || chdir(path_of(s, name, "", path)) != 0)
    _exit(99);
  setenv("LIMN_FAULT_COUNTS", note_of(s, name, "counts", counts), 1);
  if (fault)
    setenv("LIMN_FAULT", fault, 1);
  if (fault || getenv("LIMN_FAULT_ALWAYS"))
    setenv("LD_PRELOAD", s->faults, 1);
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
  slurp(note_of(s, name, "counts", path), &text);
  snprintf(wanted, sizeof wanted, "\n%s ", call);
  const char *line = text ? strstr(text, wanted) : NULL;
  if (text && !line && strncmp(text, wanted + 1, strlen(wanted) - 1) == 0)
    line = text - 1;
  unsigned long count = line ? strtoul(line + strlen(wanted), NULL, 10) : 0;
  free(text);
  return count;
}

bool run_said(const run_setting *s, const char *name, const char *wanted) {
  char path[PATH_SIZE], *text;
  slurp(note_of(s, name, "said", path), &text);
  bool found = text && strstr(text, wanted);
  free(text);
  return found;
}

bool run_said_error(const run_setting *s, const char *name) {
  char path[PATH_SIZE], *text;
  size_t size = slurp(note_of(s, name, "said", path), &text);
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

static unsigned long pages; /* nftw hands nothing on to what it calls */

static int count_pages(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)path, (void)where;
  if (kind == FTW_F)
    pages += ((unsigned long)about->st_size + PAGE - 1) / PAGE;
  return 0;
}

unsigned long run_pages(const run_setting *s, const char *name) {
  char path[PATH_SIZE];
  pages = 0;
  nftw(path_of(s, name, "", path), count_pages, 16, FTW_PHYS);
  return pages;
}
