#include "data/loader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "base/thread.h"
#include "data/class_order.h"

#define MAX_WORKERS  64
#define MAX_PREFETCH 256
/* The most threads that are chosen: where pictures lie in memory, in a file, or are decoded at each read. More than
 * training leaves time for do no harm, since no more batches are made than are taken. */
#define MEMORY_WORKERS   1
#define CACHE_WORKERS    4
#define DECODING_WORKERS 16
#define MESSAGE_SIZE     1024

/* A place in the ring. Batch b is made in slot b % slot_count. */
typedef struct slot {
  uint8_t *pixels;  /* (batch, C, H, W) */
  uint32_t *images; /* (batch), which pictures of the data set */
  int32_t *labels;  /* (batch), theirs; NULL: there are none */
  bool ready;
  limn_status status;
  char message[MESSAGE_SIZE]; /* messages are per thread: the worker's must be carried over */
} slot;

struct limn_loader {
  limn_dataset *dataset;
  size_t picture_bytes;
  uint32_t *indices; /* (index_count) */
  uint32_t index_count;
  int batch;
  uint64_t seed;

  /* Workers take batches in turn under `claiming`, so that one permutation, of the epoch they have reached, is enough.
   */
  pthread_mutex_t claiming;
  uint64_t next_claim;
  uint32_t *order;           /* (index_count), the shuffle of `epoch` */
  limn_class_order *classes; /* NULL: every picture once an epoch */
  uint64_t epoch;
  bool has_order;

  pthread_mutex_t lock;    /* over the slots' `ready` and what follows; taken after `claiming` */
  pthread_cond_t ready;    /* a batch is made */
  pthread_cond_t released; /* a slot is free again, or it is time to stop */
  uint64_t oldest;         /* the oldest batch whose slot is still in use */
  uint64_t next;           /* the batch that the caller gets next */
  atomic_bool stop;

  slot *slots;
  int slot_count;
  pthread_t *threads;
  int thread_count;
  bool has_locks;
};

/* Which pictures make batch b: positions b * batch ... of the shuffles of all epochs, one after the other. */
static void choose_images(limn_loader *loader, uint64_t b, uint32_t *images) {
  uint64_t position = b * (uint64_t)loader->batch;
  for (int i = 0; i < loader->batch; ++i, ++position) {
    uint64_t epoch = position / loader->index_count;
    if (!loader->has_order || epoch != loader->epoch) {
      if (loader->classes)
        limn_class_order_fill(loader->classes, loader->seed, epoch, loader->order);
      else
        limn_philox_permutation(loader->seed, LIMN_STREAM_SHUFFLE, epoch, loader->order, loader->index_count);
      loader->epoch = epoch;
      loader->has_order = true;
    }
    images[i] = loader->indices[loader->order[position % loader->index_count]];
  }
}

/* The slot of the next batch to make, NULL when it is time to stop. */
static slot *claim(limn_loader *loader) {
  pthread_mutex_lock(&loader->claiming);
  pthread_mutex_lock(&loader->lock);
  while (!loader->stop && loader->next_claim - loader->oldest >= (uint64_t)loader->slot_count)
    pthread_cond_wait(&loader->released, &loader->lock);
  pthread_mutex_unlock(&loader->lock);
  slot *place = NULL;
  if (!loader->stop) {
    uint64_t b = loader->next_claim++;
    place = &loader->slots[b % (uint64_t)loader->slot_count];
    /* Not under `lock`: a new epoch's shuffle takes a while, and the caller may want a batch that is ready. */
    choose_images(loader, b, place->images);
  }
  pthread_mutex_unlock(&loader->claiming);
  return place;
}

static void fill(limn_loader *loader, slot *place) {
  place->status = LIMN_OK;
  for (int i = 0; i < loader->batch && place->status == LIMN_OK && !loader->stop; ++i)
    place->status =
        limn_dataset_read(loader->dataset, place->images[i], place->pixels + (size_t)i * loader->picture_bytes);
  for (int i = 0; place->labels && i < loader->batch; ++i)
    place->labels[i] = limn_dataset_label(loader->dataset, place->images[i]);
  if (place->status != LIMN_OK)
    snprintf(place->message, sizeof place->message, "%s", limn_error_message());
}

