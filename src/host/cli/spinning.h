/* How long idle threads of the CPU device spin before they sleep. */
#ifndef LIMN_CLI_SPINNING_H
#define LIMN_CLI_SPINNING_H

/* libgomp reads its settings when the program is loaded, so the program sets them and starts itself again, once. Does
 * nothing when the user has set any of them, or when starting again fails. */
void cli_limit_spinning(char **argv);

#endif
