/* Flags of the settings: every row of the table of settings that has a flag is an option of `train` and `bench step`.
 */
#ifndef LIMN_CLI_FLAGS_H
#define LIMN_CLI_FLAGS_H

#include "args.h"

#define CLI_VALUE_SIZE 4096 /* a setting's value as text */

bool cli_setting_applies(const limn_setting *setting, const char *model);

/* An option for each setting with a flag into `options`, which has room for all settings; returns how many. */
size_t cli_flags_fill(cli_option *options);

/* The config that the arguments ask for: a model's defaults (or, when resume is not NULL, that run's config.yaml), then
 * --preset, --config, --set and the flags, each where it was given. `model` may be NULL with resume, and with --config,
 * whose file then names it. *out is yours. */
int cli_flags_config(limn_config **out, const cli_args *args, const char *model, const char *resume);

/* The settings of a run folder. `model`, when not NULL, has to be the run's. *out is yours. */
int cli_run_config(limn_config **out, const char *run, const char *model);

/* What --help says of a setting: its help, range, default and, with model NULL, the models that have it. */
#define CLI_SETTING_TEXT_SIZE 1024
void cli_setting_describe(const limn_setting *setting, const char *model, char *text, size_t size);
/* How it is given, without the leading dashes: "lr X", or "set beta1=X" without a flag of its own. Into buffer,
 * returned. */
#define CLI_SETTING_OPTION_SIZE 128
const char *cli_setting_option(const limn_setting *setting, char *buffer, size_t size);

/* Settings by group with ranges and defaults, for --help. model NULL: of all models. */
void cli_flags_print(const char *model);

#endif