static void *work(void *context) {
  limn_loader *loader = context;
  for (slot *place; (place = claim(loader)) != NULL;) {
    fill(loader, place);
    pthread_mutex_lock(&loader->lock);
    place->ready = true;
    pthread_cond_signal(&loader->ready);
    pthread_mutex_unlock(&loader->lock);
  }
  return NULL;
}

static limn_status copy_indices(limn_loader *loader, const limn_loader_options *options, uint32_t count) {
  loader->index_count = options->indices ? options->index_count : count;
  if (loader->index_count == 0)
    return limn_fail(LIMN_DATA, "no pictures to draw batches from");
  loader->indices = malloc(loader->index_count * sizeof *loader->indices);
  loader->order = malloc(loader->index_count * sizeof *loader->order);
  if (!loader->indices || !loader->order)
    return limn_fail_memory("the order of the pictures");
  for (uint32_t i = 0; i < loader->index_count; ++i) {
    loader->indices[i] = options->indices ? options->indices[i] : i;
    if (loader->indices[i] >= count)
      return limn_fail(LIMN_USAGE, "no picture %u in a data set of %u", loader->indices[i], count);
  }
  return LIMN_OK;
}

static limn_status balance_classes(limn_loader *loader, int class_count) {
  if (class_count == 0)
    return limn_fail(LIMN_USAGE, "the data set has no labels, so class_balanced has no classes to draw equally often");
  int32_t *labels = malloc(loader->index_count * sizeof *labels);
  if (!labels)
    return limn_fail_memory("the labels");
  for (uint32_t i = 0; i < loader->index_count; ++i)
    labels[i] = limn_dataset_label(loader->dataset, loader->indices[i]);
  limn_status status = limn_class_order_create(&loader->classes, labels, loader->index_count, class_count);
  free(labels);
  return status;
}

static limn_status create_slots(limn_loader *loader, int prefetch, bool labelled) {
  size_t batch = (size_t)loader->batch;
  if (loader->picture_bytes > SIZE_MAX / batch)
    return limn_fail_memory("a batch");
  loader->slot_count = prefetch + 1; /* one is with the caller */
  loader->slots = calloc((size_t)loader->slot_count, sizeof *loader->slots);
  if (!loader->slots)
    return limn_fail_memory("batches");
  for (int i = 0; i < loader->slot_count; ++i) {
    slot *place = &loader->slots[i];
    place->pixels = malloc(batch * loader->picture_bytes);
    place->images = malloc(batch * sizeof *place->images);
    place->labels = labelled ? malloc(batch * sizeof *place->labels) : NULL;
    if (!place->pixels || !place->images || (labelled && !place->labels))
      return limn_fail(LIMN_FAILED, "out of memory for %d batches of %d pictures; give a smaller --batch",
                       loader->slot_count, loader->batch);
  }
  return LIMN_OK;
}

static limn_status start_workers(limn_loader *loader, int workers) {
  loader->threads = calloc((size_t)workers, sizeof *loader->threads);
  if (!loader->threads)
    return limn_fail_memory("threads");
  int error = 0;
  while (loader->thread_count < workers && error == 0) {
    error = limn_thread_start(&loader->threads[loader->thread_count], work, loader);
    loader->thread_count += error == 0;
  }
  /* Fewer threads make the same batches. */
  return loader->thread_count > 0 ? LIMN_OK
                                  : limn_fail(LIMN_FAILED, "cannot start a thread for the data: %s", strerror(error));
}

