/* The run folder: what is in it, and that it survives being interrupted. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "config/settings.h"
#include "run/run.h"

static char folder[] = "/tmp/limn-run-XXXXXX";
static limn_config *config;

static void begin(void) {
  cr_assert_not_null(mkdtemp(folder));
  cr_assert_eq(chdir(folder), 0);
  cr_assert_eq(limn_config_create(&config, "vae"), LIMN_OK);
}

static void end(void) {
  char command[128];
  limn_config_destroy(config);
  snprintf(command, sizeof command, "rm -r %s", folder);
  cr_expect_eq(chdir("/"), 0);
  cr_expect_eq(system(command), 0);
}

TestSuite(run, .init = begin, .fini = end);

static limn_run *create(const char *path) {
  limn_run *run = NULL;
  cr_assert_eq(limn_run_create(&run, config, path), LIMN_OK, "%s", limn_error_message());
  return run;
}

static void expect_message(const char *piece) {
  cr_expect_not_null(strstr(limn_error_message(), piece), "\"%s\" is not in: %s", piece, limn_error_message());
}

static void expect_file(const char *path, const char *text) {
  char *found = NULL;
  size_t size = 0;
  cr_assert_eq(limn_read_file(path, 1 << 20, &found, &size), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(found, text);
  cr_expect_eq(size, strlen(text));
  free(found);
}

static void append_text(const char *path, const char *text) {
  FILE *stream = fopen(path, "ab");
  cr_assert_not_null(stream);
  fputs(text, stream);
  fclose(stream);
}

static int count_entries(const char *path) {
  int count = 0;
  DIR *entries = opendir(path);
  cr_assert_not_null(entries);
  while (readdir(entries))
    ++count;
  closedir(entries);
  return count - 2;
}

Test(run, creates_the_whole_folder) {
  limn_run *run = create("a/b/c//");
  limn_config *read = NULL;
  char path[256];
  cr_expect_str_eq(limn_run_path(run), "a/b/c");
  cr_expect_eq(limn_config_create_from_file(&read, "a/b/c/config.yaml"), LIMN_OK, "%s", limn_error_message());
  limn_config_destroy(read);
  cr_expect_eq(access("a/b/c/run.json", R_OK), 0);
  expect_file("a/b/c/metrics.jsonl", "");
  cr_expect_eq(count_entries("a/b/c/samples"), 0);
  cr_expect_eq(count_entries("a/b/c/checkpoints"), 0);
  cr_expect_eq(count_entries("a/b/c"), 6, "no temporary file is left");
  cr_expect_str_eq(limn_run_checkpoint_path(run, 200, path, sizeof path), "a/b/c/checkpoints/000200.safetensors");
  cr_expect_str_eq(limn_run_checkpoint_path(run, 12345678, path, sizeof path),
                   "a/b/c/checkpoints/12345678.safetensors");
  cr_expect_str_eq(limn_run_sample_path(run, 7, NULL, path, sizeof path), "a/b/c/samples/000007.png");
  cr_expect_str_eq(limn_run_sample_path(run, 7, "-x", path, sizeof path), "a/b/c/samples/000007-x.png");
  limn_run_close(run);
  limn_run_close(NULL);
}

Test(run, existing_paths_are_refused) {
  limn_run *run = create("a"), *again = NULL;
  limn_run_close(run);
  cr_expect_eq(limn_run_create(&again, config, "a"), LIMN_USAGE);
  expect_message("--resume a");
  cr_expect_eq(access("a/config.yaml", R_OK), 0, "the old run is untouched");
  cr_assert_eq(mkdir("foreign", 0777), 0);
  append_text("foreign/notes", "of somebody else");
  cr_expect_eq(limn_run_create(&again, config, "foreign"), LIMN_USAGE);
  expect_message("another --out");
  cr_expect_eq(limn_run_check_free("foreign"), LIMN_USAGE);
  expect_file("foreign/notes", "of somebody else");
  cr_expect_eq(count_entries("foreign"), 1);
  append_text("file", "");
  cr_expect_eq(limn_run_create(&again, config, "file"), LIMN_USAGE);
  cr_expect_eq(limn_run_create(&again, config, "file/run"), LIMN_USAGE);
  char endless[8192];
  memset(endless, 'x', sizeof endless - 1);
  endless[sizeof endless - 1] = '\0';
  cr_expect_eq(limn_run_create(&again, config, endless), LIMN_USAGE);
  cr_expect_null(again);
}

Test(run, numbers_runs) {
  limn_run *run = create("");
  cr_expect_str_eq(limn_run_path(run), "runs/vae-001");
  limn_run_close(run);
  cr_assert_eq(mkdir("runs/vae-007", 0777), 0);
  cr_assert_eq(mkdir("runs/dcgan-100", 0777), 0);
  cr_assert_eq(mkdir("runs/vae-x", 0777), 0);
  run = create("");
  cr_expect_str_eq(limn_run_path(run), "runs/vae-008");
  limn_run_close(run);
}

Test(run, describes_itself) {
  limn_run *run = create("a");
  cr_expect_eq(limn_run_data_fingerprint(run), 0);
  cr_expect_eq(limn_run_describe(run, "CPU, \"2\" threads", 0xFEDCBA9876543210u), LIMN_OK, "%s", limn_error_message());
  limn_run_close(run);
  cr_assert_eq(limn_run_open(&run, "a/"), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(limn_run_data_fingerprint(run), 0xFEDCBA9876543210u);
  cr_expect_str_eq(limn_run_path(run), "a");
  limn_run_close(run);
  char expected[256];
  snprintf(expected, sizeof expected,
           "{\n  \"limn\": \"%s\",\n  \"device\": \"CPU, \\\"2\\\" threads\",\n"
           "  \"data_fingerprint\": \"fedcba9876543210\"\n}\n",
           limn_version());
  expect_file("a/run.json", expected);
}

Test(run, what_is_no_run_is_refused) {
  limn_run *run = NULL;
  cr_expect_eq(limn_run_open(&run, "nothing"), LIMN_DATA);
  cr_expect_eq(limn_run_open(&run, ""), LIMN_DATA);
  cr_assert_eq(mkdir("empty", 0777), 0);
  cr_expect_eq(limn_run_open(&run, "empty"), LIMN_DATA);
  expect_message("no config.yaml");
  append_text("file", "");
  cr_expect_eq(limn_run_open(&run, "file"), LIMN_DATA);
  limn_run_close(create("a"));
  append_text("a/run.json", "x");
  cr_expect_eq(limn_run_open(&run, "a"), LIMN_DATA);
  expect_message("a/run.json:");
  cr_expect_null(run);
}

/* What a kill in the middle of limn_run_create leaves is no obstacle to the same command; a byte of anybody's is. */
Test(run, a_half_made_folder_is_made_whole) {
  limn_run *run = NULL;
  cr_assert_eq(mkdir("a", 0777), 0);
  limn_run_close(create("a"));
  cr_assert_eq(unlink("a/config.yaml"), 0);
  append_text("a/.limn-1-0.tmp", "half a file");
  cr_expect_eq(limn_run_check_free("a"), LIMN_OK, "%s", limn_error_message());
  limn_run_close(create("a"));
  cr_expect_eq(access("a/config.yaml", R_OK), 0);
  cr_expect_eq(access("a/.limn-1-0.tmp", F_OK), -1);
  static const char *const things[] = {"a/metrics.jsonl", "a/samples/x", "a/checkpoints/x", "a/x"};
  for (size_t i = 0; i < sizeof things / sizeof *things; ++i) {
    unlink("a/config.yaml");
    append_text(things[i], "x");
    cr_expect_eq(limn_run_create(&run, config, "a"), LIMN_USAGE, "%s", things[i]);
    cr_expect_eq(access(things[i], F_OK), 0);
    cr_assert_eq(i ? unlink(things[i]) : truncate(things[i], 0), 0);
  }
}

