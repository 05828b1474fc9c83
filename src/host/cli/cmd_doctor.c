/* limn doctor: the machine as Limn sees it. */
#include <stdlib.h>

#include "args.h"
#include "commands.h"
#include "console.h"
#include "limn/tools.h"
#include "parts.h"

static const cli_option options[] = {
    {"card", 0, "cuda[:N]",
     "the file that describes this card: limn plan --device-spec FILE.json plans for it anywhere", NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};
enum { MOST_LINES = 32 };

/* What is loaded when it is needed. */
static limn_status (*const libraries[])(limn_doctor_line *lines, size_t capacity,
                                        size_t *count) = {limn_doctor_pictures, limn_doctor_measures};

static void say_lines(limn_report *report, const limn_doctor_line *lines, size_t count) {
  limn_report_section(report, NULL, "lll");
  limn_report_open_array(report, NULL);
  for (size_t i = 0; i < count; i++) {
    const char *remedy = cli_given(lines[i].remedy);
    limn_report_row(report);
    limn_report_open(report, NULL);
    limn_report_text(report, "what", LIMN_CELL, lines[i].what);
    limn_report_flag(report, "usable", lines[i].usable);
    limn_report_cell(report, lines[i].usable ? "ok" : "--");
    limn_report_text(report, "found", LIMN_CELL, lines[i].found);
    limn_report_text(report, "remedy", NULL, remedy);
    limn_report_close(report);
    if (remedy) {
      limn_report_cell(report, "%s", "");
      limn_report_cell(report, "%s", "");
      limn_report_cell(report, "%s", remedy);
    }
  }
  limn_report_close(report);
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
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries && status == LIMN_OK; i++) {
    size_t more = 0;
    status = libraries[i](lines + count, MOST_LINES - count, &more);
    count = count + more < MOST_LINES ? count + more : MOST_LINES;
  }
  limn_report *report = cli_report(args);
  if (status == LIMN_OK)
    say_lines(report, lines, count);
  code = cli_print(report, status);
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
