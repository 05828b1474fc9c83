/* What stands beside pictures and cannot be read: files that are none, links to nothing, pipes, folders without access,
 * libraries that are not there. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "limn/tools.h"
#include "support/archives.h"
#include "support/data.h"
#include "support/pictures.h"

/* A library that is not there, and a folder that nobody may read, also for root: these stand before the C library's. */
static const char *missing_library, *locked_folder;

void *dlopen(const char *file, int mode) {
  void *(*real)(const char *, int);
  *(void **)&real = dlsym(RTLD_NEXT, "dlopen");
  return missing_library && file && strcmp(file, missing_library) == 0 ? NULL : real(file, mode);
}

DIR *opendir(const char *name) {
  DIR *(*real)(const char *);
  *(void **)&real = dlsym(RTLD_NEXT, "opendir");
  if (!locked_folder || !strstr(name, locked_folder))
    return real(name);
  errno = EACCES;
  return NULL;
}

static char noticed[2048];

static void take_notice(void *context, const char *text) {
  (void)context;
  snprintf(noticed + strlen(noticed), sizeof noticed - strlen(noticed), "%s\n", text);
}

TestSuite(unreadable, .init = test_folder_create, .fini = test_folder_remove, .timeout = 60);

static limn_dataset_options four(bool skip) {
  noticed[0] = '\0';
  return (limn_dataset_options){.height = 4, .width = 4, .skip_broken = skip, .notice = take_notice};
}

static void write_png(const char *name, uint8_t grey) { test_write_plain(test_path("%s", name), 4, 4, 1, &grey); }

static void copy_fixture(const char *name, const char *to) {
  uint8_t bytes[8192];
  char path[TEST_PATH_SIZE];
  snprintf(path, sizeof path, "%s/tests/fixtures/pictures/%s", LIMN_SOURCE_DIR, name);
  const size_t size = test_read(path, bytes, sizeof bytes);
  test_write(test_path("%s", to), bytes, size);
}

#define TOLD                                                                                                           \
  "7 files are no pictures that Limn reads: 2 .psd, 2 without an ending, 1 .mp4, 1 .png, 1 .svg (first: d/LICENSE)"

static const struct {
  const char *name, *text;
} others[] = {{"d/x.psd", "8BPS, layers and so on"},
              {"d/y.PSD", "8BPS, layers and so on"},
              {"z.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"},
              {"d/film.mp4", "\0\0\0\x1c"
                             "ftypisom"},
              {"d/text.png", "hello, this is a text"},
              {"d/LICENSE", "Permission is hereby granted"},
              {"e/empty", ""},
              /* Not worth a word: */
              {".hidden", "x"},
              {"Thumbs.db", "x"},
              {"labels.csv", "x"}};
#define OTHERS (sizeof others / sizeof *others)

static size_t size_of(size_t i) { return strcmp(others[i].name, "d/film.mp4") == 0 ? 12 : strlen(others[i].text); }

static void write_others(void) {
  mkdir(test_path("d"), 0755);
  mkdir(test_path("e"), 0755);
  for (size_t i = 0; i < OTHERS; ++i)
    test_write(test_path("%s", others[i].name), others[i].text, size_of(i));
}

/* They are no error and change no fingerprint; they are told once, also where pictures are kept. */
Test(unreadable, files_that_are_no_pictures_are_counted_and_told) {
  write_png("1.png", 1);
  write_png("2.png", 2);
  char kept[TEST_PATH_SIZE], data[TEST_PATH_SIZE];
  snprintf(kept, sizeof kept, "%s", test_path(".kept")); /* passed over */
  limn_dataset_options options = four(false);
  limn_dataset_info info;
  snprintf(data, sizeof data, "%s", test_folder);
  const uint64_t fingerprint = fingerprint_of(data, &options);
  cr_assert_str_empty(noticed);
  write_others();
  for (int kept_too = 0; kept_too < 3; ++kept_too) { /* not kept, made, found */
    options = four(false);
    options.cache = kept_too ? kept : NULL;
    limn_dataset_close(open_data(data, &options, &info));
    cr_assert(info.count == 2 && info.broken == 0 && info.class_count == 1 && info.cache_found == (kept_too == 2));
    cr_assert(info.other_files.count == 7 && info.other_files.ending_count == 5);
    cr_assert_str_eq(noticed, TOLD "\n");
    cr_assert_eq(info.fingerprint, fingerprint);
  }
  test_write(test_path("e/empty"), "", 0);
  unlink(test_path("z.svg")); /* what is kept is the pictures', not theirs */
  limn_dataset_close(open_data(data, &options, &info));
  cr_assert(info.cache_found && info.other_files.count == 6);
}