Test(run, one_run_writes_a_folder) {
  limn_run *run = create("a"), *other = NULL, *reader = NULL;
  char piece[64];
  snprintf(piece, sizeof piece, "a: process %ld on ", (long)getpid());
  cr_expect_eq(limn_run_resume(&other, "a"), LIMN_FAILED);
  expect_message(piece);
  cr_expect_eq(limn_run_open(&reader, "a"), LIMN_OK, "reading is free: %s", limn_error_message());
  limn_run_close(reader);
  cr_assert_eq(unlink("a/config.yaml"), 0, "as if it were just being made");
  cr_expect_eq(limn_run_create(&other, config, "a"), LIMN_FAILED);
  expect_message(piece);
  cr_expect_eq(access("a/run.json", F_OK), 0, "what the other made stays");
  cr_assert_eq(limn_config_write(config, "a/config.yaml"), LIMN_OK);
  limn_run_close(run);
  cr_expect_eq(limn_run_resume(&other, "a"), LIMN_OK, "%s", limn_error_message());
  limn_run_close(other);
}

/* The kernel gives the lock back, however its holder ended. */
Test(run, a_dead_process_holds_no_lock) {
  limn_run_close(create("a"));
  int ready[2];
  cr_assert_eq(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    limn_run *held = NULL;
    if (limn_run_resume(&held, "a") != LIMN_OK || write(ready[1], "x", 1) != 1)
      _exit(1);
    for (;;)
      pause();
  }
  char byte;
  limn_run *run = NULL;
  cr_assert_eq(read(ready[0], &byte, 1), 1);
  cr_expect_eq(limn_run_resume(&run, "a"), LIMN_FAILED);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  cr_expect_eq(limn_run_resume(&run, "a"), LIMN_OK, "%s", limn_error_message());
  limn_run_close(run);
}

