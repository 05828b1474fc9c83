/* SIGINT, SIGTERM and SIGHUP ask a run to stop; SIGUSR1 asks it to save. */
#ifndef LIMN_CLI_INTERRUPT_H
#define LIMN_CLI_INTERRUPT_H

#include <signal.h>

/* Installs the handlers. A signal of the first three ends the program at once until cli_interrupt_begin is called:
 * there is nothing to save yet, and reading the pictures may take minutes. From then on the first one sets *stop to its
 * number, a second one ends the program at once. A signal that was ignored at the start (nohup) stays ignored. The
 * pointers are valid for the program's life. */
void cli_interrupt_init(const volatile sig_atomic_t **stop, const volatile sig_atomic_t **save);
/* The first step comes next. */
void cli_interrupt_begin(void);

#endif
