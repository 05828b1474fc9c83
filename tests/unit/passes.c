/* Pointwise tasks that read the same become one pass: in the models' training steps, and by each rule of
 * graph/join_passes.c. That a pass computes what its tasks would is the matter of the op tests. */
#include <criterion/criterion.h>

#include "graph/schedule.h"
#include "support/session_graphs.h"

#define ONE       ((limn_conv_attrs){1, 1, 0, 0})
#define ALL_FUSED ((limn_fusion){.conv_activation = true, .batchnorm_activation = true, .pointwise = true})
#define FULL      ((limn_shape){4, 3, 5, 5})

static limn_graph *graph;
static limn_schedule *schedule;

static void begin(void) {
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  schedule = NULL;
}
static void end(void) {
  limn_schedule_destroy(schedule);
  limn_graph_destroy(graph);
}

TestSuite(passes, .init = begin, .fini = end, .timeout = 60);

/* --- the models --- */

/* What the training step's schedule says of the values that a loss reads: the decoder's pictures, or D's logits. */
typedef struct losses {
  limn_fusion fusion;
  limn_shape shape;    /* of such a value */
  limn_task_kind kind; /* of the task that makes it */
  int values;          /* that a pointwise task reads */
  int readers, others; /* those tasks; tasks of other kinds */
  int maps, sums;      /* of these tasks' outputs: of that shape; scalars */
} losses;

static void count_readers(losses *l, const limn_schedule *of, int value) {
  int readers = 0;
  for (int i = 0; i < of->task_count; ++i) {
    const limn_task *task = &of->tasks[i];
    if (!limn_task_reads(task, value))
      continue;
    if (task->kind != LIMN_TASK_POINTWISE) {
      ++l->others;
      continue;
    }
    ++readers;
    for (int o = 0; o < task->output_count; ++o) {
      l->maps += limn_shape_equal(of->shapes[task->outputs[o]], l->shape);
      l->sums += limn_shape_equal(of->shapes[task->outputs[o]], LIMN_SCALAR);
    }
  }
  l->values += readers > 0;
  l->readers += readers;
}

static void see(void *context, int index, const limn_graph *of) {
  losses *l = context;
  limn_schedule *made = NULL;
  if (index > 0)
    return;
  cr_assert_eq(limn_schedule_create(&made, of, l->fusion), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < made->task_count; ++i)
    if (made->tasks[i].kind == l->kind && limn_shape_equal(made->shapes[made->tasks[i].outputs[0]], l->shape))
      count_readers(l, made, made->tasks[i].outputs[0]);
  limn_schedule_destroy(made);
}

/* With and without updates that wait. */
static losses losses_of(const char *model, const char *const *settings, limn_task_kind kind, limn_shape shape,
                        bool late) {
  losses l = {.fusion = ALL_FUSED, .kind = kind, .shape = shape};
  l.fusion.late_updates = late;
  limn_config *config = test_session_graphs(model, settings, see, &l);
  cr_assert_not_null(config, "%s", limn_error_message());
  limn_config_destroy(config);
  return l;
}

Test(passes, a_reconstruction_and_its_gradient_read_the_pictures_once) {
  static const char *const likelihoods[] = {"bernoulli", "gaussian", "gaussian_learned", "l1"};
  static const char *const models[] = {"vae", "autoencoder"};
  for (int m = 0; m < 2; ++m)
    for (int i = 0; i < 4; ++i)
      for (int more = 0; more < 4; ++more) {
        const char *settings[] = {"likelihood", likelihoods[i], more & 1 && m == 0 ? "free_bits" : NULL, "0.1", NULL};
        losses l = losses_of(models[m], settings, LIMN_TASK_CONV_DX, (limn_shape){4, 3, 16, 16}, more & 2);
        cr_expect_eq(l.readers, 1, "%s %s: %d tasks", models[m], likelihoods[i], l.readers);
        cr_expect_eq(l.values, 1);
        cr_expect_eq(l.others, 0);
        cr_expect_eq(l.maps, 1, "the gradient");
        cr_expect_eq(l.sums, 1, "the loss");
      }
}

/* Real and fake together, and fake again in the generator's step: the loss, its gradient and the mean scores. */
Test(passes, a_gan_loss_its_gradient_and_the_score_read_the_logits_once) {
  static const char *const names[] = {"non_saturating", "minimax", "least_squares", "hinge"};
  for (int i = 0; i < 4; ++i) {
    for (int passes = 1; passes <= 2; ++passes) {
      losses l = losses_of("dcgan", (const char *const[]){"loss", names[i], NULL}, LIMN_TASK_CONV,
                           (limn_shape){4 * passes, 1, 1, 1}, true);
      cr_expect_eq(l.values, 1, "%s: %d passes of D", names[i], l.values);
      cr_expect_eq(l.readers, 1, "%s: %d tasks", names[i], l.readers);
    }
  }
}

