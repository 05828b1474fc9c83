/* Training that does not fit into memory is refused before it begins, with the batch that would fit. */
#include <math.h>
#include <sys/resource.h>

#include "support/program.h"
#include "train/memory.h"

TestSuite(memory_verdict, .init = set_up, .fini = tear_down, .timeout = 300);

static limn_config *make_config(int batch) {
  static const char *const settings[][2] = {{"device", "cpu"}, {"threads", "1"}, {"size", "32"}, {"channels", "1"}};
  limn_config *config = NULL;
  cr_assert_eq(limn_config_create(&config, "dcgan"), LIMN_OK);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; ++i)
    cr_assert_eq(limn_config_set(config, settings[i][0], settings[i][1], LIMN_FROM_FLAG), LIMN_OK);
  config->batch = batch;
  return config;
}

static double bytes_of(int batch) {
  limn_config *config = make_config(batch);
  limn_session session;
  cr_assert_eq(limn_session_plan(&session, config, NULL), LIMN_OK, "%s", limn_error_message());
  const double bytes = (double)limn_session_memory(&session).sum_bytes;
  limn_session_release(&session);
  limn_config_destroy(config);
  return bytes;
}

static double bytes_in_parts(int accumulate) {
  limn_config *config = make_config(256);
  limn_session session;
  config->accumulate = accumulate;
  cr_assert_eq(limn_session_plan(&session, config, NULL), LIMN_OK, "%s", limn_error_message());
  const double bytes = (double)limn_session_memory(&session).sum_bytes;
  limn_session_release(&session);
  limn_config_destroy(config);
  return bytes;
}

/* The fewest parts of a batch of 256 that fit. */
static void expect_parts(int parts, double usable) {
  cr_assert(parts >= 2 && 256 % parts == 0, "%d", parts);
  cr_expect_leq(bytes_in_parts(parts), usable, "%d parts take %g of %g", parts, bytes_in_parts(parts), usable);
  cr_expect(parts == 2 || bytes_in_parts(parts / 2) > usable, "%d parts would do", parts / 2);
}

Test(memory_verdict, of_a_session) {
  limn_config *config = make_config(256);
  limn_session session;
  cr_assert_eq(limn_session_plan(&session, config, NULL), LIMN_OK, "%s", limn_error_message());
  cr_assert_gt(session.device->memory_bytes, 0, "the CPU has memory");
  const double bytes = (double)limn_session_memory(&session).sum_bytes;
  session.device->memory_bytes = bytes;
  cr_assert_eq(limn_session_check_memory(&session), LIMN_OK);
  session.device->memory_bytes = 0; /* not known */
  cr_assert_eq(limn_session_check_memory(&session), LIMN_OK);
  session.device->memory_bytes = bytes - 1;
  session.device->memory_of = "the fake";
  cr_assert_eq(limn_session_check_memory(&session), LIMN_DEVICE);
  const char *told = strstr(limn_error_message(), "the fake has ");
  const char *fits = told ? strstr(told, "for it; use a smaller --batch or size: --batch ") : NULL;
  cr_assert_not_null(fits, "%s", limn_error_message());
  const int batch = atoi(strstr(fits, ": --batch ") + strlen(": --batch "));
  const double usable = limn_usable_memory(bytes - 1);
  cr_assert(batch > 0 && batch < 256 && bytes_of(batch) <= usable, "batch %d takes %g of %g", batch, bytes_of(batch),
            usable);
  cr_assert_gt(bytes_of(batch * 6 / 5), usable, "not much more than %d would fit", batch);
  const char *parts = strstr(fits, " would fit, and so would --accumulate ");
  cr_assert_not_null(parts, "%s", limn_error_message());
  expect_parts(atoi(strrchr(parts, ' ')), usable);
  session.device->memory_bytes = 1e6; /* less than the weights */
  cr_assert_eq(limn_session_check_memory(&session), LIMN_DEVICE);
  cr_assert_null(strstr(limn_error_message(), "would fit"), "%s", limn_error_message());
  limn_session_release(&session);
  limn_config_destroy(config);
}

