/* A run that goes on: what it may change, what it takes over, and what it does when nothing more can be written. */
#include "support/made_weights.h"
#include "support/run_files.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "checkpoint/checkpoint.h"
#include "run/run.h"

#define STEPS 12

static char data[TEST_PATH_SIZE];

static void begin(void) {
  test_begin_with_data(data, 40);
  use_made_network("efficientnet_lite0");
}

TestSuite(resume, .init = begin, .fini = test_folder_remove, .timeout = 120);

static const char *const dcgan[] = {"d_steps", "2", "steps", "12", "ema", "0.9", "checkpoint_every", "6", NULL};
static const char *const vae[] = {"steps",          "12", "validation", "0.25", "checkpoint_every", "6",
                                  "validate_every", "4",  NULL};

Test(resume, other_data_is_no_resume) {
  test_train_well("dcgan", dcgan, data, "run");
  char other[TEST_PATH_SIZE];
  snprintf(other, sizeof other, "%s", test_path("other"));
  test_write_data(other, 41, 1, 16, 16);
  limn_config *config = test_config("dcgan", dcgan);
  test_set(config, "data", other);
  test_run run = {0};
  test_train(&run, config, "run", true);
  cr_expect_eq(run.status, LIMN_DATA);
  cr_expect_not_null(strstr(run.message, "is not the data"), "%s", run.message);
  limn_config_destroy(config);
}

static void expect_resume(limn_config *config, limn_status status, const char *message, const char *notice) {
  test_run run = {0};
  test_train(&run, config, "run", true);
  cr_assert_eq(run.status, status, "status %d: %s", (int)run.status, run.message);
  if (message)
    cr_expect_not_null(strstr(run.message, message), "%s", run.message);
  if (notice)
    cr_expect_not_null(strstr(run.notice, notice), "%s", run.notice);
}

Test(resume, a_run_goes_on_with_its_own_settings) {
  test_train_well("dcgan", dcgan, data, "run");
  limn_config *config = test_config("dcgan", dcgan);
  test_set(config, "lr", "0.5");
  test_set(config, "d_steps", "1");
  expect_resume(config, LIMN_USAGE, "lr: the run has 0.0002, the command says 0.5; leave it out", NULL);
  expect_resume(config, LIMN_USAGE, "d_steps: the run has 2, the command says 1; ", NULL);
  limn_config_destroy(config);
  cr_assert_eq(limn_config_create(&config, "dcgan"), LIMN_OK); /* says nothing: all is the run's, and it is over */
  expect_resume(config, LIMN_OK, NULL,
                "has its length already: it ends by steps 12, at step 12; go on with a higher limit, --steps N");
  test_set(config, "steps", "13");
  test_set(config, "log_every", "2");
  test_set(config, "keep", "1");
  expect_resume(config, LIMN_OK, NULL, NULL);
  limn_safetensors_close(test_open_checkpoint("run", 13));
  cr_expect_neq(access(test_path("run/checkpoints/000012.safetensors"), F_OK), 0, "keep is 1 now");
  limn_config_destroy(config);
}

Test(resume, another_device_is_no_longer_exact) {
  test_train_well("dcgan", dcgan, data, "run");
  limn_config *config = test_config("dcgan", dcgan);
  test_set(config, "steps", "13");
  expect_resume(config, LIMN_OK, NULL, "");
  if (strcmp(test_device(), "cpu") == 0) {
    test_set(config, "threads", "1");
    test_set(config, "steps", "14");
    expect_resume(config, LIMN_OK, NULL, "no longer bit-exact from step 13 on: trained by CPU, 2 threads");
    test_set(config, "steps", "15"); /* said once: 1 thread is what it trains on now */
    test_run again = {0};
    test_train(&again, config, "run", true);
    cr_expect_eq(again.notice[0], '\0', "%s", again.notice);
    test_set(config, "winograd", "false");
    test_set(config, "steps", "16");
    expect_resume(config, LIMN_OK, NULL, "no longer bit-exact from step 15 on: winograd true, then false");
  }
  limn_config_destroy(config);
}

/* The run knows where its data lies from whatever folder it goes on. */
Test(resume, data_is_found_from_another_folder) {
  cr_assert_eq(chdir(test_folder), 0);
  test_train_well("dcgan", dcgan, "data", "run");
  cr_assert_eq(chdir("/"), 0);
  limn_config *config = NULL;
  cr_assert_eq(limn_config_create_from_file(&config, test_path("run/config.yaml")), LIMN_OK);
  test_set(config, "steps", "13");
  expect_resume(config, LIMN_OK, NULL, NULL);
  limn_config_destroy(config);
}

/* As if the run had been killed between a checkpoint and the mark that it is the best. */
Test(resume, a_lost_mark_of_the_best_comes_back) {
  test_train_well("vae", vae, data, "run");
  char target[64] = "", again[64] = "";
  cr_assert_gt(readlink(test_path("run/checkpoints/best"), target, sizeof target - 1), 0);
  cr_assert_eq(unlink(test_path("run/checkpoints/best")), 0);
  limn_config *config = NULL;
  cr_assert_eq(limn_config_create(&config, "vae"), LIMN_OK);
  expect_resume(config, LIMN_OK, NULL, NULL);
  cr_assert_gt(readlink(test_path("run/checkpoints/best"), again, sizeof again - 1), 0);
  cr_expect_str_eq(target, again);
  limn_config_destroy(config);
}

