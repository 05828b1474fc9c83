#include <criterion/criterion.h>
#include <stdatomic.h>

#include "base/philox.h"
#include "data/loader.h"
#include "support/pictures.h"

#define COUNT 100

/* Counts allocations of all threads; a sanitizer has an allocator of its own, which must not be replaced. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1
static atomic_long allocations;
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
#endif

static limn_dataset *dataset;

/* COUNT pictures of 2 x 3 pixels; all pixels of picture i are i. */
static void write_pictures(void) {
  uint8_t pixels[COUNT * 6];
  for (int i = 0; i < COUNT * 6; ++i)
    pixels[i] = (uint8_t)(i / 6);
  const uint32_t header[4] = {0x803, COUNT, 2, 3};
  test_write_idx(test_path("a"), false, header, 4, pixels, sizeof pixels);
}

static void set_up(void) {
  test_folder_create();
  write_pictures();
  if (limn_dataset_open(&dataset, test_path("a"), NULL) != LIMN_OK)
    abort();
}

static void tear_down(void) {
  limn_dataset_close(dataset);
  test_folder_remove();
}

TestSuite(loader, .init = set_up, .fini = tear_down, .timeout = 60);

static limn_loader *create(const limn_loader_options *options) {
  limn_loader *loader = NULL;
  limn_status status = limn_loader_create(&loader, dataset, options);
  cr_assert_eq(status, LIMN_OK, "%s", limn_error_message());
  return loader;
}

/* The pictures of the next batch; checks that each is whole. */
static void next(limn_loader *loader, int count, uint8_t *pictures) {
  limn_batch batch;
  cr_assert_eq(limn_loader_next(loader, &batch), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < count; ++i) {
    for (int j = 1; j < 6; ++j)
      cr_assert_eq(batch.pixels[i * 6 + j], batch.pixels[i * 6]);
    pictures[i] = batch.pixels[i * 6];
  }
}

Test(loader, shows_every_picture_once_an_epoch) {
  /* 30 does not divide 100, 250 is more than two epochs: batches straddle epochs. */
  const int batches[] = {1, 30, 100, 250};
  for (size_t k = 0; k < 4; ++k) {
    int batch = batches[k], rounds = 500 / batch + (500 % batch != 0);
    limn_loader_options options = {.batch = batch, .seed = 5, .workers = 3};
    limn_loader *loader = create(&options);
    uint8_t pictures[750];
    for (int i = 0; i < rounds; ++i)
      next(loader, batch, pictures + i * batch);
    limn_loader_destroy(loader);
    for (uint64_t epoch = 0; epoch < 5; ++epoch) {
      uint32_t order[COUNT];
      limn_philox_permutation(5, LIMN_STREAM_SHUFFLE, epoch, order, COUNT);
      int seen[COUNT] = {0};
      for (int i = 0; i < COUNT; ++i) {
        cr_assert_eq(pictures[epoch * COUNT + (size_t)i], order[i]);
        ++seen[order[i]];
      }
      for (int i = 0; i < COUNT; ++i)
        cr_assert_eq(seen[i], 1);
    }
  }
}

Test(loader, workers_and_prefetch_change_nothing) {
  uint8_t expected[40][7], got[7];
  limn_loader_options options = {.batch = 7, .seed = 9, .workers = 1, .prefetch = 1};
  limn_loader *loader = create(&options);
  for (int i = 0; i < 40; ++i)
    next(loader, 7, expected[i]);
  limn_loader_destroy(loader);
  for (int workers = 0; workers <= 9; workers += 3)
    for (int prefetch = 0; prefetch <= 10; prefetch += 5) {
      options.workers = workers;
      options.prefetch = prefetch;
      loader = create(&options);
      for (int i = 0; i < 40; ++i) {
        next(loader, 7, got);
        cr_assert_arr_eq(got, expected[i], 7, "%d workers, %d ahead, batch %d", workers, prefetch, i);
      }
      limn_loader_destroy(loader);
    }
}

Test(loader, starts_at_any_batch) {
  uint8_t expected[40][7], got[7];
  limn_loader_options options = {.batch = 7, .seed = 9, .workers = 2};
  limn_loader *loader = create(&options);
  for (int i = 0; i < 40; ++i)
    next(loader, 7, expected[i]);
  limn_loader_destroy(loader);
  for (int first = 0; first < 40; first += 3) {
    options.first_batch = (uint64_t)first;
    loader = create(&options);
    for (int i = first; i < 40; ++i) {
      next(loader, 7, got);
      cr_assert_arr_eq(got, expected[i], 7, "batch %d of a loader from %d", i, first);
    }
    limn_loader_destroy(loader);
  }
}

