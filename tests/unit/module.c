/* The door to the CUDA module: what is found, what is refused, and what is said about it. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "devices/libraries.h"
#include "devices/module.h"
#include "support/run_files.h"

static void set_up(void) {
  test_folder_create();
  unsetenv("LIMN_CUDA_MODULE");
  unsetenv("LIMN_CUDA_LIBRARIES");
}

TestSuite(module, .init = set_up, .fini = test_folder_remove, .timeout = 60);

/* LIMN_CUDA_MODULE = a module of tests/modules. */
static void choose(const char *name) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s.so", LIMN_TEST_MODULES, name);
  setenv("LIMN_CUDA_MODULE", path, 1);
}

static void expect_message(const char *piece) {
  const char *message = limn_error_message();
  cr_expect(strstr(message, piece) != NULL, "expected \"%s\" in: %s", piece, message);
  cr_expect(strchr(message, '\n') == NULL, "%s", message);
}

static void expect_refused(const char *piece) {
  const limn_module *module = NULL;
  cr_expect_eq(limn_module_load(&module), LIMN_DEVICE);
  cr_expect(module == NULL);
  expect_message(piece);
  expect_message(getenv("LIMN_CUDA_MODULE"));
}

Test(module, what_the_environment_names_is_final) {
  setenv("LIMN_CUDA_MODULE", "/nowhere/liblimn_cuda.so", 1);
  expect_refused("No such file or directory");
  expect_message("scripts/build");
  choose("none");
  expect_refused("no module of Limn");
  choose("abi");
  expect_refused("has the interface 7");
  choose("version");
  expect_refused("is of Limn 0.0.0-other");
}

Test(module, a_text_file_is_no_module) {
  char text[4096];
  const char *path = test_path("text.so");
  memset(text, 'x', sizeof text);
  test_write(path, text, sizeof text);
  setenv("LIMN_CUDA_MODULE", path, 1);
  expect_refused("invalid ELF header");
}

Test(module, a_library_that_is_nowhere_is_named) {
  choose("needy");
  expect_refused("needs libabsent.so, which is nowhere");
  expect_message("scripts/setup-cuda");
}

/* Where the system has cuDNN, the module finds it alone; elsewhere the list has to lead to it. */
Test(module, libraries_are_found_where_the_list_says) {
  const limn_module *module = NULL;
  setenv("LIMN_CUDA_LIBRARIES", "/nowhere::" LIMN_TEST_MODULES "/nvidia", 1);
  choose("cudnn");
  cr_expect_eq(limn_module_load(&module), LIMN_OK, "%s", limn_error_message());
}

Test(module, the_list_comes_before_the_system) {
  char path[PATH_MAX];
  void *handle = NULL;
  setenv("LIMN_CUDA_LIBRARIES", "/nowhere:" LIMN_TEST_MODULES "/nvidia", 1);
  cr_assert_eq(limn_library_open(LIMN_LIBRARY_CUDNN, &handle), LIMN_OK, "%s", limn_error_message());
  cr_expect(strstr(limn_library_path(handle, path, sizeof path), LIMN_TEST_MODULES) != NULL, "%s", path);
}

Test(module, opening_twice_gives_the_same) {
  const limn_module *first = NULL, *second = NULL;
  choose("stub");
  cr_assert_eq(limn_module_load(&first), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_module_load(&second), LIMN_OK, "%s", limn_error_message());
  cr_expect(first == second);
  cr_expect_eq(first->abi, LIMN_MODULE_ABI);
}

Test(module, options_cross_the_door) {
  static const struct {
    limn_device_options options;
    const char *description;
  } cases[] = {
      {{.name = "cuda"}, "stub 0, none, free"},
      {{.name = "cuda:0", .precision = "auto"}, "stub 0, auto, free"},
      {{.name = "cuda:13", .precision = "bf16", .deterministic = 1, .index = 5}, "stub 13, bf16, deterministic"},
      {{.name = "auto", .precision = "tf32", .index = 5}, "stub 0, tf32, free"},
      {{.name = NULL}, "stub 0, none, free"},
  };
  choose("stub");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_device *device = NULL;
    cr_assert_eq(limn_device_create(&device, &cases[i].options), LIMN_OK, "%s", limn_error_message());
    cr_expect_str_eq(device->description, cases[i].description);
    cr_expect_str_eq(device->note, "");
    limn_device_destroy(device);
  }
}

Test(module, errors_come_back_through_the_door) {
  limn_device *device = NULL;
  choose("failing");
  cr_expect_eq(limn_device_create(&device, &(limn_device_options){.name = "cuda"}), LIMN_DEVICE);
  cr_expect(device == NULL);
  cr_expect_str_eq(limn_error_message(), "the stub has no card 0, none, free");
}

Test(module, names_that_are_no_device) {
  static const char *const names[] = {"cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda: 1", "cuda:99999999999",
                                      "cudax", "gpu",    "",        "CPU",     "cpu:0"};
  choose("stub");
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    limn_device *device = NULL;
    cr_expect_eq(limn_device_create(&device, &(limn_device_options){.name = names[i]}), LIMN_USAGE, "%s", names[i]);
    expect_message("use auto, cpu or cuda[:N]");
  }
}

