/* One thread a device, from which all of its OpenMP regions start: the team and its floating-point mode belong to that
 * thread and leak into no host program. */
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined __x86_64__
#include <pmmintrin.h>
#include <xmmintrin.h>
#endif

#include "base/error.h"
#include "devices/cpu/cpu.h"

struct cpu_worker {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake, done;
  int threads;
  limn_status (*job)(void *argument); /* NULL: idle */
  void *argument;
  limn_status status;
  char message[1024];
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
    limn_status status = worker->job(worker->argument);
    pthread_mutex_lock(&worker->mutex);
    worker->status = status;
    if (status != LIMN_OK)
      strncpy(worker->message, limn_error_message(), sizeof worker->message - 1);
    worker->job = NULL;
    pthread_cond_broadcast(&worker->done);
  }
  pthread_mutex_unlock(&worker->mutex);
  return NULL;
}

limn_status cpu_worker_create(struct cpu_worker **out, int threads) {
  struct cpu_worker *worker = calloc(1, sizeof *worker);
  if (!worker)
    return limn_fail_memory("the CPU device's thread");
  worker->threads = threads;
  pthread_mutex_init(&worker->mutex, NULL);
  pthread_cond_init(&worker->wake, NULL);
  pthread_cond_init(&worker->done, NULL);
  int error = pthread_create(&worker->thread, NULL, work, worker);
  if (error) {
    free(worker);
    return limn_fail(LIMN_FAILED, "cannot start the CPU device's thread: %s", strerror(error));
  }
  *out = worker;
  return LIMN_OK;
}

void cpu_worker_destroy(struct cpu_worker *worker) {
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

limn_status cpu_worker_call(struct cpu_worker *worker, limn_status (*job)(void *argument), void *argument) {
  pthread_mutex_lock(&worker->mutex);
  while (worker->job) /* another caller's job */
    pthread_cond_wait(&worker->done, &worker->mutex);
  worker->job = job;
  worker->argument = argument;
  pthread_cond_signal(&worker->wake);
  while (worker->job == job && worker->argument == argument)
    pthread_cond_wait(&worker->done, &worker->mutex);
  limn_status status = worker->status;
  if (status != LIMN_OK)
    limn_fail(status, "%s", worker->message);
  pthread_mutex_unlock(&worker->mutex);
  return status;
}
