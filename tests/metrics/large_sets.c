/* The measures at full size, on random features: time, and peak memory beyond the features'.
 *
 *   large_sets prdc|pr|fd|kid|probe COUNT WIDTH [THREADS]
 *   large_sets prdc|pr|fd|kid FILE.safetensors      of its tensors real and fake; tests/fixtures/metrics/check_large.py
 *
 * Exit code 1 where a measure takes more than MOST_BYTES beyond the two sets: with 820 MB of features, 50,000 pictures
 * of each set at 2048 features, that is a gigabyte in all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "limn/safetensors.h"
#include "metrics/cross_validation.h"
#include "metrics/frechet.h"
#include "metrics/kernel_distance.h"
#include "metrics/manifold.h"

#define MOST_BYTES 180e6

static double peak_bytes(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss * 1024;
}

typedef struct drawing {
  float *rows;
  int width;
  uint64_t set;
} drawing;

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* As after a ReLU, half of it 0. */
static limn_status draw_row(void *context, uint32_t i) {
  const drawing *work = context;
  float *row = work->rows + (size_t)i * (size_t)work->width;
  limn_philox_normal(1, 1005, 2 * (uint64_t)i + work->set, 0, row, (size_t)work->width);
  for (int k = 0; k < work->width; ++k)
    row[k] = row[k] > 0 ? row[k] * (work->set ? 0.98f : 1) : 0;
  return LIMN_OK;
}

static limn_feature_set draw(uint32_t count, int width, uint64_t set) {
  float *rows = malloc((size_t)count * (size_t)width * sizeof *rows);
  if (!rows || limn_parallel_for(count, 0, draw_row, &(drawing){rows, width, set}) != LIMN_OK) {
    fputs("large_sets: out of memory\n", stderr);
    exit(2);
  }
  return (limn_feature_set){.rows = rows, .count = count, .width = width};
}

static limn_feature_set read_set(const limn_safetensors *file, const char *name) {
  const limn_stored_tensor *tensor = limn_safetensors_find(file, name);
  float *rows = tensor && tensor->dims == 2 ? malloc(tensor->bytes) : NULL;
  if (!rows || strcmp(tensor->dtype, "F32") != 0) {
    fprintf(stderr, "large_sets: no matrix %s of F32\n", name);
    exit(2);
  }
  memcpy(rows, tensor->data, tensor->bytes);
  return (limn_feature_set){.rows = rows, .count = (uint32_t)tensor->shape[0], .width = (int)tensor->shape[1]};
}

static void make_sets(limn_feature_set *a, limn_feature_set *b, char **argv) {
  limn_safetensors *file;
  if (argv[3]) {
    *a = draw((uint32_t)atoi(argv[2]), atoi(argv[3]), 0);
    *b = draw(a->count, a->width, 1);
  } else {
    if (limn_safetensors_open(&file, argv[2]) != LIMN_OK) {
      fprintf(stderr, "large_sets: %s\n", limn_error_message());
      exit(2);
    }
    *a = read_set(file, "real");
    *b = read_set(file, "fake");
    limn_safetensors_close(file);
  }
}

static limn_status fd(const limn_linear_algebra *algebra, const limn_feature_set *a, const limn_feature_set *b) {
  limn_moments of_a = {0}, of_b = {0};
  double distance = 0;
  const double begin = limn_clock();
  limn_status status = limn_moments_of(&of_a, algebra, a);
  if (status == LIMN_OK)
    status = limn_moments_of(&of_b, algebra, b);
  const double middle = limn_clock();
  if (status == LIMN_OK)
    status = limn_frechet_distance(&distance, algebra, &of_a, &of_b);
  printf("distance %.15g, moments %.2f s, distance %.2f s\n", distance, middle - begin, limn_clock() - middle);
  limn_moments_release(&of_a);
  limn_moments_release(&of_b);
  return status;
}

/* Ten classes that a few features tell. */
static limn_status probe(const limn_linear_algebra *algebra, limn_feature_set *a) {
  static const double c[] = {0.001, 0.01, 0.1};
  uint32_t *labels = malloc(a->count * sizeof *labels);
  double best = 0, accuracies[3] = {0};
  limn_linear_model model = {0};
  int steps = 0;
  if (!labels)
    return LIMN_FAILED;
  for (uint32_t i = 0; i < a->count; ++i) {
    const float *row = limn_feature_row(a, i);
    labels[i] = 0;
    for (uint32_t k = 1; k < 10; ++k)
      if (row[k] > row[labels[i]])
        labels[i] = k;
  }
  const limn_labelled_set data = {.features = *a, .labels = labels, .classes = 10};
  const double begin = limn_clock();
  limn_status status = limn_linear_model_fit(&model, algebra, &data, &(limn_linear_options){.c = 0.01}, &steps);
  const double middle = limn_clock();
  if (status == LIMN_OK)
    status = limn_cross_validate(&best, accuracies, algebra, &data,
                                 &(limn_cross_validation_options){.c = c, .count = 3, .folds = 5});
  printf("%d steps, %.2f s; five folds, three C: %.2f s; %g: %.4f %.4f %.4f\n", steps, middle - begin,
         limn_clock() - middle, best, accuracies[0], accuracies[1], accuracies[2]);
  limn_linear_model_release(&model);
  free(labels);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: large_sets prdc|pr|fd|kid|probe COUNT WIDTH [THREADS] | prdc|pr|fd|kid FILE.safetensors\n", stderr);
    return 2;
  }
  limn_linear_algebra algebra;
  limn_status status = limn_linear_algebra_open(&algebra, argc > 4 ? atoi(argv[4]) : 0);
  if (status != LIMN_OK) {
    fprintf(stderr, "large_sets: %s\n", limn_error_message());
    return 2;
  }
  limn_feature_set a, b;
  make_sets(&a, &b, argv);
  const double before = peak_bytes(), begin = limn_clock(), cpu = cpu_seconds();
  if (strcmp(argv[1], "prdc") == 0 || strcmp(argv[1], "pr") == 0) {
    limn_manifold m = {0};
    status = argv[1][2] ? limn_prdc(&m, &algebra, &a, &b, 5) : limn_precision_recall(&m, &algebra, &a, &b, 3);
    printf("precision %.9g, recall %.9g, density %.9g, coverage %.9g\n", m.precision, m.recall, m.density, m.coverage);
  } else if (strcmp(argv[1], "kid") == 0) {
    limn_kernel_distance kid = {0};
    status = limn_kernel_distance_of(&kid, &algebra, &a, &b,
                                     &(limn_kernel_distance_options){.subsets = 100, .subset_size = 1000, .seed = 1});
    printf("%.9g, deviation %.3g\n", kid.mean, kid.deviation);
  } else {
    status = strcmp(argv[1], "fd") == 0 ? fd(&algebra, &a, &b) : probe(&algebra, &a);
  }
  if (status != LIMN_OK)
    fprintf(stderr, "large_sets: %s\n", limn_error_message());
  const double beyond = peak_bytes() - before;
  printf("%s, %u and %u x %d: %.1f s with %d threads, %.1f of a CPU, %.0f MB beyond the features, %.0f MB in all\n",
         argv[1], a.count, b.count, a.width, limn_clock() - begin, algebra.threads, cpu_seconds() - cpu, beyond / 1e6,
         peak_bytes() / 1e6);
  free((void *)a.rows);
  free((void *)b.rows);
  if (status != LIMN_OK)
    return 2;
  return strncmp(argv[1], "pr", 2) == 0 && argv[1][2] != 'o' && beyond > MOST_BYTES ? 1 : 0;
}
