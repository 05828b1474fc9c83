#include "interrupt.h"

#include <stddef.h>

/* A signal handler has no argument of its own, so these two are the program's only mutable globals. */
static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t save_count;

static void on_stop(int number) {
  if (stop_signal) {
    signal(number, SIG_DFL);
    raise(number); /* delivered when this handler returns */
    return;
  }
  stop_signal = number;
}

static void on_save(int number) {
  (void)number;
  save_count = (save_count + 1) & 0x3fffffff;
}

static void install(int number, void (*handler)(int)) {
  struct sigaction action = {.sa_flags = SA_RESTART}, before;
  if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
    return;
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

void cli_interrupt_init(const volatile sig_atomic_t **stop, const volatile sig_atomic_t **save) {
  install(SIGINT, on_stop);
  install(SIGTERM, on_stop);
  install(SIGHUP, on_stop);
  install(SIGUSR1, on_save);
  *stop = &stop_signal;
  *save = &save_count;
}
