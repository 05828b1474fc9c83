/* The summary of a run folder. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/safetensors.h"
#include "limn/inspect.h"
#include "run/run.h"

static char folder[64];

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about, (void)kind, (void)where;
  return remove(path);
}

static void set_up(void) {
  strcpy(folder, "/tmp/limn-inspect-XXXXXX");
  cr_assert(mkdtemp(folder) != NULL);
}

static void tear_down(void) { nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

static limn_run *make_run(char path[128]) {
  limn_config *config = NULL;
  limn_run *run = NULL;
  snprintf(path, 128, "%s/run", folder);
  cr_assert(limn_config_create(&config, "vae") == LIMN_OK);
  cr_assert(limn_config_set(config, "data", "some/pictures", LIMN_FROM_FLAG) == LIMN_OK);
  cr_assert(limn_run_create(&run, config, path) == LIMN_OK, "%s", limn_error_message());
  limn_config_destroy(config);
  return run;
}

static void add_checkpoint(const limn_run *run, uint64_t step) {
  static const float weight = 1;
  limn_tensor_to_store tensor = {.name = "w", .dims = 1, .shape = {1}, .data = &weight};
  char path[512];
  limn_run_checkpoint_path(run, step, path, sizeof(path));
  cr_assert(limn_safetensors_write(path, &tensor, 1, NULL) == LIMN_OK, "%s", limn_error_message());
}

static void write_text(const char *path, const char *mode, const char *text) {
  FILE *stream = fopen(path, mode);
  cr_assert(stream != NULL);
  fputs(text, stream);
  fclose(stream);
}

static const limn_run_metric *metric(const limn_run_summary *summary, const char *name) {
  for (size_t i = 0; i < summary->metric_count; i++)
    if (strcmp(summary->metrics[i].name, name) == 0)
      return &summary->metrics[i];
  cr_assert(false, "there is no %s", name);
  return NULL;
}

TestSuite(inspect, .init = set_up, .fini = tear_down);

Test(inspect, a_run_with_everything) {
  char path[128], file[512];
  limn_run_summary *summary = NULL;
  limn_run *run = make_run(path);
  cr_assert(limn_run_describe(run, "CPU, 2 threads", 77) == LIMN_OK);
  for (uint64_t step = 1; step <= 3000; step++) { /* more than the tail that is read */
    limn_measure metrics[] = {{"elbo", -100.0 + (double)step}, {"kl", step == 3000 ? (double)NAN : 2.0}};
    cr_assert(limn_run_log(run, step, metrics, 2) == LIMN_OK);
  }
  limn_measure held_out = {"validation_elbo", -9.5};
  cr_assert(limn_run_log(run, 2999, &held_out, 1) == LIMN_OK && limn_run_flush(run) == LIMN_OK);
  snprintf(file, sizeof(file), "%s/metrics.jsonl", path);
  write_text(file, "a", "{\"step\": 3001, \"elbo\": 7"); /* a line that is being written */
  static const uint64_t steps[] = {3000, 1000, 2000};
  for (size_t i = 0; i < 3; i++)
    add_checkpoint(run, steps[i]);
  cr_assert(limn_run_mark(run, "latest", 3000) == LIMN_OK && limn_run_mark(run, "best", 2000) == LIMN_OK);
  write_text(limn_run_sample_path(run, 900, "", file, sizeof(file)), "w", "");
  write_text(limn_run_sample_path(run, 2000, "", file, sizeof(file)), "w", "");
  limn_run_close(run);

  cr_assert(limn_run_summary_create(&summary, path) == LIMN_OK, "%s", limn_error_message());
  cr_assert_str_eq(summary->model, "vae");
  cr_assert(strstr(summary->data, "some/pictures"));
  cr_assert_str_eq(summary->picture, file);
  cr_assert(summary->step == 3000);
  cr_assert(metric(summary, "elbo")->value == 2900 && metric(summary, "elbo")->step == 3000);
  cr_assert(isnan(metric(summary, "kl")->value), "null is not a number");
  cr_assert(metric(summary, "validation_elbo")->value == -9.5 && metric(summary, "validation_elbo")->step == 2999);
  cr_assert(summary->checkpoint_count == 3);
  for (size_t i = 0; i < 3; i++) {
    const limn_run_checkpoint *point = &summary->checkpoints[i];
    cr_assert(point->step == 1000 * (i + 1) && point->bytes > 0);
    cr_assert(point->latest == (i == 2) && point->best == (i == 1));
  }
  bool device = false;
  for (size_t i = 0; i < summary->fact_count; i++)
    device = device || strcmp(summary->facts[i].value, "CPU, 2 threads") == 0;
  cr_assert(device, "run.json's device is shown");
  limn_run_summary_destroy(summary);
}

Test(inspect, a_run_that_has_not_begun) {
  char path[128];
  limn_run_summary *summary = NULL;
  limn_run_close(make_run(path));
  cr_assert(limn_run_summary_create(&summary, path) == LIMN_OK, "%s", limn_error_message());
  cr_assert(summary->step == 0 && summary->metric_count == 0 && summary->checkpoint_count == 0);
  cr_assert_str_eq(summary->picture, "");
  limn_run_summary_destroy(summary);
}

Test(inspect, no_run_and_broken_runs_are_refused_by_name) {
  char path[128], file[512];
  limn_run_summary *summary = NULL;
  cr_assert(limn_run_summary_create(&summary, folder) == LIMN_DATA);
  cr_assert(summary == NULL && strstr(limn_error_message(), folder));
  cr_assert(limn_run_summary_create(&summary, "/nowhere") == LIMN_DATA);
  limn_run_close(make_run(path));
  snprintf(file, sizeof(file), "%s/run.json", path);
  write_text(file, "w", "[1, 2");
  cr_assert(limn_run_summary_create(&summary, path) == LIMN_DATA);
  cr_assert(summary == NULL && strstr(limn_error_message(), "run.json"), "%s", limn_error_message());
  limn_run_summary_destroy(NULL);
}
