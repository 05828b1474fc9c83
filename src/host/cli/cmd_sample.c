/* limn sample: pictures from a trained generator. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "console.h"
#include "parts.h"
#include "pictures.h"
#include "report/numbers.h"

static const cli_option options[] = {
    {"number", 'n', "N", "how many (default 64)", NULL},
    {"seed", 0, "N", "of the latent codes (default: the run's seed)", NULL},
    CLI_PRIOR_OPTIONS,
    {"data", 0, "PATH", "of --prior gmm: where the training pictures are, if they have moved", NULL},
    CLI_PICTURE_OPTIONS,
};

/* One live line, on a terminal alone. */
static void tell(void *context, const char *what, uint32_t done, uint32_t all) {
  (void)context;
  fprintf(stderr, done < all ? "\r%s: %s of %s\033[K" : "\r\033[K", what, LIMN_COUNT(done), LIMN_COUNT(all));
  fflush(stderr);
}

/* The mixture beside the checkpoint, where --prior asks for one. */
static int fit_prior(const cli_args *args) {
  limn_prior prior;
  int64_t threads = 0;
  limn_prior_options asked = {.data = cli_args_value(args, "data"),
                              .device = cli_args_value(args, "device"),
                              .on_progress = cli_is_terminal(stderr) ? tell : NULL};
  int code = cli_parse_prior(args, &prior, &asked.components);
  if (code == CLI_OK)
    code = cli_args_expect_words(args, 1, "one run folder, checkpoint or exported generator");
  if (code == CLI_OK)
    code = cli_args_integer(args, "threads", 1, 1024, &threads);
  if (code != CLI_OK)
    return code;
  if (prior != LIMN_PRIOR_MIXTURE)
    return asked.data ? cli_fail(CLI_USAGE, "--data goes with --prior gmm") : CLI_OK;
  asked.threads = (int)threads;
  limn_status status = limn_prior_fit(args->words[0], &asked, NULL);
  return status == LIMN_OK ? CLI_OK : cli_fail_status(status);
}

static limn_status codes(const cli_pictures *pictures, const void *context, int64_t first, int count, float *z) {
  const uint64_t *seed = context;
  return limn_generator_latents(pictures->generator, *seed, (uint64_t)first, count, z);
}

static int sample(const cli_args *args) {
  cli_pictures pictures;
  int64_t count = 64;
  uint64_t seed = 0;
  char name[64];
  int code = cli_args_integer(args, "number", 1, 1000000, &count);
  if (code == CLI_OK)
    code = cli_args_seed(args, "seed", &seed);
  if (code == CLI_OK)
    code = fit_prior(args);
  if (code == CLI_OK)
    code = cli_pictures_open(&pictures, args);
  if (code != CLI_OK)
    return code;
  if (!cli_args_has(args, "seed"))
    seed = pictures.info.seed;
  snprintf(name, sizeof(name), "sample-%" PRIu64, seed);
  code = cli_pictures_default_output(&pictures, name);
  if (code == CLI_OK)
    code = cli_pictures_write(&pictures, count, codes, &seed);
  cli_pictures_close(&pictures);
  return code;
}

const cli_command cmd_sample = {
    .name = "sample",
    .help = "make pictures with a trained generator",
    .usage = "limn sample RUN|CHECKPOINT|EXPORT [options]",
    .about =
        "Makes pictures and prints where they are: RUN/sample-SEED.png (for a file, sample-SEED.png here)\n"
        "unless --output or --each says otherwise. The same seed gives the same pictures.\n\n"
        "--prior gmm draws codes from a mixture of Gaussians that is fitted on the codes of up to 50,000 training\n"
        "pictures, which makes pictures of an autoencoder too and often better ones of a vae. The mixture is kept\n"
        "beside the checkpoint, CHECKPOINT-gmm10.safetensors, and found there the next time.\n\n"
        "A name's ending says how a picture is written: .png, .jpg or .jpeg (quality 95), .webp (lossless).\n"
        "-o - writes a PNG file to standard output.\n\n"
        "EXPORT is what limn export wrote of a generator, an average or a decoder, or the state_dict of a DCGAN\n"
        "generator as in PyTorch's example, as .safetensors, .pt or .pth.",
    CLI_OPTIONS(options),
    .run = sample,
};
