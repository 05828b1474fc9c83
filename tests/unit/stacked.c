/* limn data make stacked-mnist: what it writes is what PacGAN's protocol and docs/randomness.md say, and a data set. */
#include "support/program.h"

#include <sys/resource.h>

#include "base/philox.h"
#include "limn/tools.h"
#include "support/data.h"
#include "support/pictures.h"

TestSuite(stacked, .init = set_up, .fini = tear_down, .timeout = 120);

#define DIGITS 25
#define HEIGHT 6
#define WIDTH  5
#define PIXELS (HEIGHT * WIDTH)

/* 25 pictures of 10 classes; all pixels of picture i say i and where they are. */
static uint8_t pixel(uint32_t picture, int at) { return (uint8_t)(picture * 10 + (uint32_t)at % 7); }
static int label(uint32_t picture) { return (int)(picture * 3 % 10); }

static void write_digits(int classes) {
  char path[256];
  uint8_t pixels[DIGITS * PIXELS], labels[DIGITS];
  for (uint32_t i = 0; i < DIGITS; ++i) {
    labels[i] = (uint8_t)(classes == 11 ? (int)i % 11 : label(i));
    for (int k = 0; k < PIXELS; ++k)
      pixels[i * PIXELS + (uint32_t)k] = pixel(i, k);
  }
  test_write_idx(in_folder("digits-images-idx3-ubyte", path), false, (const uint32_t[]){0x803, DIGITS, HEIGHT, WIDTH},
                 4, pixels, sizeof pixels);
  if (classes)
    test_write_idx(in_folder("digits-labels-idx1-ubyte", path), false, (const uint32_t[]){0x801, DIGITS}, 2, labels,
                   sizeof labels);
}

static void make(const char *to, uint32_t count, uint64_t seed, int *modes) {
  char from[256], path[256];
  const limn_stacked_options options = {
      .from = in_folder("digits-images-idx3-ubyte", from), .to = in_folder(to, path), .count = count, .seed = seed};
  cr_assert_eq(limn_make_stacked(&options, modes), LIMN_OK, "%s", limn_error_message());
}

Test(stacked, each_colour_is_a_digit_and_the_label_says_which) {
  char path[256];
  bool seen[1000] = {false};
  int modes, distinct = 0;
  uint32_t times[DIGITS] = {0};
  write_digits(10);
  make("stacked.npz", 3000, ((uint64_t)5 << 32) + 7, &modes);
  limn_dataset_info info;
  limn_dataset *data = open_data(in_folder("stacked.npz", path), NULL, &info);
  cr_assert(info.count == 3000 && info.channels == 3 && info.height == HEIGHT && info.width == WIDTH);
  cr_assert_eq(info.class_count, 1000);
  for (uint32_t i = 0; i < info.count; ++i) {
    uint8_t chw[3 * PIXELS];
    uint32_t words[4];
    int number = 0;
    limn_philox((const uint32_t[4]){i, 17, 0, 0}, (const uint32_t[2]){7, 5}, words);
    cr_assert_eq(limn_dataset_read(data, i, chw), LIMN_OK);
    for (int c = 0; c < 3; ++c) {
      const uint32_t chosen = (uint32_t)((uint64_t)words[c] * DIGITS >> 32);
      ++times[chosen];
      number = 10 * number + label(chosen);
      for (int k = 0; k < PIXELS; ++k)
        cr_assert_eq(chw[c * PIXELS + k], pixel(chosen, k), "picture %u, colour %d", i, c);
    }
    cr_assert_eq(limn_dataset_label(data, i), number);
    distinct += !seen[number];
    seen[number] = true;
  }
  char name[16];
  snprintf(name, sizeof name, "%d", limn_dataset_label(data, 0));
  cr_assert_str_eq(limn_dataset_class_name(data, limn_dataset_label(data, 0)), name);
  limn_dataset_close(data);
  cr_assert(modes == distinct && modes > 800, "%d, %d", modes, distinct);
  for (int i = 0; i < DIGITS; ++i) /* 360 each, give or take six deviations */
    cr_assert(times[i] > 250 && times[i] < 470, "%d: %u", i, times[i]);
}

