#include "metrics/measures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "metrics/copies.h"
#include "metrics/frechet.h"
#include "metrics/inception_score.h"
#include "metrics/kernel_distance.h"
#include "metrics/modes.h"
#include "metrics/perceptual.h"
#include "metrics/probe.h"
#include "metrics/vae_rows.h"

#define USUAL               "fd,kid,prdc"
#define IMPROVED_NEIGHBOURS 3 /* Kynkaanniemi et al. 2019 */
#define SUBSETS             100
#define SUBSET              1000
#define SPLITS              10

static int given(int value, int otherwise) { return value > 0 ? value : otherwise; }

/* A score with its name and protocol, printf-style; NULL: no memory. */
static limn_score *add(limn_evaluation *out, const char *metric, const char *name, int better, double value) {
  limn_score *score = limn_evaluation_add(out, metric, better, value);
  if (score)
    snprintf(score->name, sizeof score->name, "%s", name);
  return score;
}

/* Whether the weights, and the size, are those that numbers of that network were published with. */
static bool has_published_protocol(const limn_judge *judge) {
  const limn_feature_file *files = judge->info.network->files;
  if (judge->info.size != judge->info.network->size)
    return false;
  for (int i = 0; i < LIMN_FEATURE_FILES && files[i].url; ++i)
    if (strncmp(judge->info.checksum, files[i].sha256, strlen(files[i].sha256)) == 0)
      return true;
  return false;
}

/* "FID" is the distance by the published weights of one network alone; by all others it has their name. */
static void name_distance(const limn_measured *m, char *name, size_t size) {
  const limn_feature_network *network = m->judge->info.network;
  bool usual = strcmp(m->judge->taps[0], network->judge) == 0;
  if (network->distance && usual && has_published_protocol(m->judge))
    snprintf(name, size, "%s", network->distance);
  else
    snprintf(name, size, "FD-%s%s%s", network->short_name ? network->short_name : network->name, usual ? "" : ".",
             usual ? "" : m->judge->taps[0]);
}

/* What a distance of so few pictures is worth. */
static limn_status warn_of_few(const limn_measured *m, limn_evaluation *out) {
  uint64_t pictures = m->pictures_moments.count, data = m->data_moments.count;
  uint64_t least = data && data < pictures ? data : pictures;
  int width = m->pictures.width;
  if (least <= (uint64_t)width)
    return limn_evaluation_note(
        out,
        "%llu pictures are too few for a covariance of %d features, which is then singular: the "
        "distance says more of their number than of their quality; take more than %d, or kid",
        (unsigned long long)least, width, width);
  if (least < 10000)
    return limn_evaluation_note(out,
                                "the distance falls as pictures are added: compare it with those of %llu pictures "
                                "alone",
                                (unsigned long long)least);
  return LIMN_OK;
}

static limn_status take_fd(const limn_measured *m, limn_evaluation *out) {
  char name[48];
  double value;
  LIMN_TRY(limn_frechet_distance(&value, &m->algebra, &m->pictures_moments, &m->data_moments));
  name_distance(m, name, sizeof name);
  limn_score *score = add(out, "fd", name, -1, value);
  if (!score)
    return limn_fail_memory("scores");
  if (m->options->bootstrap > 0) {
    limn_interval interval;
    const limn_bootstrap_options options = {(uint32_t)m->options->bootstrap, 0.95, m->options->seed};
    LIMN_TRY(limn_frechet_bootstrap(&interval, &m->algebra, &m->pictures, &m->data_moments, &options));
    score->low = interval.low;
    score->high = interval.high;
    snprintf(score->protocol, sizeof score->protocol, "95 %% of %d resamples", m->options->bootstrap);
  }
  return warn_of_few(m, out);
}

static limn_status take_kid(const limn_measured *m, limn_evaluation *out) {
  uint32_t least = m->pictures.count < m->data.count ? m->pictures.count : m->data.count;
  limn_kernel_distance_options options = {.subsets = (uint32_t)given(m->options->subsets, SUBSETS),
                                          .subset_size = (uint32_t)given(m->options->subset, SUBSET),
                                          .seed = m->options->seed};
  limn_kernel_distance distance;
  if (m->options->subset <= 0 && options.subset_size >= least)
    options.subset_size = least / 2; /* all of them would be the same subset each time */
  LIMN_TRY(limn_kernel_distance_of(&distance, &m->algebra, &m->pictures, &m->data, &options));
  limn_score *score = add(out, "kid", "KID", -1, distance.mean);
  if (!score)
    return limn_fail_memory("scores");
  score->deviation = distance.deviation;
  snprintf(score->protocol, sizeof score->protocol, "%u subsets of %u, deviation over them", options.subsets,
           options.subset_size);
  return LIMN_OK;
}

static limn_status take_is(const limn_measured *m, limn_evaluation *out) {
  const limn_feature_network *network = m->judge->info.network;
  const limn_inception_score_options options = {
      .splits = (uint32_t)given(m->options->splits, SPLITS), .shuffle = true, .seed = m->options->seed};
  limn_inception_score result;
  char name[48];
  LIMN_TRY(limn_inception_score_of(&result, &m->logits, &options));
  if (network->distance && has_published_protocol(m->judge))
    snprintf(name, sizeof name, "IS");
  else
    snprintf(name, sizeof name, "IS-%s", network->short_name ? network->short_name : network->name);
  limn_score *score = add(out, "is", name, 1, result.mean);
  if (!score)
    return limn_fail_memory("scores");
  score->deviation = result.deviation;
  snprintf(score->protocol, sizeof score->protocol, "%u splits, shuffled, deviation over them", options.splits);
  return LIMN_OK;
}