static limn_status create_locks(limn_loader *loader) {
  /* With default attributes these cannot fail on Linux; checked because POSIX allows it. */
  int failed = pthread_mutex_init(&loader->claiming, NULL) | pthread_mutex_init(&loader->lock, NULL) |
               pthread_cond_init(&loader->ready, NULL) | pthread_cond_init(&loader->released, NULL);
  loader->has_locks = true;
  return failed ? limn_fail_memory("locks") : LIMN_OK;
}

limn_status limn_loader_create(limn_loader **out, limn_dataset *dataset, const limn_loader_options *options) {
  *out = NULL;
  if (options->batch < 1)
    return limn_fail(LIMN_USAGE, "a batch of %d pictures is not possible; give at least 1", options->batch);
  limn_dataset_info info;
  limn_dataset_get_info(dataset, &info);
  int workers = options->workers, prefetch = options->prefetch;
  if (workers <= 0) {
    int most = info.memory_bytes ? MEMORY_WORKERS : info.cache_bytes ? CACHE_WORKERS : DECODING_WORKERS;
    int processors = limn_processor_count();
    workers = processors < most ? processors : most;
  }
  workers = workers > MAX_WORKERS ? MAX_WORKERS : workers;
  prefetch = prefetch <= 0 ? workers + 1 : prefetch > MAX_PREFETCH ? MAX_PREFETCH : prefetch;
  limn_loader *loader = calloc(1, sizeof *loader);
  if (!loader)
    return limn_fail_memory("a loader");
  loader->dataset = dataset;
  loader->picture_bytes = (size_t)info.channels * (size_t)info.height * (size_t)info.width;
  loader->batch = options->batch;
  loader->seed = options->seed;
  loader->next = loader->oldest = loader->next_claim = options->first_batch;
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, create_locks(loader));
  LIMN_TRY_OR_CLEANUP(status, copy_indices(loader, options, info.count));
  if (options->class_balanced)
    LIMN_TRY_OR_CLEANUP(status, balance_classes(loader, info.class_count));
  LIMN_TRY_OR_CLEANUP(status, create_slots(loader, prefetch, info.class_count > 0));
  LIMN_TRY_OR_CLEANUP(status, start_workers(loader, workers));
  *out = loader;
  return LIMN_OK;
cleanup:
  limn_loader_destroy(loader);
  return status;
}

void limn_loader_destroy(limn_loader *loader) {
  if (!loader)
    return;
  if (loader->has_locks) {
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->released);
    pthread_mutex_unlock(&loader->lock);
  }
  for (int i = 0; i < loader->thread_count; ++i)
    pthread_join(loader->threads[i], NULL);
  if (loader->has_locks) {
    pthread_mutex_destroy(&loader->claiming);
    pthread_mutex_destroy(&loader->lock);
    pthread_cond_destroy(&loader->ready);
    pthread_cond_destroy(&loader->released);
  }
  for (int i = 0; loader->slots && i < loader->slot_count; ++i) {
    free(loader->slots[i].pixels);
    free(loader->slots[i].images);
    free(loader->slots[i].labels);
  }
  limn_class_order_destroy(loader->classes);
  free(loader->slots);
  free(loader->threads);
  free(loader->indices);
  free(loader->order);
  free(loader);
}

limn_status limn_loader_next(limn_loader *loader, limn_batch *out) {
  *out = (limn_batch){0};
  slot *place = &loader->slots[loader->next % (uint64_t)loader->slot_count];
  pthread_mutex_lock(&loader->lock);
  if (loader->oldest < loader->next) { /* the batch that the caller has had until now */
    loader->slots[loader->oldest % (uint64_t)loader->slot_count].ready = false;
    loader->oldest = loader->next;
    pthread_cond_signal(&loader->released);
  }
  while (!place->ready)
    pthread_cond_wait(&loader->ready, &loader->lock);
  pthread_mutex_unlock(&loader->lock);
  /* A failure stays where it is: the next call reports it again. */
  if (place->status != LIMN_OK)
    return limn_fail(place->status, "%s", place->message);
  ++loader->next;
  *out = (limn_batch){.pixels = place->pixels, .labels = place->labels};
  return LIMN_OK;
}
