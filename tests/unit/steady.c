/* After the first step none of Limn's own code allocates, and the live heap does not grow.
 *
 * Allocations are counted by who calls: liblimn is part of this program, so a call that returns into the program's own
 * code is Limn's (the loops below make none). oneDNN, libgomp and libc, which allocate a little in each call of a
 * primitive, are libraries of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* A sanitizer's allocator must not be replaced. 77: CTest's sign for a test that was skipped. */
#include <stdio.h>

int main(void) {
  puts("skipped: allocations cannot be counted under a sanitizer; a build without one runs this test");
  return 77;
}

#else
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>
#include <unistd.h>

#include "limn/train.h"
#include "support/training.h"

#define EXPORTED __attribute__((visibility("default"), noinline))

extern const char __executable_start[], etext[]; /* of the linker */

static atomic_long ours, others;
static _Atomic(const char *) first_of_ours; /* where, for the message */

static void count(const char *caller) {
  bool own = caller >= __executable_start && caller < etext;
  const char *none = NULL;
  ++*(own ? &ours : &others);
  if (own)
    atomic_compare_exchange_strong(&first_of_ours, &none, caller);
}

/* The functions that this program's stand before. */
typedef void *(*malloc_function)(size_t);
typedef void *(*calloc_function)(size_t, size_t);
typedef void *(*realloc_function)(void *, size_t);
typedef int (*memalign_function)(void **, size_t, size_t);
typedef char *(*strdup_function)(const char *);

#define NEXT(type, name)                                                                                               \
  static _Atomic(type) next;                                                                                           \
  if (!next)                                                                                                           \
    next = (type)dlsym(RTLD_NEXT, name);                                                                               \
  count(__builtin_return_address(0))

EXPORTED void *malloc(size_t size) {
  NEXT(malloc_function, "malloc");
  return next(size);
}
EXPORTED void *calloc(size_t n, size_t size) {
  NEXT(calloc_function, "calloc");
  return next(n, size);
}
EXPORTED void *realloc(void *old, size_t size) {
  NEXT(realloc_function, "realloc");
  return next(old, size);
}
EXPORTED void *aligned_alloc(size_t alignment, size_t size) {
  NEXT(calloc_function, "aligned_alloc");
  return next(alignment, size);
}
EXPORTED int posix_memalign(void **out, size_t alignment, size_t size) {
  NEXT(memalign_function, "posix_memalign");
  return next(out, alignment, size);
}
EXPORTED char *strdup(const char *text) {
  NEXT(strdup_function, "strdup");
  return next(text);
}

