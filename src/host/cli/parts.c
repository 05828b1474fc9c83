#include "parts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "flags.h"
#include "report/numbers.h"

limn_report *cli_report(const cli_args *args) { return limn_report_create(cli_args_has(args, "json")); }

int cli_print(limn_report *report, limn_status status) {
  if (status == LIMN_OK)
    status = limn_report_print(report, stdout);
  else
    limn_report_destroy(report);
  return status == LIMN_OK ? CLI_OK : cli_fail_status(status);
}

const char *cli_given(const char *text) { return text[0] ? text : NULL; }

/* The text of a setting as a value of its type. Numbers that do not fit stay text. */
static void put_setting(limn_report *report, const char *key, const limn_setting *setting, const char *text) {
  char *end;
  errno = 0;
  if (strcmp(setting->type, "integer") == 0) {
    long long integer = strtoll(text, &end, 10);
    if (end != text && !*end && !errno) {
      limn_report_count(report, key, NULL, integer);
      return;
    }
  } else if (strcmp(setting->type, "number") == 0) {
    double number = strtod(text, &end);
    if (end != text && !*end && isfinite(number)) {
      limn_report_number(report, key, NULL, number, NULL);
      return;
    }
  } else if (strcmp(setting->type, "flag") == 0) {
    limn_report_flag(report, key, strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "1") == 0);
    return;
  }
  limn_report_text(report, key, NULL, text);
}

void cli_say_settings(limn_report *report, const limn_config *config, bool origins, bool shown) {
  limn_report_open(report, "settings");
  if (shown)
    limn_report_headed(report, "lll", "setting", "value", "from", NULL);
  for (size_t i = 0; i < limn_setting_count(); i++) {
    const limn_setting *setting = limn_setting_at(i);
    if (!cli_setting_applies(setting, limn_config_model(config)))
      continue;
    char value[CLI_VALUE_SIZE];
    const char *name = setting->name, *origin = limn_config_origin(config, name);
    limn_config_get(config, name, value, sizeof(value));
    if (shown) {
      limn_report_row(report);
      limn_report_cell(report, "%s", name);
      limn_report_cell(report, "%s", value[0] ? value : "-");
      limn_report_cell(report, "%s", origin);
    }
    if (origins) {
      limn_report_open(report, name);
      put_setting(report, "value", setting, value);
      limn_report_text(report, "origin", NULL, origin);
      limn_report_close(report);
    } else {
      put_setting(report, name, setting, value);
    }
  }
  limn_report_close(report);
}

void cli_say_other_files(limn_report *report, const char *label, const limn_other_files *files) {
  char text[LIMN_OTHER_FILES_TEXT_SIZE];
  if (files->count == 0) {
    limn_report_null(report, "no_pictures");
    return;
  }
  limn_report_open(report, "no_pictures");
  limn_report_count(report, "count", NULL, files->count);
  limn_report_open(report, "endings");
  for (uint32_t i = 0; i < files->ending_count; i++) {
    const limn_ending_count *ending = &files->endings[i];
    limn_report_count(report, ending->ending[0] ? ending->ending : "none", NULL, ending->count);
  }
  limn_report_close(report);
  limn_report_text(report, "first", NULL, files->first);
  limn_report_close(report);
  limn_report_text(report, NULL, label, cli_given(limn_other_files_text(files, text, sizeof(text))));
}

void cli_say_memory(limn_report *report, const limn_step_memory *memory, const size_t *pictures) {
  const struct {
    const char *key, *label;
    size_t bytes, unshared;
  } parts[] = {{"weight_bytes", "weights", memory->weight_bytes, 0},
               {"optimizer_bytes", "optimiser", memory->optimizer_bytes, 0},
               {"exchange_bytes", "inputs and outputs", memory->exchange_bytes, 0},
               {"arena_bytes", "activations, gradients, workspaces", memory->arena_bytes, memory->unshared_arena_bytes},
               {"unshared_arena_bytes", NULL, memory->unshared_arena_bytes, 0},
               {"staging_bytes", "transfers", memory->staging_bytes, 0},
               {"judge_bytes", "judge of evaluations", memory->judge_bytes, 0},
               {"reserve_bytes", "driver and libraries, about", memory->reserve_bytes, 0},
               {"sum_bytes", "sum", memory->sum_bytes, 0}};
  limn_report_headed(report, "lrl", "memory", NULL);
  limn_report_open(report, "memory");
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    limn_report_bytes(report, parts[i].key, parts[i].bytes ? parts[i].label : NULL, parts[i].bytes);
    if (parts[i].bytes && parts[i].unshared)
      limn_report_cell(report, "(%s if buffers were not shared)", LIMN_BYTES(parts[i].unshared));
  }
  if (pictures)
    limn_report_bytes(report, "data_bytes", "decoded pictures, beside it", *pictures);
  limn_report_close(report);
}

