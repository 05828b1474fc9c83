/* Runs on file systems that lack what others have: symbolic links, locks, fsync of folders, room. The library for
 * LD_PRELOAD of tests/torture stands for them. */
#include "support/program.h"

static outcome result;

static void begin(void) {
  set_up();
  write_pictures();
}

TestSuite(poor_disks, .init = begin, .fini = tear_down, .timeout = 120);

/* From here on the program's calls fail: "symlink:EPERM,flock:ENOLCK"; "": none. */
static void lack(const char *calls) {
  setenv("LIMN_FAULT_ALWAYS", calls, 1);
  if (*calls)
    setenv("LD_PRELOAD", LIMN_FAULTS, 1);
  else
    unsetenv("LD_PRELOAD");
}

static void expect_text(const char *file, const char *text) {
  static char found[MOST_OUTPUT];
  slurp(file, found);
  cr_expect_str_eq(found, text, "%s: %s", file, found);
}

static bool is_link(const char *name) {
  char path[256];
  struct stat info;
  return lstat(in_folder(name, path), &info) == 0 && S_ISLNK(info.st_mode);
}

static bool same_bytes(const char *a, const char *b) {
  static char x[2][MOST_OUTPUT];
  size_t sizes[2] = {0, 0};
  for (int i = 0; i < 2; i++) {
    char path[256];
    FILE *stream = fopen(in_folder(i ? b : a, path), "rb");
    cr_assert(stream != NULL, "%s", path);
    sizes[i] = fread(x[i], 1, MOST_OUTPUT, stream);
    fclose(stream);
  }
  return sizes[0] == sizes[1] && memcmp(x[0], x[1], sizes[0]) == 0;
}

#define VAE "train vae -q --set validation=0.25 --set validate_every=5 --set checkpoint_every=5 --set log_every=1 " TINY

/* A run that is interrupted and goes on ends with the bytes of one that had links. */
Test(poor_disks, without_links_the_marks_are_files) {
  static const char *const errors[] = {"symlink:EPERM", "symlink:EOPNOTSUPP", "symlink:ENOSYS", "symlink:EACCES"};
  expect(&result, VAE "--steps 20 --out whole", 0, NULL);
  cr_assert(is_link("whole/checkpoints/latest"));
  for (int i = 0; i < 4; i++) {
    char line[512], run_folder[16], file[64];
    snprintf(run_folder, sizeof(run_folder), "run-%d", i);
    lack(errors[i]);
    snprintf(line, sizeof(line), VAE "--steps 10 --out %s", run_folder);
    expect(&result, line, 0, run_folder);
    snprintf(file, sizeof(file), "%s/checkpoints/latest", run_folder);
    cr_expect(!is_link(file));
    expect_text(file, "000010.safetensors\n");
    snprintf(line, sizeof(line), "train -q --resume %s --steps 20", run_folder);
    expect(&result, line, 0, run_folder);
    expect_text(file, "000020.safetensors\n");
    snprintf(file, sizeof(file), "%s/checkpoints/000020.safetensors", run_folder);
    cr_expect(same_bytes(file, "whole/checkpoints/000020.safetensors"));
  }
}

static void write_text(const char *name, const char *text) {
  char path[256];
  FILE *stream = fopen(in_folder(name, path), "w");
  cr_assert(stream != NULL, "%s", path);
  fputs(text, stream);
  cr_assert(fclose(stream) == 0);
}

/* The best is found by its file, and stays when it is old: a DCGAN has none of its own that could take its place. */
Test(poor_disks, whoever_reads_a_mark_finds_it) {
  lack("symlink:EPERM");
  expect(&result, "train dcgan -q --steps 3 --set checkpoint_every=1 --out run " TINY, 0, NULL);
  write_text("run/checkpoints/best", "000001.safetensors\n");
  expect(&result, "train -q --resume run --steps 9 --set keep=1", 0, NULL);
  cr_expect(exists("run/checkpoints/000001.safetensors") && !exists("run/checkpoints/000002.safetensors"));
  expect(&result, "inspect run --json", 0, "\"best\": true");
  expect(&result, "sample run -n 2 -o latest.png", 0, NULL);
  expect(&result, "sample run/checkpoints/latest -n 2 -o latest-too.png", 0, NULL);
  expect(&result, "sample run/checkpoints/best -n 2 -o best.png", 0, NULL);
  expect(&result, "sample run/checkpoints/000001.safetensors -n 2 -o best-too.png", 0, NULL);
  cr_expect(same_bytes("latest.png", "latest-too.png") && same_bytes("best.png", "best-too.png"));
  cr_expect(!same_bytes("latest.png", "best.png"));
  expect(&result, "inspect run/checkpoints/best", 0, "generator.");
  expect(&result, "export run/checkpoints/latest --network generator -o g.safetensors", 0, NULL);
  expect(&result, "export run --network generator -o run/checkpoints/latest", 2, "latest.safetensors");
  expect(&result, "train dcgan -q --steps 1 --init run/checkpoints/best --out next " TINY, 0, NULL);
  expect_text("run/checkpoints/latest", "000009.safetensors\n");
  lack("");
  expect(&result, "train -q --resume run --steps 10", 0, NULL);
  cr_expect(is_link("run/checkpoints/latest"), "a run that is moved gets its links");
  expect_text("run/checkpoints/best", "000001.safetensors\n");
}

