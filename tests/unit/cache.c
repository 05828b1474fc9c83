/* Decoded pictures that are kept between runs: when they are used, when they are made anew, and what cannot harm them.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/error.h"
#include "data/dataset.h"
#include "support/pictures.h"

#define COUNT 12
#define HEAD  (576 + 24 * COUNT) /* bytes that are summed */
#define ROW   48                 /* 3 x 4 x 4 */

/* The disk is full from the n-th write at a place on: 0 is never. */
static int full_from;
ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t offset) {
  if (full_from > 0 && --full_from == 0) {
    full_from = 1;
    errno = ENOSPC;
    return -1;
  }
  return pwrite64(descriptor, bytes, size, offset);
}

static char pictures[TEST_PATH_SIZE], kept[TEST_PATH_SIZE], noticed[1024];

static void take_notice(void *context, const char *text) {
  (void)context;
  snprintf(noticed, sizeof noticed, "%s", text);
}

static void write_picture(int i, int value) {
  const uint8_t color[3] = {(uint8_t)value, (uint8_t)(value * 3), (uint8_t)(value * 7)};
  test_write_plain(test_path("pictures/%03d.png", i), 5 + i % 3, 6, 3, color);
}

static void set_up(void) {
  test_folder_create();
  snprintf(pictures, sizeof pictures, "%s", test_path("pictures"));
  snprintf(kept, sizeof kept, "%s", test_path("kept"));
  mkdir(pictures, 0755);
  for (int i = 0; i < COUNT; ++i)
    write_picture(i, i);
}

TestSuite(cache, .init = set_up, .fini = test_folder_remove, .timeout = 120);

static limn_dataset_options options(void) {
  return (limn_dataset_options){.height = 4, .width = 4, .cache = kept, .notice = take_notice};
}

static limn_dataset *open_with(const limn_dataset_options *wanted, limn_dataset_info *info) {
  limn_dataset *dataset = NULL;
  noticed[0] = '\0';
  cr_assert_eq(limn_dataset_open(&dataset, pictures, wanted), LIMN_OK, "%s", limn_error_message());
  limn_dataset_get_info(dataset, info);
  return dataset;
}

/* Opens with the cache and checks every picture. */
static limn_dataset_info open_and_check(void) {
  limn_dataset_info info;
  limn_dataset_options wanted = options();
  limn_dataset *dataset = open_with(&wanted, &info);
  uint8_t chw[ROW];
  cr_assert_eq(info.count, COUNT);
  for (uint32_t i = 0; i < COUNT; ++i) {
    cr_assert_eq(limn_dataset_read(dataset, i, chw), LIMN_OK);
    cr_assert(chw[0] == i && chw[15] == i && chw[16] == i * 3 && chw[47] == i * 7, "picture %u", i);
  }
  limn_dataset_close(dataset);
  return info;
}

/* How many files the folder holds that end so; `path` becomes that of the last. */
static int count_files(const char *end, char path[TEST_PATH_SIZE]) {
  DIR *entries = opendir(kept);
  int count = 0;
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    size_t length = strlen(entry->d_name), tail = strlen(end);
    if (length < tail || strcmp(entry->d_name + length - tail, end) != 0)
      continue;
    snprintf(path, TEST_PATH_SIZE, "%.200s/%.250s", kept, entry->d_name);
    ++count;
  }
  if (entries)
    closedir(entries);
  return count;
}

static size_t read_cache(char path[TEST_PATH_SIZE], uint8_t bytes[8192]) {
  cr_assert_eq(count_files(".pictures", path), 1);
  return test_read(path, bytes, 8192);
}

