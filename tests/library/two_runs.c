/* Two trainings at once, in two threads of one process, write what each writes alone. Plain C on the public API, so
 * that it runs under ThreadSanitizer too: two_runs [THREADS], compute threads a run. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limn/train.h"

#define SIDE 16

struct run {
  const char *model, *loss_name, *loss;
  char path[PATH_MAX];
  int steps_seen;
  limn_status status;
  char message[1024];
};

static _Noreturn void fail(const char *what, const char *why) {
  fprintf(stderr, "two_runs: %s: %s\n", what, why);
  exit(1);
}

/* A bright bar on a dark ground, somewhere. */
static limn_status draw(void *context, uint32_t index, uint8_t *chw, char *message, size_t size) {
  (void)context;
  (void)message;
  (void)size;
  for (uint32_t i = 0; i < SIDE * SIDE; ++i)
    chw[i] = (uint8_t)(i / SIDE == index % SIDE || i % SIDE == index / 3 % SIDE ? 200 + index % 50 : 20);
  return LIMN_OK;
}

static void on_event(void *context, const limn_event *event) {
  ((struct run *)context)->steps_seen += event->kind == LIMN_EVENT_STEPS;
}

static void set(limn_config *config, const char *name, const char *value) {
  if (limn_config_set(config, name, value, LIMN_FROM_SET) != LIMN_OK)
    fail(name, limn_error_message());
}

static limn_config *make_config(const struct run *run, const char *threads) {
  const char *const settings[][2] = {{"device", "cpu"},     {"threads", threads},
                                     {"size", "16"},        {"filters", "4"},
                                     {"latent", "8"},       {"batch", "8"},
                                     {"steps", "30"},       {"sample_every", "10"},
                                     {"sample_count", "4"}, {run->loss_name, run->loss},
                                     {"out", run->path}};
  limn_config *config = NULL;
  if (limn_config_create(&config, run->model) != LIMN_OK)
    fail(run->model, limn_error_message());
  for (size_t i = 0; i < sizeof settings / sizeof *settings; ++i)
    set(config, settings[i][0], settings[i][1]);
  return config;
}

static const char *compute_threads = "1";

static void *train(void *argument) {
  struct run *run = argument;
  limn_train_result result;
  limn_picture_source pictures = {.count = 64, .channels = 1, .height = SIDE, .width = SIDE, .read = draw};
  limn_config *config = make_config(run, compute_threads);
  run->status = limn_train(
      &(limn_train_options){.config = config, .source = &pictures, .on_event = on_event, .context = run}, &result);
  if (run->status != LIMN_OK) /* the message belongs to this thread */
    snprintf(run->message, sizeof run->message, "%s", limn_error_message());
  limn_config_destroy(config);
  return NULL;
}

/* The message of a failure stays this thread's, whatever fails in others meanwhile. */
static void *fail_often(void *argument) {
  const char *name = argument;
  limn_config *config = NULL;
  if (limn_config_create(&config, "vae") != LIMN_OK)
    fail(name, limn_error_message());
  for (int i = 0; i < 20000; ++i)
    if (limn_config_set(config, name, "1", LIMN_FROM_SET) != LIMN_USAGE || !strstr(limn_error_message(), name))
      fail(name, limn_error_message());
  limn_config_destroy(config);
  return NULL;
}

/* Calls work(a) and work(b) in two threads. */
static void do_both(void *(*work)(void *), void *a, void *b) {
  pthread_t threads[2];
  if (pthread_create(&threads[0], NULL, work, a) != 0 || pthread_create(&threads[1], NULL, work, b) != 0)
    fail("a thread", "cannot be started");
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
}

static char *read_file(const char *folder, const char *name, size_t *size) {
  char path[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0)
    fail(path, "cannot be read");
  *size = (size_t)ftell(file);
  char *bytes = malloc(*size + 1);
  rewind(file);
  if (!bytes || fread(bytes, 1, *size, file) != *size)
    fail(path, "cannot be read");
  fclose(file);
  return bytes;
}

static void compare(const struct run *a, const struct run *b) {
  static const char *const files[] = {"checkpoints/000030.safetensors", "samples/000010.png", "samples/000030.png"};
  for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
    size_t sizes[2];
    char *first = read_file(a->path, files[i], &sizes[0]), *second = read_file(b->path, files[i], &sizes[1]);
    if (sizes[0] != sizes[1] || memcmp(first, second, sizes[0]) != 0)
      fail(files[i], "differs between the run that was alone and the one beside another");
    free(first);
    free(second);
  }
}

int main(int argc, char **argv) {
  char folder[] = "/tmp/limn-two-runs-XXXXXX", command[64];
  static struct run alone[2] = {{.model = "dcgan", .loss_name = "loss", .loss = "hinge"},
                                {.model = "vae", .loss_name = "likelihood", .loss = "gaussian"}};
  static struct run together[2];
  char names[2][16] = {"nothing_a", "nothing_b"};
  compute_threads = argc > 1 ? argv[1] : "1";
  if (!mkdtemp(folder))
    fail(folder, "cannot be made");
  memcpy(together, alone, sizeof together);
  for (int i = 0; i < 2; ++i) {
    snprintf(alone[i].path, PATH_MAX, "%s/alone-%d", folder, i);
    snprintf(together[i].path, PATH_MAX, "%s/together-%d", folder, i);
    train(&alone[i]);
  }
  do_both(train, &together[0], &together[1]);
  for (int i = 0; i < 2; ++i) {
    if (alone[i].status != LIMN_OK || together[i].status != LIMN_OK)
      fail(alone[i].model, alone[i].status != LIMN_OK ? alone[i].message : together[i].message);
    if (!alone[i].steps_seen || !together[i].steps_seen)
      fail(alone[i].model, "a run told of no steps");
    compare(&alone[i], &together[i]);
  }
  do_both(fail_often, names[0], names[1]);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command) == 0 ? 0 : 1;
}
