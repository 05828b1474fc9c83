/* The program from outside: what it prints, how it ends, what it leaves. */
#include "support/program.h"

#include <jansson.h>
#include <pty.h>
#include <sys/resource.h>

static json_t *expect_json(const char *line) {
  static outcome result;
  expect(&result, line, 0, NULL);
  json_error_t error;
  json_t *root = json_loads(result.out, 0, &error);
  cr_assert(root != NULL, "limn %s: no JSON (%s): %s", line, error.text, result.out);
  return root;
}

TestSuite(cli, .init = set_up, .fini = tear_down, .timeout = 300);

Test(cli, help_of_everything) {
  static const char *const lines[] = {"--help",       "-h",
                                      "help",         "help train",
                                      "train --help", "train vae -h",
                                      "sample -h",    "interpolate --help",
                                      "inspect -h",   "export -h",
                                      "manual -h",    "completions -h",
                                      "doctor -h",    "features -h",
                                      "data --help",  "bench --help",
                                      "help bench",   "bench step dcgan --help"};
  outcome result;
  for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
    expect(&result, lines[i], 0, "usage: limn ");
    cr_assert(result.err[0] == '\0', "limn %s: %s", lines[i], result.err);
  }
  expect(&result, "--version", 0, "limn ");
  expect(&result, "", 2, "usage: limn ");
}

Test(cli, help_lists_settings_of_the_model) {
  outcome result;
  expect(&result, "train vae --help", 0, "--set beta=X");
  cr_assert(!strstr(result.out, "d_steps"));
  expect(&result, "train dcgan --help", 0, "d_steps");
  cr_assert(strstr(result.out, "default 0.0002"));
}

Test(cli, mistakes_suggest_the_nearest) {
  static const struct {
    const char *line, *said;
  } cases[] = {
      {"trian", "did you mean train?"},
      {"smaple x", "did you mean sample?"},
      {"--versoin", "did you mean --version?"},
      {"train dcgna", "did you mean dcgan?"},
      {"train dcgan --lerning-rate 1", "did you mean --lr?"},
      {"train dcgan --filter 8", "did you mean --filters?"},
      {"train dcgan --batch_size 8", "did you mean --batch?"},
      {"train vae --sigma 1", "did you mean --set sigma=VALUE?"},
      {"train vae --set lerning_rate=1", "did you mean lr?"},
      {"train vae --set beta_warmpu=1", "did you mean beta_warmup?"},
      {"train dcgan --preset dmeo", "did you mean demo?"},
      {"sample x --sede 3", "did you mean --seed?"},
      {"bench setp dcgan", "did you mean step?"},
      {"train dcgan --zzzzzzzz", "--help"},
  };
  outcome result;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    expect(&result, cases[i].line, 2, cases[i].said);
    cr_assert(one_line(result.err) && !result.out[0], "limn %s: %s%s", cases[i].line, result.err, result.out);
    cr_assert(strncmp(result.err, "limn: ", 6) == 0);
  }
}

Test(cli, usage_errors_say_what_to_do) {
  static const struct {
    const char *line, *said;
  } cases[] = {
      {"train", "train what?"},
      {"train dcgan extra", "extra"},
      {"train dcgan --lr", "--lr needs a value"},
      {"train dcgan --lr --json", "--lr needs a value"},
      {"train dcgan --lr=-1", "lr"},
      {"train dcgan --set d_steps", "name=value"},
      {"train dcgan --set beta=2", "beta"},
      {"train dcgan --json=1", "takes no value"},
      {"train dcgan -q -v", "cannot go together"},
      {"train --resume x --out y", "cannot go together"},
      {"sample", "run folder"},
      {"sample a b", "\"b\""},
      {"sample x -n 0", "1 to"},
      {"sample x --seed -1", "seed"},
      {"sample x -o a --each b", "cannot go together"},
      {"sample x -o a.gif", "a.gif: pictures are written as .png, .jpg, .jpeg or .webp"},
      {"sample x -o a", "name a.png"},
      {"sample x -o - --json", "both want standard output"},
      {"sample x -o a.png --format jpg", "cannot go together"},
      {"sample x --format gif", "png, jpg or webp"},
      {"sample x -o a.png --overwrite", "goes with --each"},
      {"interpolate x --from 1 --to 2 -o a.tif", ".png, .jpg, .jpeg or .webp"},
      {"data x --contact-sheet a.bmp", ".png, .jpg, .jpeg or .webp"},
      {"data x --contact-sheet -", "the report goes to standard output"},
      {"interpolate x --from 1", "--to"},
      {"interpolate x --seeds 1", "two seeds"},
      {"interpolate x --seeds 1,,2", "--seeds 1,2,3"},
      {"evaluate", "a run, a checkpoint"},
      {"evaluate a b", "a run, a checkpoint"},
      {"evaluate x --size big", "--size is \"big\""},
      {"evaluate x --size 48x", "--size is \"48x\""},
      {"evaluate x -n 1", "--number"},
      {"evaluate x -m fid", "no measure \"fid\""},
      {"evaluate x --feature-size 8", "--feature-size"},
      {"bench", "limn bench step"},
      {"doctor x", "\"x\""},
      {"export", "run folder"},
      {"export x", "--network generator"},
      {"export x --network ema", "--output FILE"},
      {"manual nothing", "no manual page"},
      {"manual manual", "no manual page"},
      {"completions", "bash, zsh or fish"},
      {"completions tcsh", "bash, zsh and fish"},
  };
  outcome result;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    expect(&result, cases[i].line, 2, cases[i].said);
    cr_assert(one_line(result.err), "limn %s: %s", cases[i].line, result.err);
  }
}

