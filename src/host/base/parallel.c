#include "base/parallel.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/thread.h"

#define MAX_WORKERS  64
#define CHUNK        16 /* calls between two visits to the lock */
#define MESSAGE_SIZE 1024

int limn_processor_count(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  /* Fails only beyond 1,024 processors, where the cap of the callers holds anyway. */
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return MAX_WORKERS;
  int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

typedef struct shared_work {
  limn_status (*job)(void *context, uint32_t i);
  void *context;
  pthread_mutex_t lock; /* over everything below */
  uint32_t next, end;   /* not begun yet: next..end-1; end shrinks to the lowest failure */
  limn_status status;
  char message[MESSAGE_SIZE]; /* messages are per thread, so the caller needs a copy */
} shared_work;

static bool claim(shared_work *work, uint32_t *first, uint32_t *last) {
  pthread_mutex_lock(&work->lock);
  bool any = work->next < work->end;
  *first = work->next;
  if (any) {
    uint32_t left = work->end - work->next;
    work->next += left < CHUNK ? left : CHUNK;
  }
  *last = work->next;
  pthread_mutex_unlock(&work->lock);
  return any;
}

static void report(shared_work *work, uint32_t i, limn_status status) {
  pthread_mutex_lock(&work->lock);
  if (i < work->end) {
    work->end = i;
    work->status = status;
    snprintf(work->message, sizeof work->message, "%s", limn_error_message());
  }
  pthread_mutex_unlock(&work->lock);
}

static void *work_through(void *context) {
  shared_work *work = context;
  uint32_t first, last;
  while (claim(work, &first, &last))
    for (uint32_t i = first; i < last; ++i) {
      limn_status status = work->job(work->context, i);
      if (status != LIMN_OK) {
        report(work, i, status);
        break;
      }
    }
  return NULL;
}

limn_status limn_parallel_for(uint32_t count, int workers, limn_status (*job)(void *context, uint32_t i),
                              void *context) {
  shared_work work = {.job = job, .context = context, .end = count};
  pthread_t threads[MAX_WORKERS];
  int started = 0;
  if (pthread_mutex_init(&work.lock, NULL) != 0)
    return limn_fail_memory("a lock");
  if (workers <= 0)
    workers = limn_processor_count();
  if (workers > MAX_WORKERS)
    workers = MAX_WORKERS;
  uint32_t useful = count / CHUNK + 1;
  if ((uint32_t)workers > useful)
    workers = (int)useful;
  /* The caller works too, so a thread that cannot be started only costs time. */
  while (started < workers - 1 && limn_thread_start(&threads[started], work_through, &work) == 0)
    ++started;
  work_through(&work);
  for (int i = 0; i < started; ++i)
    pthread_join(threads[i], NULL);
  pthread_mutex_destroy(&work.lock);
  return work.status == LIMN_OK ? LIMN_OK : limn_fail(work.status, "%s", work.message);
}
