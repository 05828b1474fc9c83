/* limn data make: data sets that are made of others. */
#ifndef LIMN_CLI_DATA_MAKE_H
#define LIMN_CLI_DATA_MAKE_H

#include "args.h"

/* The options that are its alone. */
#define CLI_OPTIONS_DATA_MAKE                                                                                          \
  {"from", 0, "PATH", "make: what the new data set is made of", NULL},                                                 \
      {"output", 'o', "FILE.npz", "make: where to; a file that is there is replaced", NULL}, {                         \
    "number", 'n', "N", "make: how many pictures (default 128000)", NULL                                               \
  }

/* Whether the words are "make" and what to make. */
bool cli_data_is_make(const cli_args *args);
int cli_data_make(const cli_args *args);
/* Refuses its options where nothing is made. */
int cli_data_expect_no_make(const cli_args *args);

#endif
