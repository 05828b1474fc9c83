#include "metrics/mixture_fit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define LN_2PI 1.8378770664093453
#define BLOCK  (1 << 20) /* numbers of codes that are worked on at a time: enough for BLAS's threads to be worth it */
#define LEAST  1e-15     /* a responsibility under this moves no covariance by more than rounding does */

static uint32_t rows_at_once(const limn_mixture *m) {
  return m->width < BLOCK / 64 ? (uint32_t)(BLOCK / m->width) : 64;
}

/* codes - mean, of the codes [first, first + count): (count, width). */
static void centre(const limn_feature_set *codes, uint32_t first, uint32_t count, const double *mean, double *out) {
  const size_t width = (size_t)codes->width;
  for (uint32_t i = 0; i < count; ++i)
    for (size_t j = 0; j < width; ++j)
      out[i * width + j] = (double)limn_feature_row(codes, first + i)[j] - mean[j];
}

/* Their sum of each component, then the means. */
static void estimate_means(limn_mixture *m, const limn_feature_set *codes, const double *responsibilities) {
  const size_t width = (size_t)m->width, components = (size_t)m->components;
  memset(m->means, 0, components * width * sizeof *m->means);
  memset(m->weights, 0, components * sizeof *m->weights);
  for (uint32_t i = 0; i < codes->count; ++i) {
    const float *code = limn_feature_row(codes, i);
    for (size_t k = 0; k < components; ++k) {
      const double share = responsibilities[i * components + k];
      m->weights[k] += share;
      for (size_t j = 0; share > 0 && j < width; ++j)
        m->means[k * width + j] += share * (double)code[j];
    }
  }
  for (size_t k = 0; k < components; ++k) {
    m->weights[k] += 10 * DBL_EPSILON; /* for a component that nothing belongs to */
    for (size_t j = 0; j < width; ++j)
      m->means[k * width + j] /= m->weights[k];
  }
}

/* The upper triangle of sum r (x - mean)(x - mean)' of component k. `rows`: room for rows_at_once codes. */
static void scatter(const limn_mixture *m, const limn_mixture_fit *fit, const double *responsibilities, size_t k,
                    double *rows, double *gram) {
  const size_t width = (size_t)m->width, components = (size_t)m->components;
  const int at_once = (int)rows_at_once(m);
  int filled = 0;
  memset(gram, 0, width * width * sizeof *gram);
  for (uint32_t i = 0; i < fit->codes->count; ++i) {
    const double share = responsibilities[i * components + k];
    if (share < LEAST)
      continue;
    const float *code = limn_feature_row(fit->codes, i);
    const double *mean = m->means + k * width, scale = sqrt(share);
    for (size_t j = 0; j < width; ++j)
      rows[(size_t)filled * width + j] = scale * ((double)code[j] - mean[j]);
    if (++filled == at_once) {
      limn_gram_add(fit->algebra, gram, rows, filled, m->width);
      filled = 0;
    }
  }
  if (filled)
    limn_gram_add(fit->algebra, gram, rows, filled, m->width);
}

limn_status limn_mixture_estimate(limn_mixture *m, const limn_mixture_fit *fit, const double *responsibilities) {
  const size_t width = (size_t)m->width, components = (size_t)m->components;
  double *rows = malloc(rows_at_once(m) * width * sizeof *rows), sum = 0;
  limn_status status = rows ? LIMN_OK : limn_fail_memory("a mixture of Gaussians");
  if (status == LIMN_OK)
    estimate_means(m, fit->codes, responsibilities);
  for (size_t k = 0; k < components && status == LIMN_OK; ++k) {
    double *covariance = m->factors + k * width * width;
    scatter(m, fit, responsibilities, k, rows, covariance);
    for (size_t i = 0; i < width * width; ++i)
      covariance[i] /= m->weights[k];
    for (size_t j = 0; j < width; ++j)
      covariance[j * (width + 1)] += LIMN_MIXTURE_REGULAR;
    bool whole = limn_matrix_cholesky(fit->algebra, covariance, m->width);
    if (!whole)
      status = limn_fail(LIMN_DATA,
                         "the covariance of component %zu of %zu has not full rank: its %.0f codes lie too close to "
                         "a plane; take fewer components, or train with a smaller latent",
                         k + 1, components, m->weights[k]);
    sum += m->weights[k];
  }
  for (size_t k = 0; k < components; ++k)
    m->weights[k] /= sum;
  free(rows);
  return status;
}

/* log N(x; mean, L L') of each code into column k of `log_density`, (count, components). */
static void log_densities(const limn_mixture *m, const limn_mixture_fit *fit, size_t k, double *rows,
                          double *log_density) {
  const size_t width = (size_t)m->width, components = (size_t)m->components;
  const uint32_t at_once = rows_at_once(m);
  const double *factor = m->factors + k * width * width;
  double constant = log(m->weights[k]) - 0.5 * (double)width * LN_2PI;
  for (size_t j = 0; j < width; ++j)
    constant -= log(factor[j * (width + 1)]);
  for (uint32_t first = 0, some; first < fit->codes->count; first += some) {
    some = fit->codes->count - first < at_once ? fit->codes->count - first : at_once;
    centre(fit->codes, first, some, m->means + k * width, rows);
    limn_matrix_solve(fit->algebra, factor, m->width, rows, (int)some);
    for (uint32_t i = 0; i < some; ++i) {
      double square = 0;
      for (size_t j = 0; j < width; ++j)
        square += rows[i * width + j] * rows[i * width + j];
      log_density[(first + i) * components + k] = constant - 0.5 * square;
    }
  }
}

/* Log densities to responsibilities, in place; returns the sum of log p(x). */
static double normalise(double *log_density, uint32_t count, size_t components) {
  double sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    double *row = log_density + i * components, largest = -INFINITY, total = 0;
    for (size_t k = 0; k < components; ++k)
      largest = row[k] > largest ? row[k] : largest;
    for (size_t k = 0; k < components; ++k)
      total += exp(row[k] - largest);
    const double log_sum = largest + log(total);
    for (size_t k = 0; k < components; ++k)
      row[k] = exp(row[k] - log_sum);
    sum += log_sum;
  }
  return sum;
}

limn_status limn_mixture_improve(limn_mixture *m, limn_mixture_fit *fit) {
  const size_t components = (size_t)m->components, count = fit->codes->count;
  double *responsibilities = malloc(count * components * sizeof *responsibilities),
         *rows = malloc(rows_at_once(m) * (size_t)m->width * sizeof *rows), before = -INFINITY;
  limn_status status = responsibilities && rows ? LIMN_OK : limn_fail_memory("a mixture of Gaussians");
  fit->iterations = 0;
  while (status == LIMN_OK && fit->iterations < LIMN_MIXTURE_ITERATIONS) {
    if (fit->stop && *fit->stop) {
      status = limn_fail(LIMN_FAILED, "stopped after %d steps of the fit", fit->iterations);
      break;
    }
    for (size_t k = 0; k < components; ++k)
      log_densities(m, fit, k, rows, responsibilities);
    fit->log_likelihood = normalise(responsibilities, fit->codes->count, components) / (double)count;
    status = limn_mixture_estimate(m, fit, responsibilities);
    if (fit->on_progress)
      fit->on_progress(fit->context, ++fit->iterations, LIMN_MIXTURE_ITERATIONS);
    else
      ++fit->iterations;
    if (fabs(fit->log_likelihood - before) < LIMN_MIXTURE_TOLERANCE)
      break;
    before = fit->log_likelihood;
  }
  free(responsibilities);
  free(rows);
  return status;
}
