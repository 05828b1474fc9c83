/* What a training step is given: pictures and their classes. */
#include <criterion/criterion.h>

#include "support/training.h"

/* A run's session and a program that reads the labels, beside those of the training. */
typedef struct labelled {
  limn_config *config;
  limn_session session;
  limn_program *program;
  test_batches batches;
} labelled;

static labelled open_labelled(void) {
  labelled l = {.config = test_config("dcgan", NULL)};
  limn_graph *graph = NULL;
  l.batches = test_batches_of(l.config);
  cr_assert_eq(limn_session_init(&l.session, l.config, 10, &(limn_session_data){0}), LIMN_OK, "%s",
               limn_error_message());
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value labels = limn_session_labels(&l.session, graph);
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "read", limn_graph_shape(graph, labels)),
                    limn_graph_affine(graph, labels, 2, 1));
  cr_assert_eq(limn_program_create(&l.program, l.session.store, graph, NULL), LIMN_OK, "%s", limn_error_message());
  limn_graph_destroy(graph);
  return l;
}

static void close_labelled(labelled *l) {
  limn_program_destroy(l->program);
  limn_session_release(&l->session);
  test_batches_release(&l->batches);
  limn_config_destroy(l->config);
}

Test(batches, labels_reach_the_device) {
  labelled l = open_labelled();
  for (int step = 0; step < 3; ++step) {
    const int32_t labels[4] = {step, 7, -1, 999};
    float read[4];
    limn_batch batch = test_next_batch(&l.batches);
    batch.labels = labels;
    cr_assert_eq(limn_session_step(&l.session, (uint64_t)step, 0, &batch), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(limn_program_run(l.program, 0), LIMN_OK);
    cr_assert_eq(limn_tensor_download(limn_store_find(l.session.store, "read"), read), LIMN_OK);
    for (int i = 0; i < 4; ++i)
      cr_expect_eq(read[i], 2 * (float)labels[i] + 1);
  }
  close_labelled(&l);
}

Test(batches, where_classes_are_read_there_have_to_be_some) {
  labelled l = open_labelled();
  limn_batch batch = test_next_batch(&l.batches);
  cr_expect_eq(limn_session_step(&l.session, 0, 0, &batch), LIMN_DATA);
  cr_expect_not_null(strstr(limn_error_message(), "--labels"));
  close_labelled(&l);
}