Test(cache, the_second_run_reads_what_the_first_decoded) {
  char path[TEST_PATH_SIZE];
  uint8_t bytes[8192], chw[ROW];
  limn_dataset_info first = open_and_check(), info;
  size_t size = read_cache(path, bytes);
  cr_assert_eq(size, 4096 + COUNT * ROW);
  cr_assert(first.cache_bytes == size && first.memory_bytes == 0);
  bytes[4096 + 2 * ROW] = 200; /* what is read shows where it comes from */
  test_write(path, bytes, size);
  limn_dataset_options wanted = options();
  limn_dataset *dataset = open_with(&wanted, &info);
  cr_assert_eq(limn_dataset_read(dataset, 2, chw), LIMN_OK);
  cr_assert_eq(chw[0], 200);
  limn_dataset_close(dataset);
  cr_assert_eq(info.fingerprint, first.fingerprint);
  cr_assert_str_empty(noticed);
  wanted.cache = "off";
  limn_dataset_close(open_with(&wanted, &info));
  cr_assert(info.fingerprint == first.fingerprint && info.cache_bytes == 0 && info.memory_bytes > 0);
  /* Another size is another file; both stay. */
  wanted = options();
  wanted.height = 5;
  limn_dataset_close(open_with(&wanted, &info));
  wanted.height = 4;
  limn_dataset_close(open_with(&wanted, &info));
  cr_assert_eq(count_files(".pictures", path), 2);
}

Test(cache, what_is_damaged_is_made_anew) {
  char path[TEST_PATH_SIZE];
  uint8_t good[8192], bad[8192], again[8192];
  open_and_check();
  size_t size = read_cache(path, good);
  for (size_t i = 0; i < HEAD; i += 4) { /* every number is hit */
    memcpy(bad, good, size);
    bad[i] ^= (uint8_t)(1u << i % 8);
    test_write(path, bad, size);
    open_and_check();
    cr_assert_eq(read_cache(path, again), size);
    cr_assert_arr_eq(again, good, size, "byte %zu", i);
  }
  const size_t lengths[] = {0, 1, 575, 576, 600, HEAD, 4096, size - 1, size + 1};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; ++i) {
    cr_assert_eq(truncate(path, (off_t)lengths[i]), 0);
    open_and_check();
    cr_assert_eq(read_cache(path, again), size);
    cr_assert_arr_eq(again, good, size, "length %zu", lengths[i]);
  }
  unlink(path); /* no file at all, and nothing that hangs */
  cr_assert_eq(mkfifo(path, 0600), 0);
  limn_dataset_info info;
  limn_dataset_options wanted = options();
  limn_dataset_close(open_with(&wanted, &info));
  cr_assert(info.memory_bytes > 0 && strstr(noticed, "not a regular file"), "%s", noticed);
}

Test(cache, changed_pictures_are_decoded_again) {
  char path[TEST_PATH_SIZE], first[TEST_PATH_SIZE];
  limn_dataset_info before = open_and_check(), after;
  cr_assert_eq(count_files(".pictures", first), 1);
  /* As large as before, and with the old date: `cp -p` and archives do that. */
  struct stat info;
  const char *changed = test_path("pictures/003.png");
  cr_assert_eq(stat(changed, &info), 0);
  write_picture(3, 33);
  cr_assert_eq(utimensat(AT_FDCWD, changed, (const struct timespec[]){info.st_atim, info.st_mtim}, 0), 0);
  limn_dataset_options wanted = options();
  limn_dataset *dataset = open_with(&wanted, &after);
  uint8_t chw[ROW];
  cr_assert_eq(limn_dataset_read(dataset, 3, chw), LIMN_OK);
  cr_assert_eq(chw[0], 33);
  cr_assert_neq(before.fingerprint, after.fingerprint);
  cr_assert_eq(count_files(".pictures", path), 1, "the old one is removed");
  cr_assert_str_neq(path, first);
  /* What a run uses is left alone, also when it is out of date. */
  write_picture(3, 3);
  open_and_check();
  cr_assert_eq(count_files(".pictures", path), 2);
  cr_assert_eq(limn_dataset_read(dataset, 3, chw), LIMN_OK);
  cr_assert_eq(chw[0], 33);
  limn_dataset_close(dataset);
  write_picture(COUNT, 1);
  limn_dataset_close(open_with(&wanted, &after));
  cr_assert_eq(after.count, COUNT + 1);
  cr_assert_eq(count_files(".pictures", path), 1);
}

/* A picture that one limit leaves out is there under the next. */
Test(cache, another_limit_of_pixels_is_another_file) {
  limn_dataset_info info;
  limn_dataset_options wanted = options();
  wanted.skip_broken = true;
  wanted.max_pixels = 5 * 6; /* pictures are 5, 6 and 7 high */
  limn_dataset_close(open_with(&wanted, &info));
  cr_assert_eq(info.count, COUNT / 3);
  cr_assert_not_null(strstr(noticed, "left out"), "%s", noticed);
  wanted.max_pixels = 0;
  limn_dataset_close(open_with(&wanted, &info));
  cr_assert_eq(info.count, COUNT);
  cr_assert_str_empty(noticed);
}