Test(loader, follows_the_seed) {
  uint8_t a[50], b[50];
  limn_loader_options options = {.batch = 50, .seed = 1};
  limn_loader *loader = create(&options);
  next(loader, 50, a);
  limn_loader_destroy(loader);
  options.seed = 2;
  loader = create(&options);
  next(loader, 50, b);
  limn_loader_destroy(loader);
  cr_assert_arr_neq(a, b, 50);
}

Test(loader, draws_from_a_part) {
  const uint32_t part[5] = {3, 99, 42, 7, 0};
  limn_loader_options options = {.indices = part, .index_count = 5, .batch = 10, .seed = 1};
  limn_loader *loader = create(&options);
  uint8_t pictures[10];
  for (int i = 0; i < 6; ++i) {
    next(loader, 10, pictures);
    for (int j = 0; j < 5; ++j) {
      int seen = 0;
      for (int k = 0; k < 10; ++k)
        seen += pictures[k] == part[j];
      cr_assert_eq(seen, 2);
    }
  }
  limn_loader_destroy(loader);
}

Test(loader, refuses_what_cannot_be) {
  const uint32_t part[2] = {3, COUNT};
  limn_loader *loader;
  limn_loader_options options = {.batch = 0};
  cr_assert_eq(limn_loader_create(&loader, dataset, &options), LIMN_USAGE);
  options = (limn_loader_options){.batch = 1, .indices = part, .index_count = 2};
  cr_assert_eq(limn_loader_create(&loader, dataset, &options), LIMN_USAGE);
  cr_assert_not_null(strstr(limn_error_message(), "no picture 100"));
  options.index_count = 0;
  cr_assert_eq(limn_loader_create(&loader, dataset, &options), LIMN_DATA);
  cr_assert_null(loader);
  limn_loader_destroy(NULL);
}

Test(loader, destroys_at_any_time) {
  for (int i = 0; i < 300; ++i) {
    limn_loader_options options = {.batch = 1 + i % 13, .workers = 1 + i % 5, .prefetch = i % 4};
    limn_loader *loader = create(&options);
    uint8_t pictures[16];
    for (int j = 0; j < i % 6; ++j)
      next(loader, options.batch, pictures);
    if (i % 50 == 0)
      usleep(2000); /* let the ring fill */
    limn_loader_destroy(loader);
  }
}

Test(loader, batch_stays_until_the_next_call) {
  limn_loader_options options = {.batch = 4, .workers = 4, .prefetch = 2};
  limn_loader *loader = create(&options);
  for (int i = 0; i < 10; ++i) {
    limn_batch batch;
    uint8_t copy[24];
    cr_assert_eq(limn_loader_next(loader, &batch), LIMN_OK);
    memcpy(copy, batch.pixels, sizeof copy);
    usleep(2000);
    cr_assert_arr_eq(copy, batch.pixels, sizeof copy);
  }
  limn_loader_destroy(loader);
}

Test(loader, reports_a_failure_of_a_worker) {
  const uint8_t grey[1] = {7};
  mkdir(test_path("folder"), 0755);
  for (int i = 0; i < 20; ++i)
    test_write_plain(test_path("folder/%02d.png", i), 2, 3, 1, grey);
  limn_dataset *lazy = NULL;
  limn_dataset_options lazily = {.memory_limit = 1};
  cr_assert_eq(limn_dataset_open(&lazy, test_path("folder"), &lazily), LIMN_OK, "%s", limn_error_message());
  uint32_t order[20];
  limn_philox_permutation(1, LIMN_STREAM_SHUFFLE, 0, order, 20);
  unlink(test_path("folder/%02u.png", order[9])); /* of batch 2 */
  for (int workers = 1; workers <= 4; ++workers) {
    limn_loader_options options = {.batch = 4, .seed = 1, .workers = workers};
    limn_loader *loader = NULL;
    limn_batch batch;
    cr_assert_eq(limn_loader_create(&loader, lazy, &options), LIMN_OK);
    cr_assert_eq(limn_loader_next(loader, &batch), LIMN_OK);
    cr_assert_eq(limn_loader_next(loader, &batch), LIMN_OK);
    for (int again = 0; again < 3; ++again) {
      cr_assert_eq(limn_loader_next(loader, &batch), LIMN_DATA);
      cr_assert_null(batch.pixels);
      cr_assert_not_null(strstr(limn_error_message(), test_path("folder/%02u.png", order[9])), "%s",
                         limn_error_message());
    }
    limn_loader_destroy(loader);
  }
  limn_dataset_close(lazy);
}