bool cli_step_row_alike(const limn_step_row *a, const limn_step_row *b) {
  return strcmp(a->name, b->name) == 0 && strcmp(a->engine, b->engine) == 0 &&
         memcmp(a->shape, b->shape, sizeof(a->shape)) == 0 && a->flops == b->flops && a->bytes == b->bytes &&
         a->workspace_bytes == b->workspace_bytes && a->launches == b->launches;
}

void cli_show_step_row(limn_report *report, const limn_step_row *row, double times) {
  const int *shape = row->shape;
  limn_report_row(report);
  if (times > 1 || times < 1)
    limn_report_cell(report, "%.3g x %s", times, row->name);
  else
    limn_report_cell(report, "%s", row->name);
  limn_report_cell(report, "%d x %d x %d x %d", shape[0], shape[1], shape[2], shape[3]);
}

void cli_put_step_row(limn_report *report, const limn_step_row *row) {
  const int *shape = row->shape;
  limn_report_text(report, "name", NULL, row->name);
  limn_report_text(report, "engine", NULL, cli_given(row->engine));
  limn_report_integers(report, "shape", (int64_t[]){shape[0], shape[1], shape[2], shape[3]}, 4);
  limn_report_number(report, "times", NULL, row->times, NULL);
  limn_report_count(report, "launches", NULL, row->launches);
  limn_report_number(report, "flops", NULL, row->flops, NULL);
  limn_report_number(report, "bytes", NULL, row->bytes, NULL);
  limn_report_bytes(report, "workspace_bytes", NULL, row->workspace_bytes);
  cli_put_known(report, "blocks", row->blocks ? row->blocks : -1);
}

void cli_show_positive(limn_report *report, double value, const char *format) {
  if (value <= 0)
    limn_report_cell(report, "-");
  else
    limn_report_number(report, NULL, LIMN_CELL, value, format);
}

void cli_put_known(limn_report *report, const char *key, int64_t value) {
  if (value >= 0)
    limn_report_count(report, key, NULL, value);
  else
    limn_report_null(report, key);
}

void cli_put_size(limn_report *report, int channels, int height, int width) {
  limn_report_count(report, "channels", NULL, channels);
  limn_report_count(report, "height", NULL, height);
  limn_report_count(report, "width", NULL, width);
}

void cli_put_positive(limn_report *report, const char *key, double value) {
  limn_report_number(report, key, NULL, value > 0 ? value : (double)NAN, NULL);
}

int cli_parse_prior(const cli_args *args, limn_prior *prior, int *components) {
  const char *wanted = cli_args_value(args, "prior");
  int64_t count = 0;
  int code = cli_args_integer(args, "components", 1, 1000, &count);
  if (code != CLI_OK)
    return code;
  *components = (int)count;
  *prior = wanted && strcmp(wanted, "gmm") == 0 ? LIMN_PRIOR_MIXTURE : LIMN_PRIOR_NORMAL;
  if (wanted && *prior == LIMN_PRIOR_NORMAL && strcmp(wanted, "normal") != 0)
    return cli_fail(CLI_USAGE, "--prior is \"%s\"; it takes normal or gmm", wanted);
  if (cli_args_has(args, "components") && *prior != LIMN_PRIOR_MIXTURE)
    return cli_fail(CLI_USAGE, "--components goes with --prior gmm");
  return CLI_OK;
}
