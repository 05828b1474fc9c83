#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/image.h"
#include "support/pictures.h"

TestSuite(image, .init = test_folder_create, .fini = test_folder_remove, .timeout = 60);
TestSuite(file, .init = test_folder_create, .fini = test_folder_remove, .timeout = 60);

#define LIMIT 100000000

static const uint8_t white[3] = {255, 255, 255};

/* 2 x 2 pictures with known answers. */
typedef struct mode {
  const char *name;
  test_png kind;
  uint8_t rows[16];
  size_t stride;
  int channels;
  uint8_t expected[16];
} mode;

static const mode modes[] = {
    {"grey", {.depth = 8, .color = PNG_COLOR_TYPE_GRAY}, {0, 10, 200, 255}, 2, 1, {0, 10, 200, 255}},
    {"grey 1-bit", {.depth = 1, .color = PNG_COLOR_TYPE_GRAY}, {0x40, 0x80}, 1, 1, {0, 255, 255, 0}},
    {"grey 4-bit", {.depth = 4, .color = PNG_COLOR_TYPE_GRAY}, {0x0f, 0x51}, 1, 1, {0, 255, 85, 17}},
    {"grey 16-bit",
     {.depth = 16, .color = PNG_COLOR_TYPE_GRAY},
     {0, 0, 0xff, 0xff, 0x80, 0x00, 0x00, 0xff},
     4,
     1,
     {0, 255, 128, 1}},
    {"grey with a clear value",
     {.depth = 8, .color = PNG_COLOR_TYPE_GRAY, .transparent = true},
     {0, 10, 200, 255},
     2,
     2,
     {0, 0, 10, 255, 200, 255, 255, 255}},
    {"grey + alpha",
     {.depth = 8, .color = PNG_COLOR_TYPE_GRAY_ALPHA},
     {1, 2, 3, 4, 5, 6, 7, 8},
     4,
     2,
     {1, 2, 3, 4, 5, 6, 7, 8}},
    {"palette",
     {.depth = 2, .color = PNG_COLOR_TYPE_PALETTE, .palette = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}}},
     {0x10, 0xb0},
     1,
     3,
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
    {"palette with a clear entry",
     {.depth = 8,
      .color = PNG_COLOR_TYPE_PALETTE,
      .transparent = true,
      .palette = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}}},
     {0, 1, 2, 3},
     2,
     4,
     {1, 2, 3, 0, 4, 5, 6, 255, 7, 8, 9, 255, 10, 11, 12, 255}},
    {"RGB",
     {.depth = 8, .color = PNG_COLOR_TYPE_RGB},
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
     6,
     3,
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
    {"RGB interlaced",
     {.depth = 8, .color = PNG_COLOR_TYPE_RGB, .interlaced = true},
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
     6,
     3,
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
    {"RGBA",
     {.depth = 8, .color = PNG_COLOR_TYPE_RGBA},
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
     8,
     4,
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
};

Test(image, reads_every_mode) {
  for (size_t i = 0; i < sizeof modes / sizeof *modes; ++i) {
    const mode *m = &modes[i];
    test_png kind = m->kind;
    kind.width = kind.height = 2;
    const char *path = test_path("mode.png");
    test_write_png(path, &kind, m->rows, m->stride);
    limn_picture_shape shape;
    cr_assert_eq(limn_image_probe_file(&shape, path, LIMIT), LIMN_OK, "%s: %s", m->name, limn_error_message());
    cr_assert(shape.height == 2 && shape.width == 2 && shape.channels == m->channels, "%s: %d channels", m->name,
              shape.channels);
    limn_image image;
    cr_assert_eq(limn_image_read_file(&image, path, LIMIT), LIMN_OK, "%s: %s", m->name, limn_error_message());
    cr_assert(image.height == 2 && image.width == 2 && image.channels == m->channels, "%s", m->name);
    cr_assert_arr_eq(image.pixels, m->expected, (size_t)(4 * m->channels), "%s", m->name);
    limn_image_release(&image);
  }
}

Test(image, reads_16_bit_rgb) {
  const uint8_t rows[6] = {0xff, 0xff, 0x12, 0x34, 0x00, 0x7f};
  test_png kind = {.width = 1, .height = 1, .depth = 16, .color = PNG_COLOR_TYPE_RGB};
  test_write_png(test_path("a.png"), &kind, rows, 6);
  limn_image image;
  cr_assert_eq(limn_image_read_file(&image, test_path("a.png"), LIMIT), LIMN_OK);
  cr_assert(image.pixels[0] == 255 && image.pixels[1] == 0x12 && image.pixels[2] == 0);
  limn_image_release(&image);
}

/* The message is one line that names the file, nothing is printed and nothing is left in the picture. */
static void expect_broken(const char *path, const char *part, int64_t limit) {
  const char *log = test_path("stderr");
  fflush(stderr);
  int saved = dup(2), file = open(log, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  dup2(file, 2);
  limn_image image;
  limn_status status = limn_image_read_file(&image, path, limit);
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  close(file);
  const char *message = limn_error_message();
  struct stat info;
  stat(log, &info);
  cr_assert_eq(info.st_size, 0, "something was printed for %s", path);
  cr_assert_eq(status, LIMN_DATA, "%s: %d", path, status);
  cr_assert_null(image.pixels);
  cr_assert_not_null(strstr(message, path), "%s", message);
  cr_assert_not_null(strstr(message, part), "%s", message);
  cr_assert_null(strchr(message, '\n'));
}

Test(image, a_side_is_limited_too) {
  uint8_t *row = calloc(1000001, 1);
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  FILE *file = fopen(test_path("wide.png"), "wb");
  png_infop info = png_create_info_struct(png);
  png_set_user_limits(png, 2000000, 2000000);
  png_init_io(png, file);
  png_set_IHDR(png, info, 1000001, 1, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  png_write_row(png, row);
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  fclose(file);
  free(row);
  expect_broken(test_path("wide.png"), "over the limit of 1000000 a side", LIMIT);
}

Test(image, names_broken_files) {
  uint8_t bytes[4096];
  uint8_t noise[32 * 32];
  for (size_t i = 0; i < sizeof noise; ++i)
    noise[i] = (uint8_t)(i * i * 31 >> 3);
  test_png kind = {.width = 32, .height = 32, .depth = 8, .color = PNG_COLOR_TYPE_GRAY};
  char path[TEST_PATH_SIZE]; /* a copy: test_path's buffers are used in turn */
  snprintf(path, sizeof path, "%s", test_path("a.png"));
  test_write_png(path, &kind, noise, 32);
  size_t size = test_read(path, bytes, sizeof bytes);
  cr_assert_gt(size, 300);
  expect_broken(test_path("absent.png"), "No such file", LIMIT);
  expect_broken(test_folder, "cannot read", LIMIT);
  expect_broken(path, "over the limit of 1023", 1023);
  for (size_t cut = 0; cut < size; ++cut) {
    test_write(path, bytes, cut);
    expect_broken(path, cut == 0 ? "empty" : "it ends too early", LIMIT);
  }
  test_write(path, "hello, world", 12);
  expect_broken(path, "no picture of a kind that Limn reads", LIMIT);
  bytes[200] ^= 0x10; /* within the pixels */
  test_write(path, bytes, size);
  expect_broken(path, "broken PNG", LIMIT);
  bytes[200] ^= 0x10;
  bytes[18] ^= 1; /* the width, so that the header's sum is wrong */
  test_write(path, bytes, size);
  expect_broken(path, "broken PNG", LIMIT);
}

Test(image, refuses_a_huge_size_before_decoding) {
  /* IHDR of 2^31 - 1 by 2^31 - 1 pixels with a right sum, and nothing behind it but an empty IDAT. */
  uint8_t file[8 + 25 + 12] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
  test_big_endian(file + 16, 0x7fffffff);
  test_big_endian(file + 20, 0x7fffffff);
  file[24] = 8;
  file[25] = PNG_COLOR_TYPE_RGBA;
  test_big_endian(file + 29, (uint32_t)crc32(0, file + 12, 17));
  memcpy(file + 37, "IDAT", 4);
  test_big_endian(file + 41, (uint32_t)crc32(0, file + 37, 4));
  test_write(test_path("a.png"), file, sizeof file);
  expect_broken(test_path("a.png"), "2147483647 x 2147483647", LIMIT);
}

static int count_entries(void) {
  DIR *dir = opendir(test_folder);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
    count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
  closedir(dir);
  return count;
}

Test(image, writes_what_it_reads) {
  for (int channels = 1; channels <= 3; channels += 2) {
    limn_image image, back;
    cr_assert_eq(limn_image_init(&image, 5, 7, channels), LIMN_OK);
    for (int i = 0; i < 5 * 7 * channels; ++i)
      image.pixels[i] = (uint8_t)(i * 37);
    cr_assert_eq(limn_image_write(&image, test_path("a.png")), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(limn_image_write(&image, test_path("b.png")), LIMN_OK);
    cr_assert_eq(count_entries(), 2);
    uint8_t a[2048], b[2048];
    size_t size = test_read(test_path("a.png"), a, sizeof a);
    cr_assert_eq(size, test_read(test_path("b.png"), b, sizeof b));
    cr_assert_arr_eq(a, b, size);
    cr_assert_eq(limn_image_read_file(&back, test_path("a.png"), LIMIT), LIMN_OK);
    cr_assert(back.height == 5 && back.width == 7 && back.channels == channels);
    cr_assert_arr_eq(back.pixels, image.pixels, (size_t)(5 * 7 * channels));
    limn_image_release(&image);
    limn_image_release(&back);
  }
}

/* The largest difference between a picture and what its file gives back. */
static int written_error(const limn_image *image, const char *name, const char *format) {
  limn_image back;
  limn_picture_shape shape;
  int largest = 0;
  cr_assert_eq(limn_image_write(image, test_path("%s", name)), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_image_probe_file(&shape, test_path("%s", name), LIMIT), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(shape.format, format, "%s is %s", name, shape.format);
  cr_assert_eq(limn_image_read_file(&back, test_path("%s", name), LIMIT), LIMN_OK, "%s", limn_error_message());
  cr_assert(back.height == image->height && back.width == image->width, "%s", name);
  for (int i = 0; i < image->height * image->width; ++i)
    for (int c = 0; c < back.channels; ++c) { /* WebP has no grey */
      int from = image->pixels[i * image->channels + (image->channels == 1 ? 0 : c)];
      int difference = abs(back.pixels[i * back.channels + c] - from);
      largest = difference > largest ? difference : largest;
    }
  limn_image_release(&back);
  return largest;
}

Test(image, the_ending_says_how_it_is_written) {
  for (int channels = 1; channels <= 3; channels += 2) {
    limn_image image;
    cr_assert_eq(limn_image_init(&image, 13, 21, channels), LIMN_OK);
    for (int i = 0; i < 13 * 21 * channels;
         ++i) /* colours change from pixel to pixel: half of their resolution shows */
      image.pixels[i] = (uint8_t)(i / channels % 2 ? 90 + 40 * (i % channels) : 150 - 30 * (i % channels));
    cr_expect_eq(written_error(&image, "a.png", "PNG"), 0);
    cr_expect_eq(written_error(&image, "a.PNG", "PNG"), 0);
    cr_expect_eq(written_error(&image, "a.webp", "WebP"), 0);
    cr_expect_eq(written_error(&image, "a.b.WebP", "WebP"), 0);
    cr_expect_leq(written_error(&image, "a.jpg", "JPEG"), 16);
    cr_expect_leq(written_error(&image, "a.JPeg", "JPEG"), 16);
    uint8_t a[2048], b[2048];
    size_t size = test_read(test_path("a.jpg"), a, sizeof a);
    cr_assert_eq(size, test_read(test_path("a.JPeg"), b, sizeof b));
    cr_assert_arr_eq(a, b, size, "the same pixels give the same bytes");
    limn_image_release(&image);
  }
}

Test(image, unknown_endings_and_too_long_sides_are_refused) {
  static const char *const names[] = {"a.gif", "a", ".png", "a.png.tmp", "a.", "b.png/a"};
  limn_image image;
  cr_assert_eq(limn_image_init(&image, 1, 16384, 3), LIMN_OK);
  cr_assert_eq(mkdir(test_path("b.png"), 0777), 0);
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    cr_expect_eq(limn_image_write(&image, test_path("%s", names[i])), LIMN_USAGE, "%s", names[i]);
    cr_expect_not_null(strstr(limn_error_message(), ".png, .jpg, .jpeg or .webp"), "%s", limn_error_message());
    cr_expect_eq(limn_image_check_target(test_path("%s", names[i])), LIMN_USAGE, "%s", names[i]);
  }
  cr_expect_eq(limn_image_write(&image, test_path("a.webp")), LIMN_USAGE);
  cr_expect_not_null(strstr(limn_error_message(), "at most 16383 a side; write a .png"), "%s", limn_error_message());
  cr_expect_eq(limn_image_write(&image, test_path("a.jpg")), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(count_entries(), 2);
  limn_image_release(&image);
}

/* A limit on file sizes is met as a full disk is. */
Test(image, a_full_disk_leaves_nothing) {
  static const char *const names[] = {"a.png", "a.jpg", "a.webp"};
  limn_image image;
  struct rlimit limit;
  cr_assert_eq(limn_image_init(&image, 64, 64, 3), LIMN_OK);
  for (int i = 0; i < 64 * 64 * 3; ++i)
    image.pixels[i] = (uint8_t)((unsigned)i * (unsigned)i * 31 >> 3);
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlim_t before = limit.rlim_cur;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    limit.rlim_cur = 100;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const limn_status status = limn_image_write(&image, test_path("%s", names[i]));
    limit.rlim_cur = before;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(status, LIMN_FAILED, "%s", names[i]);
    cr_expect_not_null(strstr(limn_error_message(), "cannot write: File too large"), "%s", limn_error_message());
  }
  cr_expect_eq(count_entries(), 0);
  limn_image_release(&image);
}

/* Nothing is renamed over a pipe, and what goes into one is what its name says. */
Test(image, pipes_and_devices_are_written_straight) {
  limn_image image;
  char path[TEST_PATH_SIZE];
  cr_assert_eq(limn_image_init(&image, 4, 4, 3), LIMN_OK);
  const struct {
    const char *name, *begin;
  } cases[] = {{"pipe", "\x89PNG"}, {"pipe.jpg", "\xff\xd8\xff"}, {"pipe.webp", "RIFF"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    char bytes[4096];
    snprintf(path, sizeof path, "%s", test_path("%s", cases[i].name));
    cr_assert_eq(mkfifo(path, 0666), 0);
    int end = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    cr_assert_eq(limn_image_write(&image, path), LIMN_OK, "%s", limn_error_message());
    cr_expect(read(end, bytes, sizeof bytes) > 8 && memcmp(bytes, cases[i].begin, strlen(cases[i].begin)) == 0);
    close(end);
    snprintf(path, sizeof path, "/dev/fd/%d", open(test_path("%s.out", cases[i].name), O_CREAT | O_RDWR, 0666));
    cr_expect_eq(limn_image_write(&image, path), LIMN_OK, "%s", limn_error_message());
    close(atoi(path + strlen("/dev/fd/")));
    cr_expect(test_read(test_path("%s.out", cases[i].name), (uint8_t *)bytes, sizeof bytes) > 8);
    cr_expect_eq(memcmp(bytes, "\x89PNG", 4), 0);
  }
  cr_expect_eq(limn_image_write(&image, "/dev/full"), LIMN_FAILED);
  cr_expect_eq(limn_image_write(&image, "/dev/fd/999999"), LIMN_FAILED);
  cr_expect_null(strstr(limn_error_message(), "remove"), "%s", limn_error_message());
  cr_expect_eq(count_entries(), 6);
  limn_image_release(&image);
}

Test(image, says_why_it_cannot_write) {
  limn_image image;
  cr_assert_eq(limn_image_init(&image, 2, 2, 3), LIMN_OK);
  cr_assert_eq(limn_image_write(&image, test_path("absent/a.png")), LIMN_FAILED);
  cr_assert_not_null(strstr(limn_error_message(), "make its folder first"));
  cr_assert_eq(limn_image_write(&image, test_folder), LIMN_FAILED);
  cr_assert_not_null(strstr(limn_error_message(), "a folder"));
  cr_assert_eq(limn_image_write(&image, "/dev/null"), LIMN_OK, "%s", limn_error_message());
  struct stat info;
  cr_assert(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
  image.channels = 2;
  cr_assert_eq(limn_image_write(&image, test_path("a.png")), LIMN_USAGE);
  image.channels = 3;
  limn_image_release(&image);
  cr_assert_eq(count_entries(), 0);
}

Test(image, composites_and_converts) {
  const uint8_t background[3] = {100, 0, 255};
  limn_image image;
  cr_assert_eq(limn_image_init(&image, 1, 3, 4), LIMN_OK);
  const uint8_t rgba[12] = {10, 20, 30, 255, 10, 20, 30, 0, 201, 101, 0, 100};
  memcpy(image.pixels, rgba, sizeof rgba);
  cr_assert_eq(limn_image_convert(&image, 3, background), LIMN_OK);
  cr_assert_eq(image.channels, 3);
  const uint8_t rgb[9] = {10, 20, 30, 100, 0, 255, 140, 40, 155}; /* 139.6, 39.6, 155 */
  cr_assert_arr_eq(image.pixels, rgb, sizeof rgb);
  cr_assert_eq(limn_image_convert(&image, 1, background), LIMN_OK);
  const uint8_t grey[3] = {18, 59, 83}; /* 0.299 R + 0.587 G + 0.114 B */
  cr_assert_arr_eq(image.pixels, grey, sizeof grey);
  cr_assert_eq(limn_image_convert(&image, 3, background), LIMN_OK);
  cr_assert(image.pixels[3] == 59 && image.pixels[4] == 59 && image.pixels[5] == 59);
  cr_assert_eq(limn_image_convert(&image, 2, background), LIMN_USAGE);
  limn_image_release(&image);
}

Test(image, grey_keeps_its_value_through_colour) {
  limn_image image;
  cr_assert_eq(limn_image_init(&image, 16, 16, 1), LIMN_OK);
  for (int i = 0; i < 256; ++i)
    image.pixels[i] = (uint8_t)i;
  cr_assert_eq(limn_image_convert(&image, 3, white), LIMN_OK);
  cr_assert_eq(limn_image_convert(&image, 1, white), LIMN_OK);
  for (int i = 0; i < 256; ++i)
    cr_assert_eq(image.pixels[i], i);
  limn_image_release(&image);
}

Test(image, resize_keeps_a_constant_constant) {
  const int sizes[] = {1, 2, 3, 5, 7, 16, 28, 31, 64, 100, 257};
  const size_t count = sizeof sizes / sizeof *sizes;
  for (size_t i = 0; i < count * count * count * 4; ++i) {
    int from_h = sizes[i % count], to_h = sizes[i / count % count], w = sizes[i / count / count % count];
    int channels = (int)(i / count / count / count) + 1;
    limn_image image;
    cr_assert_eq(limn_image_init(&image, from_h, w, channels), LIMN_OK);
    memset(image.pixels, 137, (size_t)(from_h * w * channels));
    cr_assert_eq(limn_image_resize(&image, to_h, w, LIMN_FIT_CROP, white), LIMN_OK);
    cr_assert(image.height == to_h && image.width == w && image.channels == channels);
    for (int j = 0; j < to_h * w * channels; ++j)
      cr_assert_eq(image.pixels[j], 137, "%d x %d to %d x %d: %d", from_h, w, to_h, w, image.pixels[j]);
    limn_image_release(&image);
  }
}

Test(image, resize_is_antialiased) {
  limn_image image;
  cr_assert_eq(limn_image_init(&image, 128, 128, 1), LIMN_OK);
  for (int i = 0; i < 128 * 128; ++i)
    image.pixels[i] = (i / 128 + i) % 2 ? 255 : 0;
  cr_assert_eq(limn_image_resize(&image, 16, 16, LIMN_FIT_CROP, white), LIMN_OK);
  for (int i = 0; i < 16 * 16; ++i)
    cr_assert(image.pixels[i] >= 124 && image.pixels[i] <= 131, "%d", image.pixels[i]);
  limn_image_release(&image);
}

Test(image, resize_crops_the_middle) {
  limn_image image;
  cr_assert_eq(limn_image_init(&image, 4, 12, 3), LIMN_OK);
  for (int i = 0; i < 4 * 12; ++i) /* columns 4 to 7 are white */
    memset(image.pixels + 3 * i, i % 12 >= 4 && i % 12 < 8 ? 255 : 0, 3);
  cr_assert_eq(limn_image_resize(&image, 8, 8, LIMN_FIT_CROP, white), LIMN_OK);
  for (int i = 0; i < 8 * 8 * 3; ++i)
    cr_assert_eq(image.pixels[i], 255);
  limn_image_release(&image);
  cr_assert_eq(limn_image_init(&image, 9, 3, 1), LIMN_OK);
  memset(image.pixels + 3 * 3, 200, 3 * 3);
  cr_assert_eq(limn_image_resize(&image, 2, 2, LIMN_FIT_CROP, white), LIMN_OK);
  for (int i = 0; i < 4; ++i)
    cr_assert_eq(image.pixels[i], 200);
  limn_image_release(&image);
}

Test(image, resize_keeps_up_and_left) {
  limn_image image;
  cr_assert_eq(limn_image_init(&image, 4, 4, 1), LIMN_OK);
  image.pixels[1] = 255; /* top row, second column */
  cr_assert_eq(limn_image_resize(&image, 8, 8, LIMN_FIT_CROP, white), LIMN_OK);
  cr_assert_gt(image.pixels[2], 150);
  cr_assert_lt(image.pixels[2 * 8], 60);
  limn_image_release(&image);
}

Test(image, resize_interpolates) {
  limn_image image;
  cr_assert_eq(limn_image_init(&image, 8, 8, 1), LIMN_OK);
  for (int i = 0; i < 64; ++i)
    image.pixels[i] = (uint8_t)(i % 8 * 32); /* a ramp from left to right */
  cr_assert_eq(limn_image_resize(&image, 32, 32, LIMN_FIT_CROP, white), LIMN_OK);
  for (int x = 3; x < 29; ++x)
    cr_assert_gt(image.pixels[16 * 32 + x], image.pixels[16 * 32 + x - 1], "column %d", x);
  limn_image_release(&image);
}

Test(image, pad_keeps_all_and_stretch_fills_all) {
  const uint8_t background[3] = {10, 20, 30};
  limn_image image;
  cr_assert_eq(limn_image_init(&image, 4, 8, 3), LIMN_OK); /* white, with a black column at either end */
  memset(image.pixels, 255, 4 * 8 * 3);
  for (int y = 0; y < 4; ++y) {
    memset(image.pixels + y * 24, 0, 3);
    memset(image.pixels + y * 24 + 21, 0, 3);
  }
  limn_image copy;
  cr_assert_eq(limn_image_init(&copy, 4, 8, 3), LIMN_OK);
  memcpy(copy.pixels, image.pixels, 4 * 8 * 3);
  cr_assert_eq(limn_image_resize(&image, 8, 8, LIMN_FIT_PAD, background), LIMN_OK);
  cr_assert(image.height == 8 && image.width == 8);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x)
      for (int c = 0; c < 3; ++c)
        cr_assert_eq(image.pixels[(y * 8 + x) * 3 + c],
                     y < 2 || y > 5 ? background[c]
                     : x % 7        ? 255
                                    : 0,
                     "%d %d: %d", y, x, image.pixels[(y * 8 + x) * 3 + c]);
  limn_image_release(&image);
  cr_assert_eq(limn_image_resize(&copy, 8, 8, LIMN_FIT_STRETCH, background), LIMN_OK);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x)
      cr_assert_eq(copy.pixels[(y * 8 + x) * 3], x % 7 ? 255 : 0, "%d %d", y, x);
  limn_image_release(&copy);
}

Test(image, pad_beside_a_tall_picture_in_every_mode) {
  const uint8_t background[3] = {255, 0, 0};
  for (int channels = 1; channels <= 4; ++channels) {
    limn_image image;
    cr_assert_eq(limn_image_init(&image, 90, 30, channels), LIMN_OK);
    memset(image.pixels, 77, (size_t)(90 * 30 * channels));
    cr_assert_eq(limn_image_resize(&image, 9, 9, LIMN_FIT_PAD, background), LIMN_OK);
    const uint8_t padding[4][4] = {{76}, {76, 255}, {255, 0, 0}, {255, 0, 0, 255}};
    for (int x = 0; x < 9; ++x)
      for (int c = 0; c < channels; ++c)
        cr_assert_eq(image.pixels[(4 * 9 + x) * channels + c], x < 3 || x > 5 ? padding[channels - 1][c] : 77,
                     "%d channels, column %d", channels, x);
    limn_image_release(&image);
  }
}

/* 1000 : 1 keeps at least one row of it. */
Test(image, pad_leaves_something_of_the_flattest_picture) {
  limn_image image;
  cr_assert_eq(limn_image_init(&image, 1, 1000, 1), LIMN_OK);
  memset(image.pixels, 9, 1000);
  cr_assert_eq(limn_image_resize(&image, 8, 8, LIMN_FIT_PAD, white), LIMN_OK);
  for (int y = 0; y < 8; ++y)
    cr_assert_eq(image.pixels[y * 8], y == 3 ? 9 : 255, "row %d", y);
  limn_image_release(&image);
}

Test(image, grid) {
  float pixels[5 * 3 * 2 * 1];
  for (int i = 0; i < 30; ++i)
    pixels[i] = (float)(i - i % 6) / 30.0f * 2.0f - 1.0f; /* picture n has the value n / 5 of the way */
  pixels[0] = -7.0f;
  pixels[24] = 7.0f;
  limn_image grid;
  cr_assert_eq(limn_image_grid(&grid, pixels, 5, 3, 2, 1, -1.0f, 1.0f, 0), LIMN_OK);
  cr_assert(grid.width == 3 * 1 + 2 * 2 && grid.height == 2 * 2 + 2 && grid.channels == 3);
  const uint8_t expected[3] = {0, 51, 102};
  for (int n = 0; n < 3; ++n)
    for (int c = 0; c < 3; ++c)
      cr_assert_eq(grid.pixels[3 * n * 3 + c], expected[n]);
  cr_assert_eq(grid.pixels[3 * 1], 255, "the gap is white");
  cr_assert_eq(grid.pixels[2 * 7 * 3], 255);
  cr_assert_eq(grid.pixels[4 * 7 * 3], 153, "the second row");
  cr_assert_eq(grid.pixels[(4 * 7 + 3) * 3], 255, "clamped");
  cr_assert_eq(grid.pixels[(4 * 7 + 6) * 3], 255, "an empty place is white");
  limn_image_release(&grid);
  const float single[1] = {0.5f};
  cr_assert_eq(limn_image_grid(&grid, single, 1, 1, 1, 1, 0.0f, 1.0f, 8), LIMN_OK);
  cr_assert(grid.width == 1 && grid.height == 1 && grid.pixels[0] == 128);
  limn_image_release(&grid);
  cr_assert_eq(limn_image_grid(&grid, single, 0, 1, 1, 1, 0.0f, 1.0f, 8), LIMN_USAGE);
}

Test(file, appears_whole_or_not_at_all) {
  const char *path = test_path("a");
  limn_durable_file file;
  test_write(path, "old", 3);
  cr_assert_eq(limn_durable_open(&file, path), LIMN_OK, "%s", limn_error_message());
  fputs("new text", file.stream);
  fflush(file.stream);
  char *text;
  size_t size;
  cr_assert_eq(limn_read_file(path, 100, &text, &size), LIMN_OK);
  cr_assert_str_eq(text, "old");
  free(text);
  cr_assert_eq(count_entries(), 2);
  limn_durable_discard(&file);
  limn_durable_discard(&file);
  cr_assert_eq(count_entries(), 1);
  cr_assert_eq(limn_durable_open(&file, path), LIMN_OK);
  fputs("new text", file.stream);
  cr_assert_eq(limn_durable_commit(&file), LIMN_OK, "%s", limn_error_message());
  limn_durable_discard(&file);
  cr_assert_eq(count_entries(), 1);
  cr_assert_eq(limn_read_file(path, 8, &text, &size), LIMN_OK);
  cr_assert_str_eq(text, "new text");
  cr_assert_eq(size, 8);
  free(text);
}

Test(file, a_link_survives_and_two_writers_do_not_meet) {
  test_write(test_path("real"), "old", 3);
  cr_assert_eq(symlink("real", test_path("link")), 0);
  limn_durable_file one, two;
  cr_assert_eq(limn_durable_open(&one, test_path("link")), LIMN_OK);
  cr_assert_eq(limn_durable_open(&two, test_path("other")), LIMN_OK);
  cr_assert_str_neq(one.temporary, two.temporary);
  fputs("1", one.stream);
  fputs("2", two.stream);
  cr_assert_eq(limn_durable_commit(&one), LIMN_OK);
  cr_assert_eq(limn_durable_commit(&two), LIMN_OK);
  uint8_t byte;
  cr_assert(test_read(test_path("real"), &byte, 1) == 1 && byte == '1');
  struct stat info;
  cr_assert(lstat(test_path("link"), &info) == 0 && S_ISLNK(info.st_mode));
}

Test(file, a_full_disk_leaves_the_old_file) {
  /* /dev/full fails every write: stands in for the temporary file's stream. */
  const char *path = test_path("a");
  test_write(path, "old", 3);
  limn_durable_file file;
  cr_assert_eq(limn_durable_open(&file, path), LIMN_OK);
  fclose(file.stream);
  file.stream = fopen("/dev/full", "wb");
  fputs("new", file.stream);
  cr_assert_eq(limn_durable_commit(&file), LIMN_FAILED);
  cr_assert_not_null(strstr(limn_error_message(), "No space left"));
  cr_assert_eq(count_entries(), 1);
  uint8_t bytes[4];
  cr_assert(test_read(path, bytes, 4) == 3 && memcmp(bytes, "old", 3) == 0);
}

Test(file, refuses_to_read_too_much) {
  char *text;
  size_t size;
  test_write(test_path("a"), "123456789", 9);
  cr_assert_eq(limn_read_file(test_path("a"), 8, &text, &size), LIMN_DATA);
  cr_assert_null(text);
  cr_assert_eq(limn_read_file("/dev/zero", 300000, &text, &size), LIMN_DATA);
  cr_assert_eq(limn_read_file(test_folder, 300000, &text, &size), LIMN_DATA);
  cr_assert_eq(limn_read_file(test_path("absent"), 8, &text, &size), LIMN_DATA);
  cr_assert_not_null(strstr(limn_error_message(), "absent"));
  test_write(test_path("a"), "", 0);
  cr_assert_eq(limn_read_file(test_path("a"), 8, &text, &size), LIMN_OK);
  cr_assert(size == 0 && text[0] == '\0');
  free(text);
}