Test(cli, missing_and_broken_files_are_data_errors) {
  outcome result;
  char path[256];
  FILE *stream = fopen(in_folder("broken.safetensors", path), "w");
  fputs("not tensors at all", stream);
  fclose(stream);
  stream = fopen(in_folder("model.pt", path), "w");
  fputs("\x80\x02}q", stream);
  fclose(stream);
  expect(&result, "inspect model.pt", 3, "model.pt is a pickle, but none of torch.save's: in Python, ");
  expect(&result, "sample model.pt", 3, "safetensors.torch.save_file");
  expect(&result, "inspect nowhere", 3, "nowhere");
  expect(&result, "inspect broken.safetensors", 3, "broken.safetensors");
  expect(&result, "inspect .", 3, "config.yaml");
  expect(&result, "train --resume nowhere", 3, "nowhere");
  expect(&result, "sample nowhere", 3, "nowhere");
  expect(&result, "train dcgan --steps 1 --data nowhere", 3, "nowhere");
  cr_assert(!exists("runs"), "a run that cannot start leaves no folder");
}

Test(cli, a_network_is_exported) {
  outcome result;
  write_pictures();
  expect(&result, "train dcgan " TINY "--set ema=0 --steps 2 --out r -q", 0, NULL);
  expect(&result, "export r --network generator -o g.safetensors", 0, NULL);
  cr_assert_str_eq(result.out, "g.safetensors\n");
  cr_assert_str_eq(result.err, "output: pictures after tanh, in [-1, 1]\n");
  expect(&result, "sample g.safetensors -n 4 --seed 9", 0, "sample-9.png\n");
  expect(&result, "sample r -n 4 -o r.png --seed 9", 0, NULL);
  cr_assert(same_file("sample-9.png", "r.png"), "an export draws what its run draws");
  expect(&result, "interpolate g.safetensors --from 1 --to 2 --frames 4", 0, "interpolate-1-2.png\n");
  expect(&result, "train dcgan " TINY "--steps 1 --out s -q --init g.safetensors", 0, NULL);
  expect(&result, "inspect g.safetensors", 0, "main.0.weight");
  json_t *root = expect_json("export r/checkpoints/latest --network discriminator -o d.safetensors --json");
  cr_expect_str_eq(json_string_value(json_object_get(root, "network")), "discriminator");
  cr_expect_str_eq(json_string_value(json_object_get(root, "file")), "d.safetensors");
  json_decref(root);
  expect(&result, "export r --network decoder -o x.safetensors", 2, "a dcgan has generator");
  expect(&result, "export nowhere --network decoder -o x.safetensors", 3, "nowhere");
  expect(&result, "export r --network generator -o x.pt", 2, "name that");
  cr_assert(!exists("x.safetensors") && !exists("x.pt"));
  expect(&result, "export r --network generator -o -", 0, NULL);
  char from[256], to[256];
  cr_assert(rename(in_folder("out", from), in_folder("piped.safetensors", to)) == 0);
  cr_assert(same_file("piped.safetensors", "g.safetensors"));
}

