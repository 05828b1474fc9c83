#include "suggest.h"

#include <stdio.h>
#include <string.h>

#include "limn/config.h"

/* What people type who come from other programs, and what it is called here. */
static const struct {
  const char *alias, *name;
} aliases[] = {
    {"learning-rate", "lr"},    {"batch-size", "batch"},      {"image-size", "size"},       {"height", "size"},
    {"width", "size"},          {"resolution", "size"},       {"latent-dim", "latent"},     {"z-dim", "latent"},
    {"nz", "latent"},           {"ngf", "filters"},           {"iterations", "steps"},      {"output", "out"},
    {"outdir", "out"},          {"dataset", "data"},          {"dataroot", "data"},         {"gpu", "device"},
    {"num-threads", "threads"}, {"num-workers", "workers"},   {"duration", "time"},         {"continue", "resume"},
    {"count", "number"},        {"discriminator-lr", "lr_d"}, {"lr-discriminator", "lr_d"}, {"scheduler", "schedule"},
};

void cli_suggestion_init(cli_suggestion *suggestion) { suggestion->count = 0; }

void cli_suggestion_offer(cli_suggestion *suggestion, const char *candidate, const char *prefix, const char *name,
                          const char *suffix) {
  if (suggestion->count == CLI_MOST_CANDIDATES)
    return;
  size_t i = suggestion->count++;
  suggestion->candidates[i] = candidate;
  suggestion->said[i].prefix = prefix;
  suggestion->said[i].name = name;
  suggestion->said[i].suffix = suffix;
}

void cli_suggestion_offer_with_aliases(cli_suggestion *suggestion, const char *name, const char *prefix,
                                       const char *suffix) {
  cli_suggestion_offer(suggestion, name, prefix, name, suffix);
  for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
    if (strcmp(aliases[i].name, name) == 0)
      cli_suggestion_offer(suggestion, aliases[i].alias, prefix, name, suffix);
}

const char *cli_suggestion_find(cli_suggestion *suggestion, const char *word) {
  const char *nearest = limn_nearest(word, suggestion->candidates, suggestion->count);
  for (size_t i = 0; nearest && i < suggestion->count; i++)
    if (suggestion->candidates[i] == nearest) {
      snprintf(suggestion->best, sizeof(suggestion->best), "%s%s%s", suggestion->said[i].prefix,
               suggestion->said[i].name, suggestion->said[i].suffix);
      return suggestion->best;
    }
  return NULL;
}
