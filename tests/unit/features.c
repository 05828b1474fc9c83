/* Pretrained networks against their originals, with weights by a formula: tests/fixtures/features/make_features.py says
 * which, and what is in features.safetensors. */
#include <criterion/criterion.h>

#include "checkpoint/pretrained.h"
#include "devices/device.h"
#include "support/made_weights.h"
#include "support/training.h"

#define TOLERANCE 1e-4
#define FIXTURE   LIMN_SOURCE_DIR "/tests/fixtures/features/features.safetensors"

TestSuite(features, .timeout = 120);

/* A network at work on two pictures: store, program. */
typedef struct session {
  limn_device *device;
  limn_store *store;
  limn_program *program;
} session;

static void start(session *s, const limn_feature_network *network, int height, int width, const char *const *taps,
                  int count) {
  limn_value values[LIMN_MAX_TAPS];
  limn_graph *graph;
  cr_assert_eq(limn_device_create(&s->device, &(limn_device_options){.name = test_device(), .precision = "fp32"}),
               LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_store_create(&s->store, s->device), LIMN_OK);
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value x = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "x", (limn_shape){2, 3, height, width});
  cr_assert_eq(limn_features_build(network, graph, "f", x, taps, count, values), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < count; ++i) {
    char name[16];
    snprintf(name, sizeof name, "tap.%d", i);
    limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, name, limn_graph_shape(graph, values[i])),
                      values[i]);
  }
  cr_assert_eq(limn_program_create(&s->program, s->store, graph, NULL), LIMN_OK, "%s", limn_error_message());
  limn_graph_destroy(graph);
}

static void stop(session *s) {
  limn_program_destroy(s->program);
  limn_store_destroy(s->store);
  limn_device_destroy(s->device);
}

/* Tap `index`: as the fixture has it, whole or its means. */
static void compare(const session *s, const char *case_name, const char *tap, int index,
                    const limn_stored_tensor *wanted) {
  char name[16];
  snprintf(name, sizeof name, "tap.%d", index);
  limn_tensor *tensor = limn_store_find(s->store, name);
  const limn_shape shape = tensor->shape;
  const size_t count = (size_t)limn_shape_count(shape), pixels = (size_t)shape.h * (size_t)shape.w;
  float *map = malloc(count * sizeof *map);
  cr_assert_not_null(map);
  cr_assert_eq(limn_tensor_download(tensor, map), LIMN_OK);
  cr_assert_eq(wanted->bytes, sizeof(float) * (wanted->dims == 4 ? count : count / pixels), "%s.%s", case_name, tap);
  if (wanted->dims != 4)
    for (size_t i = 0; i < count / pixels; ++i) {
      double sum = 0;
      for (size_t k = 0; k < pixels; ++k)
        sum += (double)map[i * pixels + k];
      map[i] = (float)(sum / (double)pixels);
    }
  const double error = relative_difference(map, wanted->data, wanted->bytes / sizeof(float));
  cr_expect_lt(error, TOLERANCE, "%s, %s: %g", case_name, tap, error);
  free(map);
}

/* All that the fixture has of the case. */
static void expect_case(const char *name, int height, int width) {
  const limn_feature_network *network = network_of(name);
  const char *taps[LIMN_MAX_TAPS] = {NULL};
  const limn_stored_tensor *wanted[LIMN_MAX_TAPS];
  char prefix[64];
  int count = 0;
  limn_safetensors *fixture;
  session s = {0};
  cr_assert_eq(limn_safetensors_open(&fixture, FIXTURE), LIMN_OK, "%s", limn_error_message());
  const size_t length = (size_t)snprintf(prefix, sizeof prefix, "%s.%dx%d.", name, height, width);
  for (size_t i = 0; i < limn_safetensors_count(fixture); ++i) {
    const limn_stored_tensor *t = limn_safetensors_at(fixture, i);
    if (strncmp(t->name, prefix, length) != 0)
      continue;
    wanted[count] = t;
    taps[count++] = t->name + length + (strncmp(t->name + length, "map.", 4) == 0 ? 4 : 0);
  }
  cr_assert_gt(count, 2);
  start(&s, network, height, width, taps, count);
  /* VGG's dense layers have 120 million numbers, and no graph here reads them. */
  made_file *file = make_file(network, strncmp(name, "vgg", 3) == 0 ? "features." : "");
  cr_assert_eq(limn_pretrained_load(s.store, network, "f", &file->file, "made"), LIMN_OK, "%s", limn_error_message());
  float *x = make_pictures(network, height, width);
  cr_assert_eq(limn_tensor_upload(limn_store_find(s.store, "x"), x), LIMN_OK);
  cr_assert_eq(limn_program_run(s.program, 0), LIMN_OK);
  for (int i = 0; i < count; ++i)
    compare(&s, prefix, taps[i], i, wanted[i]);
  free(x);
  free_file(file);
  stop(&s);
  limn_safetensors_close(fixture);
}