Test(run, logs_metrics) {
  limn_run *run = create("a");
  const limn_measure metrics[] = {{"loss", 0.1}, {"nan", NAN}, {"inf", -INFINITY}, {"big", 1e300}, {"n", 3}};
  cr_expect_eq(limn_run_log(run, 1, metrics, 5), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(limn_run_log(run, UINT64_MAX, NULL, 0), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(limn_run_flush(run), LIMN_OK);
  const char *text = "{\"step\": 1, \"loss\": 0.1, \"nan\": null, \"inf\": null, \"big\": 1e+300, \"n\": 3}\n"
                     "{\"step\": 18446744073709551615}\n";
  expect_file("a/metrics.jsonl", text);
  const limn_measure bad = {"a\"b", 1};
  cr_expect_eq(limn_run_log(run, 2, &bad, 1), LIMN_FAILED);
  expect_file("a/metrics.jsonl", text);
  limn_run_close(run);
}

Test(run, torn_line_goes) {
  char long_line[9000];
  memset(long_line, 'x', sizeof long_line - 1);
  long_line[sizeof long_line - 1] = '\0';
  limn_run *run = create("a");
  cr_expect_eq(limn_run_log(run, 1, NULL, 0), LIMN_OK);
  limn_run_close(run);
  append_text("a/metrics.jsonl", long_line);
  cr_assert_eq(limn_run_open(&run, "a"), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(limn_run_log(run, 2, NULL, 0), LIMN_OK);
  limn_run_close(run);
  expect_file("a/metrics.jsonl", "{\"step\": 1}\n{\"step\": 2}\n");
}

Test(run, cuts_metrics_back) {
  static const struct {
    const char *text, *left; /* left NULL: refused */
  } cases[] = {
      {"{\"step\": 1}\n{\"step\": 5, \"a\": 1}\n{\"step\": 6}\n", "{\"step\": 1}\n{\"step\": 5, \"a\": 1}\n"},
      {"{\"step\": 1}\n{\"step\": 5}\n", "{\"step\": 1}\n{\"step\": 5}\n"},
      {"{\"step\": 50}\n", ""},
      {"", ""},
      {"{\"step\": 1}\n{\"step\": 2", "{\"step\": 1}\n"},
      {"{\"step\": 1}\nrubbish\n{\"step\": 9}\n", "{\"step\": 1}\n"},
      {"{\"step\": 1}\nrubbish\n{\"step\": 2}\n", NULL},
      {"{\"step\": 1}\n{\"step\": 9}\n{\"step\": 2}\n", NULL},
      {"{\"step\": 1}\n{\"step\": 1x}\n{\"step\": }\n", "{\"step\": 1}\n"},
  };
  limn_run *run = create("a");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    cr_assert_eq(truncate("a/metrics.jsonl", 0), 0);
    append_text("a/metrics.jsonl", cases[i].text);
    cr_expect_eq(limn_run_truncate_metrics(run, 5, true), cases[i].left ? LIMN_OK : LIMN_DATA, "%s", cases[i].text);
    if (cases[i].left)
      cr_expect_eq(limn_run_log(run, 6, NULL, 0), LIMN_OK);
    char expected[256];
    snprintf(expected, sizeof expected, "%s%s", cases[i].left ? cases[i].left : cases[i].text,
             cases[i].left ? "{\"step\": 6}\n" : "");
    expect_file("a/metrics.jsonl", expected);
  }
  expect_message("a/metrics.jsonl:2");
  limn_run_close(run);
}

Test(run, a_validation_that_is_still_due_is_cut_off) {
  static const char text[] = "{\"step\": 4, \"validation_loss\": 1}\n{\"step\": 5, \"loss\": 1}\n";
  limn_run *run = create("a");
  append_text("a/metrics.jsonl", text);
  append_text("a/metrics.jsonl", "{\"step\": 5, \"validation_loss\": 1}\n");
  cr_expect_eq(limn_run_truncate_metrics(run, 5, false), LIMN_OK, "%s", limn_error_message());
  expect_file("a/metrics.jsonl", text);
  limn_run_close(run);
}

static void save(limn_run *run, uint64_t step) {
  char path[256];
  append_text(limn_run_checkpoint_path(run, step, path, sizeof path), "x");
}

Test(run, marks_checkpoints) {
  limn_run *run = create("a");
  uint64_t step = 0;
  cr_expect_eq(limn_run_marked(run, "latest", &step), LIMN_DATA);
  expect_message("no checkpoint is marked");
  cr_expect_eq(limn_run_mark(run, "latest", 10), LIMN_FAILED, "it does not exist");
  save(run, 10);
  save(run, 20);
  append_text("a/checkpoints/.latest.tmp", "left by a kill");
  cr_expect_eq(limn_run_mark(run, "latest", 10), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(limn_run_mark(run, "latest", 20), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(limn_run_marked(run, "latest", &step), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(step, 20);
  cr_expect_eq(limn_run_marked(run, "best", &step), LIMN_DATA);
  char target[64] = "";
  cr_expect_gt(readlink("a/checkpoints/latest", target, sizeof target - 1), 0);
  cr_expect_str_eq(target, "000020.safetensors", "the folder can be moved");
  cr_expect_eq(count_entries("a/checkpoints"), 3);
  limn_run_close(run);
}

Test(run, a_lost_latest_is_the_newest_there_is) {
  limn_run *run = create("a");
  uint64_t step = 0;
  save(run, 10); /* killed before it was marked */
  cr_expect_eq(limn_run_marked(run, "latest", &step), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(step, 10);
  save(run, 1000000);
  save(run, 999999);
  save(run, 2000000);
  cr_expect_eq(limn_run_mark(run, "latest", 2000000), LIMN_OK);
  cr_expect_eq(limn_run_mark(run, "best", 2000000), LIMN_OK);
  unlink("a/checkpoints/2000000.safetensors");
  cr_expect_eq(limn_run_marked(run, "latest", &step), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(step, 1000000, "not the last in the order of names");
  unlink("a/checkpoints/1000000.safetensors");
  cr_expect_eq(limn_run_marked(run, "latest", &step), LIMN_OK);
  cr_expect_eq(step, 999999, "nor in the folder's");
  cr_expect_eq(limn_run_marked(run, "best", &step), LIMN_DATA, "no other can be the best");
  expect_message("step 2000000");
  unlink("a/checkpoints/latest");
  cr_assert_eq(symlink("../../elsewhere", "a/checkpoints/latest"), 0);
  cr_expect_eq(limn_run_marked(run, "latest", &step), LIMN_OK);
  unlink("a/checkpoints/000010.safetensors");
  unlink("a/checkpoints/999999.safetensors");
  cr_expect_eq(limn_run_marked(run, "latest", &step), LIMN_DATA);
  limn_run_close(run);
}

Test(run, opening_removes_what_killed_writers_left) {
  limn_run_close(create("a"));
  limn_run *run = NULL;
  limn_durable_file file;
  static const char *const left[] = {"a/.limn-1-0.tmp", "a/samples/.limn-99999999-3.tmp",
                                     "a/checkpoints/.limn-12-34.tmp"};
  static const char *const kept[] = {"a/checkpoints/.limn-12.tmp", "a/checkpoints/.limn-1-0.tmp.png",
                                     "a/checkpoints/limn-1-0.tmp", "a/samples/.limn-x-0.tmp"};
  for (size_t i = 0; i < sizeof left / sizeof *left; ++i)
    append_text(left[i], "half a file");
  for (size_t i = 0; i < sizeof kept / sizeof *kept; ++i)
    append_text(kept[i], "of somebody else");
  cr_assert_eq(limn_durable_open(&file, "a/sample-1.png"), LIMN_OK, "being written at this moment");
  cr_assert_eq(symlink("000001.safetensors", "a/checkpoints/.best.tmp"), 0);
  cr_assert_eq(limn_run_open(&run, "a"), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(access(left[0], F_OK), 0, "a reader changes nothing");
  limn_run_close(run);
  cr_assert_eq(limn_run_resume(&run, "a"), LIMN_OK, "%s", limn_error_message());
  struct stat info;
  cr_expect_eq(lstat("a/checkpoints/.best.tmp", &info), -1);
  for (size_t i = 0; i < sizeof left / sizeof *left; ++i)
    cr_expect_eq(access(left[i], F_OK), -1, "%s", left[i]);
  for (size_t i = 0; i < sizeof kept / sizeof *kept; ++i)
    cr_expect_eq(access(kept[i], F_OK), 0, "%s", kept[i]);
  cr_expect_eq(limn_durable_commit(&file), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(access("a/sample-1.png", F_OK), 0);
  limn_run_close(run);
}

Test(run, prunes_checkpoints) {
  limn_run *run = create("a");
  static const uint64_t steps[] = {100, 1000000, 200, 300, 999999, 400};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; ++i)
    save(run, steps[i]);
  append_text("a/checkpoints/100.safetensors", "not named by us");
  append_text("a/checkpoints/mine.safetensors", "not ours");
  append_text("a/checkpoints/9999999.safetensors.bak", "nor this, and it counts for none that we keep");
  cr_expect_eq(limn_run_mark(run, "best", 200), LIMN_OK);
  cr_expect_eq(limn_run_mark(run, "latest", 1000000), LIMN_OK);
  cr_expect_eq(limn_run_prune(run, UINT64_MAX, 2, 0), LIMN_OK, "%s", limn_error_message());
  static const struct {
    const char *name;
    bool stays;
  } files[] = {{"000100", false}, {"000200", true},  {"000300", false}, {"000400", false},
               {"999999", true},  {"1000000", true}, {"100", true},     {"mine", true}};
  for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
    char path[256];
    snprintf(path, sizeof path, "a/checkpoints/%s.safetensors", files[i].name);
    cr_expect_eq(access(path, F_OK) == 0, files[i].stays, "%s", path);
  }
  cr_expect_eq(limn_run_prune(run, UINT64_MAX, 100, 0), LIMN_OK);
  cr_expect_eq(count_entries("a/checkpoints"), 8);
  limn_run_close(run);
}

Test(run, prunes_by_step) {
  limn_run *run = create("a");
  for (uint64_t step = 10; step <= 120; step += 10)
    save(run, step);
  cr_expect_eq(limn_run_prune(run, 100, 2, 40), LIMN_OK, "%s", limn_error_message());
  static const uint64_t left[] = {40, 80, 90, 100, 110, 120}; /* 110 and 120 are of a course that was given up */
  cr_expect_eq(count_entries("a/checkpoints"), 6);
  for (size_t i = 0; i < 6; ++i) {
    char path[256];
    cr_expect_eq(access(limn_run_checkpoint_path(run, left[i], path, sizeof path), F_OK), 0, "%s", path);
  }
  limn_run_close(run);
}

Test(run, knows_its_room) {
  limn_run *run = create("a");
  cr_expect_eq(limn_run_bytes(run), 0);
  save(run, 1);
  append_text("a/samples/000001.png", "xy");
  cr_assert_eq(limn_run_mark(run, "latest", 1), LIMN_OK);
  cr_expect_eq(limn_run_bytes(run), 3);
  cr_expect_gt(limn_run_free_bytes(run), 0);
  cr_expect(limn_run_has_room(run, 1 << 16));
  struct rlimit limit;
  cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = 4096;
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  cr_expect(!limn_run_has_room(run, 1 << 16));
  cr_expect(limn_run_has_room(run, 1 << 10));
  cr_expect_eq(count_entries("a/checkpoints"), 2, "trying leaves nothing");
  limn_run_close(run);
}

/* No byte can be written: as on a full disk. */
Test(run, failed_creation_leaves_nothing) {
  limn_run *run = NULL;
  struct rlimit limit;
  cr_assert_eq(mkdir("runs", 0777), 0);
  cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 0;
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  limn_status named = limn_run_create(&run, config, "a"), numbered = limn_run_create(&run, config, "");
  limit.rlim_cur = before;
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  cr_expect_eq(named, LIMN_FAILED);
  cr_expect_eq(numbered, LIMN_FAILED);
  cr_expect_eq(access("a", F_OK), -1);
  cr_expect_eq(count_entries("runs"), 0);
  limn_run_close(create("a"));
}

Test(run, full_disk_leaves_whole_lines) {
  limn_run *run = create("a");
  const limn_measure metric = {"loss", 0.5};
  struct rlimit limit;
  cr_expect_eq(limn_run_log(run, 1, &metric, 1), LIMN_OK);
  cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 30; /* the first line and a part of the second */
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  limn_status status = limn_run_log(run, 2, &metric, 1);
  limit.rlim_cur = before;
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  cr_expect_eq(status, LIMN_FAILED);
  cr_expect_eq(limn_run_log(run, 3, &metric, 1), LIMN_OK);
  expect_file("a/metrics.jsonl", "{\"step\": 1, \"loss\": 0.5}\n{\"step\": 3, \"loss\": 0.5}\n");
  limn_run_close(run);
}
