/* One network out of a checkpoint: its names, its numbers, and what cannot be exported. */
#include "limn/export.h"
#include "support/run_files.h"

static char data[TEST_PATH_SIZE];

static void begin(void) { test_begin_with_data(data, 16); }

TestSuite(export, .init = begin, .fini = test_folder_remove, .timeout = 120);

static const char *const with_average[] = {"steps", "3", "ema", "0.9", NULL};
static const char *const plain[] = {"steps", "3", NULL};

/* What a module of PyTorch with these layers has in its state_dict, num_batches_tracked apart: loading adds that. */
static const struct {
  const char *model, *network, *prefix;
  const char *names[16];
} cases[] = {
    {"dcgan",
     "generator",
     "generator.",
     {"main.0.weight", "main.1.weight", "main.1.bias", "main.1.running_mean", "main.1.running_var", "main.3.weight",
      "main.4.weight", "main.4.bias", "main.4.running_mean", "main.4.running_var", "main.6.weight"}},
    {"dcgan",
     "ema",
     "ema.generator.",
     {"main.0.weight", "main.1.weight", "main.1.bias", "main.1.running_mean", "main.1.running_var", "main.3.weight",
      "main.4.weight", "main.4.bias", "main.4.running_mean", "main.4.running_var", "main.6.weight"}},
    {"dcgan",
     "discriminator",
     "discriminator.",
     {"main.0.weight", "main.2.weight", "main.3.weight", "main.3.bias", "main.3.running_mean", "main.3.running_var",
      "main.5.weight"}},
    {"vae",
     "encoder",
     "encoder.",
     {"main.0.weight", "main.0.bias", "main.2.weight", "main.2.bias", "mu.weight", "mu.bias", "logvar.weight",
      "logvar.bias"}},
    {"vae",
     "decoder",
     "decoder.",
     {"main.0.weight", "main.0.bias", "main.2.weight", "main.2.bias", "main.4.weight", "main.4.bias"}},
    {"autoencoder",
     "encoder",
     "encoder.",
     {"main.0.weight", "main.0.bias", "main.2.weight", "main.2.bias", "code.weight", "code.bias"}},
};

static void check_tensors(size_t i, const char *file, const limn_safetensors *checkpoint) {
  limn_safetensors *exported = NULL;
  size_t expected = 0;
  cr_assert_eq(limn_safetensors_open(&exported, file), LIMN_OK, "%s", limn_error_message());
  for (; expected < 16 && cases[i].names[expected]; ++expected) {
    char full[96];
    snprintf(full, sizeof full, "%s%s", cases[i].prefix, cases[i].names[expected]);
    const limn_stored_tensor *a = limn_safetensors_find(exported, cases[i].names[expected]);
    const limn_stored_tensor *b = limn_safetensors_find(checkpoint, full);
    cr_assert(a && b, "%s", full);
    cr_expect(a->dims == b->dims && memcmp(a->shape, b->shape, sizeof a->shape) == 0 && a->bytes == b->bytes &&
                  memcmp(a->data, b->data, a->bytes) == 0,
              "%s", full);
  }
  cr_expect_eq(limn_safetensors_count(exported), expected, "%s: %zu tensors", cases[i].network,
               limn_safetensors_count(exported));
  cr_expect_str_eq(limn_safetensors_metadata(exported, "format"), "pt");
  cr_expect_str_eq(limn_safetensors_metadata(exported, "model"), cases[i].model);
  cr_expect_str_eq(limn_safetensors_metadata(exported, "network"), cases[i].network);
  cr_expect_str_eq(limn_safetensors_metadata(exported, "step"), "3");
  static const char *const settings[] = {"size", "channels", "filters", "latent", "seed"};
  for (size_t s = 0; s < sizeof settings / sizeof *settings; ++s) {
    const char *value = limn_safetensors_metadata(exported, settings[s]);
    cr_assert_not_null(value, "%s", settings[s]);
    cr_expect_str_eq(value, limn_safetensors_metadata(checkpoint, settings[s]));
  }
  limn_safetensors_close(exported);
}