Test(features, lite0) {
  expect_case("efficientnet_lite0", 64, 64);
  expect_case("efficientnet_lite0", 51, 70);
}

Test(features, inception) { expect_case("inception_fid", 107, 107); }

Test(features, resnets) {
  expect_case("resnet18", 64, 64);
  expect_case("resnet50", 64, 64);
}

Test(features, vggs) {
  expect_case("vgg11", 32, 32);
  expect_case("vgg16", 32, 32);
  expect_case("vgg16_bn", 32, 32);
}

/* VGG's dense layers read what torchvision's adaptive pool makes: itself, one pixel repeated, or means. */
Test(features, vgg_reads_maps_of_seven_by_seven) {
  static const struct {
    int side;
    bool fits;
  } cases[] = {{224, true}, {32, true}, {448, true}, {96, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_graph *graph;
    limn_value out;
    cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
    limn_value x = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "x", (limn_shape){1, 3, cases[i].side, cases[i].side});
    limn_status status = limn_features_build(network_of("vgg11"), graph, "f", x, NULL, 0, &out);
    cr_expect_eq(status, cases[i].fits ? LIMN_OK : LIMN_USAGE, "%d: %s", cases[i].side, limn_error_message());
    if (cases[i].fits)
      cr_expect(limn_shape_equal(limn_graph_shape(graph, out), (limn_shape){1, 4096, 1, 1}));
    else
      cr_expect(strstr(limn_error_message(), "7x7") && strstr(limn_error_message(), "vgg11"), "%s",
                limn_error_message());
    limn_graph_destroy(graph);
  }
}

/* Every row: taps that the network has, the judge among them, leaves that no checkpoint keeps. */
Test(features, the_table_is_whole) {
  for (int i = 0; i < limn_feature_network_count(); ++i) {
    const limn_feature_network *n = limn_feature_network_at(i);
    limn_value taps[LIMN_MAX_TAPS];
    limn_graph *graph;
    int count = 0;
    bool judge = false, logits = false;
    for (; n->taps[count]; ++count) {
      judge = judge || strcmp(n->taps[count], n->judge) == 0;
      logits = logits || strcmp(n->taps[count], n->logits) == 0;
    }
    cr_expect(judge && logits && n->title && n->licence && n->files[0].url && n->files[0].sha256, "%s", n->name);
    cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
    limn_value x = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "x", (limn_shape){1, 3, n->size, n->size});
    for (int k = 0; k < count; ++k)
      taps[k] = LIMN_NONE;
    cr_expect_eq(limn_features_build(n, graph, "f", x, n->taps, count, taps), LIMN_OK, "%s", limn_error_message());
    for (int k = 0; k < count; ++k)
      cr_expect(taps[k] >= 0 && (k == 0 || taps[k] > taps[k - 1]), "%s: %s", n->name, n->taps[k]);
    for (limn_value v = 1; v < limn_graph_count(graph); ++v)
      if (limn_graph_node(graph, v)->op == LIMN_OP_LEAF)
        cr_expect_eq(limn_graph_node(graph, v)->role, LIMN_ROLE_FROZEN);
    limn_graph_destroy(graph);
  }
}