Test(unreadable, files_in_archives_too) {
  char kept[64], path[TEST_PATH_SIZE];
  snprintf(kept, sizeof kept, "%s", test_path("kept"));
  snprintf(path, sizeof path, "%s", test_path("a.zip"));
  write_png("p.png", 9);
  uint8_t bytes[4096];
  const size_t size = test_read(test_path("p.png"), bytes, sizeof bytes);
  test_archive made = test_archive_open(path, "zip", "none");
  test_archive_add(&made, "picture", bytes, size); /* its bytes say it */
  test_archive_add(&made, "p.jpg", bytes, size);
  copy_fixture("grey8.tga", "t"); /* told by the name that it has in the archive */
  uint8_t tga[256];
  const size_t tga_size = test_read(test_path("t"), tga, sizeof tga);
  test_archive_add(&made, "t.TGA", tga, tga_size);
  for (size_t i = 0; i < OTHERS; ++i)
    test_archive_add(&made, others[i].name, others[i].text, size_of(i));
  test_archive_close(&made);
  for (int kept_too = 0; kept_too < 3; ++kept_too) {
    limn_dataset_options options = four(false);
    limn_dataset_info info;
    options.cache = kept_too ? kept : NULL;
    limn_dataset_close(open_data(path, &options, &info));
    cr_assert(info.count == 3 && info.broken == 0 && info.cache_found == (kept_too == 2));
    cr_assert_str_eq(noticed, TOLD "\n");
  }
}

Test(unreadable, what_a_file_is_called_does_not_matter) {
  copy_fixture("noise.gif", "noise");
  copy_fixture("noise.gif", "a.txt");
  copy_fixture("squares.avif", "b.psd");
  copy_fixture("grey16.tif", "c.png");
  limn_dataset_options options = four(false);
  limn_dataset_info info;
  limn_dataset_close(open_data(test_folder, &options, &info));
  cr_assert(info.count == 4 && info.other_files.count == 0);
  expect_error(test_path("noise"), &options, LIMN_DATA, "a single picture");
}

/* Links to nothing and in a circle, a pipe, a socket, a locked folder: broken, as other pictures are. */
Test(unreadable, what_is_not_to_be_had_is_broken) {
  static const char *const said[] = {"gone.png: a link to a file that is not there; fetch the file or remove the link",
                                     "circle.png: cannot open: Too many levels of symbolic links",
                                     "pipe.png: a pipe, socket or device and no file; remove it",
                                     "socket.png: a pipe, socket or device and no file; remove it",
                                     "locked: a folder, cannot open: Permission denied"};
  mkdir(test_path("x.png"), 0755);
  write_png("x.png/1.png", 1); /* a folder of that name is one */
  write_png("good.png", 2);
  limn_dataset_options options = four(true);
  limn_dataset_info info;
  const uint64_t fingerprint = fingerprint_of(test_folder, &options);
  for (int i = 0; i < 5; ++i) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.60s/socket.png", test_folder);
    const int listener = i == 3 ? socket(AF_UNIX, SOCK_STREAM, 0) : -1;
    const int made = i == 0   ? symlink("nowhere", test_path("gone.png"))
                     : i == 1 ? symlink("circle.png", test_path("circle.png"))
                     : i == 2 ? mkfifo(test_path("pipe.png"), 0644)
                     : i == 3 ? bind(listener, (struct sockaddr *)&address, sizeof address)
                              : mkdir(test_path("locked"), 0755);
    cr_assert_eq(made, 0);
    locked_folder = "/locked";
    options = four(false);
    expect_error(test_folder, &options, LIMN_DATA, said[i]);
    expect_error(test_folder, &options, LIMN_DATA, "(--on-bad-image skip leaves such pictures out)");
    options = four(true);
    limn_dataset_close(open_data(test_folder, &options, &info));
    cr_assert(info.count == 2 && info.broken == 1 && info.fingerprint == fingerprint, "%s", said[i]);
    cr_assert(strstr(noticed, "1 of 3 pictures is broken and left out; the first: ") && strstr(noticed, said[i]), "%s",
              noticed);
    cr_assert_eq(remove(test_path("%.*s", (int)strcspn(said[i], ":"), said[i])), 0);
    if (listener >= 0)
      close(listener);
  }
}

