/* The library inside somebody else's program: pictures from a function, and no trace on the process. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "image/image.h"
#include "support/run_files.h"

static char data[TEST_PATH_SIZE];

static void begin(void) {
  test_folder_create();
  snprintf(data, sizeof data, "%s", test_path("data"));
}

TestSuite(library, .init = begin, .fini = test_folder_remove, .timeout = 120);

static const char *const short_run[] = {"steps", "6", NULL};

/* The files that test_write_data wrote, through the door for functions. */
static limn_status read_png(void *context, uint32_t index, uint8_t *chw, char *message, size_t size) {
  char path[TEST_PATH_SIZE + 32];
  limn_image image = {0};
  int channels = *(const int *)context;
  snprintf(path, sizeof path, "%s/%04u.png", data, index);
  if (limn_image_read_file(&image, path, 1 << 20) != LIMN_OK) {
    snprintf(message, size, "%s", limn_error_message());
    return LIMN_DATA;
  }
  size_t area = (size_t)image.height * (size_t)image.width;
  for (size_t i = 0; i < area * (size_t)channels; ++i)
    chw[i % (size_t)channels * area + i / (size_t)channels] = image.pixels[i];
  limn_image_release(&image);
  return LIMN_OK;
}

static test_run train_from(const char *model, const limn_picture_source *source, const char *name, bool resume) {
  test_run run = {0};
  limn_config *config = test_config(model, short_run);
  char path[TEST_PATH_SIZE];
  snprintf(path, sizeof path, "%s", test_path("%s", name));
  test_set(config, "channels", source->channels == 3 ? "3" : "1");
  if (resume)
    test_set(config, "steps", "9");
  else
    test_set(config, "out", path);
  limn_train_options options = {
      .config = config, .resume = resume ? path : NULL, .source = source, .on_event = test_on_event, .context = &run};
  run.status = limn_train(&options, &run.result);
  snprintf(run.message, sizeof run.message, "%s", run.status == LIMN_OK ? "" : limn_error_message());
  limn_config_destroy(config);
  return run;
}

/* Grey and in colour, of the run's size and of another: the same checkpoint as from files. */
Test(library, a_function_gives_what_files_give) {
  static const struct {
    int channels, height, width;
    const char *model;
  } kinds[] = {{1, 16, 16, "dcgan"}, {3, 16, 16, "vae"}, {3, 20, 24, "autoencoder"}};
  for (int i = 0; i < 3; ++i) {
    int channels = kinds[i].channels;
    snprintf(data, sizeof data, "%s", test_path("data%d", i));
    test_write_data(data, 20, channels, kinds[i].height, kinds[i].width);
    const char *const settings[] = {"steps", "6", "channels", channels == 3 ? "3" : "1", NULL};
    test_train_well(kinds[i].model, settings, data, i == 0 ? "files0" : i == 1 ? "files1" : "files2");
    limn_picture_source source = {.context = &channels,
                                  .count = 20,
                                  .channels = channels,
                                  .height = kinds[i].height,
                                  .width = kinds[i].width,
                                  .read = read_png};
    const char *name = i == 0 ? "function0" : i == 1 ? "function1" : "function2";
    test_run run = train_from(kinds[i].model, &source, name, false);
    cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
    cr_expect(test_same_file(i == 0   ? "files0"
                             : i == 1 ? "files1"
                                      : "files2",
                             name, "checkpoints/000006.safetensors"),
              "kind %d", i);
  }
}

static limn_status read_grey(void *context, uint32_t index, uint8_t *chw, char *message, size_t size) {
  const char *reason = context;
  if (reason && index == 3) {
    snprintf(message, size, "%s", reason);
    return reason[0] ? LIMN_DATA : (limn_status)42;
  }
  memset(chw, (int)(index * 11 % 256), 16 * 16);
  return LIMN_OK;
}

static limn_picture_source grey_source(void) {
  return (limn_picture_source){.count = 20, .channels = 1, .height = 16, .width = 16, .read = read_grey};
}

Test(library, a_failing_function_ends_the_run_with_its_message) {
  char reason[] = "the camera is off", none[] = "";
  limn_picture_source source = grey_source();
  source.context = reason;
  test_run run = train_from("vae", &source, "run", false);
  cr_expect_eq(run.status, LIMN_DATA);
  cr_expect_str_eq(run.message, "picture 3: the camera is off");
  source.context = none;
  run = train_from("vae", &source, "run", false);
  cr_expect_eq(run.status, LIMN_FAILED);
  cr_expect_str_eq(run.message, "picture 3: its source failed and did not say why");
}

Test(library, sources_that_cannot_be_used_are_refused) {
  limn_picture_source source = grey_source();
  source.read = NULL;
  cr_expect_eq(train_from("vae", &source, "run", false).status, LIMN_USAGE);
  source = grey_source();
  source.count = 0;
  cr_expect_eq(train_from("vae", &source, "run", false).status, LIMN_USAGE);
  source = grey_source();
  source.channels = 2;
  cr_expect_eq(train_from("vae", &source, "run", false).status, LIMN_USAGE);
  source = grey_source();
  source.width = 0;
  cr_expect_eq(train_from("vae", &source, "run", false).status, LIMN_USAGE);
  source = grey_source();
  source.count = 3; /* fewer than a batch */
  test_run run = train_from("dcgan", &source, "run", false);
  cr_expect_eq(run.status, LIMN_DATA);
  cr_expect_not_null(strstr(run.message, "the caller's source has 3 pictures"), "%s", run.message);
}

