/* Graphs: what the builders refuse, which backward ops a gradient builds, and what a schedule fuses. That the ops
 * compute what they should is the matter of the op tests. */
#include <criterion/criterion.h>
#include <string.h>

#include "graph/op.h"
#include "graph/schedule.h"
#include "support/session_graphs.h"

#define ONE       ((limn_conv_attrs){1, 1, 0, 0})
#define ALL_FUSED ((limn_fusion){.conv_activation = true, .batchnorm_activation = true, .pointwise = true})

static limn_graph *graph;

static void begin(void) { cr_assert_eq(limn_graph_create(&graph), LIMN_OK); }
static void end(void) { limn_graph_destroy(graph); }

TestSuite(graph, .init = begin, .fini = end, .timeout = 60);

static limn_value input(const char *name, int n, int c, int h, int w) {
  return limn_graph_leaf(graph, LIMN_ROLE_INPUT, name, (limn_shape){n, c, h, w});
}
static limn_value parameter(const char *name, int n, int c, int h, int w) {
  return limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, name, (limn_shape){n, c, h, w});
}
static limn_value output(const char *name, limn_shape shape) {
  return limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, name, shape);
}

/* A graph that has refused something, with a message that has all the pieces ("" ends them). */
static void expect_refused(const char *const *pieces) {
  cr_assert_eq(limn_graph_status(graph), LIMN_USAGE);
  for (; *pieces; ++pieces)
    cr_expect_not_null(strstr(limn_error_message(), *pieces), "\"%s\" is not in: %s", *pieces, limn_error_message());
  limn_graph_destroy(graph);
  begin();
}
#define REFUSED(...) expect_refused((const char *const[]){__VA_ARGS__, NULL})

/* --- builders --- */

Test(graph, errors_name_the_op_and_the_shapes) {
  limn_graph_conv(graph, input("x", 2, 3, 8, 8), input("w", 4, 5, 3, 3), LIMN_NONE, ONE);
  REFUSED("conv", "(2, 3, 8, 8)", "(4, 5, 3, 3)", "stride 1x1");
  limn_graph_conv(graph, input("x", 2, 3, 2, 2), input("w", 4, 3, 3, 3), LIMN_NONE, ONE);
  REFUSED("conv", "(2, 3, 2, 2)");
  limn_graph_conv(graph, input("x", 2, 3, 8, 8), input("w", 4, 3, 3, 3), LIMN_NONE, (limn_conv_attrs){0, 1, 0, 0});
  REFUSED("conv", "stride 0x1");
  limn_graph_conv(graph, input("x", 2, 3, 8, 8), input("w", 4, 3, 3, 3), input("b", 1, 3, 1, 1), ONE);
  REFUSED("conv", "bias", "(1, 4, 1, 1)");
  limn_graph_conv_dx(graph, input("y", 2, 4, 4, 4), input("w", 4, 3, 4, 4), LIMN_NONE, (limn_conv_attrs){2, 2, 1, 1},
                     (limn_shape){2, 3, 10, 8});
  REFUSED("conv_dx", "(2, 3, 10, 8)", "stride 2x2", "padding 1x1");
  limn_graph_conv_dw(graph, input("x", 2, 3, 8, 8), input("y", 3, 4, 6, 6), ONE, (limn_shape){4, 3, 3, 3});
  REFUSED("conv_dw", "(3, 4, 6, 6)");
  limn_graph_conv(graph, input("x", 2, 6, 8, 8), input("w", 4, 6, 3, 3), LIMN_NONE,
                  (limn_conv_attrs){1, 1, .groups = 2});
  REFUSED("conv", "(4, 6, 3, 3)", "2 groups");
  limn_graph_conv(graph, input("x", 2, 6, 8, 8), input("w", 5, 3, 3, 3), LIMN_NONE,
                  (limn_conv_attrs){1, 1, .groups = 2});
  REFUSED("conv", "(5, 3, 3, 3)", "2 groups");
  limn_graph_conv(graph, input("x", 2, 6, 8, 8), input("w", 4, 6, 3, 3), LIMN_NONE,
                  (limn_conv_attrs){1, 1, .groups = -1});
  REFUSED("conv", "-1 groups");
  limn_graph_conv(graph, input("x", 2, 6, 8, 8), input("w", 4, 6, 3, 3), LIMN_NONE,
                  (limn_conv_attrs){1, 1, .more_w = -1});
  REFUSED("conv", "0x-1 more behind");
  limn_graph_dense(graph, input("x", 2, 3, 4, 4), input("w", 5, 3, 4, 5), LIMN_NONE);
  REFUSED("conv", "(5, 3, 4, 5)");
  limn_graph_add(graph, input("x", 2, 3, 4, 4), input("y", 2, 5, 1, 4));
  REFUSED("add", "(2, 3, 4, 4)", "(2, 5, 1, 4)");
  limn_graph_sum(graph, input("x", 2, 3, 4, 4), (limn_shape){1, 2, 1, 1});
  REFUSED("sum", "(1, 2, 1, 1)");
  limn_graph_batchnorm(graph, input("x", 1, 3, 1, 1), input("g", 1, 3, 1, 1), input("b", 1, 3, 1, 1),
                       (limn_batchnorm_attrs){.eps = 1e-5f});
  REFUSED("batchnorm", "batch of at least 2");
  limn_graph_batchnorm(graph, input("x", 2, 3, 1, 1), input("g", 1, 4, 1, 1), input("b", 1, 3, 1, 1),
                       (limn_batchnorm_attrs){.eps = 1e-5f});
  REFUSED("batchnorm", "(1, 3, 1, 1)");
  limn_graph_batchnorm(graph, input("x", 4, 3, 2, 2), input("g", 1, 3, 1, 1), input("b", 1, 3, 1, 1),
                       (limn_batchnorm_attrs){.groups = 3});
  REFUSED("batchnorm", "batch of 4", "3 groups");
  limn_graph_batchnorm(graph, input("x", 4, 3, 2, 2), input("g", 1, 3, 1, 1), input("b", 1, 3, 1, 1),
                       (limn_batchnorm_attrs){.groups = -1});
  REFUSED("batchnorm", "-1 groups");
  limn_graph_batchnorm(graph, input("x", 4, 3, 1, 1), input("g", 1, 3, 1, 1), input("b", 1, 3, 1, 1),
                       (limn_batchnorm_attrs){.groups = 4});
  REFUSED("batchnorm", "batch of at least 8");
  limn_graph_update_running(graph, input("x", 3, 3, 2, 2), input("m", 1, 3, 1, 1), input("v", 1, 3, 1, 1), LIMN_NONE,
                            (limn_batchnorm_attrs){.groups = 2});
  REFUSED("update_running", "batch of 3", "2 groups");
  limn_graph_stack(graph, input("x", 2, 3, 4, 4), input("y", 2, 3, 4, 5));
  REFUSED("stack", "(2, 3, 4, 4)", "(2, 3, 4, 5)");
  limn_graph_rows(graph, input("x", 2, 3, 4, 4), 1, 2);
  REFUSED("rows", "2 from row 1", "(2, 3, 4, 4)");
  limn_graph_rows(graph, input("x", 2, 3, 4, 4), -1, 1);
  REFUSED("rows", "row -1");
  limn_graph_rows(graph, input("x", 2, 3, 4, 4), 2, 0);
  REFUSED("rows", "no 0 from");
  limn_graph_fill(graph, (limn_shape){0, 1, 1, 1}, 1);
  REFUSED("fill", "(0, 1, 1, 1)");
  limn_graph_unary(graph, LIMN_PW_TANH, LIMN_NONE, 0, 0);
  REFUSED("tanh", "input 0");
  limn_graph_mul(graph, input("x", 2, 3, 4, 4), 1000);
  REFUSED("mul");
}