/* Nothing of what is planned is taken: this would fit into no machine. */
Test(memory_verdict, of_what_no_machine_has) {
  limn_config *config = make_config(65536);
  limn_session session;
  config->height = config->width = 512;
  cr_assert_eq(limn_session_plan(&session, config, NULL), LIMN_OK, "%s", limn_error_message());
  cr_assert_gt((double)limn_session_memory(&session).sum_bytes, 1e13);
  session.device->memory_bytes = 1e10;
  cr_assert_eq(limn_session_check_memory(&session), LIMN_DEVICE);
  cr_assert_not_null(strstr(limn_error_message(), "would fit"), "%s", limn_error_message());
  cr_assert_eq(limn_program_run(session.train, 0), LIMN_DEVICE, "a plan cannot run");
  limn_session_release(&session);
  limn_config_destroy(config);
}

/* Not even the weights: refused before any of them is drawn. */
Test(memory_verdict, of_weights_that_no_machine_has) {
  limn_config *config = make_config(1);
  limn_session session;
  config->height = config->width = 1024;
  config->filters = 4096;
  cr_assert_eq(limn_session_plan(&session, config, NULL), LIMN_OK, "%s", limn_error_message());
  cr_assert_gt((double)limn_session_memory(&session).weight_bytes, 1e12);
  limn_session_release(&session);
  cr_assert_eq(limn_session_open(&session, config, 1, &(limn_session_data){0}), LIMN_DEVICE);
  cr_assert_not_null(strstr(limn_error_message(), "of memory for a tensor beside "), "%s", limn_error_message());
  limn_config_destroy(config);
}

Test(memory_verdict, says_how_one_picture_was_understood) {
  char path[256];
  FILE *stream = fopen(in_folder("one.npy", path), "wb");
  char header[129];
  snprintf(header, sizeof header, "%-117s\n", "{'descr': '|u1', 'fortran_order': False, 'shape': (32, 32, 3), }");
  fwrite("\x93NUMPY\1\0\x76\0", 1, 10, stream);
  fwrite(header, 1, 118, stream);
  for (int i = 0; i < 32 * 32 * 3; ++i)
    putc(i, stream);
  fclose(stream);
  outcome o;
  run(&o, "train vae --data one.npy --device cpu --set validation=0");
  cr_assert(o.code == 3 && strstr(o.err, "one.npy has 1 picture of 3x32x32 to train on, fewer than one batch of 64"),
            "%d: %s", o.code, o.err);
}

#ifndef __SANITIZE_ADDRESS__ /* which takes terabytes of addresses for itself */

#define TRAIN "dcgan --data p.npy --device cpu --threads 1 --steps 1 "
#define LARGE TRAIN "--size 256 --filters 16 " /* of few weights, and many pixels */

/* count colour pictures of 64 x 64. */
static void write_array(int count) {
  char path[256], header[128];
  const size_t size = (size_t)count * 3 * 64 * 64;
  FILE *stream = fopen(in_folder("p.npy", path), "wb");
  memset(header, ' ', sizeof header);
  memcpy(header, "\x93NUMPY\1\0\x76\0", 10);
  header[10 + sprintf(header + 10, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 64, 64, 3), }", count)] =
      ' ';
  header[127] = '\n';
  fwrite(header, 1, sizeof header, stream);
  for (size_t i = 0; i < size; ++i)
    putc((int)(i * 37 % 251), stream);
  fclose(stream);
}

