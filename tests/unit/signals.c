/* Signals to the program, and two programs in one folder. */
#include "support/program.h"

#include <jansson.h>

TestSuite(signals, .init = set_up, .fini = tear_down, .timeout = 120);

#define ENDLESS "train vae -v --steps 1000000 --set log_every=1 --set sample_every=1000000 " TINY "--out "

/* A run that trains, with the words behind the common ones. */
static pid_t start_training(const char *words) {
  char path[256], line[512];
  snprintf(line, sizeof(line), ENDLESS "%s", words);
  pid_t child = start(line, open_output(in_folder("out", path)));
  if (!comes("err", "step 1/")) {
    kill(child, SIGKILL);
    end_of(child);
    slurp("err", (char[MOST_OUTPUT]){0});
    cr_assert_fail("no first step");
  }
  return child;
}

/* Steps of the checkpoint that the run goes on from. */
static int saved_step(const char *run_folder) {
  char name[64], path[256], target[64] = "";
  snprintf(name, sizeof(name), "%s/checkpoints/latest", run_folder);
  return readlink(in_folder(name, path), target, sizeof(target) - 1) > 0 ? atoi(target) : 0;
}

static void expect_one_more_step(const char *run_folder) {
  char line[256];
  outcome result;
  snprintf(line, sizeof(line), "train -q --resume %s --steps %d", run_folder, saved_step(run_folder) + 1);
  expect(&result, line, 0, run_folder);
}

Test(signals, a_run_that_is_asked_to_stop_saves_and_says_how_to_resume) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  static const char *const names[] = {"a", "b", "c"};
  write_pictures();
  for (int i = 0; i < 3; i++) {
    outcome result;
    char said[64];
    pid_t child = start_training(names[i]);
    kill(child, numbers[i]);
    result.code = end_of(child);
    slurp("err", result.err);
    cr_assert(result.code == 128 + numbers[i], "exit code %d: %s", result.code, result.err);
    snprintf(said, sizeof(said), "limn train --resume %s\n", names[i]);
    cr_assert(strstr(result.err, said), "%s", result.err);
    cr_assert(saved_step(names[i]) > 0, "nothing was saved");
    expect_one_more_step(names[i]);
  }
}

Test(signals, a_second_signal_quits_at_once) {
  write_pictures();
  pid_t child = start_training("run");
  kill(child, SIGINT);
  kill(child, SIGTERM);
  int code = end_of(child);
  cr_assert(code == -SIGINT || code == -SIGTERM, "%d", code);
}

Test(signals, usr1_saves_and_goes_on) {
  write_pictures();
  pid_t child = start_training("run --set checkpoint_every=1000000");
  cr_expect_eq(saved_step("run"), 0);
  int first = 0, second = 0;
  kill(child, SIGUSR1);
  for (int i = 0; i < 600 && !(first = saved_step("run")); i++)
    usleep(10000);
  kill(child, SIGUSR1);
  for (int i = 0; i < 600 && (second = saved_step("run")) == first; i++)
    usleep(10000);
  cr_expect(0 < first && first < second, "steps %d, %d", first, second);
  kill(child, SIGTERM);
  cr_expect_eq(end_of(child), 128 + SIGTERM);
  cr_expect_geq(saved_step("run"), second);
}

/* It hangs where it is about to make its folder, as it would over pictures that take long to read. */
Test(signals, before_the_first_step_a_signal_ends_it_at_once) {
  char path[256];
  outcome result;
  write_pictures();
  setenv("LD_PRELOAD", LIMN_FAULTS, 1);
  setenv("LIMN_FAULT", "mkdir:1:hang", 1);
  pid_t child = start("train vae --steps 10 --out run " TINY, open_output(in_folder("out", path)));
  usleep(500000);
  kill(child, SIGTERM);
  result.code = end_of(child);
  slurp("err", result.err);
  cr_assert(result.code == 128 + SIGTERM, "%d: %s", result.code, result.err);
  cr_assert(one_line(result.err) && strstr(result.err, "nothing to save"), "%s", result.err);
  cr_assert(!exists("run"));
}

Test(signals, a_run_is_read_while_it_trains_and_written_by_one) {
  char said[64];
  outcome result;
  write_pictures();
  pid_t child = start_training("run --set checkpoint_every=5");
  for (int i = 0; i < 600 && !saved_step("run"); i++)
    usleep(10000);
  snprintf(said, sizeof(said), "run: process %ld on ", (long)child);
  expect(&result, "train --resume run", 1, said);
  cr_expect(one_line(result.err), "%s", result.err);
  expect(&result, "train vae --out run " TINY, 2, "--resume run");
  expect(&result, "sample run -o grid.png", 0, "grid.png");
  expect(&result, "inspect run", 0, NULL);
  kill(child, SIGKILL);
  end_of(child);
  expect_one_more_step("run");
}