Test(features, names_that_there_are_not) {
  const limn_feature_network *network;
  limn_graph *graph;
  limn_value out;
  cr_expect_eq(limn_feature_network_find(&network, "resnet19"), LIMN_USAGE);
  cr_expect(strstr(limn_error_message(), "resnet19") && strstr(limn_error_message(), "resnet18"));
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value x = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "x", (limn_shape){1, 3, 20, 20});
  cr_expect_eq(limn_features_build(network_of("resnet18"), graph, "f", x, (const char *const[]){"fc9"}, 1, &out),
               LIMN_USAGE);
  cr_expect(strstr(limn_error_message(), "fc9") && strstr(limn_error_message(), "layer4"), "%s", limn_error_message());
  cr_expect_eq(limn_features_build(network_of("inception_fid"), graph, "f", x, NULL, 0, &out), LIMN_USAGE);
  cr_expect(strstr(limn_error_message(), "inception_fid of pictures of 20x20"), "%s", limn_error_message());
  limn_graph_destroy(graph);
}

static limn_stored_tensor *find_made(made_file *m, const char *name) {
  for (size_t i = 0; i < m->file.count; ++i)
    if (strcmp(m->tensors[i].name, name) == 0)
      return &m->tensors[i];
  cr_assert_fail("no %s", name);
  return NULL;
}

static void expect_refused(made_file *m, const char *network, const char *said) {
  cr_expect_eq(limn_pretrained_check(network_of(network), &m->file, "f.pth"), LIMN_DATA, "%s", said);
  cr_expect(strstr(limn_error_message(), said) && strstr(limn_error_message(), "f.pth") &&
                !strchr(limn_error_message(), '\n'),
            "\"%s\" and not \"%s\"", limn_error_message(), said);
}

