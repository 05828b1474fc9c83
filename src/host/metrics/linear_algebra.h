/* Products and factors of matrices, by the BLAS and LAPACK of the machine: loaded by name when a measure needs them, so
 * that nothing else of Limn takes them along (docs/dependencies.md). Matrices are dense, row after row. */
#ifndef LIMN_METRICS_LINEAR_ALGEBRA_H
#define LIMN_METRICS_LINEAR_ALGEBRA_H

#include <signal.h>
#include <stdbool.h>

#include "metrics/feature_set.h"

/* Opened once and handed to every measure; copies are as good. The functions are Fortran's, by columns: for
 * linear_algebra.c alone. */
typedef struct limn_linear_algebra {
  int threads; /* of the library, and of the measures' own loops; at least 1 */
  const volatile sig_atomic_t
      *stop; /* not 0: long measures give up, with LIMN_FAILED. NULL after opening: they do not */
  void *functions[7];
} limn_linear_algebra;

/* LIMN_FAILED, "stopped while ...", where they have to. */
limn_status limn_linear_algebra_go_on(const limn_linear_algebra *algebra, const char *what);

/* threads: at most so many are used (0: one a processor). LIMN_FAILED, naming the package, where the machine has no
 * BLAS and LAPACK. The limit is the library's and so the process's: the last call holds for all. Nothing is to be
 * closed: the library stays loaded. */
limn_status limn_linear_algebra_open(limn_linear_algebra *out, int threads);

/* What is multiplied: the matrix (rows, columns) that lies at `data`, or its transpose. */
typedef struct limn_matrix {
  const double *data;
  int rows, columns; /* as it lies */
  bool transposed;
} limn_matrix;

/* c = a b + beta c. With beta 0, c need hold nothing. */
void limn_matrix_product(const limn_linear_algebra *algebra, double *c, limn_matrix a, limn_matrix b, double beta);

/* products: (a->count, b->count), the inner product of each row of a with each of b, in single precision. */
void limn_inner_products(const limn_linear_algebra *algebra, float *products, const limn_feature_set *a,
                         const limn_feature_set *b);

/* gram += rows' rows, where column >= row; the rest stays. rows: (count, width), gram: (width, width). */
void limn_gram_add(const limn_linear_algebra *algebra, double *gram, const double *rows, int count, int width);

/* factor: (*rank, width) such that factor' factor = s, in room for (width, width). s: (width, width), symmetric,
 * positive semidefinite; destroyed. By Cholesky's method with pivots, which stops where what is left is rounding: a
 * covariance of few pictures has few rows. */
limn_status limn_matrix_factor(const limn_linear_algebra *algebra, double *factor, int *rank, double *s, int width);

/* s becomes L, lower triangular with zeros above, such that L L' = s, of which column >= row is read. (width, width).
 * false: s is not positive definite, and what is in it then is nothing. */
bool limn_matrix_cholesky(const limn_linear_algebra *algebra, double *s, int width);
/* Each of the rows (count, width) becomes L^-1 times itself. L: as limn_matrix_cholesky leaves it. */
void limn_matrix_solve(const limn_linear_algebra *algebra, const double *l, int width, double *rows, int count);

/* The sum of the singular values of a: (rows, columns), destroyed. */
limn_status limn_nuclear_norm(const limn_linear_algebra *algebra, double *out, double *a, int rows, int columns);

#endif