Test(graph, leaves_have_one_shape_and_role) {
  limn_value x = input("x", 2, 3, 4, 4);
  cr_expect_eq(input("x", 2, 3, 4, 4), x);
  cr_expect_eq(limn_graph_find_leaf(graph, "x"), x);
  cr_expect_eq(limn_graph_find_leaf(graph, "y"), LIMN_NONE);
  cr_expect_eq(limn_graph_count(graph), 1);
  cr_expect_eq(input("x", 2, 3, 4, 5), LIMN_NONE);
  REFUSED("leaf x", "two shapes or roles");
  input("x", 2, 3, 4, 4);
  parameter("x", 2, 3, 4, 4);
  REFUSED("leaf x");
  input("x", 2, 0, 4, 4);
  REFUSED("leaf x", "(2, 0, 4, 4)");
}

Test(graph, updates_are_checked) {
  limn_value x = input("x", 2, 3, 4, 4);
  limn_graph_assign(graph, output("y", (limn_shape){2, 3, 4, 5}), x);
  REFUSED("assign", "(2, 3, 4, 4)", "(2, 3, 4, 5)");
  x = input("x", 1, 1, 1, 1);
  limn_graph_assign(graph, limn_graph_unary(graph, LIMN_PW_EXP, x, 0, 0), x);
  REFUSED("assign", "no leaf");
  limn_graph_record(graph, output("ring", (limn_shape){8, 2, 1, 1}), 2, input("x", 1, 1, 1, 1));
  REFUSED("record", "column 2");
  limn_graph_latch(graph, output("gate", LIMN_SCALAR), input("x", 1, 2, 1, 1));
  REFUSED("latch", "(1, 2, 1, 1)");
  limn_optimizer_inputs inputs = {.gradient = parameter("g", 4, 3, 3, 3),
                                  .hyper = input("hyper", 1, 4, 1, 1),
                                  .scale = LIMN_NONE,
                                  .gate = LIMN_NONE};
  limn_graph_sgd(graph, parameter("w", 4, 3, 3, 4), LIMN_NONE, inputs, 0, 0);
  REFUSED("sgd", "(4, 3, 3, 3)", "(4, 3, 3, 4)");
  inputs.gradient = parameter("w", 4, 3, 3, 3);
  inputs.hyper = input("hyper", 1, 4, 1, 1);
  limn_graph_sgd(graph, inputs.gradient, LIMN_NONE, inputs, 0.9f, 0);
  REFUSED("sgd", "momentum 0.9", "buffer");
}

