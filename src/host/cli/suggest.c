#include "suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LONGEST 63

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

static char fold(char byte) { return byte == '_' ? '-' : (char)tolower((unsigned char)byte); }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

size_t cli_distance(const char *a, const char *b) {
  size_t rows = strlen(a), columns = strlen(b);
  if (rows > LONGEST || columns > LONGEST)
    return LONGEST + 1;
  size_t table[3][LONGEST + 1]; /* rows i - 2, i - 1 and i, in turn */
  for (size_t j = 0; j <= columns; j++)
    table[0][j] = j;
  for (size_t i = 1; i <= rows; i++) {
    size_t *row = table[i % 3], *above = table[(i + 2) % 3], *two_above = table[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= columns; j++) {
      size_t differs = fold(a[i - 1]) != fold(b[j - 1]);
      row[j] = smaller(smaller(above[j] + 1, row[j - 1] + 1), above[j - 1] + differs);
      if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
        row[j] = smaller(row[j], two_above[j - 2] + 1);
    }
  }
  return table[rows % 3][columns];
}

void cli_suggestion_init(cli_suggestion *suggestion, const char *word) {
  suggestion->word = word;
  /* A third of the letters may be wrong; more, and the guess is noise. */
  suggestion->distance = 1 + (strlen(word) + 1) / 3;
  suggestion->best[0] = '\0';
}

static int begins(const char *candidate, const char *word) {
  while (*word)
    if (fold(*candidate++) != fold(*word++))
      return 0;
  return 1;
}

void cli_suggestion_offer(cli_suggestion *suggestion, const char *candidate, const char *prefix, const char *name,
                          const char *suffix) {
  size_t distance = cli_distance(suggestion->word, candidate);
  if (distance > 1 && strlen(suggestion->word) >= 3 && begins(candidate, suggestion->word))
    distance = 1;
  if (distance >= suggestion->distance)
    return;
  suggestion->distance = distance;
  snprintf(suggestion->best, sizeof(suggestion->best), "%s%s%s", prefix, name, suffix);
}

void cli_suggestion_offer_aliases(cli_suggestion *suggestion, const char *name, const char *prefix,
                                  const char *suffix) {
  for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
    if (strcmp(aliases[i].name, name) == 0)
      cli_suggestion_offer(suggestion, aliases[i].alias, prefix, name, suffix);
}
