#include "metrics/linear_algebra.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "limn/tools.h"

/* Fortran's calling convention: all by address, and behind the arguments the length of each text. */
typedef void gemm_double(const char *, const char *, const int *, const int *, const int *, const double *,
                         const double *, const int *, const double *, const int *, const double *, double *,
                         const int *, size_t, size_t);
typedef void gemm_float(const char *, const char *, const int *, const int *, const int *, const float *, const float *,
                        const int *, const float *, const int *, const float *, float *, const int *, size_t, size_t);
typedef void rank_k(const char *, const char *, const int *, const int *, const double *, const double *, const int *,
                    const double *, double *, const int *, size_t, size_t);
typedef void pivoted_cholesky(const char *, const int *, double *, const int *, int *, int *, const double *, double *,
                              int *, size_t);
typedef void singular_values(const char *, const int *, const int *, double *, const int *, double *, double *,
                             const int *, double *, const int *, double *, const int *, int *, int *, size_t);
typedef void plain_cholesky(const char *, const int *, double *, const int *, int *, size_t);
typedef void triangular_solve(const char *, const char *, const char *, const char *, const int *, const int *,
                              const double *, const double *, const int *, double *, const int *, size_t, size_t,
                              size_t, size_t);
typedef void set_threads(int);

enum { DGEMM, SGEMM, DSYRK, DPSTRF, DGESDD, DPOTRF, DTRSM, FUNCTIONS };
static const char *const names[FUNCTIONS] = {"dgemm_", "sgemm_", "dsyrk_", "dpstrf_", "dgesdd_", "dpotrf_", "dtrsm_"};

/* OpenBLAS itself where it is there; else what the system calls LAPACK, which brings its BLAS along. */
static const char *const files[] = {"libopenblas.so.0", "liblapack.so.3"};
#define REMEDY "apt-get install libopenblas0"

/* Once loaded it stays. OpenBLAS starts its threads as it is loaded: they take no signals, as ours take none. *file:
 * its name. */
