/* Engines that the clock has chosen on the CUDA device: on a GPU, or on the virtual one that LIMN_CUDA_MODULE names,
 * whose times are by chance. Every candidate is compiled: minutes. */
#include "support/run_files.h"

static char data[TEST_PATH_SIZE];

static void begin(void) { test_begin_with_data(data, 48); }

TestSuite(cuda_engines, .init = begin, .fini = test_folder_remove, .timeout = 900);

/* A second run finds the first one's choices in the cache and so makes the same bytes, though nothing is timed. */
Test(cuda_engines, are_kept) {
  static const char *const names[] = {"timed", "again"};
  setenv("LIMN_CACHE", test_path("%s", "cache"), 1);
  for (int i = 0; i < 2; ++i) {
    test_run run = {0};
    limn_config *config =
        test_config("dcgan", (const char *const[]){"steps", "3", "autotune", "true", "deterministic", "false", NULL});
    test_set(config, "data", data);
    test_set(config, "device", "cuda");
    test_train(&run, config, names[i], false);
    cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
    limn_config_destroy(config);
  }
  cr_expect(test_same_file(names[0], names[1], "checkpoints/000003.safetensors"));
}

static char *engines_of(const char *run, uint64_t step) {
  limn_safetensors *file = test_open_checkpoint(run, step);
  const char *text = limn_safetensors_metadata(file, "engines");
  char *engines = text ? strdup(text) : NULL;
  limn_safetensors_close(file);
  return engines;
}

/* Six steps, or a stop after three, with times by chance. */
static void train_timed(const char *name, const char *autotune, const char *cache, const char *clock, bool stop,
                        bool resume) {
  test_run run = {.stop_at = stop ? 3 : 0};
  setenv("LIMN_CACHE", test_path("%s", cache), 1);
  setenv("LIMN_VIRTUAL_GPU_CLOCK", clock, 1);
  limn_config *config = test_config("dcgan", (const char *const[]){"steps", "6", "checkpoint_every", "3", "filters",
                                                                   "16", "deterministic", "false", NULL});
  test_set(config, "data", data);
  test_set(config, "device", "cuda");
  test_set(config, "autotune", autotune);
  test_train(&run, config, name, resume);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  limn_config_destroy(config);
}

/* Programs for those engines: what the device says that it took (yours), and whether it has noted that some are
 * missing.
 */
static char *engines_told(const char *engines, bool *noted) {
  limn_session session;
  uint8_t none = 0;
  char *taken = NULL;
  setenv("LIMN_CACHE", "", 1);
  limn_config *config =
      test_config("dcgan", (const char *const[]){"steps", "1", "filters", "16", "deterministic", "false", NULL});
  test_set(config, "data", data);
  test_set(config, "device", "cuda");
  cr_assert_eq(limn_session_init(&session, config, 1, &(limn_session_data){.held_out = &none, .engines = engines}),
               LIMN_OK, "%s", limn_error_message());
  *noted = strstr(session.device->note, "chosen anew") != NULL;
  cr_assert_eq(session.device->ops->engines(session.device, &taken), LIMN_OK);
  limn_session_release(&session);
  limn_config_destroy(config);
  return taken;
}

/* Without the cache, and by a clock that would choose others, a stopped run goes on with the engines of its checkpoint
 * and comes to the bytes of one that was not stopped. */
Test(cuda_engines, are_in_the_checkpoint) {
  train_timed("whole", "true", "cache", "1", false, false);
  train_timed("stopped", "true", "cache", "1", true, false);
  train_timed("stopped", "true", "empty", "2", false, true);
  train_timed("other", "true", "cache2", "2", false, false);
  train_timed("untimed", "false", "cache", "1", false, false);
  cr_expect(test_same_file("whole", "stopped", "checkpoints/000006.safetensors"));
  char *whole = engines_of("whole", 6), *stopped = engines_of("stopped", 6), *other = engines_of("other", 6),
       *untimed = engines_of("untimed", 6);
  cr_assert(whole && stopped && other);
  cr_expect_str_eq(whole, stopped);
  cr_expect_str_neq(whole, other, "another clock has chosen the same engines, so that this test shows nothing: %s",
                    whole);
  cr_expect_not_null(strstr(whole, " CONV x="), "%s", whole);
  cr_expect_not_null(strstr(whole, " BATCHNORM x="), "%s", whole);
  cr_expect_null(untimed);
  free(untimed);

  bool noted = true;
  char *told = engines_told(whole, &noted);
  cr_expect(told && !noted && strcmp(told, whole) == 0, "%s", told);
  free(told);
  whole[0] = 'E'; /* no engine's name, as if cuDNN were another one */
  told = engines_told(whole, &noted);
  cr_expect(told && noted && strcmp(told, strchr(whole, '\n') + 1) == 0, "%s", told);
  free(told);
  free(whole);
  free(stopped);
  free(other);
}