/* Classes by sub-folder: the label of a picture is what its grey says. */
Test(loader, brings_each_picture_its_label) {
  for (int i = 0; i < 12; ++i) {
    const uint8_t grey[1] = {(uint8_t)(10 * (i % 3))};
    mkdir(test_path("classes"), 0755);
    mkdir(test_path("classes/%d", i % 3), 0755);
    test_write_plain(test_path("classes/%d/%02d.png", i % 3, i), 2, 3, 1, grey);
  }
  limn_dataset *classes = NULL;
  limn_loader *loader = NULL;
  limn_loader_options options = {.batch = 5, .seed = 1, .workers = 3};
  limn_batch batch;
  cr_assert_eq(limn_dataset_open(&classes, test_path("classes"), NULL), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_loader_create(&loader, classes, &options), LIMN_OK);
  for (int b = 0; b < 10; ++b) {
    cr_assert_eq(limn_loader_next(loader, &batch), LIMN_OK);
    for (int i = 0; i < 5; ++i)
      cr_expect_eq(batch.labels[i], batch.pixels[i * 6] / 10);
  }
  limn_loader_destroy(loader);
  limn_dataset_close(classes);
  loader = create(&options);
  cr_assert_eq(limn_loader_next(loader, &batch), LIMN_OK);
  cr_expect_null(batch.labels, "there are no classes");
  limn_loader_destroy(loader);
}

/* COUNT pictures of three classes: every tenth is of class 1, picture 50 of class 2. */
static void open_classes(void) {
  uint8_t labels[COUNT];
  const uint32_t pictures[4] = {0x803, COUNT, 2, 3}, classes[2] = {0x801, COUNT};
  uint8_t pixels[COUNT * 6];
  for (int i = 0; i < COUNT; ++i)
    labels[i] = (uint8_t)(i == 50 ? 2 : i % 10 == 3);
  for (int i = 0; i < COUNT * 6; ++i)
    pixels[i] = (uint8_t)(i / 6);
  test_write_idx(test_path("b-images"), false, pictures, 4, pixels, sizeof pixels);
  test_write_idx(test_path("b-labels"), false, classes, 2, labels, sizeof labels);
  limn_dataset_close(dataset);
  dataset = NULL;
  cr_assert_eq(limn_dataset_open(&dataset, test_path("b-images"), NULL), LIMN_OK, "%s", limn_error_message());
}

Test(loader, draws_classes_equally_often_from_any_batch) {
  uint32_t part[60]; /* pictures 40 to 99 */
  uint8_t expected[40][7], got[7];
  int drawn[3] = {0};
  open_classes();
  for (uint32_t i = 0; i < 60; ++i)
    part[i] = 40 + i;
  limn_loader_options options = {
      .indices = part, .index_count = 60, .class_balanced = true, .batch = 7, .seed = 9, .workers = 3};
  limn_loader *loader = create(&options);
  for (int i = 0; i < 40; ++i)
    next(loader, 7, expected[i]);
  limn_loader_destroy(loader);
  for (int p = 0; p < 240; ++p) { /* four epochs */
    uint8_t picture = expected[p / 7][p % 7];
    cr_assert_geq(picture, 40);
    ++drawn[picture == 50 ? 2 : picture % 10 == 3];
  }
  for (int c = 0; c < 3; ++c)
    cr_expect_eq(drawn[c], 80, "class %d: %d", c, drawn[c]);
  for (int first = 0; first < 40; first += 3) {
    options.first_batch = (uint64_t)first;
    options.workers = 1 + first % 4;
    loader = create(&options);
    for (int i = first; i < 40; ++i) {
      next(loader, 7, got);
      cr_assert_arr_eq(got, expected[i], 7, "batch %d of a loader from %d", i, first);
    }
    limn_loader_destroy(loader);
  }
}

Test(loader, refuses_to_balance_classes_that_are_not_there) {
  limn_loader *loader;
  limn_loader_options options = {.batch = 1, .class_balanced = true};
  cr_assert_eq(limn_loader_create(&loader, dataset, &options), LIMN_USAGE);
  cr_assert_not_null(strstr(limn_error_message(), "no classes to draw equally often"), "%s", limn_error_message());
  cr_assert_null(loader);
}

#ifdef COUNTS_ALLOCATIONS
Test(loader, allocates_nothing_after_the_start) {
  open_classes();
  for (int balanced = 0; balanced < 2; ++balanced) {
    limn_loader_options options = {.batch = 30, .workers = 2, .class_balanced = balanced};
    limn_loader *loader = create(&options);
    limn_batch batch;
    for (int i = 0; i < 20; ++i)
      cr_assert_eq(limn_loader_next(loader, &batch), LIMN_OK);
    long before = allocations;
    int failures = 0;
    for (int i = 0; i < 2000; ++i) /* 600 epochs */
      failures += limn_loader_next(loader, &batch) != LIMN_OK;
    long after = allocations;
    cr_assert_eq(failures, 0);
    cr_assert_gt(before, 0);
    cr_assert_eq(after, before);
    limn_loader_destroy(loader);
  }
}
#endif