static void *load(const char **file) {
  void *library = NULL;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (size_t i = 0; i < sizeof files / sizeof *files && !library; ++i)
    library = dlopen(*file = files[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return library;
}

limn_status limn_doctor_measures(limn_doctor_line *lines, size_t capacity, size_t *count) {
  const char *file;
  void *library = load(&file);
  *count = 1;
  if (capacity > 0) {
    *lines = (limn_doctor_line){.what = "BLAS and LAPACK", .usable = library != NULL};
    snprintf(lines->found, sizeof lines->found, library ? "%s" : "none (%s)", library ? file : files[0]);
    if (!library)
      snprintf(lines->remedy, sizeof lines->remedy, "to measure pictures: " REMEDY);
  }
  if (library)
    dlclose(library);
  return LIMN_OK;
}

limn_status limn_linear_algebra_open(limn_linear_algebra *out, int threads) {
  const int processors = limn_processor_count();
  limn_linear_algebra algebra = {.threads = threads > 0 && threads < processors ? threads : processors};
  const char *file;
  void *library = load(&file);
  if (!library)
    return limn_fail(LIMN_FAILED, "measures of pictures take BLAS and LAPACK (%s), which this machine has not; " REMEDY,
                     files[0]);
  limn_status status = LIMN_OK;
  for (int i = 0; i < FUNCTIONS && status == LIMN_OK; ++i)
    if (!(algebra.functions[i] = dlsym(library, names[i])))
      status =
          limn_fail(LIMN_FAILED, "%s has no function %s, which measures of pictures take; " REMEDY, file, names[i]);
  set_threads *limit = (set_threads *)dlsym(library, "openblas_set_num_threads"); /* others have no threads */
  if (limit && status == LIMN_OK)
    limit(algebra.threads);
  dlclose(library);
  if (status == LIMN_OK)
    *out = algebra;
  return status;
}

limn_status limn_linear_algebra_go_on(const limn_linear_algebra *algebra, const char *what) {
  return algebra->stop && *algebra->stop ? limn_fail(LIMN_FAILED, "stopped while %s", what) : LIMN_OK;
}

/* By rows, c = a b is by columns c' = b' a'. */
void limn_matrix_product(const limn_linear_algebra *algebra, double *c, limn_matrix a, limn_matrix b, double beta) {
  gemm_double *gemm = (gemm_double *)algebra->functions[DGEMM];
  const double one = 1;
  const int rows = a.transposed ? a.columns : a.rows, inner = a.transposed ? a.rows : a.columns,
            columns = b.transposed ? b.rows : b.columns;
  gemm(b.transposed ? "T" : "N", a.transposed ? "T" : "N", &columns, &rows, &inner, &one, b.data, &b.columns, a.data,
       &a.columns, &beta, c, &columns, 1, 1);
}

void limn_inner_products(const limn_linear_algebra *algebra, float *products, const limn_feature_set *a,
                         const limn_feature_set *b) {
  gemm_float *gemm = (gemm_float *)algebra->functions[SGEMM];
  const float one = 1, zero = 0;
  const int rows = (int)a->count, columns = (int)b->count;
  gemm("T", "N", &columns, &rows, &a->width, &one, b->rows, &b->width, a->rows, &a->width, &zero, products, &columns, 1,
       1);
}

void limn_gram_add(const limn_linear_algebra *algebra, double *gram, const double *rows, int count, int width) {
  rank_k *syrk = (rank_k *)algebra->functions[DSYRK];
  const double one = 1;
  syrk("L", "N", &width, &count, &one, rows, &width, &one, gram, &width, 1, 1);
}

limn_status limn_matrix_factor(const limn_linear_algebra *algebra, double *factor, int *rank, double *s, int width) {
  pivoted_cholesky *cholesky = (pivoted_cholesky *)algebra->functions[DPSTRF];
  const double tolerance = -1; /* width times the unit of rounding times the largest variance */
  int info = 0, found = 0;
  int *pivots = malloc((size_t)width * sizeof *pivots);
  double *work = malloc(2 * (size_t)width * sizeof *work);
  if (!pivots || !work) {
    free(pivots);
    free(work);
    return limn_fail_memory("a matrix's factor");
  }
  cholesky("U", &width, s, &width, pivots, &found, &tolerance, work, &info, 1);
  /* P' S P = U' U, U lying by columns. info 1: of less than full rank. All is 0 where nothing varies. */
  memset(factor, 0, (size_t)found * (size_t)width * sizeof *factor);
  for (int j = 0; j < width; ++j)
    for (int i = 0; i <= j && i < found; ++i)
      factor[(size_t)i * (size_t)width + (size_t)(pivots[j] - 1)] = s[(size_t)j * (size_t)width + (size_t)i];
  free(pivots);
  free(work);
  if (info < 0)
    return limn_fail(LIMN_FAILED, "dpstrf refuses its argument %d", -info);
  *rank = found;
  return LIMN_OK;
}

bool limn_matrix_cholesky(const limn_linear_algebra *algebra, double *s, int width) {
  plain_cholesky *cholesky = (plain_cholesky *)algebra->functions[DPOTRF];
  int info = 0;
  const size_t size = (size_t)width;
  cholesky("L", &width, s, &width, &info, 1); /* by columns what is above by rows is below */
  for (size_t row = 0; row < size; ++row)
    for (size_t column = 0; column < row; ++column) {
      s[row * size + column] = s[column * size + row];
      s[column * size + row] = 0;
    }
  return info == 0;
}

/* By columns the rows are x', and L is an upper triangle U = L': x' = U^-T x'. */
void limn_matrix_solve(const limn_linear_algebra *algebra, const double *l, int width, double *rows, int count) {
  triangular_solve *solve = (triangular_solve *)algebra->functions[DTRSM];
  const double one = 1;
  solve("L", "U", "T", "N", &width, &count, &one, l, &width, rows, &width, 1, 1, 1, 1);
}

limn_status limn_nuclear_norm(const limn_linear_algebra *algebra, double *out, double *a, int rows, int columns) {
  singular_values *svd = (singular_values *)algebra->functions[DGESDD];
  const int least = rows < columns ? rows : columns, one = 1;
  int info = 0, room = -1;
  double none = 0, wanted = 1, sum = 0;
  *out = 0;
  if (least == 0)
    return LIMN_OK;
  /* A transpose has the same singular values. */
  svd("N", &columns, &rows, a, &columns, NULL, &none, &one, &none, &one, &wanted, &room, NULL, &info, 1);
  room = (int)wanted;
  double *values = malloc((size_t)least * sizeof *values), *work = malloc((size_t)room * sizeof *work);
  int *integers = malloc(8 * (size_t)least * sizeof *integers);
  limn_status status = LIMN_OK;
  if (!values || !work || !integers)
    status = limn_fail_memory("singular values");
  if (status == LIMN_OK) {
    svd("N", &columns, &rows, a, &columns, values, &none, &one, &none, &one, work, &room, integers, &info, 1);
    if (info != 0)
      status = limn_fail(LIMN_FAILED, "the singular values of a matrix of %d by %d are not found (dgesdd says %d)",
                         rows, columns, info);
  }
  for (int i = 0; i < least && status == LIMN_OK; ++i)
    sum += values[i];
  free(values);
  free(work);
  free(integers);
  *out = sum;
  return status;
}