Test(cache, what_nobody_uses_goes_after_a_month) {
  char path[TEST_PATH_SIZE], fresh[TEST_PATH_SIZE];
  time_t now = time(NULL);
  open_and_check();
  cr_assert_eq(count_files(".pictures", path), 1);
  limn_dataset_options wanted = options();
  limn_dataset_info info;
  for (int days = 29; days <= 31; days += 2) {
    const struct timespec then = {.tv_sec = now - days * 24 * 3600};
    cr_assert_eq(utimensat(AT_FDCWD, path, (const struct timespec[]){then, then}, 0), 0);
    wanted.height = days;
    limn_dataset_close(open_with(&wanted, &info));
    cr_assert_eq(access(path, F_OK) == 0, days == 29);
  }
  open_and_check();
  const struct timespec long_ago = {.tv_sec = 1};
  cr_assert_eq(utimensat(AT_FDCWD, path, (const struct timespec[]){long_ago, long_ago}, 0), 0);
  open_and_check(); /* using it makes it young again */
  wanted.height = 7;
  limn_dataset_close(open_with(&wanted, &info));
  cr_assert_eq(access(path, F_OK), 0);
  cr_assert_eq(count_files(".pictures", fresh), 4);
}

/* A child that does nothing but make the cache anew. */
static pid_t start_maker(int rounds) {
  pid_t child = fork();
  if (child != 0)
    return child;
  limn_dataset_options wanted = options();
  for (int i = 0; i < rounds; ++i) {
    char path[TEST_PATH_SIZE];
    limn_dataset *dataset;
    if (limn_dataset_open(&dataset, pictures, &wanted) != LIMN_OK)
      _exit(1);
    limn_dataset_close(dataset);
    if (i + 1 < rounds && count_files(".pictures", path) > 0)
      unlink(path);
  }
  _exit(0);
}

Test(cache, a_killed_maker_does_no_harm) {
  char path[TEST_PATH_SIZE];
  uint8_t good[8192], again[8192];
  open_and_check();
  size_t size = read_cache(path, good);
  int left_over = 0, half_done = 0;
  srand(1);
  for (int i = 0; i < 30; ++i) {
    unlink(path);
    pid_t child = start_maker(1000000);
    const struct timespec wait = {.tv_nsec = 1000000 + rand() % 30000000};
    nanosleep(&wait, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    char any[TEST_PATH_SIZE];
    half_done += count_files(".pictures", any) == 0;
    left_over += count_files(".tmp", any) > 0;
    unlink(path); /* so that it is made, and cleaned up, here */
    open_and_check();
    cr_assert_eq(count_files(".tmp", any), 0, "a rest of the killed process stays");
    cr_assert_eq(read_cache(path, again), size);
    cr_assert_arr_eq(again, good, size);
  }
  cr_assert(left_over > 0 && half_done > 0, "no kill hit the making: %d, %d", left_over, half_done);
}

Test(cache, several_makers_at_once_agree) {
  char path[TEST_PATH_SIZE];
  for (int round = 0; round < 5; ++round) {
    pid_t children[4];
    for (int i = 0; i < 4; ++i)
      children[i] = start_maker(20);
    for (int i = 0; i < 4; ++i) {
      int status;
      waitpid(children[i], &status, 0);
      cr_assert_eq(status, 0, "a maker failed");
    }
    open_and_check();
    cr_assert_eq(count_files(".pictures", path), 1);
    cr_assert_eq(count_files(".tmp", path), 0);
  }
}

Test(cache, without_room_a_run_goes_on_without_it) {
  char path[TEST_PATH_SIZE];
  for (int n = 1; n <= COUNT + 3; ++n) { /* rows, head, records; then none fails */
    full_from = n;
    limn_dataset_info info = open_and_check();
    full_from = 0;
    bool complete = n > COUNT + 2;
    cr_assert_eq(info.cache_bytes > 0, complete, "write %d", n);
    cr_assert_eq(noticed[0] == '\0', complete);
    cr_assert(complete || strstr(noticed, "No space left"), "%s", noticed);
    cr_assert_eq(count_files(".tmp", path), 0);
    cr_assert_eq(count_files(".pictures", path), complete);
  }
  unlink(path);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = {.rlim_cur = 2000, .rlim_max = RLIM_INFINITY};
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  limn_dataset_info info = open_and_check();
  limit.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_FSIZE, &limit);
  cr_assert(info.cache_bytes == 0 && info.memory_bytes > 0);
  cr_assert(strstr(noticed, "not kept for the next run") && strstr(noticed, "File too large"), "%s", noticed);
  cr_assert_eq(count_files(".tmp", path), 0);
}

