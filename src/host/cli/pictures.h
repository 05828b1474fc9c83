/* Pictures from a trained generator into files: what `sample` and `interpolate` have in common. */
#ifndef LIMN_CLI_PICTURES_H
#define LIMN_CLI_PICTURES_H

#include <stdint.h>

#include "args.h"
#include "limn/generator.h"
#include "parts.h"

/* Options of both commands. */
#define CLI_PICTURE_OPTIONS                                                                                            \
  {"output", 'o', "FILE", "a grid of all of them, as .png, .jpg or .webp; - is standard output", NULL},                \
      {"each", 0, "DIR", "a file each, DIR/0001.png and so on, instead of a grid", NULL},                              \
      {"format", 0, "png|jpg|webp", "of --each and of files whose names are not given (default png)", NULL},           \
      {"overwrite", 0, NULL, "lets --each write over the pictures of an earlier call", NULL},                          \
      {"columns", 0, "N", "columns of the grid", NULL},                                                                \
      {"raw", 0, NULL, "the weights themselves, where a run also keeps an average of them", NULL}, CLI_OPTION_DEVICE,  \
      CLI_OPTION_THREADS, CLI_OPTION_JSON, CLI_OPTION_HELP

#define CLI_PICTURE_PRIOR_OPTIONS                                                                                      \
  CLI_PRIOR_OPTIONS, { "data", 0, "PATH", "of --prior gmm: where the training pictures are, if they have moved", NULL }

typedef struct cli_pictures {
  limn_generator *generator;
  limn_generator_info info;
  const char *path;   /* run or checkpoint; borrowed */
  const char *each;   /* borrowed, NULL: a grid */
  const char *format; /* the ending of the names that are not given: "png" */
  char *output;       /* of the grid */
  bool overwrite;
  int64_t columns; /* 0: chosen */
  bool json;
} cli_pictures;

/* Fits the mixture beside the checkpoint that the one word of args names, where --prior asks for one. */
int cli_pictures_fit_prior(const cli_args *args);
/* Opens the generator named by the one word of args. pictures is empty after a failure. */
int cli_pictures_open(cli_pictures *pictures, const cli_args *args);
void cli_pictures_close(cli_pictures *pictures);
/* Where the grid goes unless --output says so: NAME.FORMAT in the run's folder, or in the current one for a checkpoint.
 */
int cli_pictures_default_output(cli_pictures *pictures, const char *name);

/* Fills z (count, latent) with the codes of pictures first ... first + count - 1. */
typedef limn_status (*cli_codes)(const cli_pictures *pictures, const void *context, int64_t first, int count, float *z);
/* Makes `count` pictures, writes them and prints where they are. */
int cli_pictures_write(const cli_pictures *pictures, int64_t count, cli_codes codes, const void *context);

#endif