Test(graph, the_first_error_sticks) {
  limn_value x = input("x", 2, 3, 8, 8);
  cr_expect_eq(limn_graph_add(graph, x, input("y", 2, 4, 8, 8)), LIMN_NONE);
  int count = limn_graph_count(graph);
  cr_expect_eq(limn_graph_unary(graph, LIMN_PW_EXP, x, 0, 0), LIMN_NONE);
  cr_expect_eq(limn_graph_sum(graph, x, (limn_shape){9, 9, 9, 9}), LIMN_NONE);
  cr_expect_eq(input("z", 1, 1, 1, 1), LIMN_NONE);
  limn_graph_assign(graph, x, x);
  cr_expect_eq(limn_graph_count(graph), count, "nothing is added behind an error");
  cr_expect_eq(limn_graph_gradient(graph, x, &x, 1, &x), LIMN_USAGE);
  limn_schedule *schedule = NULL;
  cr_expect_eq(limn_schedule_create(&schedule, graph, ALL_FUSED), LIMN_USAGE);
  cr_expect_null(schedule);
  REFUSED("add", "(2, 4, 8, 8)");
}

/* --- gradients --- */

static int count_ops(const limn_graph *of, limn_op op, int from) {
  int count = 0;
  for (int v = from; v < limn_graph_count(of); ++v)
    count += limn_graph_node(of, v)->op == op;
  return count;
}

Test(graph, gradients_that_cannot_be_are_refused) {
  limn_value x = input("x", 2, 3, 8, 8), w = parameter("w", 4, 3, 3, 3), g = LIMN_NONE, none = LIMN_NONE;
  cr_expect_eq(limn_graph_gradient(graph, x, &w, 1, &g), LIMN_USAGE);
  cr_expect_not_null(strstr(limn_error_message(), "(2, 3, 8, 8)"), "%s", limn_error_message());
  limn_value loss = limn_graph_sum_all(graph, limn_graph_conv(graph, x, w, LIMN_NONE, ONE));
  cr_expect_eq(limn_graph_gradient(graph, LIMN_NONE, &w, 1, &g), LIMN_USAGE);
  cr_expect_eq(limn_graph_gradient(graph, loss, &none, 1, &g), LIMN_USAGE);
  limn_graph_assign(graph, w, limn_graph_affine(graph, w, 0.5f, 0));
  cr_expect_eq(limn_graph_gradient(graph, loss, &x, 1, &g), LIMN_USAGE);
  cr_expect_not_null(strstr(limn_error_message(), "w was updated after conv used it"), "%s", limn_error_message());
}

/* A new op that the table forgets is named here; what nothing can be differentiated through is listed. */
Test(graph, every_op_is_a_row) {
  static const limn_op ends[] = {LIMN_OP_LEAF,    LIMN_OP_FILL,           LIMN_OP_PICTURES, LIMN_OP_NORMAL,
                                 LIMN_OP_UNIFORM, LIMN_OP_UPDATE_RUNNING, LIMN_OP_ASSIGN,   LIMN_OP_SGD,
                                 LIMN_OP_ADAM,    LIMN_OP_LATCH,          LIMN_OP_RECORD};
  for (int op = 0; op < LIMN_OP_COUNT; ++op) {
    const limn_op_row *row = limn_op_row_of((limn_op)op);
    bool is_end = false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; ++i)
      is_end = is_end || op == (int)ends[i];
    cr_assert_not_null(row->name, "op %d has no row", op);
    cr_expect_eq(row->gradient == NULL, is_end, "%s has %s gradient", row->name, row->gradient ? "a" : "no");
    cr_expect_eq(row->schedule == NULL, op == LIMN_OP_LEAF, "%s takes %s task", row->name, row->schedule ? "a" : "no");
    cr_expect(row->task != LIMN_TASK_CONV || op == LIMN_OP_CONV || op == LIMN_OP_LEAF, "%s has no task", row->name);
    cr_expect_eq(row->shape == NULL,
                 op == LIMN_OP_LEAF || op == LIMN_OP_FILL || op == LIMN_OP_NORMAL || op == LIMN_OP_UNIFORM,
                 "%s has %s shape rule", row->name, row->shape ? "a" : "no");
    cr_expect(row->least_inputs <= row->most_inputs && row->most_inputs <= LIMN_MAX_INPUTS &&
                  row->least_targets <= row->most_targets && row->most_targets <= LIMN_MAX_TARGETS,
              "%s", row->name);
  }
}