/* Files that are not quite the network's: one thing wrong at a time. */
Test(features, files_that_do_not_fit) {
  made_file *m = make_file(network_of("resnet18"), NULL);
  const limn_feature_network *found;
  limn_stored_tensor *t = find_made(m, "layer3.0.bn1.running_var");
  cr_expect_eq(limn_pretrained_check(network_of("resnet18"), &m->file, "f.pth"), LIMN_OK, "%s", limn_error_message());
  expect_refused(m, "resnet34", "layer1.2.conv1.weight is missing");
  expect_refused(m, "vgg16", "features.0.weight is missing");
  t->shape[0] = 255;
  expect_refused(m, "resnet18", "layer3.0.bn1.running_var is 255 and not 256");
  t->shape[0] = 256;
  t->name = "layer3.0.bn1.num_batches_tracked";
  expect_refused(m, "resnet18", "layer3.0.bn1.running_var is missing");
  cr_expect_eq(limn_pretrained_recognise(&found, &m->file, "f.pth"), LIMN_DATA);
  cr_expect(strstr(limn_error_message(), "resnet18"), "%s", limn_error_message());
  t->name = "layer3.0.bn1.running_var";
  add_tensor(m, "layer1.9.conv1", "weight", 1, &(int64_t){3}, true);
  expect_refused(m, "resnet18", "layer1.9.conv1.weight belongs to no layer");
  find_made(m, "layer1.9.conv1.weight")->name = "layer1.0.bn1.num_batches_tracked";
  cr_expect_eq(limn_pretrained_check(network_of("resnet18"), &m->file, "f.pth"), LIMN_OK, "%s", limn_error_message());
  free_file(m);
  m = make_file(network_of("resnet34"), NULL); /* all of ResNet-18's tensors are among its */
  expect_refused(m, "resnet18", "belongs to no layer");
  cr_assert_eq(limn_pretrained_recognise(&found, &m->file, "f.pth"), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(found->name, "resnet34");
  free_file(m);
}

static void put_before_all(made_file *m, const char *prefix) {
  for (size_t i = 0; i < m->file.count; ++i) {
    char name[128];
    snprintf(name, sizeof name, "%.32s%.90s", prefix, m->names[i]);
    memcpy(m->names[i], name, sizeof name);
  }
}

Test(features, prefixes_and_weights_that_are_not_finite) {
  const limn_feature_network *network = network_of("efficientnet_lite0"), *found;
  made_file *m = make_file(network, "");
  session s = {0};
  put_before_all(m, "state_dict.module.");
  cr_assert_eq(limn_pretrained_recognise(&found, &m->file, "f.pth"), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(found, network);
  start(&s, network, 64, 64, (const char *const[]){"block2"}, 1);
  cr_expect_eq(limn_pretrained_load(s.store, network, "f", &m->file, "f.pth"), LIMN_OK, "%s", limn_error_message());
  cr_expect_not_null(limn_store_find(s.store, "f._blocks.2._project_conv.weight"));
  cr_expect_null(limn_store_find(s.store, "f._blocks.3._project_conv.weight"), "the graph ends at its last tap");
  ((float *)(uintptr_t)find_made(m, "state_dict.module._blocks.1._bn2.running_var")->data)[3] = -2;
  cr_expect_eq(limn_pretrained_load(s.store, network, "f", &m->file, "f.pth"), LIMN_DATA);
  cr_expect(strstr(limn_error_message(), "f.pth: the weights of _blocks.1._project_conv are not finite"), "%s",
            limn_error_message());
  stop(&s);
  free_file(m);
}

/* NVIDIA's names, and no gamma: the same numbers as PyTorch's file with a gamma of 1. */
Test(features, inception_of_torchscript) {
  const limn_feature_network *network = network_of("inception_fid"), *found;
  made_file *plain = make_file(network, "Conv2d_"), *other = calloc(1, sizeof *other);
  limn_frozen_layer *layers;
  session a = {0}, b = {0};
  int count;
  cr_assert_not_null(other);
  other->file.tensors = other->tensors;
  cr_assert_eq(limn_features_layers(network, "f", &layers, &count), LIMN_OK);
  for (int i = 0; i < count; ++i) {
    static const char *const whats[2][4] = {{"weight", "bias", "running_mean", "running_var"},
                                            {"weight", "beta", "mean", "var"}};
    char name[160];
    for (int k = 0; k < 4 && (k < 2 || layers[i].norm[0]); ++k) {
      snprintf(name, sizeof name, "%s.%s", k > 0 && layers[i].norm[0] ? layers[i].norm : layers[i].name, whats[0][k]);
      const limn_stored_tensor *t = find_made(plain, name);
      const size_t at = other->file.count;
      add_tensor(other, layers[i].other, layers[i].norm[0] ? whats[1][k] : whats[0][k], t->dims, t->shape, false);
      other->tensors[at].data = t->data; /* shared */
    }
    if (layers[i].norm[0]) {
      snprintf(name, sizeof name, "%s.weight", layers[i].norm);
      float *gamma = (float *)(uintptr_t)find_made(plain, name)->data;
      for (int k = 0; gamma && k < layers[i].shape.n; ++k)
        gamma[k] = 1;
    }
  }
  cr_assert_eq(limn_pretrained_recognise(&found, &other->file, "f.pt"), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(found, network);
  start(&a, network, 75, 75, (const char *const[]){"192"}, 1);
  start(&b, network, 75, 75, (const char *const[]){"192"}, 1);
  cr_assert_eq(limn_pretrained_load(a.store, network, "f", &plain->file, "f.pth"), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_pretrained_load(b.store, network, "f", &other->file, "f.pt"), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < count; ++i) {
    limn_tensor *x = limn_store_find(a.store, layers[i].weight), *y = limn_store_find(b.store, layers[i].weight);
    if (!x)
      continue;
    const size_t size = (size_t)limn_shape_count(x->shape) * sizeof(float);
    float *from_a = malloc(size), *from_b = malloc(size);
    cr_assert(from_a && from_b);
    cr_assert_eq(limn_tensor_download(x, from_a), LIMN_OK);
    cr_assert_eq(limn_tensor_download(y, from_b), LIMN_OK);
    cr_expect_arr_eq(from_a, from_b, size, "%s", layers[i].weight);
    free(from_a);
    free(from_b);
  }
  free(layers);
  stop(&a);
  stop(&b);
  free(other);
  free_file(plain);
}
