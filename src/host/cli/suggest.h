/* The nearest of some names to a mistyped one. */
#ifndef LIMN_CLI_SUGGEST_H
#define LIMN_CLI_SUGGEST_H

#include <stddef.h>

typedef struct cli_suggestion {
  const char *word;
  size_t distance; /* of the best candidate so far */
  char best[160];  /* what to say for it; "" when nothing is near enough */
} cli_suggestion;

void cli_suggestion_init(cli_suggestion *suggestion, const char *word);
/* When `candidate` is nearer than all before, the suggestion becomes prefix, name and suffix in a row. */
void cli_suggestion_offer(cli_suggestion *suggestion, const char *candidate, const char *prefix, const char *name,
                          const char *suffix);
/* Offers the words that people use elsewhere for `name`, if there are any ("learning-rate" for lr). */
void cli_suggestion_offer_aliases(cli_suggestion *suggestion, const char *name, const char *prefix, const char *suffix);

/* Optimal string alignment distance (insertions, deletions, substitutions, swaps of neighbours), ignoring case and
 * taking
 * '_' for '-'. Names over 63 bytes are far from everything. */
size_t cli_distance(const char *a, const char *b);

#endif