static limn_status add_neighbours(limn_evaluation *out, const char *metric, const char *name, double value, int k) {
  limn_score *score = add(out, metric, name, 1, value);
  if (!score)
    return limn_fail_memory("scores");
  snprintf(score->protocol, sizeof score->protocol, "%d nearest neighbours", k);
  return LIMN_OK;
}

static limn_status take_pr(const limn_measured *m, limn_evaluation *out) {
  limn_manifold found;
  const int k = IMPROVED_NEIGHBOURS;
  LIMN_TRY(limn_precision_recall(&found, &m->algebra, &m->data, &m->pictures, k));
  LIMN_TRY(add_neighbours(out, "pr", "improved precision", found.precision, k));
  return add_neighbours(out, "pr", "improved recall", found.recall, k);
}

static limn_status take_prdc(const limn_measured *m, limn_evaluation *out) {
  limn_manifold found;
  const int k = given(m->options->neighbours, LIMN_NEIGHBOURS);
  if (m->data_balls && m->data_balls->k == k)
    LIMN_TRY(limn_prdc_again(&found, &m->algebra, &m->data, m->data_balls, &m->pictures));
  else
    LIMN_TRY(limn_prdc(&found, &m->algebra, &m->data, &m->pictures, k));
  LIMN_TRY(add_neighbours(out, "prdc", "precision", found.precision, k));
  LIMN_TRY(add_neighbours(out, "prdc", "recall", found.recall, k));
  LIMN_TRY(add_neighbours(out, "prdc", "density", found.density, k));
  return add_neighbours(out, "prdc", "coverage", found.coverage, k);
}

const limn_metric limn_metrics[] = {
    {"fd", "Frechet distance of the features' means and covariances (Heusel et al. 2017); 0 is best",
     LIMN_NEEDS_MOMENTS, take_fd},
    {"kid", "kernel distance, unbiased also for few pictures (Binkowski et al. 2018); 0 is best", LIMN_NEEDS_DATA,
     take_kid},
    {"is", "inception score: sure and varied class scores (Salimans et al. 2016); looks at no data", LIMN_NEEDS_LOGITS,
     take_is},
    {"pr", "improved precision and recall (Kynkaanniemi et al. 2019): how many look real, how much is covered",
     LIMN_NEEDS_DATA, take_pr},
    {"prdc", "precision, recall, density, coverage (Naeem et al. 2020), the latter two not misled by outliers",
     LIMN_NEEDS_DATA, take_prdc},
    {"copies", "pictures nearer to one of the data than unseen ones are, and which",
     LIMN_NEEDS_DATA | LIMN_NEEDS_HELD_OUT | LIMN_NEEDS_SETS, limn_take_copies},
    {"modes", "which classes of the data a classifier finds, and how evenly; with labels",
     LIMN_NEEDS_CLASSES | LIMN_NEEDS_SETS, limn_take_modes},
    {"probe", "how well a linear classifier reads classes from what a run has learned; with labels",
     LIMN_NEEDS_DATA_SET | LIMN_NEEDS_HELD_OUT | LIMN_NEEDS_SETS, limn_take_probe},
    {"elbo", "a VAE's or autoencoder's objective, active units and reconstructions on held-out pictures",
     LIMN_NEEDS_HELD_OUT | LIMN_NEEDS_SETS, limn_take_elbo},
    {"perceptual", "how far reconstructions are from held-out pictures in a pretrained network's maps (as in LPIPS)",
     LIMN_NEEDS_HELD_OUT | LIMN_NEEDS_SETS, limn_take_perceptual},
    {"nll", "a VAE's likelihood of held-out pictures by importance sampling (Burda et al. 2016)",
     LIMN_NEEDS_HELD_OUT | LIMN_NEEDS_SETS, limn_take_nll},
};
_Static_assert(sizeof limn_metrics / sizeof *limn_metrics == LIMN_METRICS, "a row for each");

const char *limn_metric_name(int index) { return index >= 0 && index < LIMN_METRICS ? limn_metrics[index].name : NULL; }

const char *limn_metric_help(int index) { return index >= 0 && index < LIMN_METRICS ? limn_metrics[index].help : NULL; }

/* Of a list's first name. */
static int find(const char *names) {
  size_t length = strcspn(names, ",");
  for (int i = 0; i < LIMN_METRICS; ++i)
    if (strlen(limn_metrics[i].name) == length && strncmp(limn_metrics[i].name, names, length) == 0)
      return i;
  return -1;
}

static limn_status refuse(const char *names) {
  char list[160] = "";
  size_t used = 0;
  for (int i = 0; i < LIMN_METRICS; ++i)
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", limn_metrics[i].name);
  return limn_fail(LIMN_USAGE, "there is no measure \"%.*s\"; there are %s", (int)strcspn(names, ","), names, list);
}

limn_status limn_metrics_parse(const char *names, unsigned *out) {
  const char *at = names ? names : USUAL;
  for (*out = 0;; ++at) {
    int index = find(at);
    if (index < 0)
      return refuse(at);
    *out |= 1u << index;
    at += strcspn(at, ",");
    if (!*at)
      return LIMN_OK;
  }
}

int limn_metrics_first(const char *names) { return find(names ? names : USUAL); }

bool limn_metrics_take(unsigned metrics, const char *name) {
  int index = find(name);
  return index >= 0 && (metrics >> index & 1);
}

unsigned limn_metrics_needs(unsigned metrics) {
  unsigned needs = 0;
  for (int i = 0; i < LIMN_METRICS; ++i)
    if (metrics >> i & 1)
      needs |= limn_metrics[i].needs;
  return needs;
}
