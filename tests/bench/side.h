/* Limn's side of a script that compares (bench/common.py, Side): says what it runs on, and then answers each line of
 * standard input with one. */
#ifndef LIMN_TESTS_BENCH_SIDE_H
#define LIMN_TESTS_BENCH_SIDE_H

#include "limn/status.h"

typedef struct side {
  const char *name;                                       /* of the program */
  const char *arguments;                                  /* their names, as many as there have to be */
  limn_status (*begin)(void *context, char **arguments);  /* prints a line: what it runs on */
  limn_status (*answer)(void *context, const char *line); /* prints a line. LIMN_USAGE: nothing asks so */
  void *context;
} side;

/* Until the input ends, or an answer fails; the exit code. "memory" it answers itself: the most that the process has
 * had, in bytes. */
int side_serve(const side *s, int argc, char **argv);

#endif
