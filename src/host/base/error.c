#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define MESSAGE_SIZE 1024

static _Thread_local char message[MESSAGE_SIZE];

const char *limn_error_message(void) { return message; }

const char *limn_version(void) { return LIMN_VERSION; }

limn_status limn_fail(limn_status status, const char *format, ...) {
  /* Arguments may point into the old message (an error that quotes an error), so the new one is built aside. */
  char line[MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  for (char *at = line; (at = strchr(at, '\n'));)
    *at = ' ';
  limn_text_printable(line, message, sizeof message); /* names of files may hold any byte */
  return status;
}

limn_status limn_fail_memory(const char *what) { return limn_fail(LIMN_FAILED, "out of memory for %s", what); }