/* Deeper than a path can say. */
/* Who removed a picture may have removed its row of labels too. */
Test(unreadable, a_broken_picture_needs_no_label) {
  write_png("1.png", 1);
  write_png("2.png", 2);
  cr_assert_eq(symlink("nowhere.png", test_path("3.png")), 0);
  test_write(test_path("labels.csv"), "1,a\n2,b\n", 8);
  limn_dataset_options options = four(true);
  limn_dataset_info info;
  char labels[TEST_PATH_SIZE];
  snprintf(labels, sizeof labels, "%s", test_path("labels.csv"));
  options.labels = labels;
  limn_dataset_close(open_data(test_folder, &options, &info));
  cr_assert(info.count == 2 && info.broken == 1 && info.class_count == 2);
}

Test(unreadable, folders_too_deep_to_name_are_broken) {
  char name[201];
  memset(name, 'd', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  write_png("good.png", 2);
  int folders[24] = {open(test_folder, O_RDONLY | O_DIRECTORY)};
  for (int i = 1; i < 24; ++i) {
    cr_assert_eq(mkdirat(folders[i - 1], name, 0755), 0);
    folders[i] = openat(folders[i - 1], name, O_RDONLY | O_DIRECTORY);
  }
  limn_dataset_options options = four(true);
  limn_dataset_info info;
  limn_dataset_close(open_data(test_folder, &options, &info));
  for (int i = 23; i > 0; --i) {
    close(folders[i]);
    cr_assert_eq(unlinkat(folders[i - 1], name, AT_REMOVEDIR), 0);
  }
  close(folders[0]);
  cr_assert(info.count == 1 && info.broken == 1 && strstr(noticed, "File name too long"), "%s", noticed);
}

static int run(const char *arguments) {
  char line[2048];
  snprintf(line, sizeof line, "cd %s && '%s' %s >.out 2>.err", test_folder, LIMN_PROGRAM, arguments);
  const int status = system(line);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *text_of(const char *name) {
  static uint8_t text[65536];
  text[test_read(test_path("%s", name), text, sizeof text - 1)] = '\0';
  return (const char *)text;
}

/* "no_pictures" of an object says what write_others has written. */
static void expect_told(json_t *holder) {
  int count = 0, psd = 0, none = 0;
  const char *first = "";
  cr_assert_eq(json_unpack(holder, "{s:{s:i, s:{s:i, s:i}, s:s}}", "no_pictures", "count", &count, "endings", ".psd",
                           &psd, "none", &none, "first", &first),
               0, "%s", text_of(".out"));
  cr_assert(count == 7 && psd == 2 && none == 2 && strcmp(first, "d/LICENSE") == 0);
}

#define TRAIN "train dcgan --data data --size 8 --filters 4 --latent 4 --batch 4 --steps 1 --cache off --threads 1 "

Test(unreadable, the_program_tells_of_both) {
  char above[64];
  mkdir(test_path("data"), 0755);
  snprintf(above, sizeof above, "%s", test_folder);
  snprintf(test_folder, sizeof test_folder, "%.40s/data", above);
  for (int i = 0; i < 8; ++i) {
    char name[16];
    snprintf(name, sizeof name, "%d.png", i);
    write_png(name, (uint8_t)(i * 9));
  }
  write_others();
  cr_assert_eq(symlink("nowhere", test_path("gone.png")), 0);
  snprintf(test_folder, sizeof test_folder, "%s", above);
  cr_assert_eq(run("data data"), 0, "%s", text_of(".err"));
  static const char *const said[] = {TOLD, "pictures    9, 1 broken",
                                     "data/gone.png: a link to a file that is not there"};
  for (size_t i = 0; i < sizeof said / sizeof *said; ++i)
    cr_assert(strstr(text_of(".out"), said[i]), "no %s in %s", said[i], text_of(".out"));
  cr_assert_eq(run("data data --json"), 0);
  json_t *root = json_loads(text_of(".out"), 0, NULL);
  expect_told(root);
  json_decref(root);
  cr_assert_eq(run(TRAIN), 3);
  cr_assert(strstr(text_of(".err"), "gone.png: a link to a file that is not there"), "%s", text_of(".err"));
  cr_assert_eq(run(TRAIN "--on-bad-image skip --dry-run"), 0, "%s", text_of(".err"));
  cr_assert(strstr(text_of(".out"), TOLD) && strstr(text_of(".out"), "broken and left out: 1"), "%s", text_of(".out"));
  cr_assert_eq(run(TRAIN "--on-bad-image skip --dry-run --json"), 0);
  root = json_loads(text_of(".out"), 0, NULL);
  expect_told(json_object_get(root, "data"));
  json_decref(root);
  cr_assert_eq(run(TRAIN "--on-bad-image skip --json"), 0, "%s", text_of(".err"));
  const char *told = strstr(text_of(".err"), TOLD);
  cr_assert(told && !strstr(told + 1, TOLD), "%s", text_of(".err"));
  root = json_loads(text_of(".out"), 0, NULL);
  expect_told(root);
  cr_assert_eq(json_integer_value(json_object_get(root, "broken_pictures")), 1);
  json_decref(root);
}

/* Each picture says what to install, and so does limn doctor. */
Test(unreadable, a_missing_library_is_named_with_its_package) {
  static const struct {
    const char *file, *picture, *said, *remedy;
  } libraries[] = {{"libtiff.so.6", "rgb_lzw.tif",
                    "TIFF files take libtiff.so.6, which is not on this machine; apt-get install libtiff6",
                    "apt-get install libtiff6"},
                   {"libopenjp2.so.7", "rgb.jp2",
                    "JPEG 2000 files take libopenjp2.so.7, which is not on this machine; apt-get install libopenjp2-7",
                    "apt-get install libopenjp2-7"},
                   {"libheif.so.1", "squares.avif",
                    "AVIF and HEIC files take libheif.so.1, which is not on this machine; apt-get install libheif1",
                    "apt-get install libheif1"}};
  limn_doctor_line lines[8];
  size_t count;
  for (size_t i = 0; i < 3; ++i) {
    missing_library = libraries[i].file;
    copy_fixture(libraries[i].picture, "a");
    limn_image image;
    limn_picture_shape shape;
    cr_assert_eq(limn_image_read_file(&image, test_path("a"), 10000), LIMN_DATA);
    cr_assert(strstr(limn_error_message(), libraries[i].said), "%s", limn_error_message());
    cr_assert_eq(limn_image_probe_file(&shape, test_path("a"), 10000), LIMN_DATA);
    cr_assert_eq(shape.lacked, (limn_picture_library)(i + 1));
    for (int here = 0; here < 2; ++here) {
      missing_library = here ? NULL : libraries[i].file;
      cr_assert_eq(limn_doctor_pictures(lines, 8, &count), LIMN_OK);
      cr_assert(count == 3 && lines[i].usable == here && strstr(lines[i].found, libraries[i].file), "%s",
                lines[i].found);
      cr_assert(here ? !lines[i].remedy[0] : strstr(lines[i].remedy, libraries[i].remedy) != NULL, "%s",
                lines[i].remedy);
    }
    unlink(test_path("a"));
  }
}

/* What was left out for lack of a library is looked at again once that is there. */
Test(unreadable, pictures_kept_without_a_library_are_made_anew_with_it) {
  char kept[TEST_PATH_SIZE];
  snprintf(kept, sizeof kept, "%s", test_path(".kept"));
  write_png("1.png", 1);
  copy_fixture("grey8.tif", "2.tif");
  missing_library = "libtiff.so.6";
  for (int i = 0; i < 4; ++i) {
    limn_dataset_options options = four(true);
    limn_dataset_info info;
    options.cache = kept;
    missing_library = i < 2 ? "libtiff.so.6" : NULL;
    limn_dataset_close(open_data(test_folder, &options, &info));
    cr_assert(info.count == (i < 2 ? 1u : 2u) && info.broken == (i < 2 ? 1u : 0u), "%d: %u", i, info.count);
    cr_assert_eq(info.cache_found, i == 1 || i == 3, "%d", i);
    cr_assert_eq(strstr(noticed, "apt-get install libtiff6") != NULL, i < 2);
  }
}

/* 12 bits in 16: told by limn data, and scaled where the file says so itself. */
Test(unreadable, twelve_bits_in_sixteen_are_told) {
  mkdir(test_path("data"), 0755);
  copy_fixture("twelve_in_16.tif", "data/a.tif");
  copy_fixture("twelve_said.tif", "data/b.tif");
  copy_fixture("grey16.tif", "data/c.tif");
  cr_assert_eq(run("data data --size 8"), 0, "%s", text_of(".err"));
  cr_assert(strstr(text_of(".out"), "grey 16-bit 2, grey 12 bits in 16 1") &&
                strstr(text_of(".out"), "12 bits in 16, and no word of it in the file: 1, nearly black"),
            "%s", text_of(".out"));
  cr_assert_eq(run("data data --size 8 --json"), 0);
  json_t *root = json_loads(text_of(".out"), 0, NULL);
  int shallow = 0, deep = 0;
  cr_assert_eq(json_unpack(root, "{s:i, s:{s:i}}", "twelve_bits_in_sixteen", &shallow, "modes", "grey 16-bit", &deep),
               0);
  cr_assert(shallow == 1 && deep == 2);
  json_decref(root);
}
