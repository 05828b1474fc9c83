/* Runs by the program: how long they are, how they go on, and what becomes of their settings. */
#include "support/program.h"

TestSuite(cli_runs, .init = set_up, .fini = tear_down, .timeout = 120);

/* Whether config.yaml of the run has this line. */
static bool has_setting(const char *run_folder, const char *line) {
  static char text[MOST_OUTPUT];
  char name[64], wanted[64];
  snprintf(name, sizeof(name), "%s/config.yaml", run_folder);
  snprintf(wanted, sizeof(wanted), "\n%s\n", line);
  slurp(name, text);
  return strstr(text, wanted) != NULL;
}

static bool said(const outcome *result, const char *text) { return strstr(result->err, text) != NULL; }

/* A run that goes on keeps the limits that the command does not name; it would not end here without its steps. */
Test(cli_runs, resume_keeps_the_limits_that_it_does_not_name) {
  outcome result;
  write_pictures();
  expect(&result, "train dcgan --steps 6 --out run -q " TINY, 0, NULL);
  expect(&result, "train --resume run --time 1h", 0, "run/samples/000006.png\n");
  cr_expect(said(&result, "it ends by steps 6, at step 6; go on with a higher limit, --steps N"), "%s", result.err);
  cr_expect(has_setting("run", "steps: 6") && has_setting("run", "time: 1h"));
  expect(&result, "train --resume run --epochs 3", 0, NULL);
  cr_expect(said(&result, "it ends by steps 6"), "%s", result.err);
  cr_expect(has_setting("run", "steps: 6") && has_setting("run", "epochs: 3"));
  expect(&result, "train --resume run --steps 8", 0, "run/samples/000008.png\n");
  cr_expect(has_setting("run", "steps: 8") && has_setting("run", "epochs: 3") && has_setting("run", "time: 1h"));
  expect(&result, "train --resume run --steps 0", 0,
         "run/samples/000024.png\n"); /* 3 epochs of 64 pictures, 8 a step */
  cr_expect(said(&result, "step 24/24"), "%s", result.err);
}

Test(cli_runs, the_limit_that_ends_a_run_is_named) {
  outcome result;
  write_pictures();
  expect(&result, "train dcgan --epochs 1 --out run -q " TINY, 0, NULL);
  expect(&result, "train --resume run --steps 20", 0, "run/samples/000008.png\n");
  cr_expect(said(&result, "it ends by epochs 1, at step 8; go on with a higher limit, --epochs N, or with another one "
                          "and --epochs 0"),
            "%s", result.err);
  expect(&result, "train --resume run --epochs 2 --set log_every=1", 0, "000016.png");
  expect(&result, "train --resume run --epochs 3 --steps 17", 0, "000017.png");
  cr_expect(!said(&result, "the run ends by"), "both are this call's: %s", result.err);
  expect(&result, "train --resume run --steps 40", 0, "000024.png");
  cr_expect(said(&result, "the run ends by epochs 3, at step 24, before steps 40: give --epochs 0 too to go on"), "%s",
            result.err);
  expect(&result, "train --resume run --epochs 0", 0, "000040.png");
  expect(&result, "train --resume run --steps 0", 2, "the run has no length");
}

Test(cli_runs, a_new_command_drops_the_limits_of_weaker_sources) {
  outcome result;
  write_pictures();
  expect(&result, "train dcgan --steps 6 --time 1h --out run -q " TINY, 0, NULL);
  cr_expect(has_setting("run", "steps: 6") && has_setting("run", "epochs: 0") && has_setting("run", "time: 1h"));
}

/* Behind its end a schedule's learning rate is 0. */
Test(cli_runs, no_run_goes_on_behind_its_schedule) {
  static const char *const schedules[] = {"linear", "cosine"};
  outcome result;
  write_pictures();
  for (int i = 0; i < 2; i++) {
    char line[256];
    snprintf(line, sizeof(line), "train dcgan --steps 6 --set schedule=%s --out %s -q " TINY, schedules[i],
             schedules[i]);
    expect(&result, line, 0, NULL);
    snprintf(line, sizeof(line), "train --resume %s --steps 12", schedules[i]);
    expect(&result, line, 2, "the schedule ends at step 6 (horizon), and by steps 12");
    cr_expect(one_line(result.err) && said(&result, "set horizon=12 too"), "%s", result.err);
    cr_expect(has_setting(schedules[i], "steps: 6"), "a refusal changes nothing");
    snprintf(line, sizeof(line), "train --resume %s --steps 12 --set horizon=12", schedules[i]);
    expect(&result, line, 0, "000012.png");
    cr_expect(said(&result, "no longer bit-exact from step 6 on: horizon 6, then 12"), "%s", result.err);
    cr_expect(has_setting(schedules[i], "horizon: 12"));
  }
  expect(&result, "train --resume linear --epochs 2", 0, NULL); /* both hold, and the steps come first */
  expect(&result, "train --resume linear --epochs 2 --steps 0", 2, "by epochs 2 the run would go on to step 16");
  expect(&result, "train --resume linear --steps 14 --dry-run", 2, "horizon");
  expect(&result, "train dcgan --steps 7 --set schedule=linear --set horizon=6 --out no " TINY, 2, "horizon=7");
  cr_expect(!exists("no"));
  expect(&result, "train dcgan --time 1h --set schedule=linear --set horizon=6 --out timed " TINY, 0, "000006.png");
  expect(&result, "train --resume timed", 0, "timed/samples/000006.png\n");
  cr_expect(said(&result, "it ends by horizon 6, at step 6; go on with a higher limit, --set horizon=N"), "%s",
            result.err);
}

