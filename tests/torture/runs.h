/* Training runs of the program in folders of their own, killed and compared. */
#ifndef LIMN_TESTS_TORTURE_RUNS_H
#define LIMN_TESTS_TORTURE_RUNS_H

#include <stdbool.h>
#include <sys/types.h>

#define RUN_MODELS       5
#define RUN_MODELS_USUAL 3 /* the first of them; residual networks, whose steps take longer, are the others */
#define MODEL_WITH_CACHE 2 /* which keeps decoded pictures in FOLDER/NAME/cache */
#define RUN_TIMED_OUT    (-1000)

/* What is tortured: set once in main. */
typedef struct run_setting {
  const char *program, *faults; /* limn, and the library that faults.c makes */
  char folder[64];              /* of all runs; holds the pictures too */
} run_setting;

extern const char *const run_models[RUN_MODELS];

/* Makes the folder and the pictures; the folder goes with the second. */
void run_setting_init(run_setting *setting, const char *program, const char *faults);
void run_setting_release(run_setting *setting);

/* Trains in FOLDER/NAME/run: goes on where a run is, begins one where none is. fault: LIMN_FAULT, or NULL; the counts
 * of calls go to FOLDER/NAME.counts, what it says to FOLDER/NAME.said. */
pid_t run_start(const run_setting *setting, int model, const char *name, const char *fault);
/* Its exit code, minus the signal that ended it, or RUN_TIMED_OUT (then it is killed). */
int run_end(pid_t child);
/* Calls of that name in the last run there that came to its end. */
unsigned long run_count(const run_setting *setting, const char *name, const char *call);
/* Whether the run said that, and whether what it said ends with a line of an error. */
bool run_said(const run_setting *setting, const char *name, const char *wanted);
bool run_said_error(const run_setting *setting, const char *name);
/* Pages of 4096 bytes that the run's files take, the decoded pictures beside it too. */
unsigned long run_pages(const run_setting *setting, const char *name);

/* Whether the runs A and B left the same files: all bytes but the speeds in metrics.jsonl and the lock. Says what
 * differs. */
bool run_same(const run_setting *setting, const char *a, const char *b);
void run_remove(const run_setting *setting, const char *name);

#endif
