#include "output.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

#define STANDARD_OUTPUT "/dev/stdout"

const char *cli_output_path(const char *path) { return strcmp(path, "-") == 0 ? STANDARD_OUTPUT : path; }

bool cli_output_is_standard(const char *path) {
  static const char *const names[] = {STANDARD_OUTPUT, "/dev/fd/1", "/proc/self/fd/1"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (strcmp(cli_output_path(path), names[i]) == 0)
      return true;
  return false;
}

int cli_output_check(const char *option, const char *path, bool json) {
  if (!cli_output_is_standard(path))
    return CLI_OK;
  if (json)
    return cli_fail(CLI_USAGE, "%s %s and --json both want standard output; name a file", option, path);
  if (isatty(STDOUT_FILENO))
    return cli_fail(CLI_USAGE, "%s %s: standard output is a terminal; name a file, or send it on with | or >", option,
                    path);
  return CLI_OK;
}

int cli_output_fail(const char *path, limn_status status) {
  return cli_output_is_standard(path) && cli_reader_is_gone() ? 128 + SIGPIPE : cli_fail_status(status);
}
