/* What several commands say in their reports: cli_say_ is for all, cli_show_ for people, cli_put_ for machines. */
#ifndef LIMN_CLI_PARTS_H
#define LIMN_CLI_PARTS_H

#include "args.h"
#include "limn/prior.h"
#include "limn/tools.h"
#include "report/report.h"

/* As the arguments want it: --json or not. */
limn_report *cli_report(const cli_args *args);
/* Destroys the report when it is printed or, of a call that failed, the message. Returns the exit code. */
int cli_print(limn_report *report, limn_status status);
/* NULL for "", which then is null. */
const char *cli_given(const char *text);

/* "settings", those that the model has: {name: value}, or {name: {"value": ..., "origin": ...}}. shown: to people too,
 * as a table. */
void cli_say_settings(limn_report *report, const limn_config *config, bool origins, bool shown);
/* "no_pictures": {"count": 12, "endings": {".psd": 7, "none": 2}, "first": "x/y.psd"}, null for none. label NULL: for
 * machines alone. */
void cli_say_other_files(limn_report *report, const char *label, const limn_other_files *files);
/* "memory", what a training takes of the device's: a section of name, bytes and remark, and the sum. pictures: bytes of
 * decoded ones, which lie beside it; NULL: nothing is said of them. */
void cli_say_memory(limn_report *report, const limn_step_memory *memory, const size_t *pictures);

/* Of what codes are drawn from. */
#define CLI_PRIOR_OPTIONS                                                                                              \
  {"prior", 0, "normal|gmm",                                                                                           \
   "what codes are drawn from: N(0, 1), or a mixture of Gaussians fitted on those of the training pictures", NULL},    \
  {                                                                                                                    \
    "components", 0, "K", "Gaussians of that mixture (default 10)", NULL                                               \
  }
int cli_parse_prior(const cli_args *args, limn_prior *prior, int *components);

/* Whether rows of a training step may share a line: all but `times` and the floor is the same. */
bool cli_step_row_alike(const limn_step_row *a, const limn_step_row *b);
/* The first two cells: "3 x convolution" for three of them, "8 x 3 x 64 x 64". */
void cli_show_step_row(limn_report *report, const limn_step_row *row, double times);
/* What it is, into the open object: without the floor and without timings. */
void cli_put_step_row(limn_report *report, const limn_step_row *row);
/* A cell: "-" for what is not over 0. */
void cli_show_positive(limn_report *report, double value, const char *format);
/* null for what is not over 0; for what is under 0. */
void cli_put_positive(limn_report *report, const char *key, double value);
void cli_put_known(limn_report *report, const char *key, int64_t value);
/* "channels", "height" and "width". */
void cli_put_size(limn_report *report, int channels, int height, int width);

#endif