/* --- the rules --- */

static limn_value input(const char *name, limn_shape shape) {
  return limn_graph_leaf(graph, LIMN_ROLE_INPUT, name, shape);
}
static limn_value unary(limn_pointwise function, limn_value x) {
  return limn_graph_unary(graph, function, x, 0.5f, 0.25f);
}
static void result(const char *name, limn_value value) {
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, name, limn_graph_shape(graph, value)), value);
}

static const limn_task *tasks_of(limn_fusion fusion, int count) {
  cr_assert_eq(limn_schedule_create(&schedule, graph, fusion), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(schedule->task_count, count, "%d tasks, not %d", schedule->task_count, count);
  return schedule->tasks;
}

Test(passes, what_is_common_is_computed_once) {
  limn_value x = input("x", FULL), y = input("y", FULL), d = limn_graph_sub(graph, x, y);
  result("loss", limn_graph_sum_all(graph, unary(LIMN_PW_SQUARE, d)));
  result("gradient", limn_graph_affine(graph, limn_graph_sub(graph, x, y), 2, 0));
  const limn_task *task = tasks_of(ALL_FUSED, 1);
  cr_expect_eq(task->instruction_count, 3, "sub, square, affine");
  cr_expect_eq(task->input_count, 2);
  cr_assert_eq(task->output_count, 2);
  cr_expect(limn_shape_equal(schedule->shapes[task->outputs[0]], FULL), "what is stored comes first");
  cr_expect_eq(task->operands[0], LIMN_MAX_TASK_INPUTS + 2);
  cr_expect_eq(task->operands[1], LIMN_MAX_TASK_INPUTS + 1);
}

Test(passes, a_value_that_others_read_too_is_stored) {
  limn_value x = input("x", FULL), e = unary(LIMN_PW_EXP, x);
  result("sum", limn_graph_sum_all(graph, e));
  result("z", limn_graph_conv(graph, e, input("w", (limn_shape){2, 3, 1, 1}), LIMN_NONE, ONE));
  const limn_task *task = tasks_of(ALL_FUSED, 2);
  cr_assert_eq(task->output_count, 2);
  cr_expect_eq(task->outputs[0], e);
}

Test(passes, sums_to_two_shapes_stay_apart_unless_one_is_a_scalar) {
  limn_value x = input("x", FULL);
  result("channels", limn_graph_sum(graph, unary(LIMN_PW_EXP, x), LIMN_CHANNELS(3)));
  result("samples", limn_graph_sum(graph, unary(LIMN_PW_TANH, x), (limn_shape){4, 1, 1, 1}));
  result("number", limn_graph_sum_all(graph, unary(LIMN_PW_SQUARE, x)));
  const limn_task *task = tasks_of(ALL_FUSED, 2);
  cr_expect_eq(task[0].output_count + task[1].output_count, 3);
}

Test(passes, another_domain_is_another_pass) {
  limn_value x = input("x", FULL), narrow = limn_graph_sum(graph, x, LIMN_CHANNELS(3));
  result("a", limn_graph_sum_all(graph, unary(LIMN_PW_EXP, narrow)));
  tasks_of(ALL_FUSED, 2);
}

/* The second reads what the first sums up. */
Test(passes, what_depends_on_a_sum_waits_for_it) {
  limn_value x = input("x", FULL), sum = limn_graph_sum_all(graph, unary(LIMN_PW_EXP, x));
  result("weighted", limn_graph_mul(graph, unary(LIMN_PW_EXP, x), sum));
  const limn_task *task = tasks_of(ALL_FUSED, 2);
  cr_expect_eq(task[0].outputs[0], sum);
}

/* The same through a scalar in between, which may go neither before the sum nor behind the map. */
Test(passes, what_depends_on_a_sum_through_others_waits_for_it) {
  limn_value x = input("x", FULL), sum = limn_graph_sum_all(graph, unary(LIMN_PW_EXP, x));
  limn_value scale = unary(LIMN_PW_RECIPROCAL, sum);
  result("scale", scale);
  result("softmax", limn_graph_mul(graph, unary(LIMN_PW_EXP, x), scale));
  tasks_of(ALL_FUSED, 3);
}

/* A leaf that is written between the two is two values. */
Test(passes, an_update_of_what_is_read_parts_the_tasks) {
  limn_value w = limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, "w", FULL);
  result("before", limn_graph_sum_all(graph, unary(LIMN_PW_SQUARE, w)));
  limn_graph_assign(graph, w, input("x", FULL));
  result("after", limn_graph_sum_all(graph, unary(LIMN_PW_EXP, w)));
  const limn_task *task = tasks_of(ALL_FUSED, 3);
  cr_expect_eq(task[1].kind, LIMN_TASK_ASSIGN);
}