Test(module, auto_falls_back_to_the_cpu_and_says_why) {
  limn_device *device = NULL;
  choose("failing");
  cr_assert_eq(limn_device_create(&device, &(limn_device_options){.name = "auto", .threads = 1}), LIMN_OK, "%s",
               limn_error_message());
  cr_expect_str_eq(device->ops->kind, "cpu");
  cr_expect_str_eq(device->note, "no CUDA: the stub has no card 0, none, free; training on the CPU");
  limn_device_destroy(device);
  setenv("LIMN_CUDA_MODULE", "/nowhere/liblimn_cuda.so", 1);
  cr_assert_eq(limn_device_create(&device, &(limn_device_options){.name = "auto", .threads = 1}), LIMN_OK);
  cr_expect_str_eq(device->ops->kind, "cpu");
  cr_expect(strstr(device->note, "/nowhere/liblimn_cuda.so") != NULL, "%s", device->note);
  limn_device_destroy(device);
  cr_assert_eq(limn_device_create(&device, &(limn_device_options){.name = "cpu", .threads = 1}), LIMN_OK);
  cr_expect_str_eq(device->note, "");
  limn_device_destroy(device);
}

Test(module, the_cpu_has_no_fp16) {
  limn_device *device = NULL;
  limn_device_options options = {.name = "cpu", .threads = 1, .precision = "fp16"};
  choose("failing");
  cr_expect_eq(limn_device_create(&device, &options), LIMN_USAGE);
  expect_message("precision fp16 needs a CUDA device");
  options.name = "auto";
  cr_expect_eq(limn_device_create(&device, &options), LIMN_USAGE);
  expect_message("the stub has no card 0");
  options.precision = "fp32";
  cr_assert_eq(limn_device_create(&device, &options), LIMN_OK, "%s", limn_error_message());
  limn_device_destroy(device);
}

Test(module, training_tells_the_fallback) {
  char data[TEST_PATH_SIZE];
  snprintf(data, sizeof data, "%s", test_path("data"));
  test_write_data(data, 8, 1, 16, 16);
  choose("failing");
  test_run run = test_train_well("dcgan", (const char *const[]){"steps", "1", "device", "auto", NULL}, data, "run");
  cr_expect_str_eq(run.notice, "no CUDA: the stub has no card 0, auto, deterministic; training on the CPU");
  run = test_train_well("dcgan", (const char *const[]){"steps", "1", "device", "cpu", NULL}, data, "other");
  cr_expect_str_eq(run.notice, "");
}

Test(module, settings_reach_the_device) {
  limn_session session;
  limn_config *config = test_config(
      "dcgan", (const char *const[]){"device", "cuda:2", "precision", "fp16", "deterministic", "true", NULL});
  choose("failing");
  cr_expect_eq(limn_session_init(&session, config, 1, &(limn_session_data){0}), LIMN_DEVICE);
  expect_message("the stub has no card 2, fp16, deterministic");
  limn_config_destroy(config);
}

/* Runs the copy of the program in test_folder/bin, with what it prints to standard error in `text`; its exit code. */
static int run_copy(const char *arguments, char *text, size_t size) {
  char command[PATH_MAX];
  snprintf(command, sizeof command, "cd %s && bin/limn %s 2>&1 >/dev/null", test_folder, arguments);
  FILE *stream = popen(command, "r");
  cr_assert(stream != NULL);
  size_t length = fread(text, 1, size - 1, stream);
  text[length] = '\0';
  int status = pclose(stream);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void shell(const char *format, const char *argument) {
  char command[3 * PATH_MAX];
  int length = snprintf(command, sizeof command, "cd %s && ", test_folder);
  snprintf(command + length, sizeof command - (size_t)length, format, argument);
  cr_assert_eq(system(command), 0, "%s", command);
}

Test(module, the_program_finds_its_module) {
  static const char *const places[] = {"bin", "lib/limn", "lib"};
  static const char bench[] = "bench step dcgan --device cuda --set filters=4 --size 16";
  char text[4096];
  shell("mkdir -p bin lib/limn && cp '%s' bin/limn", LIMN_PROGRAM);
  cr_expect_eq(run_copy(bench, text, sizeof text), 4);
  cr_expect(strstr(text, "no CUDA module") && strstr(text, "scripts/setup-cuda"), "%s", text);
  for (size_t i = 0; i < sizeof places / sizeof *places; ++i) {
    shell("cp " LIMN_TEST_MODULES "/failing.so %s/liblimn_cuda.so", places[i]);
    cr_expect_eq(run_copy(bench, text, sizeof text), 4, "%s", places[i]);
    cr_expect(strstr(text, "the stub has no card 0") != NULL, "%s: %s", places[i], text);
    shell("rm %s/liblimn_cuda.so", places[i]);
  }
}
