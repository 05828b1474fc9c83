/* Runs that are killed, and whose calls fail, must end as the unbroken run does once they go on.
 *
 *   torture kills LIMN FAULTS COUNT SEED    COUNT kills at random moments, several a run
 *   torture points LIMN FAULTS COUNT SEED   a kill instead of a call that changes the disk, then in the run that goes
 *                                           on; COUNT points a model, 0: every one
 *   torture faults LIMN FAULTS COUNT SEED [CALL]   a call that fails, COUNT of each kind (or of CALL alone) a model, 0:
 *                                                  every one
 *   torture full LIMN FAULTS COUNT SEED     a disk that is full when the run has filled so many pages, COUNT sizes a
 *                                           model, 0: every one; exit code 77 where the kernel permits no such disk
 *
 * The models are the three usual ones; LIMN_TORTURE_MODELS in the environment asks for "all", or for the "residual"
 * ones alone. LIMN is the program, FAULTS the library that faults.c makes. A failure names the seed and the point. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "disk.h"
#include "runs.h"

#define MOST_KILLS  8 /* of a run, before it may come to its end */
#define CACHE_PAGES 5 /* that its decoded pictures take */
#define SKIPPED     77

typedef struct torture {
  run_setting setting;
  char whole[RUN_MODELS][32]; /* names of the unbroken runs */
  double seconds[RUN_MODELS]; /* that they took */
  int first, end;             /* models that are tried */
  unsigned long count;
  const char *only;         /* kind of calls; NULL: all */
  unsigned long long state; /* of the random numbers */
} torture;