Test(stacked, the_seed_makes_the_file) {
  static uint8_t first[65536], second[65536];
  char path[256];
  int modes;
  write_digits(10);
  make("a.npz", 100, 1, &modes);
  make("b.npz", 100, 1, &modes);
  make("c.npz", 100, 2, &modes);
  const size_t size = test_read(in_folder("a.npz", path), first, sizeof first);
  cr_assert_eq(test_read(in_folder("b.npz", path), second, sizeof second), size);
  cr_assert_arr_eq(first, second, size);
  const size_t other = test_read(in_folder("c.npz", path), second, sizeof second);
  cr_assert(other != size || memcmp(first, second, size) != 0);
}

#define MAKE "data make stacked-mnist --from digits-images-idx3-ubyte "

Test(stacked, the_program_makes_what_it_trains_on) {
  outcome result;
  write_digits(10);
  expect(&result, MAKE "-o s.npz -n 200 --seed 3", 0, "s.npz\n");
  cr_assert(strstr(result.err, "200 pictures, "), "%s", result.err);
  expect(&result, MAKE "-o t.npz -n 200 --seed 3 --json", 0, "\"pictures\": 200");
  expect(&result, "data s.npz", 0, "RGB 200");
}

Test(stacked, mistakes_are_told_in_a_line) {
  static const struct {
    const char *line, *said;
    int classes, code;
  } cases[] = {
      {"data make stacked-mnist -o s.npz", "make it of what? --from", 10, 2},
      {MAKE, "make it where? --output FILE.npz", 10, 2},
      {"data make stacked-mnits --from x -o s.npz", "did you mean stacked-mnist?", 10, 2},
      {"data make coffee --from x -o s.npz", "limn data makes stacked-mnist", 10, 2},
      {MAKE "-o s.npz --size 32", "takes no --size", 10, 2},
      {MAKE "-o s.npz -n 0", "--number", 10, 2},
      {MAKE "-o s.npy", "name a file .npz", 10, 2},
      {"data digits-images-idx3-ubyte -o s.npz", "--output is for limn data make", 10, 2},
      {"data make stacked-mnist --from nowhere -o s.npz", "nowhere", 10, 3},
      {MAKE "-o s.npz", "no labels", 0, 3},
      {MAKE "-o s.npz", "11 classes; three labels make a number of 0 to 999", 11, 3},
      {MAKE "-o none/s.npz", "make its folder first", 10, 1},
      {MAKE "-o s.npz -n 99999999", "over the limit of 4 GB", 10, 2},
  };
  outcome result;
  char path[256];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    remove(in_folder("digits-labels-idx1-ubyte", path));
    write_digits(cases[i].classes);
    expect(&result, cases[i].line, cases[i].code, cases[i].said);
    cr_assert(one_line(result.err), "%s", result.err);
    cr_assert(!exists("s.npz"), "%s", cases[i].line);
  }
  uint8_t red[3] = {255, 0, 0};
  char folders[256];
  cr_assert_eq(mkdir(in_folder("colour", folders), 0777), 0);
  cr_assert_eq(mkdir(in_folder("colour/0", folders), 0777), 0);
  test_write_plain(in_folder("colour/0/a.png", path), 4, 4, 3, red);
  expect(&result, "data make stacked-mnist --from colour -o s.npz", 3, "pictures in colour");
}

/* As on a full disk: the file may not grow. */
Test(stacked, what_does_not_fit_on_the_disk_leaves_nothing) {
  const struct rlimit limit = {16384, 16384};
  char from[256], path[256];
  int modes;
  write_digits(10);
  const limn_stacked_options options = {
      .from = in_folder("digits-images-idx3-ubyte", from), .to = in_folder("s.npz", path), .count = 20000, .seed = 1};
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  cr_assert_eq(limn_make_stacked(&options, &modes), LIMN_FAILED);
  cr_assert(strstr(limn_error_message(), "s.npz: cannot write: File too large"), "%s", limn_error_message());
  remove(in_folder("digits-labels-idx1-ubyte", from));
  remove(in_folder("digits-images-idx3-ubyte", from));
  cr_assert_eq(rmdir(folder), 0, "something was left behind");
}
