/* GANs whose discriminator looks through a pretrained network, here one with made-up weights. */
#include "devices/device.h"
#include "limn/generator.h"
#include "support/made_weights.h"
#include "support/run_files.h"
#include "train/session.h"

#define LITE0 "efficientnet_lite0"

static char data[TEST_PATH_SIZE];

static void begin(void) {
  test_begin_with_data(data, 40);
  use_made_network(LITE0);
}

TestSuite(projected, .init = begin, .fini = test_folder_remove, .timeout = 240);

static const char *const settings[] = {"steps", "4", "head_filters", "2", "checkpoint_every", "2", NULL};

/* ---- what a step computes ---- */

typedef struct products {
  int forward, backward_data, backward_weights;
} products;

static products count_products(const limn_program *program) {
  products p = {0};
  limn_program_info info;
  limn_program_get_info(program, &info);
  for (int i = 0; i < info.row_count; ++i) {
    limn_program_row row;
    limn_program_get_row(program, i, &row);
    if (strncmp(row.name, "convolution", 11) != 0 && strncmp(row.name, "dense", 5) != 0)
      continue;
    ++*(strstr(row.name, "backward data")      ? &p.backward_data
        : strstr(row.name, "backward weights") ? &p.backward_weights
                                               : &p.forward);
  }
  return p;
}

/* Of the network 48 convolutions are looked at, behind it there are 8 that mix and 11 in the heads; the generator has
 * 3, which go forward as "backward data". Real pictures pass through the network once and fake ones once, though both
 * players look at these: the heads alone score them twice. Nothing is computed for weights that are frozen. */
Test(projected, fake_pictures_pass_through_the_network_once) {
  enum { NETWORK = 48, MIXTURES = 8, HEADS = 11, FIRST = 4, GENERATOR = 3 };
  limn_config *config = test_config("projected", settings);
  limn_session s;
  test_set(config, "device", "cpu");
  cr_assert_eq(limn_session_init(&s, config, 4, &(limn_session_data){0}), LIMN_OK, "%s", limn_error_message());
  const products got = count_products(s.train);
  cr_expect_eq(got.forward, 2 * (NETWORK + MIXTURES) + 3 * HEADS + GENERATOR - 1, "%d forward", got.forward);
  cr_expect_eq(got.backward_data, GENERATOR + 2 * (HEADS - FIRST) + HEADS + MIXTURES + NETWORK, "%d backward data",
               got.backward_data);
  cr_expect_eq(got.backward_weights, 2 * HEADS + GENERATOR, "%d backward weights", got.backward_weights);
  limn_session_release(&s);
  limn_config_destroy(config);
}

/* ---- its file ---- */

static test_run go_on(const char *steps) {
  test_run run = {0};
  limn_config *config = NULL;
  cr_assert_eq(limn_config_create(&config, "projected"), LIMN_OK);
  test_set(config, "steps", steps);
  test_train(&run, config, "run", true);
  limn_config_destroy(config);
  return run;
}

/* Another file of the same network. */
static void write_others(const char *name) {
  made_file *m = make_file(network_of(LITE0), "");
  ((float *)(uintptr_t)m->tensors[0].data)[0] += 1;
  write_made_file(m, name);
  free_file(m);
}

Test(projected, the_network_is_in_no_checkpoint_and_has_to_be_the_same) {
  char kept[TEST_PATH_SIZE], moved[TEST_PATH_SIZE];
  const char *const cached = "cache/features/" LITE0 ".safetensors";
  test_train_well("projected", settings, data, "run");
  limn_safetensors *file = test_open_checkpoint("run", 4);
  const char *sum = limn_safetensors_metadata(file, "frozen_sha256");
  cr_expect(sum && strlen(sum) == 64);
  for (size_t i = 0; i < limn_safetensors_count(file); ++i)
    cr_expect_neq(strncmp(limn_safetensors_at(file, i)->name, "projector.", 10), 0);
  cr_expect_not_null(limn_safetensors_find(file, "discriminator.channels0.weight"), "what is random is kept");
  limn_safetensors_close(file);

  snprintf(kept, sizeof kept, "%s", test_path("%s", cached));
  snprintf(moved, sizeof moved, "%s", test_path("moved"));
  cr_assert_eq(rename(kept, moved), 0);
  test_run run = go_on("6");
  cr_expect_eq(run.status, LIMN_DATA);
  cr_expect_not_null(strstr(run.message, "limn features get"), "%s", run.message);
  write_others(cached);
  run = go_on("6");
  cr_expect_eq(run.status, LIMN_DATA);
  cr_expect_not_null(strstr(run.message, "other weights"), "%s", run.message);
  cr_assert_eq(rename(moved, kept), 0);
  run = go_on("6");
  cr_expect_eq(run.status, LIMN_OK, "%s", run.message);
  cr_expect_eq(run.result.step, 6);
}

/* Pictures are drawn by the generator alone. */
Test(projected, drawing_wants_no_pretrained_network) {
  limn_generator *generator = NULL;
  test_train_well("projected", settings, data, "run");
  cr_assert_eq(remove(test_path("cache/features/" LITE0 ".safetensors")), 0);
  cr_assert_eq(limn_generator_open(&generator, test_path("run"), &(limn_generator_options){.device = "cpu"}), LIMN_OK,
               "%s", limn_error_message());
  limn_generator_close(generator);
}

/* ---- what is refused ---- */

Test(projected, what_cannot_be_is_refused_with_the_way_out) {
  static const struct {
    const char *name, *value, *said;
  } cases[] = {
      {"projector", "vgg16", "take efficientnet_lite0 or a ResNet"},
      {"projector", "resnet19", "no pretrained network \"resnet19\""},
      {"projector_size", "70", "the nearest is 64"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    test_run run = {0};
    limn_config *config = test_config("projected", settings);
    test_set(config, "data", data);
    test_set(config, cases[i].name, cases[i].value);
    test_train(&run, config, "run", false);
    cr_expect_eq(run.status, LIMN_USAGE, "%s %s", cases[i].name, cases[i].value);
    cr_expect_not_null(strstr(run.message, cases[i].said), "%s", run.message);
    cr_expect_neq(access(test_path("run"), F_OK), 0, "nothing is left");
    limn_config_destroy(config);
  }
}