/* --- room on the disk --- */

/* What is said before the run is an upper bound, and a near one. */
Test(resume, a_checkpoint_takes_what_was_said) {
  static const char *const models[] = {"dcgan", "sngan", "r3gan", "projected", "vae", "autoencoder"};
  for (int i = 0; i < 6; ++i) {
    const char *const settings[] = {"filters", "16", NULL};
    limn_config *config = test_config(models[i], settings);
    limn_session session;
    struct stat info;
    cr_assert_eq(limn_session_init(&session, config, 1, &(limn_session_data){.held_out_count = 4}), LIMN_OK, "%s",
                 limn_error_message());
    cr_assert_eq(limn_checkpoint_save(session.store, config, &(limn_progress_state){.step = 1}, test_path("file")),
                 LIMN_OK);
    cr_assert_eq(stat(test_path("file"), &info), 0);
    uint64_t said = limn_checkpoint_bytes(session.store);
    cr_expect(said >= (uint64_t)info.st_size && said < 2 * (uint64_t)info.st_size, "%s: %ju, not %ju", models[i],
              (uintmax_t)info.st_size, (uintmax_t)said);
    limn_session_release(&session);
    limn_config_destroy(config);
  }
}

/* The limit on file sizes stands for a disk that is full: no checkpoint fits, all else does. */
typedef struct full_disk {
  int waits, goes_on, saved;
  bool makes_room; /* once the run waits; else it is stopped then */
  volatile sig_atomic_t stop;
} full_disk;

static void limit_files(rlim_t size) {
  struct rlimit limit;
  cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = size;
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void on_full_disk(void *context, const limn_event *event) {
  full_disk *disk = context;
  disk->saved += event->kind == LIMN_EVENT_CHECKPOINT;
  if (event->kind != LIMN_EVENT_NOTICE)
    return;
  disk->goes_on += strstr(event->text, "going on") != NULL;
  if (!strstr(event->text, "waiting for room"))
    return;
  ++disk->waits;
  if (disk->makes_room)
    limit_files(RLIM_INFINITY);
  else
    disk->stop = SIGTERM;
}

/* Two checkpoints with room, then more steps without. */
static limn_status fill_disk(full_disk *disk, const char *setting, limn_train_result *result) {
  char path[TEST_PATH_SIZE];
  test_train_well("dcgan", dcgan, data, "run");
  limn_config *config = test_config("dcgan", dcgan);
  test_set(config, "steps", "18");
  test_set(config, "on_full_disk", setting);
  snprintf(path, sizeof path, "%s", test_path("run"));
  limn_train_options options = {
      .config = config, .resume = path, .on_event = on_full_disk, .context = disk, .stop = &disk->stop};
  signal(SIGXFSZ, SIG_IGN);
  limit_files(8192);
  limn_status status = limn_train(&options, result);
  limit_files(RLIM_INFINITY);
  limn_config_destroy(config);
  return status;
}

static void expect_last_good(uint64_t step) {
  char target[64] = "", expected[64];
  snprintf(expected, sizeof expected, "%06u.safetensors", (unsigned)step);
  cr_expect_gt(readlink(test_path("run/checkpoints/latest"), target, sizeof target - 1), 0);
  cr_expect_str_eq(target, expected);
  limn_safetensors_close(test_open_checkpoint("run", step));
  DIR *entries = opendir(test_path("run/checkpoints"));
  for (struct dirent *entry; (entry = readdir(entries));)
    cr_expect_not(limn_durable_is_temporary(entry->d_name), "%s is left", entry->d_name);
  closedir(entries);
}

Test(resume, a_full_disk_ends_the_run_behind_its_last_checkpoint) {
  full_disk disk = {0};
  limn_train_result result;
  cr_expect_eq(fill_disk(&disk, "stop", &result), LIMN_FAILED);
  cr_expect_not_null(strstr(limn_error_message(), "File too large"), "%s", limn_error_message());
  cr_expect_eq(result.checkpoint, STEPS);
  cr_expect_eq(disk.waits, 0);
  expect_last_good(STEPS);
}

Test(resume, or_waits_for_room) {
  full_disk disk = {.makes_room = true};
  limn_train_result result;
  cr_expect_eq(fill_disk(&disk, "wait", &result), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(disk.waits, 1);
  cr_expect_eq(disk.goes_on, 1);
  cr_expect_eq(disk.saved, 1);
  expect_last_good(18);
}

Test(resume, waiting_for_room_can_be_stopped) {
  full_disk disk = {0};
  limn_train_result result;
  cr_expect_eq(fill_disk(&disk, "wait", &result), LIMN_FAILED);
  cr_expect_not_null(strstr(limn_error_message(), "File too large"), "%s", limn_error_message());
  cr_expect_eq(disk.waits, 1);
  expect_last_good(STEPS);
}