static unsigned long random_below(torture *t, unsigned long limit) { /* xorshift64 */
  t->state ^= t->state << 13;
  t->state ^= t->state >> 7;
  t->state ^= t->state << 17;
  return (unsigned long)(t->state >> 11) % limit;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static bool complain(const char *name, const char *fault, int code, const char *what) {
  fprintf(stderr, "torture: %s, %s: code %d: %s\n", name, fault ? fault : "no fault", code, what);
  return false;
}

/* What is behind all of it: the run goes on to its end, and nothing shows that it was disturbed. */
static bool ends_well(torture *t, int model, const char *name) {
  int code = run_end(run_start(&t->setting, model, name, NULL));
  if (code != 0 && !run_said_error(&t->setting, name))
    return complain(name, NULL, code, "it says nothing");
  if (code != 0)
    return complain(name, NULL, code, "it does not go on");
  if (!run_same(&t->setting, t->whole[model], name))
    return complain(name, NULL, code, "it is not the unbroken run");
  run_remove(&t->setting, name);
  return true;
}

/* The unbroken runs. fault: counted, and none strikes. */
static bool make_whole_runs(torture *t, const char *fault) {
  for (int model = t->first; model < t->end; ++model) {
    snprintf(t->whole[model], sizeof t->whole[model], "%s-whole", run_models[model]);
    double start = now();
    int code = run_end(run_start(&t->setting, model, t->whole[model], fault));
    t->seconds[model] = now() - start;
    if (code != 0)
      return run_said_error(&t->setting, t->whole[model]) && complain(t->whole[model], fault, code, "no unbroken run");
  }
  return true;
}

/* Whether the child was still there to be killed. */
static bool kill_after(pid_t child, double seconds) {
  usleep((useconds_t)(1e6 * seconds));
  if (waitpid(child, NULL, WNOHANG) != 0)
    return false;
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return true;
}

static bool kills(torture *t) {
  unsigned long killed = 0;
  if (!make_whole_runs(t, NULL))
    return false;
  for (int round = 0; killed < t->count; ++round) {
    char name[64];
    int model = t->first + round % (t->end - t->first);
    snprintf(name, sizeof name, "%s-%d", run_models[model], round);
    for (int i = 0; i < MOST_KILLS && killed < t->count; ++i) {
      double moment = t->seconds[model] * (double)random_below(t, 1000) / 1000;
      if (!kill_after(run_start(&t->setting, model, name, NULL), moment))
        break;
      ++killed;
    }
    if (!ends_well(t, model, name))
      return false;
  }
  printf("%lu kills\n", killed);
  return true;
}

/* The i-th of `tries` turns of a call that is made `made` times. */
static unsigned long turn_of(torture *t, unsigned long i, unsigned long made) {
  return t->count ? random_below(t, made) + 1 : i + 1;
}

static bool points(torture *t) {
  unsigned long killed = 0;
  if (!make_whole_runs(t, "disk:0:kill"))
    return false;
  for (int model = t->first; model < t->end; ++model) {
    unsigned long made = run_count(&t->setting, t->whole[model], "disk");
    for (unsigned long i = 0; i < (t->count ? t->count : made); ++i) {
      char name[64], fault[64];
      unsigned long turn = turn_of(t, i, made);
      snprintf(name, sizeof name, "%s-%lu", run_models[model], turn);
      for (int again = 0; again < 2; ++again) {
        snprintf(fault, sizeof fault, "disk:%lu:kill", again ? random_below(t, made) + 1 : turn);
        int code = run_end(run_start(&t->setting, model, name, fault));
        killed += code == -SIGKILL;
        if (code != -SIGKILL && (code != 0 || !again))
          return complain(name, fault, code, "it was not killed");
      }
      if (!ends_well(t, model, name)) {
        fprintf(stderr, "torture: killed at %lu of %lu, then %s\n", turn, made, fault);
        return false;
      }
    }
  }
  printf("%lu kills between two changes of the disk\n", killed);
  return true;
}

/* What may fail, and with what. */
static const struct {
  const char *call, *error;
} faults[] = {{"open", "EMFILE"},   {"read", "EIO"},         {"write", "ENOSPC"},
              {"fwrite", "ENOSPC"}, {"fflush", "ENOSPC"},    {"fsync", "EIO"},
              {"rename", "EIO"},    {"unlink", "EACCES"},    {"symlink", "ENOSPC"},
              {"ftruncate", "EIO"}, {"mkdir", "ENOSPC"},     {"mmap", "ENOMEM"},
              {"statvfs", "EIO"},   {"malloc", "ENOMEM"},    {"pthread_create", "EAGAIN"},
              {"flock", "ENOLCK"},  {"fallocate", "ENOSPC"}, {"sync_folder", "EIO"}};
enum { FAULTS = sizeof faults / sizeof *faults };

/* One call fails: the program ends by itself and says why, or goes on as if nothing had been. */
static bool one_fault(torture *t, int model, int kind, unsigned long turn) {
  char name[64], fault[64];
  snprintf(name, sizeof name, "%s-%s-%lu", run_models[model], faults[kind].call, turn);
  snprintf(fault, sizeof fault, "%s:%lu:%s", faults[kind].call, turn, faults[kind].error);
  int code = run_end(run_start(&t->setting, model, name, fault));
  if (code == RUN_TIMED_OUT)
    return complain(name, fault, code, "it hangs");
  if (code < 0)
    return complain(name, fault, code, "it died");
  if (code == 2 || code > 4)
    return complain(name, fault, code, "not the exit code of such a failure");
  if (code > 0 && !run_said_error(&t->setting, name))
    return complain(name, fault, code, "no error is told");
  return ends_well(t, model, name) || complain(name, fault, code, "and so it did not go on");
}

static bool fail_calls(torture *t) {
  unsigned long tried = 0;
  if (!make_whole_runs(t, "disk:0:kill"))
    return false;
  for (int model = t->first; model < t->end; ++model)
    for (int kind = 0; kind < FAULTS; ++kind) {
      if (t->only && strcmp(t->only, faults[kind].call) != 0)
        continue;
      unsigned long made = run_count(&t->setting, t->whole[model], faults[kind].call);
      for (unsigned long i = 0; i < (t->count && made ? t->count : made); ++i, ++tried)
        if (!one_fault(t, model, kind, turn_of(t, i, made)))
          return false;
    }
  printf("%lu calls failed\n", tried);
  return true;
}

/* What a run may be writing when the disk is full; the last stands for making its folder. */
static const char *const moments[] = {"metrics.jsonl", "samples/", "checkpoints/", ""};
enum { MOMENTS = sizeof moments / sizeof *moments };

static int moment_of(const torture *t, const char *name) {
  int moment = 0;
  while (!run_said(&t->setting, name, moments[moment]))
    ++moment;
  return moment;
}

/* Whether the run waits for room; else it has ended, and run_end will tell how. */
static bool comes_to_wait(const torture *t, const char *name, pid_t child) {
  siginfo_t about = {0};
  bool waits = false;
  while (!waits && about.si_pid == 0 && waitid(P_PID, (id_t)child, &about, WEXITED | WNOHANG | WNOWAIT) == 0) {
    usleep(5000);
    waits = run_said(&t->setting, name, "waiting for room");
  }
  return waits;
}

static bool ends_for_lack_of_room(torture *t, const char *name, pid_t child) {
  int code = run_end(child);
  return (code == 1 && run_said_error(&t->setting, name) && run_said(&t->setting, name, "No space left on device")) ||
         complain(name, "full disk", code, "it does not say that the disk is full");
}

/* A run ends and says why, also when it is called again, and goes on once there is room; one that is to wait does so
 * as soon as it has a folder. */
static bool one_full_disk(torture *t, int model, unsigned long pages, unsigned long *times) {
  char name[64], path[128];
  snprintf(name, sizeof name, "%s-%lu-pages", run_models[model], pages);
  snprintf(path, sizeof path, "%s/%s", t->setting.folder, name);
  disk_mount(path, pages);
  pid_t child = run_start(&t->setting, model, name, NULL);
  bool waits = comes_to_wait(t, name, child), good = true;
  ++times[moment_of(t, name)];
  if (!waits) {
    good = ends_for_lack_of_room(t, name, child) &&
           ends_for_lack_of_room(t, name, run_start(&t->setting, model, name, NULL));
    if (run_said(&t->setting, name, "run folder: "))
      return complain(name, "full disk", 1, "it does not wait");
  }
  disk_make_room(path);
  int code = waits ? run_end(child) : 0;
  if (code != 0)
    return complain(name, "full disk", code, "it does not go on when there is room");
  good = good && ends_well(t, model, name);
  disk_unmount(path);
  run_remove(&t->setting, name);
  return good;
}

/* The disk fills while pictures are being kept decoded, since nobody knows beforehand how large it is: the run goes on
 * without. */
static bool full_of_pictures(torture *t) {
  for (unsigned long pages = 1; pages < CACHE_PAGES; ++pages) {
    char name[64], path[192];
    snprintf(name, sizeof name, "%s-cache-%lu", run_models[MODEL_WITH_CACHE], pages);
    snprintf(path, sizeof path, "%s/%s", t->setting.folder, name);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/cache", t->setting.folder, name);
    disk_mount(path, pages);
    int code = run_end(run_start(&t->setting, MODEL_WITH_CACHE, name, "statvfs:1:EIO"));
    disk_unmount(path);
    if (code != 0)
      return complain(name, "full disk", code, "it does not go on without");
    if (!ends_well(t, MODEL_WITH_CACHE, name))
      return false;
  }
  return true;
}

static bool fill_disks(torture *t) {
  unsigned long filled = 0, times[MOMENTS] = {0};
  if (!make_whole_runs(t, NULL) || (t->first <= MODEL_WITH_CACHE && !full_of_pictures(t)))
    return false;
  for (int model = t->first; model < t->end; ++model) {
    unsigned long too_small = run_pages(&t->setting, t->whole[model]) - 1;
    for (unsigned long i = 0; i < (t->count ? t->count : too_small); ++i, ++filled)
      if (!one_full_disk(t, model, turn_of(t, i, too_small), times))
        return false;
  }
  printf("%lu full disks: %lu while metrics were written, %lu pictures, %lu checkpoints, %lu the folder\n", filled,
         times[0], times[1], times[2], times[3]);
  bool all = true;
  for (int i = 0; i < MOMENTS; ++i)
    all = all && times[i] > 0;
  return t->count > 0 || all || complain("all sizes", "full disk", 0, "one of these moments never came");
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    bool (*run)(torture *t);
  } modes[] = {{"kills", kills}, {"points", points}, {"faults", fail_calls}, {"full", fill_disks}};
  torture t = {0};
  if (argc < 6 || argc > 7)
    return 2;
  if (strcmp(argv[1], "full") == 0 && !disk_prepare()) {
    puts("skipped: this kernel lets us mount no disk of our own");
    return SKIPPED;
  }
  const char *models = getenv("LIMN_TORTURE_MODELS");
  t.first = models && strcmp(models, "residual") == 0 ? RUN_MODELS_USUAL : 0;
  t.end = models ? RUN_MODELS : RUN_MODELS_USUAL;
  t.only = argv[6];
  t.count = strtoul(argv[4], NULL, 10);
  t.state = 0x9E3779B97F4A7C15u ^ strtoull(argv[5], NULL, 10);
  for (size_t i = 0; i < sizeof modes / sizeof *modes; ++i) {
    if (strcmp(modes[i].name, argv[1]) != 0)
      continue;
    run_setting_init(&t.setting, argv[2], argv[3]);
    bool good = modes[i].run(&t);
    if (good)
      run_setting_release(&t.setting);
    else
      fprintf(stderr, "torture: the runs are in %s\n", t.setting.folder);
    return good ? 0 : 1;
  }
  return 2;
}
