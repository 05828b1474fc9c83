/* A run: a folder on disk. Every write in it is durable: temporary file, fsync, rename, fsync of the folder. */
#ifndef LIMN_RUN_RUN_H
#define LIMN_RUN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "limn/status.h"
#include "limn/train.h"

typedef struct limn_run limn_run;

/* Makes the folder with config.yaml, run.json, samples/, checkpoints/ and an empty metrics.jsonl, and takes its lock:
 * two runs cannot write one folder. LIMN_FAILED names what the file system cannot do of what a run needs, which is
 * tried here; then nothing is left. path "" makes runs/MODEL-NNN with the next free number. A path where anything is
 * that a killed limn_run_create did not leave is refused, naming --resume where it is a run. */
limn_status limn_run_create(limn_run **out, const limn_config *config, const char *path);
/* Whether limn_run_create would refuse the path, before much work is done for it. */
limn_status limn_run_check_free(const char *path);
/* Opens an existing run for reading, while it is trained or not; LIMN_DATA when it is none. */
limn_status limn_run_open(limn_run **out, const char *path);
/* Opens it for writing: takes its lock (LIMN_FAILED where another run has it), removes what killed writers left and
 * tries the disk as limn_run_create does. */
limn_status limn_run_resume(limn_run **out, const char *path);
/* Whether the lock holds: some file systems have none. */
bool limn_run_is_guarded(const limn_run *run);
void limn_run_close(limn_run *run);
/* Closes a run that has only just been created, and removes its folder: the same command can be given again. */
void limn_run_discard(limn_run *run);
const char *limn_run_path(const limn_run *run);

/* run.json: versions, device, data fingerprint. */
limn_status limn_run_describe(limn_run *run, const char *device, uint64_t data_fingerprint);
/* The data_fingerprint of run.json, 0 when there is none yet. */
uint64_t limn_run_data_fingerprint(const limn_run *run);
/* The device that it names, "" when there is none yet. Borrowed. */
const char *limn_run_device(const limn_run *run);

/* PATH/checkpoints/STEP.safetensors, PATH/samples/STEP.png, six digits and more; into buffer, returned.
 * `suffix` stands between STEP and ".png" ("-reconstructions"); NULL: none. */
const char *limn_run_checkpoint_path(const limn_run *run, uint64_t step, char *buffer, size_t size);
const char *limn_run_sample_path(const limn_run *run, uint64_t step, const char *suffix, char *buffer, size_t size);
/* The newest picture of the steps up to `step`, of several of one step the one without a suffix, into buffer, returned;
 * "" where there is none. */
const char *limn_run_newest_picture(const limn_run *run, uint64_t step, char *buffer, size_t size);
/* Points PATH/checkpoints/latest, best or healthy (a symbolic link, or a file with the checkpoint's name where the file
 * system has no links; replaced atomically) at a checkpoint, which must exist. */
limn_status limn_run_mark(limn_run *run, const char *mark, uint64_t step);
/* The step of a mark; LIMN_DATA when there is none. Where `latest` leads nowhere, the newest checkpoint is
 * meant: a run that was killed just before it marked its first one, or that lost its last one, goes on from it. */
limn_status limn_run_marked(const limn_run *run, const char *mark, uint64_t *step);
/* Deletes checkpoints of steps up to `step` other than the newest `keep`, those of every keep_every-th step (0: none)
 * and the marked ones. Later ones are of a course that a resume gave up, and are overwritten in their turn. */
limn_status limn_run_prune(limn_run *run, uint64_t step, int keep, uint64_t keep_every);
/* Bytes that its checkpoints and samples take. */
uint64_t limn_run_bytes(const limn_run *run);
/* Bytes that are free where it lies, UINT64_MAX when that cannot be told. */
uint64_t limn_run_free_bytes(const limn_run *run);
/* Whether a file of so many bytes can be written in it: tried by reserving them. */
bool limn_run_has_room(const limn_run *run, uint64_t bytes);
/* The same, as LIMN_FAILED with a message. */
limn_status limn_run_try_room(const limn_run *run, uint64_t bytes);

/* Appends {"step": S, "name": value, ...} to metrics.jsonl; values that are not finite become null. The line is written
 * at once and whole; limn_run_flush brings it to the disk. Allocates only when a line is longer than all before. */
limn_status limn_run_log(limn_run *run, uint64_t step, const limn_measure *measures, size_t count);
limn_status limn_run_flush(limn_run *run);
/* Cuts metrics.jsonl back to the lines of steps up to `step`, less the validation and the evaluation of `step` itself
 * unless `validated` (and removes a torn last line). LIMN_DATA when lines that would have to stay stand behind one that
 * cannot. */
limn_status limn_run_truncate_metrics(limn_run *run, uint64_t step, bool validated);

#endif
