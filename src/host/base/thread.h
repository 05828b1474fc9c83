/* Threads of the library's own. */
#ifndef LIMN_BASE_THREAD_H
#define LIMN_BASE_THREAD_H

#include <pthread.h>

/* Starts a thread that takes no signals, so that they reach the program's own threads; what it starts itself takes none
 * either. 0, or an errno value. */
int limn_thread_start(pthread_t *thread, void *(*run)(void *context), void *context);

#endif
