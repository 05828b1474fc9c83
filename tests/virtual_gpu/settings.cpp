/* What tests set by the environment (README.md): the seed, the call that fails, the counts, the leaks. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <map>
#include <string>

#include "virtual_gpu.h"

namespace virtual_gpu {
namespace {

constexpr int KINDS = static_cast<int>(call::count);
const char *const kind_names[KINDS] = {"malloc",  "host", "copy", "launch", "capture", "graph",
                                       "execute", "plan", "gemm", "sync",   "create"};

struct state {
  std::recursive_mutex lock;
  std::minstd_rand random;
  long counts[KINDS] = {}, fail_at = 0, fail_until = 0, times = 0;
  int fail_kind = -1;
  double host_seconds = 0; /* by the clock of chance */
  std::map<std::string, long> alive;
};

/* A setting that is misspelt would make a test pass that tests nothing. */
[[noreturn]] void refuse(const char *name, const char *value) {
  fprintf(stderr, "virtual gpu: %s=%s is not understood; see tests/virtual_gpu/README.md\n", name, value);
  _exit(2);
}

void read_failure(state &s, const char *text) {
  const char *colon = strchr(text, ':');
  char *end = nullptr, *last = nullptr;
  for (int kind = 0; colon && kind < KINDS; ++kind)
    if (std::string(text, colon) == kind_names[kind])
      s.fail_kind = kind;
  if (s.fail_kind < 0 || (s.fail_at = s.fail_until = strtol(colon + 1, &end, 10)) < 1 || (*end && *end != '-'))
    refuse("LIMN_VIRTUAL_GPU_FAIL", text);
  if (*end && ((s.fail_until = strtol(end + 1, &last, 10)) < s.fail_at || *last))
    refuse("LIMN_VIRTUAL_GPU_FAIL", text);
}

/* Never freed: it is used until the very end of the process. */
state &the() {
  static state *s = [] {
    state *made = new state;
    const char *seed = getenv("LIMN_VIRTUAL_GPU_SEED"), *failure = getenv("LIMN_VIRTUAL_GPU_FAIL");
    char *end = nullptr;
    unsigned long number = seed ? strtoul(seed, &end, 10) : 1;
    if (seed && (!*seed || *end))
      refuse("LIMN_VIRTUAL_GPU_SEED", seed);
    made->random.seed(static_cast<unsigned>(number) + 1);
    made->random.discard(8); /* the first numbers of neighbouring seeds resemble each other */
    if (failure && *failure)
      read_failure(*made, failure);
    return made;
  }();
  return *s;
}

void write_counts(const char *path) {
  FILE *f = fopen(path, "w");
  if (!f) {
    fprintf(stderr, "virtual gpu: cannot write LIMN_VIRTUAL_GPU_COUNT=%s\n", path);
    return;
  }
  for (int kind = 0; kind < KINDS; ++kind)
    fprintf(f, "%s %ld\n", kind_names[kind], the().counts[kind]);
  fclose(f);
}

__attribute__((destructor)) void at_exit() {
  const char *counts = getenv("LIMN_VIRTUAL_GPU_COUNT"), *leaks = getenv("LIMN_VIRTUAL_GPU_LEAKS");
  if (counts && *counts)
    write_counts(counts);
  if (!leaks || strcmp(leaks, "1") != 0)
    return;
  bool any = false;
  for (auto &[what, number] : the().alive)
    if (number) {
      fprintf(stderr, "virtual gpu: still alive at exit: %ld %s\n", number, what.c_str());
      any = true;
    }
  if (any)
    _exit(86);
}

} // namespace

bool fails(call kind) {
  state &s = the();
  long number = ++s.counts[static_cast<int>(kind)];
  return static_cast<int>(kind) == s.fail_kind && number >= s.fail_at && number <= s.fail_until;
}

namespace {
/* LIMN_VIRTUAL_GPU_CLOCK, which a test changes from run to run. */
bool clock_by_chance(unsigned long &number) {
  const char *clock = getenv("LIMN_VIRTUAL_GPU_CLOCK");
  if (!clock || !*clock)
    return false;
  char *end = nullptr;
  number = strtoul(clock, &end, 10);
  if (*end)
    refuse("LIMN_VIRTUAL_GPU_CLOCK", clock);
  return true;
}
} // namespace

double measured_seconds() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double told_seconds(double measured) {
  unsigned long number;
  if (!clock_by_chance(number))
    return measured;
  std::minstd_rand chance(static_cast<unsigned>(1000 * number + static_cast<unsigned long>(++the().times)) + 1);
  chance.discard(8);
  return 1e-3 + static_cast<double>(chance() % 1000) * 1e-6;
}

double host_seconds() {
  unsigned long number;
  return clock_by_chance(number) ? the().host_seconds : measured_seconds();
}

void host_works(double seconds) { the().host_seconds += seconds; }

void alive(const char *what, int change) { the().alive[what] += change; }
std::minstd_rand &random_numbers() { return the().random; }
std::recursive_mutex &lock() { return the().lock; }

void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("virtual gpu: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  abort();
}

} // namespace virtual_gpu
