#include "side.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"

static limn_status tell_memory(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("%zu\n", (size_t)usage.ru_maxrss * 1024);
  return LIMN_OK;
}

static int words_of(const char *text) {
  int count = 1;
  for (; *text; ++text)
    count += *text == ' ';
  return count;
}

int side_serve(const side *s, int argc, char **argv) {
  char line[4096];
  setvbuf(stdout, NULL, _IOLBF, 0);
  limn_status status =
      argc - 1 == words_of(s->arguments) ? s->begin(s->context, argv + 1) : limn_fail(LIMN_USAGE, "%s", s->arguments);
  while (status == LIMN_OK && fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = '\0';
    status = strcmp(line, "memory") == 0 ? tell_memory() : s->answer(s->context, line);
  }
  if (status != LIMN_OK)
    fprintf(stderr, "%s: %s\n", s->name, limn_error_message());
  return status == LIMN_OK ? 0 : 1;
}
