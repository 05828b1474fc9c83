#include "train/separation.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/philox.h"
#include "train/view.h"

enum { GENERATOR, DISCRIMINATOR }; /* networks of the model */

#define PICTURES "pictures.validation"
#define REAL     "scores.real"
#define FAKE     "scores.fake"

static void score(const limn_session *s, limn_graph *graph, limn_value pictures, limn_look look, const char *leaf) {
  limn_value view = limn_view_of(graph, s->config, pictures, look, 1);
  limn_value scores = limn_model_apply(graph, &s->model, DISCRIMINATOR, view, (limn_network_mode){.training = false});
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, leaf, limn_graph_shape(graph, scores)), scores);
}

limn_status limn_separation_build(limn_session *s, limn_graph *graph) {
  const int most = s->held_out_count < (uint32_t)s->batch.n ? (int)s->held_out_count : s->batch.n;
  s->validation_batch = most / s->config->pack * s->config->pack;
  if (s->validation_batch == 0)
    return limn_fail(LIMN_DATA,
                     "the discriminator sees %d pictures at once (pack), and %u are held out: set validation higher, "
                     "or to 0",
                     s->config->pack, s->held_out_count);
  limn_value codes =
      limn_graph_normal(graph, limn_model_input(&s->model, GENERATOR, s->validation_batch), LIMN_STREAM_VALIDATION);
  limn_value fake = limn_model_generate(graph, &s->model, codes, (limn_network_mode){.training = false});
  limn_value real = limn_session_plain_pictures(s, graph, PICTURES, s->validation_batch);
  score(s, graph, real, LIMN_LOOK_HELD_OUT, REAL);
  score(s, graph, fake, LIMN_LOOK_HELD_OUT_FAKE, FAKE);
  return limn_program_create(&s->validation, s->store, graph, NULL);
}

/* The batch's scores, one a row: where there are several of a picture, their sum, which is what the losses go by. */
static limn_status read_scores(const limn_session *s, const char *leaf, float *sums) {
  const limn_tensor *tensor = limn_store_find(s->store, leaf);
  const size_t rows = (size_t)tensor->shape.n, each = (size_t)limn_shape_count(tensor->shape) / rows;
  float *values = malloc(rows * each * sizeof *values);
  limn_status status = values ? limn_tensor_download(tensor, values) : limn_fail_memory("a validation");
  for (size_t i = 0; i < rows && status == LIMN_OK; ++i) {
    sums[i] = 0;
    for (size_t k = 0; k < each; ++k)
      sums[i] += values[i * each + k];
  }
  free(values);
  return status;
}

static limn_status score_batches(limn_session *s, size_t batches, size_t rows, float *real, float *fake,
                                 size_t *count) {
  const size_t bytes = (size_t)s->validation_batch * (size_t)s->batch.c * (size_t)s->batch.h * (size_t)s->batch.w;
  for (size_t b = 0; b < batches; ++b) {
    if (s->stop && *s->stop)
      return LIMN_OK;
    LIMN_TRY(limn_session_upload_pictures(s, PICTURES, s->held_out + b * bytes));
    LIMN_TRY(limn_program_run(s->validation, b));
    LIMN_TRY(read_scores(s, REAL, real + *count));
    LIMN_TRY(read_scores(s, FAKE, fake + *count));
    *count += rows;
  }
  return LIMN_OK;
}

limn_status limn_separation_take(limn_session *s, double *separation) {
  const size_t batches = s->held_out_count / (uint32_t)s->validation_batch;
  const size_t rows = (size_t)(s->validation_batch / s->config->pack);
  float *real = calloc(batches * rows, sizeof *real), *fake = calloc(batches * rows, sizeof *fake);
  size_t count = 0;
  limn_status status =
      real && fake ? score_batches(s, batches, rows, real, fake, &count) : limn_fail_memory("a validation");
  if (status == LIMN_OK)
    *separation = limn_separation_of(real, count, fake, count);
  free(real);
  free(fake);
  return status;
}

static int ascending(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static bool sort_finite(float *values, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!isfinite(values[i]))
      return false;
  qsort(values, count, sizeof *values, ascending);
  return true;
}

double limn_separation_of(float *real, size_t real_count, float *fake, size_t fake_count) {
  if (real_count == 0 || fake_count == 0 || !sort_finite(real, real_count) || !sort_finite(fake, fake_count))
    return NAN;
  double pairs = 0; /* in which the real one is higher, ties by half */
  size_t below = 0, upto = 0;
  for (size_t i = 0; i < real_count; ++i) {
    while (below < fake_count && fake[below] < real[i])
      ++below;
    while (upto < fake_count && fake[upto] <= real[i])
      ++upto;
    pairs += (double)(below + upto) / 2;
  }
  return pairs / ((double)real_count * (double)fake_count);
}