/* Where it ends over 0 there is a rate left, and a run by time or with more steps stays at it. */
Test(cli_runs, a_run_goes_on_at_the_rate_that_its_schedule_leaves) {
  outcome result;
  write_pictures();
  expect(&result, "train dcgan --steps 9 --set schedule=cosine --set lr_end=0.5 --set horizon=6 --out run -q " TINY, 0,
         "000009.png");
  expect(&result, "train --resume run --steps 12 -q", 0, "000012.png");
  cr_expect(has_setting("run", "horizon: 6") && !said(&result, "bit-exact"), "%s", result.err);
  expect(&result, "train dcgan --steps 12 --set schedule=cosine --set lr_end=0.5 --set horizon=6 --out whole -q " TINY,
         0, "000012.png");
  cr_expect(same_file("run/checkpoints/000012.safetensors", "whole/checkpoints/000012.safetensors"));
}

static bool same_bytes(const char *a, const char *b) {
  static char x[2][MOST_OUTPUT];
  size_t sizes[2];
  for (int i = 0; i < 2; i++) {
    char path[256];
    FILE *stream = fopen(in_folder(i ? b : a, path), "rb");
    cr_assert(stream != NULL, "%s", path);
    sizes[i] = fread(x[i], 1, MOST_OUTPUT, stream);
    fclose(stream);
  }
  return sizes[0] == sizes[1] && memcmp(x[0], x[1], sizes[0]) == 0;
}

Test(cli_runs, the_settings_of_a_run_start_another) {
  outcome result;
  write_pictures();
  expect(&result, "train dcgan --steps 6 --flip --out first -q " TINY, 0, NULL);
  cr_expect(!has_setting("first", "out: \"first\""));
  expect(&result, "train --config first/config.yaml -q", 0, "runs/dcgan-001\n");
  cr_expect(same_bytes("first/checkpoints/000006.safetensors", "runs/dcgan-001/checkpoints/000006.safetensors"));
  expect(&result, "train dcgan --config first/config.yaml --out second --no-flip -q", 0, "second\n");
  cr_expect(has_setting("second", "flip: false") && has_setting("second", "filters: 4"));
  expect(&result, "train --resume second --steps 7 -q", 0, "second\n");
  expect(&result, "train --config first/config.yaml --data nowhere", 3, "nowhere");
  expect(&result, "train vae --config first/config.yaml", 3, "settings of the model dcgan");
  expect(&result, "train --config nowhere.yaml", 3, "nowhere.yaml");
  expect(&result, "train", 2, "train what?");
}

Test(cli_runs, switches_take_a_word_that_says_true_or_false) {
  static const struct {
    const char *words, *flip;
  } cases[] = {{"--flip", "true"},      {"--flip true", "true"},     {"--flip=False", "false"},
               {"--flip OFF", "false"}, {"--set flip=True", "true"}, {"--flip Yes", "true"},
               {"--flip=no", "false"},  {"--no-flip", "false"},      {"--flip --no-flip", "false"}};
  outcome result;
  write_pictures();
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char line[256], wanted[32];
    snprintf(line, sizeof(line), "train dcgan --steps 1 -q --out run-%zu %s " TINY, i, cases[i].words);
    expect(&result, line, 0, NULL);
    snprintf(line, sizeof(line), "run-%zu", i);
    snprintf(wanted, sizeof(wanted), "flip: %s", cases[i].flip);
    cr_expect(has_setting(line, wanted), "%s", cases[i].words);
  }
  expect(&result, "train --flip dcgan --steps 1 -q --out model " TINY, 0, "model\n"); /* the next word is another */
  expect(&result, "train dcgan --flip pictures " TINY, 2, "\"pictures\"");
  expect(&result, "train dcgan --flip=maybe " TINY, 2, "true|false");
}

/* Of an autoencoder, whose codes follow no prior: the ends of the way are what sample draws. */
Test(cli_runs, goes_between_codes_of_a_mixture) {
  outcome result;
  write_pictures();
  expect(&result, "train autoencoder --steps 4 --out run -q " TINY, 0, NULL);
  expect(&result, "interpolate run --from 1 --to 2 --each no", 2, "--prior gmm");
  expect(&result, "interpolate run --from 1 --to 2 --data pictures-idx3-ubyte", 2, "--data goes with --prior gmm");
#define MIXTURE " --prior gmm --components 2 --each "
  expect(&result, "interpolate run --from 1 --to 2 --frames 5" MIXTURE "way", 0, "way\n");
  expect(&result, "sample run --seed 1 -n 1" MIXTURE "one", 0, NULL);
  expect(&result, "sample run --seed 2 -n 1" MIXTURE "two", 0, NULL);
  cr_expect(same_file("way/0001.png", "one/0001.png") && same_file("way/0005.png", "two/0001.png"));
  cr_expect(!same_file("way/0003.png", "way/0001.png") && !same_file("way/0003.png", "way/0005.png"));
}
