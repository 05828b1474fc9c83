/* Results that go where the user says: into a file, or with "-" to standard output. */
#ifndef LIMN_CLI_OUTPUT_H
#define LIMN_CLI_OUTPUT_H

#include <stdbool.h>

#include "limn/status.h"

/* The path as the library takes it. */
const char *cli_output_path(const char *path);
/* Whether it means standard output, where nothing else may then be printed. */
bool cli_output_is_standard(const char *path);
/* Refuses standard output where it is a terminal or is wanted for --json. option: "--output", for the message. */
int cli_output_check(const char *option, const char *path, bool json);
/* Of a result that could not be written to `path`: says why, unless it went to a reader who has seen enough. */
int cli_output_fail(const char *path, limn_status status);

#endif