Test(cli, half_precision_is_measured) {
  static const char bytes[] = "\x38\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}  "
                              "\x00\xc0\x00\x3e"; /* -2, 1.5 */
  char path[256];
  outcome result;
  FILE *stream = fopen(in_folder("h.safetensors", path), "wb");
  cr_assert(stream && fwrite(bytes, sizeof(bytes) - 1, 1, stream) == 1 && fclose(stream) == 0);
  expect(&result, "inspect h.safetensors -v", 0, "-0.25");
  cr_assert(strstr(result.out, "-2 ") && strstr(result.out, "1.5"), "%s", result.out);
}

Test(cli, lost_output_is_an_error) {
  cr_assert(end_of(start("--help", open_output("/dev/full"))) == 1);
  outcome result;
  slurp("err", result.err);
  cr_assert(strstr(result.err, "standard output"));
}

/* A reader that has seen enough is no error to tell, however much there was to say. */
Test(cli, a_reader_that_leaves_is_no_error) {
  static const char *const lines[] = {"--version",
                                      "--help",
                                      "train --help",
                                      "completions bash",
                                      "manual train",
                                      "doctor",
                                      "doctor --json",
                                      "inspect run",
                                      "inspect run --json",
                                      "sample run -n 2 -o -",
                                      "export run --network generator -o -",
                                      "train dcgan --dry-run " TINY,
                                      "data pictures-idx3-ubyte",
                                      "train dcgan --steps 2 --out again " TINY};
  outcome result;
  write_pictures();
  expect(&result, "train dcgan --steps 2 --out run -q " TINY, 0, NULL);
  for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    int code = end_of(start(lines[i], ends[1]));
    slurp("err", result.err);
    cr_expect(code == 128 + SIGPIPE && !strstr(result.err, "limn: "), "limn %s: %d, %s", lines[i], code, result.err);
  }
  cr_expect(exists("again/checkpoints/000002.safetensors"));
}

/* Nor do those who train lose anything by it: what a run says may go nowhere, it trains on. */
Test(cli, a_training_goes_on_when_nobody_listens) {
  char line[512];
  write_pictures();
  snprintf(line, sizeof(line),
           "cd %s && %s train dcgan -v --steps 300 --set log_every=1 --out run " TINY " 2>&1 | head -n 1 >said", folder,
           LIMN_PROGRAM);
  cr_assert_eq(system(line), 0);
  cr_expect(exists("run/checkpoints/000300.safetensors"));
  expect(&(outcome){0}, "train --resume run --steps 301 -q", 0, NULL);
}

static const char *setting(const json_t *root, const char *name, const char *key) {
  static char text[4][128];
  static int turn;
  char *buffer = text[turn++ % 4];
  json_t *value = json_object_get(json_object_get(json_object_get(root, "settings"), name), key);
  if (json_is_string(value))
    snprintf(buffer, 128, "%s", json_string_value(value));
  else
    snprintf(buffer, 128, "%g", json_number_value(value));
  return buffer;
}

Test(cli, flag_over_set_over_config_over_preset_whatever_the_order) {
  char path[256];
  write_pictures();
  FILE *stream = fopen(in_folder("f.yaml", path), "w");
  fputs("lr: 0.03\nsteps: 33\nfilters: 3\nlatent: 5\n", stream);
  fclose(stream);
  static const char *const lines[] = {"train dcgan --lr 0.01 --set lr=0.02 --set steps=22 --config f.yaml --preset "
                                      "demo --data pictures-idx3-ubyte --batch 8 "
                                      "--filters 4 --threads 1 --dry-run --json",
                                      "train --json --dry-run --preset demo --config f.yaml --set steps=22 --threads 1 "
                                      "--filters 4 --batch=8 --set lr=0.02 "
                                      "--data=pictures-idx3-ubyte --lr=0.01 dcgan"};
  for (size_t i = 0; i < 2; i++) {
    json_t *root = expect_json(lines[i]);
    cr_assert_str_eq(setting(root, "lr", "value"), "0.01");
    cr_assert_str_eq(setting(root, "lr", "origin"), "--lr");
    cr_assert_str_eq(setting(root, "steps", "value"), "22");
    cr_assert_str_eq(setting(root, "steps", "origin"), "--set");
    cr_assert_str_eq(setting(root, "latent", "value"), "5");
    cr_assert(strstr(setting(root, "latent", "origin"), "f.yaml"));
    cr_assert(strstr(setting(root, "sample_every", "origin"), "demo"));
    cr_assert_str_eq(setting(root, "beta1", "origin"), "default");
    json_decref(root);
  }
  cr_assert(!exists("runs"), "a dry run trains nothing");
}