/* The latch sees the loss, and who reads the gate the latch: the loss goes to its gradient, and they behind both. */
Test(passes, updates_that_wait_for_a_loss_stay_behind_it) {
  limn_value x = input("x", FULL), w = limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, "w", FULL);
  limn_value gate = limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "gate", LIMN_SCALAR);
  limn_value loss = limn_graph_sum_all(graph, unary(LIMN_PW_SQUARE, x));
  limn_graph_latch(graph, gate, loss);
  result("latched", limn_graph_affine(graph, gate, 1, 1));
  limn_value scale = limn_graph_affine(graph, input("rate", LIMN_SCALAR), 2, 0);
  result("scale", scale);
  limn_optimizer_inputs inputs = {.gradient = limn_graph_mul(graph, x, scale),
                                  .hyper = input("hyper", LIMN_CHANNELS(4)),
                                  .scale = scale,
                                  .gate = gate};
  limn_graph_sgd(graph, w, LIMN_NONE, inputs, 0, 0);
  const limn_task *task = tasks_of(ALL_FUSED, 5);
  cr_expect_eq(task[0].outputs[0], scale, "what the gradient needs goes first");
  cr_expect_eq(task[1].output_count, 2);
  cr_expect_eq(task[2].kind, LIMN_TASK_LATCH);
  cr_expect_eq(task[3].inputs[0], gate);
  cr_expect_eq(task[4].kind, LIMN_TASK_OPTIMIZER);
}

/* Two maps with a convolution in between: the second would live through it for nothing. */
Test(passes, a_map_does_not_pass_what_is_big) {
  limn_value x = input("x", FULL), w = input("w", (limn_shape){3, 3, 1, 1});
  result("z", limn_graph_conv(graph, unary(LIMN_PW_EXP, x), w, LIMN_NONE, ONE));
  result("late", limn_graph_conv(graph, unary(LIMN_PW_TANH, x), w, LIMN_NONE, ONE));
  tasks_of(ALL_FUSED, 4);
}

/* A sum is small and may come. */
Test(passes, a_sum_passes_what_is_big) {
  limn_value x = input("x", FULL), w = input("w", (limn_shape){3, 3, 1, 1});
  result("z", limn_graph_conv(graph, unary(LIMN_PW_EXP, x), w, LIMN_NONE, ONE));
  limn_value sum = limn_graph_sum_all(graph, unary(LIMN_PW_SQUARE, x));
  result("sum", sum);
  const limn_task *task = tasks_of(ALL_FUSED, 2);
  cr_expect_eq(task[0].outputs[1], sum);
  cr_expect_eq(task[1].kind, LIMN_TASK_CONV);
}

/* A sum goes down to a later pass over big tasks only if what it reads lives on till there. */
static int passes_with_inputs(bool living) {
  limn_value w = input("w", (limn_shape){3, 3, 1, 1}), x = limn_graph_conv(graph, input("x", FULL), w, LIMN_NONE, ONE);
  limn_value y = input("y", FULL);
  result("loss", limn_graph_sum_all(graph, limn_graph_mul(graph, x, y)));
  limn_value number = limn_graph_sum_all(graph, limn_graph_conv(graph, y, w, LIMN_NONE, ONE));
  result("gradient", limn_graph_mul(graph, y, number));
  if (living)
    result("z", limn_graph_conv(graph, x, w, LIMN_NONE, ONE));
  tasks_of(ALL_FUSED, 5);
  int joined = 0;
  for (int i = 0; i < schedule->task_count; ++i)
    joined += schedule->tasks[i].output_count > 1;
  limn_schedule_destroy(schedule);
  limn_graph_destroy(graph);
  begin();
  return joined;
}

Test(passes, a_pass_does_not_keep_its_inputs_alive) {
  cr_expect_eq(passes_with_inputs(false), 0);
  cr_expect_eq(passes_with_inputs(true), 1);
}

Test(passes, what_a_device_joins_itself_is_left_to_it) {
  limn_value x = input("x", FULL);
  result("a", limn_graph_sum_all(graph, unary(LIMN_PW_EXP, x)));
  result("b", unary(LIMN_PW_TANH, x));
  limn_fusion fusion = ALL_FUSED;
  fusion.small = limn_shape_count(FULL);
  tasks_of(fusion, 2);
  limn_schedule_destroy(schedule);
  --fusion.small;
  tasks_of(fusion, 1);
}

Test(passes, a_pass_makes_no_more_than_it_may) {
  static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
  limn_value x = input("x", FULL);
  for (int i = 0; i < LIMN_MAX_TASK_OUTPUTS + 2; ++i)
    result(names[i], limn_graph_affine(graph, x, (float)i, 1));
  const limn_task *task = tasks_of(ALL_FUSED, 2);
  cr_expect_eq(task[0].output_count, LIMN_MAX_TASK_OUTPUTS);
  cr_expect_eq(task[1].output_count, 2);
}