Test(export, writes_the_bare_names_of_each_network) {
  const char *model = "";
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    if (strcmp(model, cases[i].model) != 0)
      test_train_well(cases[i].model, strcmp(cases[i].model, "dcgan") == 0 ? with_average : plain, data,
                      cases[i].model);
    model = cases[i].model;
    const char *run = test_path("%s", model), *file = test_path("out.safetensors");
    cr_assert_eq(limn_export(run, cases[i].network, file), LIMN_OK, "%s", limn_error_message());
    limn_safetensors *checkpoint = test_open_checkpoint(model, 3);
    check_tensors(i, file, checkpoint);
    limn_safetensors_close(checkpoint);
  }
}

static void expect_output(const char *run, const char *network, const char *said) {
  limn_safetensors *exported = NULL;
  const char *file = test_path("out.safetensors");
  cr_assert_eq(limn_export(run, network, file), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_safetensors_open(&exported, file), LIMN_OK, "%s", limn_error_message());
  const char *output = limn_safetensors_metadata(exported, "output");
  cr_expect(output && strstr(output, said), "%s: %s", network, output);
  limn_safetensors_close(exported);
}

Test(export, says_what_the_output_is) {
  static const char *const hinge[] = {"steps", "1", "loss", "hinge", NULL};
  static const char *const gaussian[] = {"steps", "1", "likelihood", "gaussian", NULL};
  test_train_well("dcgan", plain, data, "dcgan");
  test_train_well("dcgan", hinge, data, "hinge");
  test_train_well("vae", plain, data, "vae");
  test_train_well("vae", gaussian, data, "gaussian");
  expect_output(test_path("dcgan"), "generator", "tanh, in [-1, 1]");
  expect_output(test_path("dcgan"), "discriminator", "logits of being real; apply a sigmoid");
  expect_output(test_path("hinge"), "discriminator", "scores, over 0 for real");
  expect_output(test_path("vae"), "decoder", "logits; apply a sigmoid");
  expect_output(test_path("gaussian"), "decoder", "pictures in [0, 1]; clip");
  expect_output(test_path("vae"), "encoder", "mean and log-variance");
}

/* With the learned Gaussian the decoder has one parameter more, beside its layers. */
Test(export, a_decoder_has_its_learned_variance) {
  static const char *const learned[] = {"steps", "3", "likelihood", "gaussian_learned", NULL};
  limn_safetensors *exported = NULL;
  test_train_well("vae", learned, data, "vae");
  const char *file = test_path("out.safetensors");
  cr_assert_eq(limn_export(test_path("vae/checkpoints/latest"), "decoder", file), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_safetensors_open(&exported, file), LIMN_OK);
  cr_expect_not_null(limn_safetensors_find(exported, "logvar"));
  limn_safetensors_close(exported);
}

static void expect_failure(limn_status expected, const char *words, const char *path, const char *network,
                           const char *file) {
  limn_status status = limn_export(path, network, file);
  cr_expect_eq(status, expected, "%d: %s", status, limn_error_message());
  cr_expect_not_null(strstr(limn_error_message(), words), "%s", limn_error_message());
}

Test(export, what_is_not_there_is_refused_and_nothing_is_written) {
  test_train_well("dcgan", plain, data, "dcgan");
  test_train_well("vae", plain, data, "vae");
  const char *dcgan = test_path("dcgan"), *vae = test_path("vae"), *file = test_path("out.safetensors");
  expect_failure(LIMN_USAGE, "a vae has encoder and decoder", vae, "generator", file);
  expect_failure(LIMN_USAGE, "a dcgan has generator", dcgan, "decoder", file);
  expect_failure(LIMN_USAGE, "a dcgan has generator", dcgan, "", file);
  expect_failure(LIMN_USAGE, "--set ema=0.999", dcgan, "ema", file);
  expect_failure(LIMN_DATA, "does not exist", test_path("nothing"), "ema", file);
  expect_failure(LIMN_DATA, "0000.png", test_path("data/0000.png"), "ema", file);
  cr_expect_neq(access(file, F_OK), 0);
  const char *latest = test_path("dcgan/checkpoints/000003.safetensors");
  expect_failure(LIMN_USAGE, "name another file", dcgan, "generator", latest);
  expect_failure(LIMN_USAGE, "name another file", latest, "generator", latest);
  limn_safetensors_close(test_open_checkpoint("dcgan", 3));
}

