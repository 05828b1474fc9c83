/* The runtime's cases of the virtual GPU's own test. */
#ifndef RUNTIME_CASES_H
#define RUNTIME_CASES_H

void check_runtime();                   /* all of them, each in a process of its own */
int run_runtime_case(const char *name); /* the exit code; 2 where there is no such case */

#endif