/* For the program that is run next. */
static void limit_memory(rlim_t bytes) {
  const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
  cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

static int batch_of(const char *text, const char *before) {
  const char *at = strstr(text, before);
  return at ? atoi(at + strlen(before)) : 0;
}

/* train, its dry run, data and plan say the same; a run with the batch that they name is not refused. */
Test(memory_verdict, of_every_command) {
  outcome o;
  char line[256];
  write_array(300);
  limit_memory((rlim_t)900 << 20);
  static const char *const refused[] = {"train " TRAIN "--batch 256 --dry-run", "train " TRAIN "--batch 256 --out r",
                                        "bench step dcgan --device cpu --threads 1 --batch 256"};
  int batch = 0, parts = 0;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; ++i) {
    run(&o, refused[i]);
    batch = batch_of(o.err, "use a smaller --batch or size: --batch ");
    cr_assert(o.code == 4 && batch > 16 && batch < 256 && batch % 8 == 0, "%s: %d: %s", refused[i], o.code, o.err);
    parts = batch_of(o.err, " would fit, and so would --accumulate ");
    cr_assert(parts > 1 && 256 % parts == 0, "%s", o.err);
    cr_assert_eq(strchr(o.err, '\n'), o.err + strlen(o.err) - 1, "one line: %s", o.err);
  }
  cr_assert(!exists("r"));
  run(&o, "data p.npy --device cpu --threads 1 --batch 256");
  cr_assert(o.code == 0 && strstr(o.out, " are available: --batch "), "%d: %s%s", o.code, o.out, o.err);
  run(&o, "plan dcgan --device cpu --threads 1 --batch 256");
  cr_assert(o.code == 0 && strstr(o.out, "it does not fit") && strstr(o.out, "largest batch"), "%d: %s%s", o.code,
            o.out, o.err);
  snprintf(line, sizeof line, "train " TRAIN "--batch %d --dry-run", batch * 9 / 10);
  run(&o, line);
  cr_assert_eq(o.code, 0, "%s", o.err);
  snprintf(line, sizeof line, "train " TRAIN "--batch 256 --accumulate %d --dry-run", parts);
  run(&o, line);
  cr_assert_eq(o.code, 0, "%s", o.err);
}

Test(memory_verdict, of_batch_auto) {
  outcome o;
  write_array(300);
  run(&o, "train " LARGE "--batch auto --dry-run");
  cr_assert(o.code == 0 && strstr(o.out, "steps of 32 images"), "%s%s", o.out, o.err);
  limit_memory((rlim_t)700 << 20);
  run(&o, "train " LARGE "--batch 32 --dry-run");
  cr_assert_eq(o.code, 4, "%s", o.err);
  run(&o, "train " LARGE "--batch auto --dry-run");
  const int batch = batch_of(o.out, "steps of ");
  cr_assert(o.code == 0 && batch >= 8 && batch < 32, "%d: %s%s", o.code, o.out, o.err);
  limit_memory((rlim_t)330 << 20);
  run(&o, "train " LARGE "--batch auto --dry-run");
  cr_assert(o.code == 4 && strstr(o.err, "not even one picture fits"), "%d: %s", o.code, o.err);
}

/* What a run takes at its peak is what was planned, and what libraries and batches on their way take. */
Test(memory_verdict, is_what_a_run_takes) {
  outcome o;
  limn_config *config = make_config(128);
  config->channels = 3;
  config->height = config->width = 64;
  config->filters = 16;
  limn_session session;
  cr_assert_eq(limn_session_plan(&session, config, NULL), LIMN_OK, "%s", limn_error_message());
  const double planned = (double)limn_session_memory(&session).sum_bytes;
  limn_session_release(&session);
  limn_config_destroy(config);
  run(&o, "bench step dcgan --device cpu --threads 1 --batch 128 --set filters=16 --warmup 0 --rounds 1 "
          "--steps-per-round 1");
  cr_assert_eq(o.code, 0, "%s", o.err);
  struct rusage usage;
  cr_assert_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
  const double taken = (double)usage.ru_maxrss * 1024;
  cr_assert(taken > planned && taken < planned + 1e8, "%g bytes where %g were planned", taken, planned);
}

#endif
