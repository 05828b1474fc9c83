/* Features of pictures: the extractor, where its weights lie, and how they get there. */
#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/safetensors.h"
#include "infer/extractor.h"
#include "limn/tools.h"
#include "support/made_weights.h"
#include "support/run_files.h"

TestSuite(extractor, .init = test_folder_create, .fini = test_folder_remove, .timeout = 120);

#define SIDE 48

static void extract(limn_extractor *e, const float *x, int count, float *pool, float *block) {
  cr_assert_eq(limn_extractor_run(e, x, count, (float *const[]){pool, block}), LIMN_OK, "%s", limn_error_message());
}

/* By name out of the cache and by its path, in passes of one size and another: the same numbers. */
Test(extractor, takes_any_count) {
  static const char *const taps[] = {"pool", "block4"};
  const limn_feature_network *network = network_of("efficientnet_lite0");
  made_file *m = make_file(network, "");
  limn_extractor_info info;
  limn_extractor *e;
  float x[5 * 3 * SIDE * SIDE], alone[2][5 * 1280], together[2][5 * 1280];
  write_made_file(m, "lite0.safetensors");
  free_file(m);
  limn_philox_uniform(SEED, PICTURES, 0, 0, x, sizeof x / sizeof *x);
  limn_extractor_options options = {.features = test_path("lite0.safetensors"),
                                    .device = "cpu",
                                    .size = SIDE,
                                    .batch = 2,
                                    .taps = taps,
                                    .tap_count = 2};
  cr_assert_eq(limn_extractor_open(&e, &options), LIMN_OK, "%s", limn_error_message());
  limn_extractor_get_info(e, &info);
  cr_expect(info.network == network && info.size == SIDE && info.batch == 2 && info.tap_count == 2);
  cr_expect(info.widths[0] == 1280 && info.widths[1] == 40 && strcmp(info.taps[1], "block4") == 0);
  cr_expect(strlen(info.checksum) == 64 && info.scale[0] == 1.0F / 128);
  extract(e, x, 5, together[0], together[1]);
  extract(e, x, 0, NULL, NULL);
  for (int i = 0; i < 5; ++i)
    extract(e, x + i * 3 * SIDE * SIDE, 1, alone[0] + i * 1280, alone[1] + i * 40);
  cr_expect_arr_eq(alone[0], together[0], sizeof alone[0]);
  cr_expect_arr_eq(alone[1], together[1], 5 * 40 * sizeof(float));
  cr_expect_lt(relative_difference(alone[0], alone[0] + 1280, 1280), 1);
  cr_expect_gt(relative_difference(alone[0], alone[0] + 1280, 1280), 1e-3, "pictures that differ");
  limn_extractor_close(e);
  setenv("LIMN_CACHE", test_folder, 1);
  cr_assert_eq(mkdir(test_path("features"), 0700), 0);
  cr_assert_eq(rename(test_path("lite0.safetensors"), test_path("features/efficientnet_lite0.safetensors")), 0);
  cr_assert_eq(limn_extractor_open(&e, &(limn_extractor_options){.device = "cpu", .size = SIDE}), LIMN_OK, "%s",
               limn_error_message());
  limn_extractor_get_info(e, &info);
  cr_expect(info.tap_count == 1 && strcmp(info.taps[0], "pool") == 0 && info.batch > 2);
  cr_assert_eq(limn_extractor_run(e, x, 5, (float *const[]){alone[0]}), LIMN_OK);
  cr_expect_lt(relative_difference(alone[0], together[0], 5 * 1280), 1e-5);
  limn_extractor_close(e);
}

static void expect_unopened(const limn_extractor_options *options, limn_status status, const char *said) {
  limn_extractor *e;
  cr_expect_eq(limn_extractor_open(&e, options), status, "%s", said);
  cr_expect_null(e);
  cr_expect(strstr(limn_error_message(), said) && !strchr(limn_error_message(), '\n'), "\"%s\" and not \"%s\"",
            limn_error_message(), said);
}

Test(extractor, says_what_is_missing) {
  made_file *m = make_file(network_of("efficientnet_lite0"), "");
  setenv("LIMN_CACHE", test_folder, 1);
  expect_unopened(NULL, LIMN_DATA, "limn features get efficientnet_lite0");
  expect_unopened(&(limn_extractor_options){.features = "resnet18"}, LIMN_DATA, "limn features get resnet18 --from");
  expect_unopened(&(limn_extractor_options){.features = "resnet17"}, LIMN_USAGE, "resnet17");
  expect_unopened(&(limn_extractor_options){.features = "not/there.pth"}, LIMN_DATA, "not/there.pth");
  expect_unopened(&(limn_extractor_options){.features = LIMN_SOURCE_DIR "/tests/fixtures/pixels.safetensors"},
                  LIMN_DATA, "limn features");
  write_made_file(m, "w.safetensors");
  const char *path = test_path("w.safetensors");
  expect_unopened(&(limn_extractor_options){.features = path, .taps = (const char *const[]){"fc9"}, .tap_count = 1},
                  LIMN_USAGE, "fc9");
  expect_unopened(&(limn_extractor_options){.features = path, .size = 5000}, LIMN_USAGE, "4096");
  expect_unopened(&(limn_extractor_options){.features = path, .device = "abacus"}, LIMN_USAGE, "abacus");
  free_file(m);
  setenv("LIMN_CACHE", "", 1);
  expect_unopened(NULL, LIMN_DATA, "limn features get efficientnet_lite0");
}

/* What is not the published file does not get into the cache, however it is packed, and leaves nothing there. */
Test(extractor, only_published_weights_are_got) {
  char path[4096];
  made_file *m = make_file(network_of("efficientnet_lite0"), "");
  setenv("LIMN_CACHE", test_folder, 1);
  write_made_file(m, "mine.pth");
  free_file(m);
  cr_expect_eq(limn_features_get("efficientnet_lite0", test_path("mine.pth"), path, sizeof path), LIMN_DATA);
  cr_expect(strstr(limn_error_message(), "57934424"), "%s", limn_error_message());
  cr_expect_eq(limn_features_get("efficientnet_lite0", test_path("none.whl"), path, sizeof path), LIMN_DATA);
  cr_expect_eq(limn_features_get("resnet18", NULL, path, sizeof path), LIMN_USAGE);
  cr_expect(strstr(limn_error_message(), "resnet18-f37072fd.pth"), "%s", limn_error_message());
  cr_expect_eq(limn_features_get("resnet", NULL, path, sizeof path), LIMN_USAGE);
  cr_expect_eq(rmdir(test_path("features")), 0, "something was left");
  setenv("PATH", "/nowhere", 1);
  cr_expect_eq(limn_features_get("efficientnet_lite0", NULL, path, sizeof path), LIMN_FAILED);
  cr_expect(strstr(limn_error_message(), "python3") && !strchr(limn_error_message(), '\n'), "%s", limn_error_message());
}
