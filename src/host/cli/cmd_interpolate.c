/* limn interpolate: pictures on the way from seed to seed. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "pictures.h"

static const cli_option options[] = {
    {"from", 0, "SEED", "where it starts", NULL},
    {"to", 0, "SEED", "where it ends", NULL},
    {"seeds", 0, "A,B,...", "instead of --from and --to: two seeds or more, visited in turn", NULL},
    {"frames", 0, "N", "pictures in all, both ends counted (default 10 from seed to seed)", NULL},
    {"loop", 0, NULL, "come back to the first seed; the last picture is the one before it", NULL},
    CLI_PICTURE_PRIOR_OPTIONS,
    CLI_PICTURE_OPTIONS,
};
enum { MOST_SEEDS = 256, FRAMES_A_LEG = 10 };

typedef struct path {
  uint64_t seeds[MOST_SEEDS];
  int seed_count, latent;
  int64_t frames;
  bool loop;
  bool straight; /* codes of a mixture lie around no origin, which great circles have */
  float *codes;  /* (seed_count, latent) */
} path;

static int parse_seeds(const char *text, path *way) {
  char *copy = strdup(text), *rest = copy;
  int code = copy ? CLI_OK : cli_fail_memory();
  while (code == CLI_OK && rest) {
    const char *item = strsep(&rest, ",");
    if (way->seed_count == MOST_SEEDS)
      code = cli_fail(CLI_USAGE, "--seeds has more than %d seeds", MOST_SEEDS);
    else if (!cli_parse_seed(item, &way->seeds[way->seed_count++]))
      code = cli_fail(CLI_USAGE, "--seeds is \"%s\"; it takes whole numbers with commas between, as in --seeds 1,2,3",
                      text);
  }
  free(copy);
  if (code == CLI_OK && way->seed_count < 2)
    code = cli_fail(CLI_USAGE, "--seeds is \"%s\"; there must be two seeds or more", text);
  return code;
}

static int parse_path(const cli_args *args, path *way) {
  const char *seeds = cli_args_value(args, "seeds");
  bool from = cli_args_has(args, "from"), to = cli_args_has(args, "to");
  int code = CLI_OK;
  if (seeds && (from || to))
    return cli_fail(CLI_USAGE, "--seeds cannot go together with --from and --to");
  if (!seeds && !(from && to))
    return cli_fail(CLI_USAGE, "say between which seeds: --from 1 --to 2, or --seeds 1,2,3");
  if (seeds) {
    code = parse_seeds(seeds, way);
  } else {
    way->seed_count = 2;
    code = cli_args_seed(args, "from", &way->seeds[0]);
    if (code == CLI_OK)
      code = cli_args_seed(args, "to", &way->seeds[1]);
  }
  if (code != CLI_OK)
    return code;
  way->loop = cli_args_has(args, "loop");
  way->frames = (int64_t)FRAMES_A_LEG * (way->loop ? way->seed_count : way->seed_count - 1);
  return cli_args_integer(args, "frames", 2, 1000000, &way->frames);
}

static void step(const path *way, const float *from, const float *to, double t, float *z) {
  if (!way->straight)
    limn_latent_interpolate(from, to, way->latent, t, z);
  for (int i = 0; way->straight && i < way->latent; i++)
    z[i] = (float)((1 - t) * (double)from[i] + t * (double)to[i]);
}

/* Frame i of an open path of s seeds stands at i (s - 1) / (frames - 1) legs; of a loop, at i s / frames. */
static limn_status codes(const cli_pictures *pictures, const void *context, int64_t first, int count, float *z) {
  (void)pictures;
  const path *way = context;
  int legs = way->loop ? way->seed_count : way->seed_count - 1;
  double last = (double)(way->loop ? way->frames : way->frames - 1);
  for (int i = 0; i < count; i++) {
    double position = (double)(first + i) * legs / last;
    int leg = (int)floor(position);
    if (leg >= legs)
      leg = legs - 1;
    const float *from = way->codes + (size_t)leg * (size_t)way->latent;
    const float *to = way->codes + (size_t)((leg + 1) % way->seed_count) * (size_t)way->latent;
    step(way, from, to, position - leg, z + (size_t)i * (size_t)way->latent);
  }
  return LIMN_OK;
}

/* "interpolate-1-2-3-loop"; of many seeds only the first, their number and the last are named. */
static void name_of(const path *way, char *name, size_t size) {
  const uint64_t *seeds = way->seeds;
  int used = snprintf(name, size, "interpolate-%" PRIu64, seeds[0]);
  if (way->seed_count > 6)
    used +=
        snprintf(name + used, size - (size_t)used, "-%d-seeds-%" PRIu64, way->seed_count, seeds[way->seed_count - 1]);
  else
    for (int i = 1; i < way->seed_count; i++)
      used += snprintf(name + used, size - (size_t)used, "-%" PRIu64, seeds[i]);
  if (way->loop)
    snprintf(name + used, size - (size_t)used, "-loop");
}

static int interpolate(const cli_args *args) {
  path route = {.seed_count = 0}, *way = &route;
  cli_pictures pictures;
  char name[256];
  int code = parse_path(args, way), components;
  limn_prior prior = LIMN_PRIOR_NORMAL;
  if (code == CLI_OK)
    code = cli_pictures_fit_prior(args);
  if (code == CLI_OK)
    code = cli_parse_prior(args, &prior, &components);
  way->straight = prior == LIMN_PRIOR_MIXTURE;
  if (code == CLI_OK)
    code = cli_pictures_open(&pictures, args);
  if (code != CLI_OK)
    return code;
  way->latent = pictures.info.latent;
  if (pictures.columns == 0)
    pictures.columns = way->frames < FRAMES_A_LEG ? way->frames : FRAMES_A_LEG; /* a row a leg */
  way->codes = calloc((size_t)way->seed_count * (size_t)way->latent, sizeof(*way->codes));
  if (!way->codes)
    code = cli_fail_memory();
  for (int i = 0; i < way->seed_count && code == CLI_OK; i++) {
    float *code_of_seed = way->codes + (size_t)i * (size_t)way->latent;
    limn_status status = limn_generator_latents(pictures.generator, way->seeds[i], 0, 1, code_of_seed);
    if (status != LIMN_OK)
      code = cli_fail_status(status);
  }
  name_of(way, name, sizeof(name));
  if (code == CLI_OK)
    code = cli_pictures_default_output(&pictures, name);
  if (code == CLI_OK)
    code = cli_pictures_write(&pictures, way->frames, codes, way);
  free(way->codes);
  cli_pictures_close(&pictures);
  return code;
}

const cli_command cmd_interpolate = {
    .name = "interpolate",
    .help = "pictures on the way between seeds",
    .usage = "limn interpolate RUN|CHECKPOINT|EXPORT --from SEED --to SEED [options]\n"
             "limn interpolate RUN|CHECKPOINT|EXPORT --seeds A,B,C [--loop] [options]",
    .about =
        "Makes pictures on great circles between the latent codes of seeds (spherical interpolation) and prints where\n"
        "they are: RUN/interpolate-SEEDS.png unless --output or --each says otherwise. With --prior gmm the codes are\n"
        "those of a fitted mixture, and straight lines lie between them. limn sample --help says which files it takes\n"
        "and writes, and what that mixture is.",
    CLI_OPTIONS(options),
    .run = interpolate,
};
