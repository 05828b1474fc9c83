#include "interrupt.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* A signal handler has no argument of its own, so these three are the program's only mutable globals. */
static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t save_count;
static volatile sig_atomic_t has_begun;

/* In a handler: no stdio. */
static void say(const char *text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0)
    return; /* a terminal that is gone */
}

static void on_stop(int number) {
  if (!has_begun) {
    say("limn: stopped before the first step, with nothing to save\n");
    _exit(128 + number);
  }
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

void cli_interrupt_begin(void) { has_begun = 1; }

void cli_interrupt_init(const volatile sig_atomic_t **stop, const volatile sig_atomic_t **save) {
  install(SIGINT, on_stop);
  install(SIGTERM, on_stop);
  install(SIGHUP, on_stop);
  install(SIGUSR1, on_save);
  *stop = &stop_signal;
  *save = &save_count;
}
