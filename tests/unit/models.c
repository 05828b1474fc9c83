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

/* mimicry's widths at its four sizes; what follows of others. */
Test(models, an_sngan_has_the_widths_of_its_paper) {
  static const struct {
    const char *size;
    int network;
    const char *name;
    int channels, inputs; /* of that weight */
  } cases[] = {
      {"32", 0, "generator.block4.c2.weight", 256, 256},
      {"32", 0, "generator.c5.weight", 3, 256},
      {"32", 1, "discriminator.block4.c2.weight_orig", 128, 128},
      {"32", 1, "discriminator.l5.weight_orig", 1, 128},
      {"48", 0, "generator.block2.c1.weight", 256, 512},
      {"48", 0, "generator.c5.weight", 3, 64},
      {"48", 1, "discriminator.block5.c2.weight_orig", 1024, 512},
      {"64", 0, "generator.block2.c1.weight", 512, 1024},
      {"64", 0, "generator.c6.weight", 3, 64},
      {"64", 1, "discriminator.block1.c1.weight_orig", 64, 3},
      {"64", 1, "discriminator.l6.weight_orig", 1, 1024},
      {"128", 0, "generator.block2.c1.weight", 1024, 1024},
      {"128", 0, "generator.c7.weight", 3, 64},
      {"128", 1, "discriminator.block6.c1.weight_orig", 1024, 1024},
      {"128", 1, "discriminator.l7.weight_orig", 1, 1024},
      {"28", 0, "generator.c4.weight", 3, 256},
      {"28", 1, "discriminator.l5.weight_orig", 1, 128},
      {"48x80", 1, "discriminator.l6.weight_orig", 1, 1024},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const char *const settings[] = {"size", cases[i].size, "channels", "3", "filters", "128", NULL};
    limn_config *config = test_config("sngan", settings);
    limn_model model;
    limn_outline o;
    cr_assert_eq(limn_model_init(&model, config), LIMN_OK);
    cr_assert_eq(limn_outline_take(&o, &model, cases[i].network), LIMN_OK);
    const limn_outline_leaf *leaf = limn_outline_find(&o, cases[i].name);
    cr_expect(leaf && leaf->shape.n == cases[i].channels && leaf->shape.c == cases[i].inputs, "%s: %s, %d x %d",
              cases[i].size, cases[i].name, leaf ? leaf->shape.n : 0, leaf ? leaf->shape.c : 0);
    limn_outline_release(&o);
    limn_config_destroy(config);
  }
}

/* Every size that the trunk serves, every kind of picture. */
Test(models, each_serves_every_size) {
  static const char *const sizes[] = {"8", "10", "16x24", "28", "40", "36x32", "56", "64", "80x48", "96", "144", "256"};
  for (int m = 0; limn_model_name(m); ++m)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i)
      for (int network = 0; network < 2; ++network) {
        const char *const settings[] = {"size", sizes[i], "channels", i % 2 ? "3" : "1", "filters", "2", NULL};
        limn_config *config = test_config(limn_model_name(m), settings);
        limn_model model;
        limn_outline o;
        cr_assert_eq(limn_model_init(&model, config), LIMN_OK, "%s", limn_error_message());
        cr_expect_eq(limn_outline_take(&o, &model, network), LIMN_OK, "%s, %s: %s", limn_model_name(m), sizes[i],
                     limn_error_message());
        if (network == model.row->generator) {
          limn_shape shape = o.layers[o.layer_count - 1].shape;
          cr_expect(shape.h == config->height && shape.w == config->width && shape.c == config->channels);
        }
        limn_outline_release(&o);
        limn_config_destroy(config);
      }
}