Test(graph, only_the_wanted_side_of_an_op_is_built) {
  limn_value x = input("x", 2, 3, 8, 8), w = parameter("w", 4, 3, 3, 3), dx, dw, other;
  limn_value loss = limn_graph_sum_all(graph, limn_graph_conv(graph, x, w, LIMN_NONE, ONE));
  int before = limn_graph_count(graph);
  cr_assert_eq(limn_graph_gradient(graph, loss, &w, 1, &dw), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(count_ops(graph, LIMN_OP_CONV_DW, before), 1);
  cr_expect_eq(count_ops(graph, LIMN_OP_CONV_DX, before), 0);
  cr_expect(limn_shape_equal(limn_graph_shape(graph, dw), limn_graph_shape(graph, w)));
  before = limn_graph_count(graph);
  cr_assert_eq(limn_graph_gradient(graph, loss, &x, 1, &dx), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(count_ops(graph, LIMN_OP_CONV_DW, before), 0);
  cr_expect_eq(count_ops(graph, LIMN_OP_CONV_DX, before), 1);
  before = limn_graph_count(graph);
  limn_value unrelated = parameter("u", 1, 2, 3, 4);
  cr_assert_eq(limn_graph_gradient(graph, loss, &unrelated, 1, &other), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(limn_graph_count(graph), before + 2, "the leaf, and zeros");
  cr_expect_eq(limn_graph_node(graph, other)->op, LIMN_OP_FILL);
  cr_expect_eq(limn_graph_node(graph, other)->alpha, 0);
  cr_expect(limn_shape_equal(limn_graph_shape(graph, other), limn_graph_shape(graph, unrelated)));
}

/* What a session compiles, counted. */
typedef struct counts {
  int conv, conv_dx, conv_dw;
  int discriminator_dw, generator_dw;    /* of conv_dw: up to the last update of D's weights; behind it */
  int code_gradients, picture_gradients; /* backward values of the shape of z; of the pictures */
  int batchnorm, backward, dgamma, running;
  int tasks[LIMN_TASK_RECORD + 1], activated[LIMN_TASK_RECORD + 1];
} counts;

typedef struct seen {
  counts of[4]; /* by program */
  limn_fusion fusion;
  limn_shape pictures, codes;
} seen;

static bool has_prefix(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

/* The last node that updates a parameter of that network, -1: none. */
static int last_update(const limn_graph *of, const char *network) {
  int last = -1;
  for (int v = 0; v < limn_graph_count(of); ++v) {
    const limn_node *n = limn_graph_node(of, v);
    if ((n->op == LIMN_OP_ADAM || n->op == LIMN_OP_SGD) &&
        has_prefix(limn_graph_node(of, n->targets[0])->name, network))
      last = v;
  }
  return last;
}

static void count_node(counts *c, const seen *s, const limn_node *n, bool discriminator) {
  c->conv += n->op == LIMN_OP_CONV;
  c->conv_dx += n->op == LIMN_OP_CONV_DX;
  c->conv_dw += n->op == LIMN_OP_CONV_DW;
  c->batchnorm += n->op == LIMN_OP_BATCHNORM;
  c->backward += n->op == LIMN_OP_BATCHNORM_BACKWARD;
  c->dgamma += n->op == LIMN_OP_BATCHNORM_DGAMMA;
  c->running += n->op == LIMN_OP_UPDATE_RUNNING;
  *(discriminator ? &c->discriminator_dw : &c->generator_dw) += n->op == LIMN_OP_CONV_DW;
  /* Forward, only a transposed convolution makes pictures and nothing makes codes. Batches may go together. */
  c->picture_gradients += n->op == LIMN_OP_CONV_DX && n->shape.c == s->pictures.c && n->shape.h == s->pictures.h;
  c->code_gradients += n->op == LIMN_OP_CONV && limn_shape_equal(n->shape, s->codes);
}

static void see(void *context, int index, const limn_graph *of) {
  seen *s = context;
  counts *c = &s->of[index];
  int turn = last_update(of, "discriminator."); /* the generator's */
  for (int v = 0; v < limn_graph_count(of); ++v)
    count_node(c, s, limn_graph_node(of, v), v < turn);
  limn_schedule *schedule = NULL;
  cr_assert_eq(limn_schedule_create(&schedule, of, s->fusion), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < schedule->task_count; ++i) {
    ++c->tasks[schedule->tasks[i].kind];
    c->activated[schedule->tasks[i].kind] += schedule->tasks[i].activation != LIMN_PW_COUNT;
  }
  limn_schedule_destroy(schedule);
}

/* The graphs of a session, 16x16 in colour: three layers with weights a network. */
static seen see_session(const char *model, const char *const *settings, limn_fusion fusion) {
  seen s = {.fusion = fusion, .pictures = {4, 3, 16, 16}, .codes = {4, 8, 1, 1}};
  limn_config *config = test_session_graphs(model, settings, see, &s);
  cr_assert_not_null(config, "%s", limn_error_message());
  limn_config_destroy(config);
  return s;
}

Test(graph, gan_step_wastes_no_gradient) {
  seen s = see_session("dcgan", NULL, ALL_FUSED);
  const counts *c = &s.of[0];
  /* Weights: 3 of D on real and fake pictures at once, 3 of G through G; none of D in the generator's step. */
  cr_expect_eq(c->discriminator_dw, 3, "%d weight gradients of D", c->discriminator_dw);
  cr_expect_eq(c->generator_dw, 3, "%d weight gradients of G", c->generator_dw);
  cr_expect_eq(c->conv_dw, 6);
  /* Pictures: G's last layer forward, and the way into G; not D on real or on fake pictures. */
  cr_expect_eq(c->picture_gradients, 2, "%d transposed convolutions make pictures", c->picture_gradients);
  cr_expect_eq(c->code_gradients, 0, "%d gradients of z", c->code_gradients);
  /* G forward 3, D's own pass back 2, D back to the pictures 3. */
  cr_expect_eq(c->conv_dx, 8, "%d transposed convolutions", c->conv_dx);
  /* D forward twice 3, G back 2. */
  cr_expect_eq(c->conv, 8, "%d convolutions", c->conv);
  cr_expect_eq(c->batchnorm, 4);
  cr_expect_eq(c->running, 4);
  cr_expect_eq(c->backward, 4);
  cr_expect_eq(c->dgamma, 3, "no gamma of D in the generator's step");
}

Test(graph, further_discriminator_steps_leave_the_generator_alone) {
  seen s = see_session("dcgan", (const char *const[]){"d_steps", "3", NULL}, ALL_FUSED);
  const counts *c = &s.of[1];
  cr_expect_eq(c->discriminator_dw, 3);
  cr_expect_eq(c->generator_dw, 0);
  cr_expect_eq(c->conv_dx, 5, "G forward, D back without its first layer");
  cr_expect_eq(c->conv, 3);
  cr_expect_eq(c->batchnorm, 3);
  cr_expect_eq(c->backward, 1);
}

/* The gradient of a part is that part of the gradient, and of no part that nothing wants one of. */
Test(graph, only_wanted_rows_are_taken_back) {
  limn_value a = input("a", 2, 3, 4, 4), b = input("b", 3, 3, 4, 4), g, stack = limn_graph_stack(graph, a, b);
  limn_value loss = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, stack, 0, 0));
  int before = limn_graph_count(graph);
  cr_assert_eq(limn_graph_gradient(graph, loss, &b, 1, &g), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(count_ops(graph, LIMN_OP_ROWS, before), 1);
  cr_expect_eq(limn_graph_node(graph, g)->row, 2);
  cr_expect(limn_shape_equal(limn_graph_shape(graph, g), limn_graph_shape(graph, b)));
}

Test(graph, vae_step_has_no_gradient_of_the_pictures) {
  seen s = see_session("vae", NULL, ALL_FUSED);
  const counts *c = &s.of[0];
  cr_expect_eq(c->conv_dw, 7, "2 layers and 2 heads of the encoder, 3 of the decoder");
  cr_expect_eq(c->picture_gradients, 1, "the decoder's own pictures");
  cr_expect_eq(c->conv, 4 + 3, "the encoder; the decoder back to z");
  cr_expect_eq(c->conv_dx, 3 + 3, "the decoder; the heads and the second layer back");
}

/* --- schedules --- */

Test(graph, gan_step_is_fused) {
  seen s = see_session("dcgan", NULL, ALL_FUSED);
  const counts *c = &s.of[0];
  cr_expect_eq(c->tasks[LIMN_TASK_CONV], 8);
  cr_expect_eq(c->activated[LIMN_TASK_CONV], 2, "D's first layer with its leaky ReLU, in two passes");
  cr_expect_eq(c->tasks[LIMN_TASK_CONV_DX], 8);
  cr_expect_eq(c->activated[LIMN_TASK_CONV_DX], 1, "G's last layer with its tanh");
  cr_expect_eq(c->tasks[LIMN_TASK_CONV_DW], 6);
  cr_expect_eq(c->tasks[LIMN_TASK_BATCHNORM], 4);
  cr_expect_eq(c->activated[LIMN_TASK_BATCHNORM], 4);
  cr_expect_eq(c->tasks[LIMN_TASK_BATCHNORM_BACKWARD], 4, "dx, dgamma and dbeta in one task");
  cr_expect_eq(c->activated[LIMN_TASK_BATCHNORM_BACKWARD], 4, "the activation's gradient is in it");
  cr_expect_eq(c->tasks[LIMN_TASK_STATISTICS], 0, "the batchnorm has made them");
  cr_expect_eq(c->tasks[LIMN_TASK_UPDATE_RUNNING], 4);
  cr_expect_eq(c->tasks[LIMN_TASK_STACK], 2, "the pictures, and which of them are real");
  cr_expect_eq(c->tasks[LIMN_TASK_ROWS], 0);
  cr_expect_eq(c->tasks[LIMN_TASK_RANDOM], 1);
  cr_expect_eq(c->tasks[LIMN_TASK_OPTIMIZER], 3 + 2 + 3 + 4, "weights, gammas and betas of D and G");
  cr_expect_eq(c->tasks[LIMN_TASK_LATCH], 4);
  cr_expect_eq(c->tasks[LIMN_TASK_RECORD], 6);
  cr_expect_eq(c->tasks[LIMN_TASK_ASSIGN], 0);
}

Test(graph, without_fusion_each_op_is_a_task) {
  seen fused = see_session("dcgan", NULL, ALL_FUSED), plain = see_session("dcgan", NULL, (limn_fusion){0});
  const counts *c = &plain.of[0];
  for (int kind = 0; kind <= LIMN_TASK_RECORD; ++kind)
    cr_expect_eq(c->activated[kind], 0);
  cr_expect_eq(c->tasks[LIMN_TASK_CONV], 8);
  cr_expect_eq(c->tasks[LIMN_TASK_BATCHNORM], 4);
  cr_expect_geq(c->tasks[LIMN_TASK_POINTWISE], fused.of[0].tasks[LIMN_TASK_POINTWISE] + 2 + 1 + 4 + 4);
}

static limn_schedule *schedule_of(limn_fusion fusion) {
  limn_schedule *schedule = NULL;
  cr_assert_eq(limn_schedule_create(&schedule, graph, fusion), LIMN_OK, "%s", limn_error_message());
  return schedule;
}

Test(graph, a_tree_of_functions_and_its_sum_are_one_task) {
  limn_value x = input("x", 2, 3, 4, 4), y = input("y", 2, 3, 4, 4);
  limn_value difference = limn_graph_sub(graph, limn_graph_unary(graph, LIMN_PW_EXP, x, 0, 0), y);
  limn_value square = limn_graph_unary(graph, LIMN_PW_SQUARE, difference, 0, 0);
  limn_value two = limn_graph_fill(graph, LIMN_SCALAR, 2);
  limn_value sum = limn_graph_sum_all(graph, limn_graph_mul(graph, square, two));
  limn_graph_unary(graph, LIMN_PW_EXP, y, 0, 0); /* nobody reads it */
  limn_graph_assign(graph, output("sum", LIMN_SCALAR), sum);
  limn_schedule *schedule = schedule_of(ALL_FUSED);
  cr_assert_eq(schedule->task_count, 1);
  const limn_task *task = &schedule->tasks[0];
  cr_expect_eq(task->kind, LIMN_TASK_POINTWISE);
  cr_expect_eq(task->input_count, 2);
  cr_expect_eq(task->instruction_count, 5, "exp, sub, square, the constant, mul");
  cr_expect(limn_shape_equal(task->domain, (limn_shape){2, 3, 4, 4}));
  cr_expect_eq(task->outputs[0], sum);
  limn_schedule_destroy(schedule);
}

/* A value with two readers that no pass can serve together is made once, in memory. */
Test(graph, shared_values_are_not_computed_twice) {
  limn_value x = input("x", 2, 3, 4, 4), shared = limn_graph_unary(graph, LIMN_PW_EXP, x, 0, 0);
  limn_value w = parameter("w", 3, 3, 1, 1), z = limn_graph_conv(graph, shared, w, LIMN_NONE, ONE);
  limn_graph_assign(graph, output("a", LIMN_SCALAR), limn_graph_sum_all(graph, z));
  limn_graph_assign(graph, output("b", LIMN_SCALAR), limn_graph_sum_all(graph, limn_graph_mul(graph, shared, z)));
  limn_schedule *schedule = schedule_of(ALL_FUSED);
  cr_expect_eq(schedule->task_count, 3, "exp, the convolution, both sums");
  cr_expect_eq(schedule->tasks[0].outputs[0], shared);
  limn_schedule_destroy(schedule);
}

/* exp(w) was asked for before w was written, so it may not be computed behind that: its sum comes to it instead. */
Test(graph, fusion_does_not_carry_a_read_over_an_update) {
  limn_value w = parameter("w", 2, 3, 4, 4), exponential = limn_graph_unary(graph, LIMN_PW_EXP, w, 0, 0);
  limn_graph_assign(graph, w, input("x", 2, 3, 4, 4));
  limn_value sum = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, exponential, 0, 0));
  limn_graph_assign(graph, output("sum", LIMN_SCALAR), sum);
  limn_schedule *schedule = schedule_of(ALL_FUSED);
  cr_assert_eq(schedule->task_count, 2);
  cr_expect_eq(schedule->tasks[0].kind, LIMN_TASK_POINTWISE);
  cr_expect_eq(schedule->tasks[0].inputs[0], w);
  cr_expect_eq(schedule->tasks[0].outputs[0], sum);
  cr_expect_eq(schedule->tasks[1].kind, LIMN_TASK_ASSIGN);
  limn_schedule_destroy(schedule);
}

/* x -> leaky ReLU -> two convolutions after one another: the gradient between them goes through a leaky ReLU. */
static limn_value chain(limn_value *activated) {
  limn_value x = input("x", 2, 3, 8, 8), w = parameter("w", 4, 3, 3, 3), v = parameter("v", 5, 4, 3, 3), dw;
  *activated = limn_graph_unary(graph, LIMN_PW_LEAKY_RELU, limn_graph_conv(graph, x, w, LIMN_NONE, ONE), 0.2f, 0);
  limn_value y = limn_graph_conv(graph, *activated, v, LIMN_NONE, ONE);
  cr_assert_eq(limn_graph_gradient(graph, limn_graph_sum_all(graph, y), &w, 1, &dw), LIMN_OK);
  limn_graph_assign(graph, output("dw", limn_graph_shape(graph, dw)), dw);
  return dw;
}

static const limn_task *gradient_of_data(const limn_schedule *schedule) {
  for (int i = 0; i < schedule->task_count; ++i)
    if (schedule->tasks[i].kind == LIMN_TASK_CONV_DX)
      return &schedule->tasks[i];
  return NULL;
}

Test(graph, an_activations_gradient_is_fused_behind_the_convolutions) {
  limn_value activated;
  chain(&activated);
  limn_fusion fusion = ALL_FUSED;
  limn_schedule *plain = schedule_of(fusion);
  fusion.conv_gradient = true;
  limn_schedule *fused = schedule_of(fusion);
  const limn_task *task = gradient_of_data(fused), *before = gradient_of_data(plain);
  cr_assert(task && before);
  cr_expect_eq(fused->task_count, plain->task_count - 1);
  cr_expect(task->activation == LIMN_PW_LEAKY_GRAD && task->slope == 0.2f);
  cr_expect(limn_task_activated(task) == activated && limn_task_bias(task) == LIMN_NONE);
  cr_expect(before->activation == LIMN_PW_COUNT && limn_task_activated(before) == LIMN_NONE);
  limn_schedule_destroy(fused);
  limn_schedule_destroy(plain);
}

Test(graph, a_clamp_is_fused_with_its_bounds) {
  limn_value x = input("x", 2, 3, 8, 8), w = parameter("w", 4, 3, 3, 3);
  limn_value clamp = limn_graph_unary(graph, LIMN_PW_CLAMP, limn_graph_conv(graph, x, w, LIMN_NONE, ONE), -1, 6);
  limn_graph_assign(graph, output("sum", LIMN_SCALAR), limn_graph_sum_all(graph, clamp));
  limn_schedule *schedule = schedule_of(ALL_FUSED);
  const limn_task *task = &schedule->tasks[0];
  cr_expect_eq(schedule->task_count, 2);
  cr_expect(task->activation == LIMN_PW_CLAMP && task->slope == -1 && task->limit == 6);
  limn_schedule_destroy(schedule);
}

Test(graph, an_activation_is_fused_only_when_nobody_else_reads_below_it) {
  limn_value x = input("x", 2, 3, 8, 8), w = parameter("w", 4, 3, 3, 3);
  limn_value conv = limn_graph_conv(graph, x, w, LIMN_NONE, ONE),
             relu = limn_graph_unary(graph, LIMN_PW_RELU, conv, 0, 0);
  limn_graph_assign(graph, output("sum", LIMN_SCALAR), limn_graph_sum_all(graph, relu));
  limn_schedule *schedule = schedule_of(ALL_FUSED);
  cr_expect_eq(schedule->task_count, 2);
  cr_expect_eq(schedule->tasks[0].activation, LIMN_PW_RELU);
  cr_expect_eq(schedule->tasks[0].outputs[0], relu);
  limn_schedule_destroy(schedule);
  limn_graph_assign(graph, output("conv", limn_graph_shape(graph, conv)), conv);
  schedule = schedule_of(ALL_FUSED);
  cr_expect_eq(schedule->tasks[0].activation, LIMN_PW_COUNT);
  cr_expect_eq(schedule->tasks[0].outputs[0], conv);
  limn_schedule_destroy(schedule);
}

/* --- values made in the memory of output leaves --- */

static int count_assigns(const limn_schedule *schedule) {
  int count = 0;
  for (int i = 0; i < schedule->task_count; ++i)
    count += schedule->tasks[i].kind == LIMN_TASK_ASSIGN;
  return count;
}

Test(graph, results_are_made_in_their_output_leaf) {
  limn_value x = input("x", 2, 3, 4, 4), a = output("a", (limn_shape){2, 3, 4, 4});
  limn_value b = output("b", (limn_shape){2, 3, 4, 4}), y = limn_graph_unary(graph, LIMN_PW_EXP, x, 0, 0);
  limn_graph_assign(graph, a, y);
  limn_schedule *schedule = schedule_of(ALL_FUSED);
  cr_expect_eq(schedule->alias[y], a);
  cr_expect_eq(count_assigns(schedule), 0);
  limn_schedule_destroy(schedule);
  limn_graph_assign(graph, b, y); /* one value lies in one place: the other is a copy */
  schedule = schedule_of(ALL_FUSED);
  cr_expect_eq(schedule->alias[y], a);
  cr_expect_eq(count_assigns(schedule), 1);
  limn_schedule_destroy(schedule);
}

Test(graph, leaves_that_are_read_or_written_twice_are_no_place_for_results) {
  limn_shape shape = {2, 3, 4, 4};
  limn_value x = input("x", 2, 3, 4, 4), twice = output("twice", shape), read = output("read", shape);
  limn_value copy = output("copy", shape), w = parameter("w", 2, 3, 4, 4);
  limn_value values[4];
  for (int i = 0; i < 4; ++i)
    values[i] = limn_graph_unary(graph, LIMN_PW_AFFINE, x, (float)i, 1);
  limn_graph_assign(graph, twice, values[0]);
  limn_graph_assign(graph, twice, values[1]);
  limn_graph_assign(graph, read, values[2]);
  limn_graph_assign(graph, output("sum", LIMN_SCALAR), limn_graph_sum_all(graph, read));
  limn_graph_assign(graph, w, values[3]);
  limn_graph_assign(graph, copy, x);
  limn_schedule *schedule = schedule_of(ALL_FUSED);
  for (int i = 0; i < 4; ++i)
    cr_expect_eq(schedule->alias[values[i]], LIMN_NONE, "value %d", i);
  cr_expect_eq(schedule->alias[x], LIMN_NONE);
  cr_expect_eq(count_assigns(schedule), 5);
  limn_schedule_destroy(schedule);
}

/* --- updates that wait --- */

/* A latch stays behind the numbers that it looks at, so that one launch can have both. */
Test(graph, running_statistics_do_not_part_a_latch_from_its_scalars) {
  limn_value x = input("x", 4, 3, 4, 4), gate = output("gate", LIMN_SCALAR);
  limn_value mean = limn_graph_leaf(graph, LIMN_ROLE_BUFFER, "mean", LIMN_CHANNELS(3));
  limn_value variance = limn_graph_leaf(graph, LIMN_ROLE_BUFFER, "variance", LIMN_CHANNELS(3));
  limn_graph_update_running(graph, x, mean, variance, gate, (limn_batchnorm_attrs){.momentum = 0.1f});
  limn_value sum = limn_graph_sum_all(graph, x), root = limn_graph_unary(graph, LIMN_PW_SQRT, sum, 0, 0);
  limn_graph_assign(graph, output("sum", LIMN_SCALAR), sum);
  limn_graph_latch(graph, gate, root);
  limn_fusion late = ALL_FUSED;
  late.late_updates = true;
  limn_schedule *schedule = schedule_of(late);
  static const limn_task_kind order[] = {LIMN_TASK_STATISTICS, LIMN_TASK_POINTWISE, LIMN_TASK_UPDATE_RUNNING,
                                         LIMN_TASK_POINTWISE, LIMN_TASK_LATCH};
  cr_assert_eq(schedule->task_count, 5);
  for (int i = 0; i < 5; ++i)
    cr_expect_eq(schedule->tasks[i].kind, order[i], "task %d", i);
  limn_schedule_destroy(schedule);
}

/* Measures go to the end; running statistics stop before the latch that could shut their gate; both stand together. */
Test(graph, updates_that_nothing_waits_for_come_late_and_together) {
  limn_value x = input("x", 4, 3, 4, 4), gate = output("gate", LIMN_SCALAR), ring = output("ring", LIMN_CHANNELS(4));
  limn_value mean = limn_graph_leaf(graph, LIMN_ROLE_BUFFER, "mean", LIMN_CHANNELS(3));
  limn_value variance = limn_graph_leaf(graph, LIMN_ROLE_BUFFER, "variance", LIMN_CHANNELS(3));
  limn_value sums[3];
  for (int i = 0; i < 3; ++i) {
    limn_value each = limn_graph_unary(graph, LIMN_PW_AFFINE, x, (float)(i + 1), 1);
    limn_graph_assign(graph, output(i == 0 ? "a" : i == 1 ? "b" : "c", (limn_shape){4, 3, 4, 4}), each);
    limn_graph_update_running(graph, each, mean, variance, gate, (limn_batchnorm_attrs){.momentum = 0.1f});
    sums[i] = limn_graph_sum_all(graph, each);
    limn_graph_record(graph, ring, i, sums[i]);
    if (i == 1)
      limn_graph_latch(graph, gate, sums[1]);
  }
  limn_graph_assign(graph, output("mean of mean", LIMN_SCALAR), limn_graph_sum_all(graph, mean));
  limn_fusion late = ALL_FUSED;
  late.late_updates = true;
  limn_schedule *schedule = schedule_of(late);
  int order[8], count = 0, latch = -1, reader = -1;
  for (int i = 0; i < schedule->task_count; ++i) {
    limn_task_kind kind = schedule->tasks[i].kind;
    latch = kind == LIMN_TASK_LATCH ? i : latch;
    reader = kind == LIMN_TASK_POINTWISE && schedule->tasks[i].inputs[0] == mean ? i : reader;
    if (kind == LIMN_TASK_UPDATE_RUNNING)
      order[count++] = i;
  }
  cr_assert_eq(count, 3);
  cr_expect_eq(order[0], latch - 2, "both updates before the latch that writes their gate");
  cr_expect_eq(order[1], latch - 1);
  cr_expect_eq(order[2], reader - 1, "the last just before what reads the statistics");
  for (int i = 0; i < 3; ++i) {
    const limn_task *task = &schedule->tasks[schedule->task_count - 3 + i];
    cr_expect_eq(task->kind, LIMN_TASK_RECORD);
    cr_expect_eq(task->node.column, i, "in their own order");
  }
  limn_schedule_destroy(schedule);
}