Test(cli, dry_run_shows_networks_memory_data_and_settings) {
  write_pictures();
  outcome result;
  expect(&result, "train dcgan --dry-run --steps 3 " TINY, 0, "generator");
  static const char *const words[] = {"discriminator", "main.0",    "parameters", "memory",
                                      "optimiser",     "64 images", "--filters"};
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    cr_assert(strstr(result.out, words[i]), "no \"%s\" in the plan: %s", words[i], result.out);
  expect(&result, "train vae --dry-run --until equilibrium " TINY, 0, "images, until equilibrium\n");
  expect(&result, "train vae --dry-run --until equilibrium --time 1h " TINY, 0, "until equilibrium or by time\n");
  json_t *root = expect_json("train vae --dry-run --json --steps 3 " TINY);
  const char *network;
  json_t *plan;
  cr_assert(json_object_size(json_object_get(root, "networks")) == 2);
  json_object_foreach(json_object_get(root, "networks"), network, plan)
      cr_assert(json_integer_value(json_object_get(plan, "parameters")) > 0, "%s has no parameters", network);
  json_decref(root);
}

Test(cli, trains_and_tells_where_the_results_are) {
  write_pictures();
  outcome result;
  expect(&result, "train dcgan --steps 6 --out first " TINY, 0, "first\n");
  cr_assert(strstr(result.out, "first/samples/"), "%s", result.out);
  cr_assert(strstr(result.err, "step 6/6"), "%s", result.err);
  cr_assert(!strchr(result.err, '\033') && !strchr(result.err, '\r'), "control sequences in a log: %s", result.err);
  cr_assert(exists("first/config.yaml") && exists("first/metrics.jsonl") && exists("first/run.json"));

  expect(&result, "train dcgan --steps 6 --out first " TINY, 2, "--resume");
  expect(&result, "train dcgan --steps 2 -q " TINY, 0, "runs/dcgan-001");
  cr_assert(result.err[0] == '\0', "--quiet said: %s", result.err);

  json_t *root = expect_json("train vae --steps 4 --json --out second " TINY);
  cr_assert_str_eq(json_string_value(json_object_get(root, "run")), "second");
  cr_assert(json_integer_value(json_object_get(root, "step")) == 4);
  json_decref(root);
}

Test(cli, resume_continues) {
  write_pictures();
  outcome result;
  expect(&result, "train dcgan --steps 3 --out run " TINY, 0, NULL);
  expect(&result, "train vae --resume run", 2, "dcgan");
  expect(&result, "train --resume run --filters 5 --set latent=9", 2,
         "filters: the run has 4, the command says 5; latent: the run has 8, the command says 9; leave");
  cr_assert(one_line(result.err), "%s", result.err);
  expect(&result, "train --resume run --filters 5 --dry-run", 2, "filters: the run has 4");
  expect(&result, "train --resume run --steps 7", 0, "run\n");
  json_t *root = expect_json("inspect run --json");
  cr_assert(json_integer_value(json_object_get(root, "step")) == 7);
  cr_assert_str_eq(json_string_value(json_object_get(root, "model")), "dcgan");
  cr_assert(json_is_number(json_object_get(json_object_get(json_object_get(root, "metrics"), "loss_d"), "value")));
  cr_assert(json_array_size(json_object_get(root, "checkpoints")) > 0);
  json_decref(root);
}