Test(cache, a_folder_that_cannot_be_made_is_noticed) {
  test_write(test_path("file"), "x", 1);
  snprintf(kept, sizeof kept, "%s", test_path("file/kept"));
  limn_dataset_info info = open_and_check();
  cr_assert_eq(info.cache_bytes, 0);
  cr_assert(strstr(noticed, "file/kept: cannot make the folder"), "%s", noticed);
  snprintf(kept, sizeof kept, "%s", test_path("new/kept"));
  cr_assert_gt(open_and_check().cache_bytes, 0);
}

Test(cache, remembers_which_pictures_are_broken) {
  char path[TEST_PATH_SIZE];
  limn_dataset_info without = open_and_check(), info;
  test_write(test_path("pictures/0035.png"), "\x89PNG\r\n\x1a\n, or not", 16);
  limn_dataset_options wanted = options();
  limn_dataset *dataset = NULL;
  wanted.skip_broken = true;
  ino_t first = 0;
  for (int i = 0; i < 2; ++i) {
    dataset = open_with(&wanted, &info);
    cr_assert(info.count == COUNT && info.broken == 1 && info.cache_bytes > 0);
    cr_assert_eq(info.fingerprint, without.fingerprint);
    cr_assert(strstr(noticed, "1 of 13 pictures is broken and left out; the first: "), "%s", noticed);
    cr_assert(strstr(noticed, "0035.png"), "%s", noticed);
    uint8_t chw[ROW];
    cr_assert_eq(limn_dataset_read(dataset, 4, chw), LIMN_OK);
    cr_assert_eq(chw[0], 4);
    limn_dataset_close(dataset);
    struct stat about;
    cr_assert(count_files(".pictures", path) == 1 && stat(path, &about) == 0);
    cr_assert(i == 0 || about.st_ino == first, "it was made anew");
    first = about.st_ino;
  }
  wanted.skip_broken = false;
  cr_assert_eq(limn_dataset_open(&dataset, pictures, &wanted), LIMN_DATA);
  cr_assert(strstr(limn_error_message(), "0035.png") && strstr(limn_error_message(), "--on-bad-image skip"), "%s",
            limn_error_message());
}

Test(cache, auto_keeps_what_takes_long_to_decode_in_the_users_folder) {
  const uint8_t grey[1] = {9};
  char path[TEST_PATH_SIZE];
  limn_dataset_info info;
  limn_dataset_options wanted = options();
  wanted.cache = "auto";
  setenv("LIMN_CACHE", test_path("users"), 1);
  snprintf(kept, sizeof kept, "%s", test_path("users/data"));
  limn_dataset_close(open_with(&wanted, &info));
  cr_assert(info.cache_bytes == 0 && count_files(".pictures", path) == 0);
  test_write_plain(test_path("pictures/large.png"), 4000, 4000, 1, grey);
  limn_dataset_close(open_with(&wanted, &info));
  cr_assert(info.cache_bytes > 0 && count_files(".pictures", path) == 1, "%s", noticed);
  setenv("LIMN_CACHE", "", 1);
  limn_dataset_close(open_with(&wanted, &info));
  cr_assert(info.cache_bytes == 0 && !noticed[0]);
}

Test(cache, can_be_given_up_and_leaves_nothing) {
  char path[TEST_PATH_SIZE];
  volatile sig_atomic_t stop = 1;
  limn_dataset_options wanted = options();
  wanted.stop = &stop;
  limn_dataset *dataset;
  cr_assert_eq(limn_dataset_open(&dataset, pictures, &wanted), LIMN_FAILED);
  cr_assert_null(dataset);
  cr_assert_eq(count_files(".tmp", path) + count_files(".pictures", path), 0);
}
