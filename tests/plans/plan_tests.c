/* Which convolutions cuDNN has a plan for, card by card and type by type: a table, and an error where a convolution
 * that Limn cannot do without has none. Needs no GPU: the planning driver is enough.
 *
 *   plan_tests [--card h100]... [--type fp32|tf32|fp16|bf16]... [--sample] [--deterministic] [--cache FOLDER] */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cases.h"
#include "devices/cards.h"

typedef struct precision {
  const char *name;
  limn_type type;
  bool tf32;
} precision;

static const precision precisions[] = {
    {"fp32", LIMN_F32, false}, {"tf32", LIMN_F32, true}, {"fp16", LIMN_F16, false}, {"bf16", LIMN_BF16, false}};
enum { PRECISIONS = sizeof precisions / sizeof *precisions };

typedef struct options {
  unsigned cards, types; /* bit sets; 0: all */
  bool sample, deterministic;
  const char *cache;
} options;

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One row. Returns false when it is an error. */
static bool row(cuda_planner *planner, const plan_case *c, const char *card, const char *type) {
  cuda_plan *plan = NULL;
  const double start = seconds();
  const limn_status status = cuda_plan_create(&plan, planner, &c->convolution);
  const double took = seconds() - start;
  const bool must = c->need == PLAN_MUST;
  const bool good = status == LIMN_OK && (plan || !must);
  printf("%-8s %-5s %-26s %-5s %7.0f  ", card, type, c->name, plan ? "yes" : must ? "FAIL" : "no", 1e3 * took);
  if (plan)
    printf("%10.1f  %s\n", (double)cuda_plan_workspace(plan) / 1024, cuda_plan_engine(plan));
  else
    printf("%10s  %s\n", "-", limn_error_message());
  fflush(stdout);
  cuda_plan_destroy(plan);
  return good;
}

static int table(const options *o) {
  int rows = 0, plans_missing = 0;
  printf("%-8s %-5s %-26s %-5s %7s  %10s  %s\n", "card", "type", "convolution", "plan", "ms", "work KiB",
         "engine, or why there is none");
  for (size_t card = 0; card < limn_card_count(); ++card)
    for (int p = 0; p < PRECISIONS; ++p) {
      if ((o->cards && !(o->cards >> card & 1)) || (o->types && !(o->types >> p & 1)))
        continue;
      const limn_card *on = limn_card_at(card);
      cuda_planner *planner = NULL;
      if (cuda_planner_create(&planner, &(cuda_planner_options){.properties = on->properties,
                                                                .deterministic = o->deterministic,
                                                                .tf32 = precisions[p].tf32,
                                                                .cache = o->cache}) != LIMN_OK) {
        printf("%s: %s\n", on->name, limn_error_message());
        return 1;
      }
      plan_case c;
      for (int i = 0; plan_case_at(i, precisions[p].type, &c); ++i)
        if (!o->sample || c.sample) {
          ++rows;
          plans_missing += !row(planner, &c, on->name, precisions[p].name);
        }
      cuda_planner_destroy(planner);
    }
  printf("%d convolutions, %d without the plan that they need\n", rows, plans_missing);
  return rows == 0 || plans_missing > 0;
}

static int usage(const char *program) {
  fprintf(stderr,
          "usage: %s [--card NAME]... [--type fp32|tf32|fp16|bf16]... [--sample] [--deterministic] [--cache FOLDER]\n",
          program);
  return 2;
}

int main(int count, char **arguments) {
  options o = {.cards = 0};
  keep_leaks_legible();
  for (int i = 1; i < count; ++i) {
    const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
    unsigned bit = 0;
    if (strcmp(name, "--sample") == 0) {
      o.sample = true;
      continue;
    }
    if (strcmp(name, "--deterministic") == 0) {
      o.deterministic = true;
      continue;
    }
    if (!value)
      return usage(arguments[0]);
    ++i;
    if (strcmp(name, "--cache") == 0) {
      o.cache = value;
      continue;
    }
    for (size_t k = 0; k < limn_card_count() && strcmp(name, "--card") == 0; ++k)
      bit |= strcmp(limn_card_at(k)->name, value) == 0 ? 1U << k : 0;
    o.cards |= bit;
    for (int k = 0; k < PRECISIONS && strcmp(name, "--type") == 0; ++k)
      if (strcmp(precisions[k].name, value) == 0) {
        bit = 1U << k;
        o.types |= bit;
      }
    if (!bit)
      return usage(arguments[0]);
  }
  return table(&o);
}
