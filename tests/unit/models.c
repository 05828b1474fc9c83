/* The registry of models: what its rows say agrees with what stands elsewhere. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "models/outline.h"
#include "support/training.h"

Test(models, a_row_agrees_with_the_settings) {
  for (int i = 0; limn_model_name(i); ++i) {
    const limn_model_row *row = limn_model_row_at(i);
    cr_expect_eq(limn_model_index(limn_model_name(i)), i);
    cr_expect_gt(strlen(limn_model_help(i)), 10);
    cr_expect_eq(row->averages, (limn_setting_find("ema")->models >> i & 1) != 0, "%s", limn_model_name(i));
    cr_expect(row->networks[row->generator].reads_codes && row->pixels && row->describe_output);
  }
  cr_expect_null(limn_model_name(LIMN_MODEL_COUNT));
  cr_expect_eq(limn_model_index("gan"), -1);
}

/* An outline: PyTorch's names in PyTorch's order, what layers cost, how tensors begin. */
Test(models, a_network_is_told_by_its_outline) {
  static const char *const leaves[] = {
      "generator.main.0.weight",       "generator.main.1.weight",      "generator.main.1.bias",
      "generator.main.1.running_mean", "generator.main.1.running_var", "generator.main.3.weight",
      "generator.main.4.weight",       "generator.main.4.bias",        "generator.main.4.running_mean",
      "generator.main.4.running_var",  "generator.main.6.weight"};
  limn_config *config = test_config("dcgan", NULL);
  limn_model model;
  limn_outline o;
  cr_assert_eq(limn_model_init(&model, config), LIMN_OK);
  cr_assert_eq(limn_outline_take(&o, &model, 0), LIMN_OK);
  cr_assert_eq(o.leaf_count, 11);
  for (int i = 0; i < 11; ++i)
    cr_expect_str_eq(o.leaves[i].name, leaves[i]);
  cr_assert_eq(o.layer_count, 8);
  cr_expect_str_eq(o.layers[0].kind, "transposed convolution 4x4, stride 1");
  cr_expect_str_eq(o.layers[7].name, "main.7");
  cr_expect_eq(o.layers[3].parameters, 8 * 4 * 16);
  cr_expect_eq(o.layers[3].macs, 8 * 4 * 16 * 16);
  cr_expect_eq(o.layers[1].parameters, 16);
  cr_expect(o.leaves[1].initial.mean == 1 && o.leaves[1].initial.deviation == 0.02f);
  cr_expect(o.leaves[4].role == LIMN_ROLE_BUFFER && o.leaves[4].initial.mean == 1 &&
            o.leaves[4].initial.deviation == 0);
  cr_expect_eq(limn_outline_find(&o, "generator.main.6.weight"), &o.leaves[10]);
  cr_expect_null(limn_outline_find(&o, "generator.main.5.weight"));
  limn_outline_release(&o);
  limn_config_destroy(config);
}

/* No longer than forty layers, as lists of them once were: the largest picture has the most. */
Test(models, large_pictures_have_their_layers) {
  limn_config *config = test_config("dcgan", (const char *const[]){"size", "1024", "filters", "1", NULL});
  limn_model model;
  limn_outline o;
  cr_assert_eq(limn_model_init(&model, config), LIMN_OK);
  cr_assert_eq(limn_outline_take(&o, &model, 0), LIMN_OK);
  cr_expect_eq(o.layer_count, 3 * 8 + 2);
  limn_outline_release(&o);
  limn_config_destroy(config);
}

/* docs/formats.md has a word on each model and each network. */
Test(models, each_is_documented) {
  char *text = NULL;
  size_t size = 0;
  cr_assert_eq(limn_read_file(LIMN_SOURCE_DIR "/docs/formats.md", 1 << 20, &text, &size), LIMN_OK);
  for (int i = 0; limn_model_name(i); ++i) {
    cr_expect_not_null(strstr(text, limn_model_name(i)), "%s", limn_model_name(i));
    for (int n = 0; n < 2; ++n) {
      char prefix[64];
      snprintf(prefix, sizeof prefix, "`%s.", limn_model_row_at(i)->networks[n].name);
      cr_expect_not_null(strstr(text, prefix), "%s", prefix);
    }
  }
  free(text);
}
