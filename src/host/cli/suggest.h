/* The nearest of some names to a mistyped one. */
#ifndef LIMN_CLI_SUGGEST_H
#define LIMN_CLI_SUGGEST_H

#include <stddef.h>

#define CLI_MOST_CANDIDATES 256

/* All strings are borrowed until cli_suggestion_find. */
typedef struct cli_suggestion {
  const char *candidates[CLI_MOST_CANDIDATES];
  struct {
    const char *prefix, *name, *suffix;
  } said[CLI_MOST_CANDIDATES]; /* for the candidate of the same index */
  size_t count;
  char best[160];
} cli_suggestion;

void cli_suggestion_init(cli_suggestion *suggestion);
/* If `candidate` turns out to be the nearest, the suggestion is prefix, name and suffix in a row. */
void cli_suggestion_offer(cli_suggestion *suggestion, const char *candidate, const char *prefix, const char *name,
                          const char *suffix);
/* Offers `name` itself and the words that people use for it elsewhere ("learning-rate" for lr). */
void cli_suggestion_offer_with_aliases(cli_suggestion *suggestion, const char *name, const char *prefix,
                                       const char *suffix);
/* What to say for the candidate that is nearest to `word`; NULL when none is near. Borrowed from `suggestion`. */
const char *cli_suggestion_find(cli_suggestion *suggestion, const char *word);

#endif