Test(library, resuming_with_other_pictures_is_refused_where_they_are_told_apart) {
  limn_picture_source source = grey_source();
  source.fingerprint = 0x1234;
  cr_assert_eq(train_from("vae", &source, "told", false).status, LIMN_OK);
  source.fingerprint = 0x1235;
  test_run run = train_from("vae", &source, "told", true);
  cr_expect_eq(run.status, LIMN_DATA);
  cr_expect_not_null(strstr(run.message, "the caller's source is not the data"), "%s", run.message);
  source.fingerprint = 0;
  run = train_from("vae", &source, "told", true);
  cr_expect_eq(run.status, LIMN_OK, "%s", run.message);
  cr_expect_eq(run.result.step, 9);
}

/* What the process has to be left as: handlers, mask, and nothing written. */
struct trace {
  struct sigaction actions[64];
  sigset_t mask;
  int saved[2];
};

static void begin_trace(struct trace *t) {
  memset(t, 0, sizeof *t);
  for (int number = 1; number < 64; ++number)
    sigaction(number, NULL, &t->actions[number]);
  pthread_sigmask(SIG_SETMASK, NULL, &t->mask);
  fflush(NULL);
  for (int i = 0; i < 2; ++i) {
    int file = open(test_path("stream%d", i), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    t->saved[i] = dup(i + 1);
    cr_assert(file >= 0 && t->saved[i] >= 0 && dup2(file, i + 1) >= 0);
    close(file);
  }
}

static void end_trace(struct trace *t, const char *what) {
  fflush(NULL);
  for (int i = 0; i < 2; ++i) {
    dup2(t->saved[i], i + 1);
    close(t->saved[i]);
    struct stat info;
    cr_assert_eq(stat(test_path("stream%d", i), &info), 0);
    cr_expect_eq(info.st_size, 0, "%s: %ld bytes on %s", what, (long)info.st_size, i ? "stderr" : "stdout");
  }
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  for (int number = 1; number < 64; ++number) {
    struct sigaction now = {0};
    if (sigaction(number, NULL, &now) != 0)
      continue;
    cr_expect(now.sa_handler == t->actions[number].sa_handler && now.sa_flags == t->actions[number].sa_flags,
              "%s: the handler of signal %d has changed", what, number);
    cr_expect_eq(sigismember(&mask, number), sigismember(&t->mask, number), "%s: signal %d", what, number);
  }
}

/* Of the threads that work beside this one, how many there are and how many take a signal. */
struct threads {
  int others, open;
};

static void count_threads(void *context, const limn_event *event) {
  struct threads *threads = context;
  struct dirent *entry;
  if (event->kind != LIMN_EVENT_STEPS)
    return;
  DIR *tasks = opendir("/proc/self/task");
  cr_assert_not_null(tasks);
  while ((entry = readdir(tasks))) {
    char path[300], line[256];
    unsigned long long blocked = 0;
    if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
      continue;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
    FILE *status = fopen(path, "r");
    while (status && fgets(line, sizeof line, status))
      sscanf(line, "SigBlk: %llx", &blocked);
    if (status)
      fclose(status);
    ++threads->others;
    threads->open += !(blocked >> (SIGUSR1 - 1) & 1) || !(blocked >> (SIGINT - 1) & 1);
  }
  closedir(tasks);
}

Test(library, signals_reach_the_hosts_own_threads) {
  struct threads threads = {0};
  limn_picture_source source = grey_source();
  limn_config *config = test_config("dcgan", short_run);
  limn_train_result result;
  test_set(config, "out", test_path("run"));
  limn_train_options options = {.config = config, .source = &source, .on_event = count_threads, .context = &threads};
  cr_assert_eq(limn_train(&options, &result), LIMN_OK, "%s", limn_error_message());
  cr_expect_gt(threads.others, 1, "%d threads", threads.others);
  if (strcmp(test_device(), "cpu") == 0) /* a driver has threads of its own */
    cr_expect_eq(threads.open, 0, "%d of %d threads take signals", threads.open, threads.others);
  limn_config_destroy(config);
}

Test(library, leaves_no_trace_on_the_process) {
  static const char *const diverging[] = {"steps", "60", "lr", "1e30", NULL};
  struct trace trace;
  limn_picture_source source = grey_source();
  begin_trace(&trace);
  test_run good = train_from("dcgan", &source, "good", false);
  end_trace(&trace, "a run");
  cr_expect_eq(good.status, LIMN_OK, "%s", good.message);

  limn_config *config = test_config("dcgan", diverging);
  limn_train_result result;
  test_set(config, "out", test_path("diverging"));
  begin_trace(&trace);
  limn_status status = limn_train(&(limn_train_options){.config = config, .source = &source}, &result);
  end_trace(&trace, "a run that diverges");
  cr_expect_eq(status, LIMN_DIVERGED, "%s", limn_error_message());

  test_set(config, "data", test_path("nowhere"));
  test_set(config, "out", test_path("none"));
  begin_trace(&trace);
  status = limn_train(&(limn_train_options){.config = config}, &result);
  end_trace(&trace, "a run without data");
  cr_expect_eq(status, LIMN_DATA);
  limn_config_destroy(config);
}