Test(export, other_endings_are_refused_with_a_way_out) {
  const char *nothing = test_path("nothing");
  expect_failure(LIMN_USAGE, "no .pt file, which is a pickle of Python's: there, safetensors.torch.load_file reads",
                 nothing, "generator", test_path("g.pt"));
  expect_failure(LIMN_USAGE, "g.safetensors; name that", nothing, "generator", test_path("g.PTH"));
  expect_failure(LIMN_USAGE, "no .bin file", nothing, "generator", test_path("g.bin"));
  expect_failure(LIMN_USAGE, "torch.onnx.export", nothing, "generator", test_path("g.onnx"));
  expect_failure(LIMN_USAGE, "written as .safetensors", nothing, "generator", test_path("g.h5"));
  expect_failure(LIMN_USAGE, "name .safe", nothing, "generator", ".safe");
  expect_failure(LIMN_USAGE, "g.safetensors", nothing, "generator", test_path("g"));
  expect_failure(LIMN_FAILED, "make its folder first", nothing, "generator", test_path("no/g.safetensors"));
  expect_failure(LIMN_FAILED, "a folder", nothing, "generator", test_path("data"));
}

Test(export, replaces_a_file_and_repeats_its_bytes) {
  test_train_well("dcgan", plain, data, "dcgan");
  cr_assert(mkdir(test_path("a"), 0777) == 0 && mkdir(test_path("b"), 0777) == 0);
  test_write(test_path("a/x.safetensors"), "old", 3);
  cr_assert_eq(limn_export(test_path("dcgan"), "generator", test_path("a/x.safetensors")), LIMN_OK);
  cr_assert_eq(limn_export(test_path("dcgan"), "generator", test_path("b/x.safetensors")), LIMN_OK);
  cr_expect(test_same_file("a", "b", "x.safetensors"));
}

static const limn_stored_tensor *tensor_of(const limn_safetensors *file, const char *name) {
  const limn_stored_tensor *stored = limn_safetensors_find(file, name);
  cr_assert_not_null(stored, "%s", name);
  return stored;
}

/* Under PyTorch's other names, which --init takes as well; a linear layer is (out, in). */
Test(export, spectral_norm_has_two_spellings) {
  test_train_well("sngan", plain, data, "sngan");
  const char *file = test_path("d.safetensors");
  limn_safetensors *exported, *checkpoint = test_open_checkpoint("sngan", 3);
  cr_assert_eq(limn_export_as(test_path("sngan"), "discriminator", LIMN_EXPORT_PARAMETRIZATIONS, file), LIMN_OK, "%s",
               limn_error_message());
  cr_assert_eq(limn_safetensors_open(&exported, file), LIMN_OK);
  const limn_stored_tensor *w = tensor_of(exported, "block1.c1.parametrizations.weight.original"),
                           *last = tensor_of(exported, "l5.parametrizations.weight.original"),
                           *v = tensor_of(exported, "block1.c1.parametrizations.weight.0._v"),
                           *linear = tensor_of(checkpoint, "generator.l1.weight");
  cr_expect_null(limn_safetensors_find(exported, "block1.c1.weight_orig"));
  cr_expect(w->dims == 4 && last->dims == 2 && last->shape[0] == 1 && last->shape[1] == 4);
  cr_expect(v->dims == 1 && v->shape[0] == 9);
  cr_expect(linear->dims == 2 && linear->shape[0] == 8 * 16 && linear->shape[1] == 8);
  cr_expect_arr_eq(w->data, tensor_of(checkpoint, "discriminator.block1.c1.weight_orig")->data, w->bytes);

  const char *const again[] = {"steps", "1", "lr", "1e-30", "init", file, NULL};
  test_train_well("sngan", again, data, "again");
  limn_safetensors *second = test_open_checkpoint("again", 1);
  const float *here = tensor_of(second, "discriminator.block1.c1.weight_orig")->data, *there = w->data;
  for (size_t i = 0; i < w->bytes / sizeof *here; ++i)
    cr_expect_float_eq(here[i], there[i], 1e-29F);
  limn_safetensors_close(second);
  limn_safetensors_close(exported);
  limn_safetensors_close(checkpoint);
}