Test(cli, samples_and_interpolates) {
  write_pictures();
  outcome result;
  expect(&result, "train dcgan --steps 4 --out run " TINY, 0, NULL);
  expect(&result, "sample run -n 70 --seed 5", 0, "run/sample-5.png\n");
  expect(&result, "sample run -n70 --seed=5 -o again.png", 0, "again.png\n");
  cr_assert(same_file("run/sample-5.png", "again.png"), "the same seed makes the same pictures");
  expect(&result, "sample run -n 70 --seed 6 -o other.png", 0, NULL);
  cr_assert(!same_file("other.png", "again.png"), "another seed makes other pictures");
  expect(&result, "sample run/checkpoints/000004.safetensors -n 3 --each three", 0, "three\n");
  cr_assert(exists("three/0001.png") && exists("three/0003.png") && !exists("three/0004.png"));

  expect(&result, "interpolate run --from 1 --to 2", 0, "run/interpolate-1-2.png\n");
  expect(&result, "interpolate run --seeds 1,2 --frames 5 --each way", 0, "way\n");
  expect(&result, "interpolate run --seeds 1,2,3 --loop --frames 9 --each round", 0, "round\n");
  cr_assert(exists("way/0005.png") && !exists("way/0006.png") && exists("round/0009.png"));
  cr_assert(same_file("way/0001.png", "round/0001.png"), "both start at seed 1");
  cr_assert(same_file("way/0005.png", "round/0004.png"), "both come to seed 2");
  cr_assert(!same_file("round/0001.png", "round/0009.png"), "the end of a loop does not repeat its start");

  expect(&result, "sample run -n 2 --each again.png", 2, "not a folder");
  expect(&result, "sample run -n 1000000 -o many.png", 2, "too many for one grid");
  expect(&result, "inspect run/checkpoints/000004.safetensors -v", 0, "generator.main.0.weight");
  cr_assert(strstr(result.out, " values") && strstr(result.out, "greatest"));
  expect(&result, "inspect run -v", 0, "checkpoints");
}

/* The first bytes of a file, as a picture's kind. */
static const char *kind_of(const char *name) {
  static char bytes[MOST_OUTPUT];
  slurp(name, bytes);
  return strncmp(bytes, "\x89PNG", 4) == 0        ? "PNG"
         : strncmp(bytes, "\xff\xd8\xff", 3) == 0 ? "JPEG"
         : strncmp(bytes, "RIFF", 4) == 0         ? "WebP"
                                                  : "none";
}

Test(cli, the_ending_of_an_output_decides) {
  write_pictures();
  outcome result;
  char path[256], to[256];
  expect(&result, "train dcgan --steps 2 --out run -q " TINY, 0, NULL);
  expect(&result, "sample run -n 4 -o g.jpg", 0, "g.jpg\n");
  expect(&result, "interpolate run --from 1 --to 2 -o g.WEBP", 0, "g.WEBP\n");
  expect(&result, "data pictures-idx3-ubyte --contact-sheet g.jpeg", 0, NULL);
  expect(&result, "sample run -n 4 --format jpg --seed 3", 0, "run/sample-3.jpg\n");
  cr_expect_str_eq(kind_of("g.jpg"), "JPEG");
  cr_expect_str_eq(kind_of("g.WEBP"), "WebP");
  cr_expect_str_eq(kind_of("g.jpeg"), "JPEG");
  cr_expect_str_eq(kind_of("run/sample-3.jpg"), "JPEG");
  expect(&result, "sample run -n 4 -o -", 0, NULL);
  cr_expect_str_eq(kind_of("out"), "PNG");
  cr_assert(rename(in_folder("out", path), in_folder("piped.png", to)) == 0);
  expect(&result, "sample run -n 4 -o /dev/stdout", 0, NULL);
  cr_expect_str_eq(kind_of("out"), "PNG");
  expect(&result, "sample run -n 4 -o g.png", 0, NULL);
  cr_expect(same_file("piped.png", "g.png"));
  expect(&result, "sample run -o run", 1, "a folder");
  expect(&result, "sample run -o nowhere/a.png", 1, "make its folder first");
  cr_assert(mkfifo(in_folder("pipe.png", path), 0666) == 0);
  int end = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  expect(&result, "sample run -n 4 -o pipe.png", 0, "pipe.png\n");
  char bytes[8] = "";
  cr_expect(read(end, bytes, 8) == 8 && memcmp(bytes, "\x89PNG", 4) == 0);
  close(end);
}