/* What only looks like a mark is none, and is not waited for. */
Test(poor_disks, other_files_are_no_marks) {
  static const char *const texts[] = {
      "000001.safetensors", "000001.safetensors\n\n", "../000001.safetensors\n", "\n", "", "1.safetensors\n"};
  char path[256];
  expect(&result, "train dcgan -q --steps 3 --set checkpoint_every=1 --set keep=1 --out run " TINY, 0, NULL);
  cr_assert(unlink(in_folder("run/checkpoints/latest", path)) == 0);
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    write_text("run/checkpoints/latest", texts[i]);
    expect(&result, "inspect run/checkpoints/latest", 3, "latest");
    expect(&result, "sample run -o x.png", 0, NULL); /* the newest checkpoint stands in */
  }
  cr_assert(unlink(in_folder("run/checkpoints/latest", path)) == 0);
  cr_assert(mkfifo(in_folder("run/checkpoints/latest", path), 0666) == 0);
  expect(&result, "sample run -o x.png", 0, NULL);
}

/* One line before the first step, and nothing is left. */
Test(poor_disks, what_a_run_needs_is_tried_before_it_begins) {
  static const struct {
    const char *lacks, *said;
  } cases[] = {
      {"rename:EPERM",
       "run: its file system cannot rename a file over another: Operation not permitted: put the run on "
       "another disk (--out)\n"},
      {"fsync:EINVAL", "cannot sync a file: Invalid argument"},
      {"sync_folder:EIO", "Input/output error"},
      {"symlink:ENOSPC", "cannot make a link: No space left on device: make room, or put the run on another disk"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    lack(cases[i].lacks);
    expect(&result, "train dcgan -q --steps 3 --out run " TINY, 1, cases[i].said);
    cr_expect(one_line(result.err), "%s", result.err);
    cr_expect(!exists("run"), "%s: a folder is left", cases[i].lacks);
  }
  lack("");
  expect(&result, "train dcgan -q --steps 3 --out run " TINY, 0, NULL);
  lack("rename:EPERM");
  expect(&result, "train --resume run --steps 4", 1, "run: its file system cannot rename a file over another");
  cr_expect(one_line(result.err), "%s", result.err);
  lack("");
  expect(&result, "train -q --resume run --steps 4", 0, NULL);
  cr_expect(!exists("run/checkpoints/.try") && !is_link("run/checkpoints/..try.tmp"));
}

Test(poor_disks, folders_that_cannot_be_synced_are_none_the_worse) {
  lack("sync_folder:EINVAL,fallocate:EOPNOTSUPP");
  expect(&result, "train dcgan -q --steps 3 --out run " TINY, 0, NULL);
  expect(&result, "train -q --resume run --steps 4", 0, NULL);
}

Test(poor_disks, room_for_a_checkpoint_is_needed_at_once) {
  lack("fallocate:ENOSPC");
  expect(&result, "train dcgan --steps 3 --out run " TINY, 1, "run: no room for a checkpoint of 0.");
  cr_expect(strstr(result.err, "No space left on device: make some, or put the run on another disk (--out)\n"), "%s",
            result.err);
  cr_expect(!strstr(result.err, "step ") && !exists("run"), "%s", result.err);
}

static int count_temporaries(const char *name) {
  char path[256], command[320];
  snprintf(command, sizeof(command), "exit $(ls -A %s | grep -c tmp)", in_folder(name, path));
  return WEXITSTATUS(system(command));
}

/* Said once a call; and what a killed writer left is removed all the same, though no lock tells that it is gone. */
Test(poor_disks, without_locks_a_run_says_that_it_is_open_to_others) {
  lack("flock:ENOLCK");
  expect(&result, "train dcgan --steps 3 --out run " TINY, 0, NULL);
  cr_expect(strstr(result.err, "run: its file system has no locks"), "%s", result.err);
  pid_t gone = fork();
  if (gone == 0)
    _exit(0);
  waitpid(gone, NULL, 0);
  for (int i = 0; i < 2; i++) {
    char name[64];
    snprintf(name, sizeof(name), "run/checkpoints/.limn-%ld-0.tmp", (long)(i ? getpid() : gone));
    write_text(name, "");
  }
  expect(&result, "train --resume run --steps 4", 0, NULL);
  cr_expect(strstr(result.err, "run: its file system has no locks"), "%s", result.err);
  cr_expect_eq(count_temporaries("run/checkpoints"), 1, "that of a living process stays");
}
