/* limn sample: pictures from a trained generator. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "console.h"
#include "pictures.h"

static const cli_option options[] = {
    {"number", 'n', "N", "how many (default 64)", NULL},
    {"seed", 0, "N", "of the latent codes (default: the run's seed)", NULL},
    CLI_PICTURE_PRIOR_OPTIONS,
    CLI_PICTURE_OPTIONS,
};

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
    code = cli_pictures_fit_prior(args);
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
