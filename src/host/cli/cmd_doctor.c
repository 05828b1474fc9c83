/* limn doctor: the machine as Limn sees it. */
#include <stdlib.h>

#include "args.h"
#include "commands.h"
#include "console.h"
#include "json_out.h"
#include "limn/tools.h"
#include "table.h"

static const cli_option options[] = {
    {"card", 0, "cuda[:N]",
     "the file that describes this card: limn plan --device-spec FILE.json plans for it anywhere", NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};
enum { MOST_LINES = 32 };

static int print_text(const limn_doctor_line *lines, size_t count) {
  cli_table table;
  cli_table_init(&table, "lll");
  for (size_t i = 0; i < count; i++) {
    cli_table_row(&table, lines[i].what, lines[i].usable ? "ok" : "--", lines[i].found);
    if (lines[i].remedy[0])
      cli_table_row(&table, "", "", lines[i].remedy);
  }
  return cli_table_print(&table, 0);
}

static int print_json(const limn_doctor_line *lines, size_t count) {
  bool failed = false;
  json_t *root = json_array();
  for (size_t i = 0; i < count; i++) {
    json_t *line = json_object();
    cli_json_put(line, "what", cli_json_text(lines[i].what), &failed);
    cli_json_put(line, "usable", json_boolean(lines[i].usable), &failed);
    cli_json_put(line, "found", cli_json_text(lines[i].found), &failed);
    cli_json_put(line, "remedy", lines[i].remedy[0] ? cli_json_text(lines[i].remedy) : json_null(), &failed);
    cli_json_append(root, line, &failed);
  }
  return cli_json_print(root, failed);
}

static int print_card(const char *device) {
  char *text;
  limn_status status = limn_doctor_card(&text, device);
  if (text)
    puts(text);
  free(text);
  return status == LIMN_OK ? CLI_OK : cli_fail_status(status);
}

static int doctor(const cli_args *args) {
  size_t count = 0;
  int code = cli_args_expect_words(args, 0, "options only");
  if (code != CLI_OK)
    return code;
  if (cli_args_has(args, "card"))
    return print_card(cli_args_value(args, "card"));
  limn_doctor_line *lines = calloc(MOST_LINES, sizeof(*lines));
  if (!lines)
    return cli_fail_memory();
  limn_status status = limn_doctor(lines, MOST_LINES, &count);
  if (count > MOST_LINES)
    count = MOST_LINES;
  bool usable = false;
  for (size_t i = 0; i < count; i++)
    usable = usable || lines[i].usable;
  size_t libraries = 0;
  if (status == LIMN_OK)
    status = limn_doctor_pictures(lines + count, MOST_LINES - count, &libraries);
  count = count + libraries < MOST_LINES ? count + libraries : MOST_LINES;
  if (status != LIMN_OK)
    code = cli_fail_status(status);
  else
    code = cli_args_has(args, "json") ? print_json(lines, count) : print_text(lines, count);
  if (code == CLI_OK && !usable)
    code = cli_fail(CLI_DEVICE, "no device of this machine is usable; the lines above say what would help");
  free(lines);
  return code;
}

const cli_command cmd_doctor = {
    .name = "doctor",
    .help = "what this machine has for Limn, and what it lacks",
    .usage = "limn doctor [--json | --card cuda[:N]]",
    .about = "Says what Limn finds on this machine and what to do about what is missing. Exit code 4 when no device is "
             "usable.",
    .words = "",
    CLI_OPTIONS(options),
    .run = doctor,
};
