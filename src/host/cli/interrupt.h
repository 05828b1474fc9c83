/* SIGINT, SIGTERM and SIGHUP ask a run to stop; SIGUSR1 asks it to save. */
#ifndef LIMN_CLI_INTERRUPT_H
#define LIMN_CLI_INTERRUPT_H

#include <signal.h>

/* Installs the handlers. The first signal of the first three sets *stop to its number, a second one ends the program at
 * once. A signal that was ignored at the start (nohup) stays ignored. The pointers are valid for the program's life. */
void cli_interrupt_init(const volatile sig_atomic_t **stop, const volatile sig_atomic_t **save);

#endif