Test(cli, a_file_each_does_not_mix_with_earlier_ones) {
  write_pictures();
  outcome result;
  expect(&result, "train dcgan --steps 2 --out run -q " TINY, 0, NULL);
  expect(&result, "sample run -n 3 --each d --format webp", 0, "d\n");
  cr_expect_str_eq(kind_of("d/0003.webp"), "WebP");
  expect(&result, "sample run -n 2 --each d", 2, "(0001.webp and so on, 3 in all)");
  cr_assert(one_line(result.err) && !exists("d/0001.png"));
  expect(&result, "sample run -n 2 --each d --overwrite --format webp", 0, "d\n");
  cr_assert_str_eq(result.err, "limn: older pictures stay in d beside the new ones: 1\n");
  expect(&result, "sample run -n 3 --each d --overwrite --format webp", 0, "d\n");
  cr_assert_str_eq(result.err, "");
}

/* A limit on file sizes is met as a full disk is: one line, no file that is not whole, and a way on. */
Test(cli, files_that_cannot_be_written_are_one_line) {
  write_pictures();
  outcome result;
  char path[256];
  struct rlimit limit;
  expect(&result, "train dcgan --steps 2 --out run " TINY, 0, NULL);
  cr_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 8192; /* under a checkpoint, over everything else */
  cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  pid_t child = start("train --resume run -q --steps 4", open_output(in_folder("out", path)));
  limit.rlim_cur = before;
  cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  int code = end_of(child);
  slurp("err", result.err);
  cr_assert(code == 1, "exit code %d: %s", code, result.err);
  cr_assert(one_line(result.err) && strstr(result.err, "step 2 is saved: limn train --resume run\n"), "%s", result.err);
  cr_assert(!exists("run/checkpoints/000004.safetensors"));
  json_t *root = expect_json("train --resume run -q --json --steps 4");
  cr_assert(json_integer_value(json_object_get(root, "checkpoint")) == 4);
  json_decref(root);
}

/* What the program writes on a terminal, with both outputs on it. */
static void on_terminal(char text[MOST_OUTPUT], const char *no_color, unsigned short columns) {
  int terminal = -1;
  size_t size = 0;
  ssize_t got;
  struct winsize window = {.ws_row = 24, .ws_col = columns};
  pid_t child = forkpty(&terminal, NULL, NULL, &window);
  cr_assert(child >= 0);
  if (child == 0) {
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", no_color, 1);
    if (chdir(folder) == 0)
      execl(LIMN_PROGRAM, LIMN_PROGRAM, "train", "dcgan", "--steps", "5", "--data", "pictures-idx3-ubyte", "--filters",
            "4", "--latent", "8", "--batch", "8", "--threads", "1", (char *)NULL);
    _exit(99);
  }
  while (size + 1 < MOST_OUTPUT && (got = read(terminal, text + size, MOST_OUTPUT - 1 - size)) > 0)
    size += (size_t)got;
  text[size] = '\0';
  close(terminal);
  cr_assert(end_of(child) == 0, "%s", text);
}

Test(cli, a_terminal_gets_one_live_line) {
  static char text[MOST_OUTPUT];
  write_pictures();
  on_terminal(text, "", 60);
  cr_assert(strstr(text, "\r\033[1mstep ") && strstr(text, "\033[K"), "%s", text);
  on_terminal(text, "1", 60);
  cr_assert(strstr(text, "\rstep 5/5") && !strstr(text, "\033[1m"), "%s", text);
  const char *line = strstr(text, "\rstep ");
  cr_assert(strcspn(line + 1, "\033\r\n") < 60, "the live line is wider than the terminal: %s", line);
  on_terminal(text, "1", 15);
  cr_assert(strstr(text, "\rstep 5/5\033[K"), "the live line ends inside an item: %s", text);
}

Test(cli, bench_and_doctor) {
  json_t *root =
      expect_json("bench step dcgan --size 16 --channels 1 --filters 4 --latent 8 --batch 8 --threads 1 --rounds 3 "
                  "--steps-per-round 2 --warmup 1 --json");
  double least = json_number_value(json_object_get(root, "milliseconds_min"));
  double median = json_number_value(json_object_get(root, "milliseconds_median"));
  double most = json_number_value(json_object_get(root, "milliseconds_max"));
  cr_assert(least > 0 && least <= median && median <= most, "%g, %g, %g", least, median, most);
  cr_assert(json_number_value(json_object_get(root, "images_per_second")) > 0);
  cr_assert(json_integer_value(json_object_get(root, "peak_rss_bytes")) > 0);
  json_decref(root);
  outcome result;
  expect(&result, "doctor", 0, "CPU");
  root = expect_json("doctor --json");
  cr_assert(json_array_size(root) > 0);
  json_decref(root);
}
