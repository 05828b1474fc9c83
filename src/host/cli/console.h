/* What the program says, and where: results to standard output, everything else to standard error. Functions of the
 * program return its exit code: 0, or one of the codes below. */
#ifndef LIMN_CLI_CONSOLE_H
#define LIMN_CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "limn/status.h"

#define CLI_OK     0
#define CLI_FAILED 1
#define CLI_USAGE  2
#define CLI_DATA   3
#define CLI_DEVICE 4

/* Prints "limn: MESSAGE" on standard error and returns `code`. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with the library's message for a failed call. */
int cli_fail_status(limn_status status);
int cli_fail_memory(void);

/* Makes sure that descriptors 0 to 2 are open, and that a closed pipe or a limit on file sizes is an error instead of a
 * signal. */
void cli_console_init(void);
/* Flushes and closes standard output. Returns `code`, or when output was lost CLI_FAILED with a message; 128 + SIGPIPE,
 * and no message, where its reader has seen enough (`limn train --help | head`). */
int cli_console_finish(int code);
/* Whether standard output is a pipe that nobody reads any more. */
bool cli_reader_is_gone(void);

/* Terminals that understand control sequences; colour needs NO_COLOR to be unset as well. */
bool cli_is_terminal(FILE *stream);
bool cli_has_colour(FILE *stream);
/* Columns of the terminal on standard error, 80 when not known. */
int cli_terminal_width(void);

/* A path as a shell takes it back: quoted where it has to be. Into buffer, returned. */
const char *cli_shell_quote(const char *path, char *buffer, size_t size);

/* Prints text broken at spaces; every line but the first starts after `indent` spaces. Ends with a newline. */
void cli_print_wrapped(FILE *stream, int indent, int width, const char *text);

#endif
