#include "devices/choices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

bool limn_choices_find(const char *text, const char *operation, char *engine, size_t size) {
  const size_t length = strlen(operation);
  for (const char *line = text; line && *line;) {
    const size_t whole = strcspn(line, "\n"), first = strcspn(line, " \n");
    if (whole == first + 1 + length && first > 0 && first < size && memcmp(line + first + 1, operation, length) == 0) {
      memcpy(engine, line, first);
      engine[first] = 0;
      return true;
    }
    line += whole + (line[whole] == '\n');
  }
  return false;
}

limn_status limn_choices_add(char **text, const char *operation, const char *engine) {
  char known[LIMN_ENGINE_SIZE];
  if (limn_choices_find(*text, operation, known, sizeof known))
    return LIMN_OK;
  const size_t before = *text ? strlen(*text) : 0, more = strlen(engine) + strlen(operation) + 3;
  char *longer = realloc(*text, before + more);
  if (!longer)
    return limn_fail_memory("the choices of engines");
  snprintf(longer + before, more, "%s %s\n", engine, operation);
  *text = longer;
  return LIMN_OK;
}
