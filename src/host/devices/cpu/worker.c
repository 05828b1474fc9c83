/* One thread a device, from which all of its OpenMP regions start: the team and its floating-point mode belong to that
 * thread and leak into no host program. */
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined __x86_64__
#include <pmmintrin.h>
#include <xmmintrin.h>
#endif

#include "base/error.h"
#include "base/thread.h"
#include "devices/cpu/cpu.h"

struct cpu_worker {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake, done;
  int threads;
  limn_status (*job)(void *argument); /* NULL: idle */
  void *argument;
  bool quit;
};

/* Denormals are flushed in every thread of the team: gradients that fade out would slow a step 40-fold otherwise. */
static void set_up_team(int threads) {
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
#if defined __x86_64__
#pragma omp parallel num_threads(threads)
  {
    _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
    _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
  }
#endif
}

static void *work(void *argument) {
  struct cpu_worker *worker = argument;
  set_up_team(worker->threads);
  pthread_mutex_lock(&worker->mutex);
  while (!worker->quit) {
    if (!worker->job) {
      pthread_cond_wait(&worker->wake, &worker->mutex);
      continue;
    }
    pthread_mutex_unlock(&worker->mutex);
    worker->job(worker->argument);
    pthread_mutex_lock(&worker->mutex);
    worker->job = NULL;
    worker->argument = NULL;
    pthread_cond_broadcast(&worker->done);
  }
  pthread_mutex_unlock(&worker->mutex);
  return NULL;
}

limn_status limn_cpu_worker_create(struct cpu_worker **out, int threads) {
  struct cpu_worker *worker = calloc(1, sizeof *worker);
  if (!worker)
    return limn_fail_memory("the CPU device's thread");
  worker->threads = threads;
  pthread_mutex_init(&worker->mutex, NULL);
  pthread_cond_init(&worker->wake, NULL);
  pthread_cond_init(&worker->done, NULL);
  int error = limn_thread_start(&worker->thread, work, worker);
  if (error) {
    pthread_cond_destroy(&worker->done);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
    return limn_fail(LIMN_FAILED, "cannot start the CPU device's thread: %s", strerror(error));
  }
  *out = worker;
  return LIMN_OK;
}

void limn_cpu_worker_destroy(struct cpu_worker *worker) {
  if (!worker)
    return;
  pthread_mutex_lock(&worker->mutex);
  worker->quit = true;
  pthread_cond_signal(&worker->wake);
  pthread_mutex_unlock(&worker->mutex);
  pthread_join(worker->thread, NULL);
  pthread_cond_destroy(&worker->done);
  pthread_cond_destroy(&worker->wake);
  pthread_mutex_destroy(&worker->mutex);
  free(worker);
}

/* A caller's job with its result, which stays the caller's own when others are waiting too. */
struct ticket {
  limn_status (*job)(void *argument);
  void *argument;
  limn_status status;
  char message[1024];
};

static limn_status run_ticket(void *argument) {
  struct ticket *ticket = argument;
  ticket->status = ticket->job(ticket->argument);
  if (ticket->status != LIMN_OK)
    snprintf(ticket->message, sizeof ticket->message, "%s", limn_error_message());
  return ticket->status;
}

limn_status limn_cpu_worker_call(struct cpu_worker *worker, limn_status (*job)(void *argument), void *argument) {
  if (pthread_equal(pthread_self(), worker->thread))
    return job(argument);
  struct ticket ticket = {.job = job, .argument = argument};
  pthread_mutex_lock(&worker->mutex);
  while (worker->job) /* another caller's */
    pthread_cond_wait(&worker->done, &worker->mutex);
  worker->job = run_ticket;
  worker->argument = &ticket;
  pthread_cond_signal(&worker->wake);
  while (worker->argument == &ticket)
    pthread_cond_wait(&worker->done, &worker->mutex);
  pthread_mutex_unlock(&worker->mutex);
  return ticket.status == LIMN_OK ? LIMN_OK : limn_fail(ticket.status, "%s", ticket.message);
}