static size_t live_heap(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TestSuite(steady, .timeout = 240);

static void expect_no_allocations(const char *what) {
  const char *caller = first_of_ours;
  cr_expect_eq(ours, 0, "%s: %ld allocations of ours, the first at program offset 0x%zx", what, (long)ours,
               caller ? (size_t)(caller - __executable_start) : 0);
}

static void reset_counts(void) {
  ours = 0;
  others = 0;
  first_of_ours = NULL;
}

/* The counter itself: this program's calls are ours, a library's are not. */
Test(steady, counts_who_calls) {
  reset_counts();
  void *volatile block = malloc(100);
  block = realloc(block, 200);
  cr_expect_eq(ours, 2);
  cr_expect_eq(others, 0);
  free(block);
  char *text = NULL;
  size_t size = 0;
  reset_counts();
  FILE *stream = open_memstream(&text, &size); /* allocates within libc, or not through us at all */
  long by_us = ours;
  fclose(stream);
  free(text);
  cr_expect_eq(by_us, 0);
}

static limn_status step_and_measure(limn_session *session, test_batches *batches, uint64_t step) {
  float values[LIMN_MAX_MEASURES];
  limn_status status = test_step(session, batches, step);
  return status == LIMN_OK ? limn_session_measures(session, step, 1, values) : status;
}

/* 1,000 steps of a session. oneDNN's own caches may settle in the first hundred. */
static void check_session(const char *model, const char *const *settings) {
  enum { FIRST = 1, SETTLED = 100, STEPS = 1000, SLACK = 4096 };
  limn_config *config = test_config(model, settings);
  test_batches batches = test_batches_of(config);
  limn_session session;
  size_t settled = 0;
  limn_status status = limn_session_init(&session, config, STEPS, &(limn_session_data){0});
  cr_assert_eq(status, LIMN_OK, "%s", limn_error_message());
  for (uint64_t step = 0; status == LIMN_OK && step < STEPS; ++step) {
    if (step == FIRST)
      reset_counts();
    if (step == SETTLED)
      settled = live_heap();
    status = step_and_measure(&session, &batches, step);
  }
  size_t end = live_heap();
  cr_assert_eq(status, LIMN_OK, "%s", limn_error_message());
  expect_no_allocations(model);
  cr_expect_leq(end, settled + SLACK, "%s: the live heap grew from %zu to %zu bytes", model, settled, end);
  fprintf(stderr, "%s: in %d steps %ld allocations of ours, %.1f a step of libraries; live heap %+ld bytes\n", model,
          STEPS - FIRST, (long)ours, (double)others / (STEPS - FIRST), (long)end - (long)settled);
  limn_session_release(&session);
  test_batches_release(&batches);
  limn_config_destroy(config);
}

Test(steady, dcgan_steps_do_not_allocate) {
  /* Filters that oneDNN blocks, and some that it does not. */
  check_session("dcgan", (const char *const[]){"filters", "16", "ema", "0.9", "clip", "1", NULL});
  check_session("dcgan", (const char *const[]){"filters", "5", "channels", "3", "d_steps", "2", "flip", "true", "shift",
                                               "1", "crop", "2", NULL});
}

Test(steady, vae_steps_do_not_allocate) {
  check_session("vae", (const char *const[]){"filters", "16", "free_bits", "0.1", NULL});
  check_session("vae", (const char *const[]){"importance_samples", "3", NULL});
  check_session("autoencoder", (const char *const[]){"noise", "0.1", "likelihood", "l1", NULL});
  check_session("autoencoder", (const char *const[]){"regularizer", "mmd", NULL});
}

/* A whole run from its first look at the measures to its last: the loop, the log and the loader too, over many epochs.
 * Each step is logged, because the first line makes the room for all. */
typedef struct looks {
  int count;
  long ours;
} looks;

static void on_event(void *context, const limn_event *event) {
  looks *l = context;
  if (event->kind != LIMN_EVENT_STEPS)
    return;
  if (l->count++ == 0)
    reset_counts();
  l->ours = ours;
}

Test(steady, a_run_does_not_allocate) {
  test_folder_create();
  char data[TEST_PATH_SIZE], out[TEST_PATH_SIZE];
  snprintf(data, sizeof data, "%s", test_path("data"));
  snprintf(out, sizeof out, "%s", test_path("run"));
  test_write_data(data, 40, 1, 16, 16);
  limn_config *config = test_config("dcgan", NULL);
  test_set_all(config, (const char *const[]){"steps", "1000", "checkpoint_every", "100000", "sample_every", "100000",
                                             "log_every", "1", NULL});
  test_set(config, "data", data);
  test_set(config, "out", out);
  looks l = {0};
  limn_train_result result;
  limn_train_options options = {.config = config, .on_event = on_event, .context = &l};
  cr_assert_eq(limn_train(&options, &result), LIMN_OK, "%s", limn_error_message());
  cr_expect_geq(l.count, 10);
  cr_expect_eq(l.ours, 0, "%ld allocations of ours, the first at program offset 0x%zx", l.ours,
               first_of_ours ? (size_t)(first_of_ours - __executable_start) : 0);
  limn_config_destroy(config);
  test_folder_remove();
}
#endif
