/* Which engine computes a convolution on the CPU: fixed, told or timed. */
#include <criterion/criterion.h>

#include "support/run_files.h"
#include "support/training.h"

/* What a session's device says that it took (free it; NULL: nothing was told or timed), and its note. */
static char *taken_by(bool planning, const char *const *settings, const char *engines, char note[256]) {
  static const char *const shape[] = {"device",  "cpu", "size",  "32", "channels", "3",
                                      "filters", "32",  "batch", "16", NULL};
  limn_session session;
  uint8_t none = 0;
  char *text = NULL;
  limn_config *config = test_config("dcgan", shape);
  test_set_all(config, settings);
  limn_session_assume_pictures(config);
  cr_assert_eq(limn_session_init(&session, config, 1,
                                 &(limn_session_data){.held_out = &none, .engines = engines, .planning = planning}),
               LIMN_OK, "%s", limn_error_message());
  snprintf(note, 256, "%s", session.device->note);
  cr_assert_eq(session.device->ops->engines(session.device, &text), LIMN_OK);
  limn_session_release(&session);
  limn_config_destroy(config);
  return text;
}

static char *taken(const char *const *settings, const char *engines, char note[256]) {
  return taken_by(false, settings, engines, note);
}

static const char *const timed[] = {"autotune", "true", "deterministic", "false", NULL};

static bool has_winograd(void) {
  char note[256];
  char *text = taken(timed, NULL, note);
  free(text);
  return text != NULL;
}

static size_t count_of(const char *text, const char *part) {
  size_t count = 0;
  for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
    ++count;
  return count;
}

Test(engines, are_fixed_unless_asked) {
  char note[256];
  cr_expect_null(taken(NULL, NULL, note));
  cr_expect_null(taken_by(true, timed, NULL, note)); /* a plan runs nothing */
  cr_expect_str_eq(note, "");
}

/* Both notes are worth their line. */
Test(engines, that_are_missing_are_noted_beside_what_was_noted) {
  char note[256];
  const char *const settings[] = {"winograd", "false", "device", "auto", NULL};
  free(taken(settings, "winograd CONV x=(32,32,16,16) w=(64,32,4,4) y=(32,64,8,8) stride=(2,2) pad=(1,1)\n", note));
  if (strstr(note, "cuda") || strstr(note, "CUDA"))
    cr_expect(strstr(note, "; 1 of the engines"), "%s", note);
}

Test(engines, are_timed_for_each_operation) {
  char note[256];
  if (!has_winograd())
    cr_skip_test("this CPU has one engine alone");
  char *text = taken(timed, NULL, note);
  /* D sees two shapes of batches, G one, each with three convolutions between features. */
  cr_expect_gt(count_of(text, " CONV x="), 1, "%s", text);
  cr_expect_gt(count_of(text, " CONV_DX x="), 1, "%s", text);
  cr_expect_gt(count_of(text, " CONV_DW x="), 1, "%s", text);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    cr_expect(strncmp(line, "winograd ", 9) == 0 || strncmp(line, "onednn ", 7) == 0 || strncmp(line, "few-", 4) == 0 ||
                  strncmp(line, "gemm ", 5) == 0,
              "%s", line);
  free(text);
}

Test(engines, are_those_that_are_told) {
  char note[256];
  if (!has_winograd())
    cr_skip_test("this CPU has one engine alone");
  char *first = taken(timed, NULL, note);
  /* Each one the other way round, which no clock would choose throughout. */
  char *told = malloc(3 * strlen(first) + 1), *end = told; /* names differ by less than a line */
  cr_assert_not_null(told);
  for (char *line = strtok(first, "\n"); line; line = strtok(NULL, "\n")) {
    const bool other = strncmp(line, "onednn ", 7) == 0, picture = strstr(line, ",3,32,32)") != NULL,
               dense = strstr(line, "pad=(0,0)") != NULL;
    end += sprintf(end, "%s%s\n",
                   !other    ? "onednn"
                   : picture ? "few-channels"
                   : dense   ? "gemm"
                             : "winograd",
                   strchr(line, ' '));
  }
  char *back = taken(timed, told, note);
  cr_expect_str_eq(note, "");
  cr_expect_str_eq(back, told);
  free(back);

  back = taken((const char *const[]){"winograd", "false", NULL},
               "winograd CONV x=(32,32,16,16) w=(64,32,4,4) "
               "y=(32,64,8,8) stride=(2,2) pad=(1,1)\n",
               note);
  cr_expect_null(back);
  cr_expect_not_null(strstr(note, "chosen anew"), "%s", note);
  free(told);
  free(first);
}

/* What was chosen for fp32 says nothing of bf16. */
Test(engines, belong_to_a_precision) {
  char note[256];
  limn_device *device = NULL;
  if (limn_device_create(&device, &(limn_device_options){.name = "cpu", .threads = 1, .precision = "bf16"}) != LIMN_OK)
    cr_skip_test("this CPU has no bf16");
  limn_device_destroy(device);
  char *fp32 = taken(timed, NULL, note);
  const char *const settings[] = {"precision", "bf16", NULL};
  cr_expect_null(taken(settings, fp32, note));
  free(fp32);
  const char *const both[] = {"precision", "bf16", "autotune", "true", "deterministic", "false", NULL};
  char *bf16 = taken(both, NULL, note);
  cr_assert_not_null(bf16);
  cr_expect_not_null(strstr(bf16, " bf16\n"), "%s", bf16);
  free(bf16);
}
