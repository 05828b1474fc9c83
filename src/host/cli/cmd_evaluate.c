/* limn evaluate: how good pictures are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "evaluate_print.h"
#include "parts.h"
#include "report/numbers.h"

static const cli_option options[] = {
    {"data", 0, "PATH", "what the pictures are held against: pictures, or statistics as .npz (a run: its own data)",
     NULL},
    {"held-out", 0, "PATH", "pictures that nothing was trained on, for copies, elbo, nll and probe (a run: its own)",
     NULL},
    {"labels", 0, "FILE", "labels of the data's pictures, as for limn train", NULL},
    {"label-column", 0, "NAME", "which column of them, likewise", NULL},
    {"metrics", 'm', "LIST", "measures with commas between (default fd,kid,prdc)", NULL},
    {"number", 'n', "N", "pictures that are judged (default all; 10,000 of a generator)", NULL},
    {"data-number", 0, "N", "pictures of the data (default as many as are judged, 10,000 at least)", NULL},
    {"features", 0, "NAME|FILE", "the network that sees them (default efficientnet_lite0; limn features lists them)",
     NULL},
    {"tap", 0, "NAME", "the features of it that are compared (default: the network's usual ones)", NULL},
    {"protocol", 0, "NAME", "how pictures come to its size: clean-fid (default), torch-fidelity, pytorch-fid", NULL},
    {"feature-size", 0, "N", "side of what it sees (default: as it was trained)", NULL},
    {"size", 0, "SIZE", "64 or 48x80: brings both sets of pictures to one size first", NULL},
    {"seed", 0, "N", "of latent codes, choices and subsets (default 1)", NULL},
    {"raw", 0, NULL, "a run's weights themselves, where it also keeps an average of them", NULL},
    CLI_PRIOR_OPTIONS,
    {"neighbours", 'k', "N", "of prdc (default 5)", NULL},
    {"subsets", 0, "N", "of kid (default 100)", NULL},
    {"subset-size", 0, "N", "pictures of each (default 1000)", NULL},
    {"splits", 0, "N", "of is (default 10)", NULL},
    {"importance", 0, "K", "samples of nll (default 5000)", NULL},
    {"bootstrap", 0, "N", "resamples for an interval of fd (default 0: none)", NULL},
    {"classifier", 0, "FILE", "of modes: one that --save-classifier wrote, instead of learning one from the data",
     NULL},
    {"save-classifier", 0, "FILE", "writes the classifier of modes (.safetensors)", NULL},
    {"stacked", 0, NULL, "of modes: Stacked MNIST by PacGAN's protocol, three digits a picture", NULL},
    {"sheet", 0, "FILE", "of copies: a picture of the nearest pairs (.png, .jpg, .webp)", NULL},
    {"stats", 0, "FILE.npz", "writes mean and covariance of PICTURES as well, for later --data", NULL},
    {"no-cache", 0, NULL, "takes features of data sets anew and keeps none", NULL},
    CLI_OPTION_DEVICE,
    CLI_OPTION_THREADS,
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};

/* "64", "48x80": height x width. */
static int parse_size(const cli_args *args, limn_evaluate_options *out) {
  const char *text = cli_args_value(args, "size");
  char end;
  if (!text)
    return CLI_OK;
  int found = sscanf(text, "%4dx%4d%c", &out->height, &out->width, &end);
  if (found == 1 && strspn(text, "0123456789") == strlen(text))
    out->width = out->height;
  else if (found != 2)
    return cli_fail(CLI_USAGE, "--size is \"%s\"; it takes 64, or 48x80 (height x width)", text);
  if (out->height < 1 || out->width < 1)
    return cli_fail(CLI_USAGE, "--size is \"%s\"; each side is 1 to 9999 pixels", text);
  return CLI_OK;
}

static int parse_number(const cli_args *args, const char *name, int64_t least, int64_t most, int *out) {
  int64_t value = *out;
  int code = cli_args_integer(args, name, least, most, &value);
  *out = (int)value;
  return code;
}

static int parse(const cli_args *args, limn_evaluate_options *out) {
  int count = 0, data_count = 0;
  const struct {
    const char *name;
    int64_t least, most;
    int *value;
  } numbers[] = {
      {"number", 2, 10000000, &count},           {"feature-size", 32, 2048, &out->size},
      {"neighbours", 1, 1000, &out->neighbours}, {"subsets", 1, 100000, &out->subsets},
      {"subset-size", 2, 1000000, &out->subset}, {"splits", 1, 1000, &out->splits},
      {"bootstrap", 0, 10000, &out->bootstrap},  {"importance", 1, 1000000, &out->importance},
      {"data-number", 2, 10000000, &data_count}, {"threads", 1, 1024, &out->threads},
  };
  int code = cli_args_expect_words(args, 1, "a run, a checkpoint, or a folder or file of pictures");
  if (code == CLI_OK)
    code = parse_size(args, out);
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && code == CLI_OK; i++)
    code = parse_number(args, numbers[i].name, numbers[i].least, numbers[i].most, numbers[i].value);
  if (code == CLI_OK)
    code = cli_args_seed(args, "seed", &out->seed);
  if (code == CLI_OK)
    code = cli_parse_prior(args, &out->prior, &out->components);
  if (code != CLI_OK)
    return code;
  out->count = (uint32_t)count;
  out->data_count = (uint32_t)data_count;
  out->pictures = args->words[0];
  out->data = cli_args_value(args, "data");
  out->held_out = cli_args_value(args, "held-out");
  out->labels = cli_args_value(args, "labels");
  out->label_column = cli_args_value(args, "label-column");
  out->classifier = cli_args_value(args, "classifier");
  out->save_classifier = cli_args_value(args, "save-classifier");
  out->stacked = cli_args_has(args, "stacked");
  out->sheet = cli_args_value(args, "sheet");
  out->metrics = cli_args_value(args, "metrics");
  out->features = cli_args_value(args, "features");
  out->tap = cli_args_value(args, "tap");
  out->protocol = cli_args_value(args, "protocol");
  out->statistics = cli_args_value(args, "stats");
  out->device = cli_args_value(args, "device");
  out->raw = cli_args_has(args, "raw");
  out->uncached = cli_args_has(args, "no-cache");
  return CLI_OK;
}

/* One live line, on a terminal alone. */
static void tell(void *context, const char *what, uint32_t done, uint32_t all) {
  (void)context;
  fprintf(stderr, done < all ? "\r%s: %s of %s\033[K" : "\r\033[K", what, LIMN_COUNT(done), LIMN_COUNT(all));
  fflush(stderr);
}

static int evaluate(const cli_args *args) {
  limn_evaluate_options asked = {.seed = 1, .on_progress = cli_is_terminal(stderr) ? tell : NULL};
  limn_evaluation *evaluation = NULL;
  int code = parse(args, &asked);
  if (code != CLI_OK)
    return code;
  limn_status status = limn_evaluate(&evaluation, &asked);
  limn_report *report = cli_report(args);
  if (status == LIMN_OK)
    cli_say_evaluation(report, evaluation, &asked);
  code = cli_print(report, status);
  limn_evaluation_destroy(evaluation);
  return code;
}

const cli_command cmd_evaluate = {
    .name = "evaluate",
    .help = "how good pictures are: measures of them against others, each with its protocol",
    .usage = "limn evaluate RUN|CHECKPOINT|PICTURES [--data PATH] [--metrics LIST] [-n N] [options]",
    .about =
        "Draws pictures from a generator, or takes those of a folder, an archive, or IDX, CIFAR or NumPy files,\n"
        "passes them and the data through a pretrained network, and compares what it sees:\n\n"
        "  fd    Frechet distance (with FID's own network and weights: FID); 0 is best, biased where pictures are few\n"
        "  kid   kernel distance, unbiased; 0 is best\n"
        "  is    inception score: classes sure and varied; looks at no data\n"
        "  pr    improved precision and recall\n"
        "  prdc  precision, recall, density and coverage\n"
        "  copies  pictures nearer to one of the data than unseen ones are; --sheet shows them\n"
        "  modes  which classes of the data a classifier finds in the pictures, how evenly; needs labels\n"
        "  probe  how well classes can be read from D's layers, or from an encoder's codes; needs labels\n"
        "  elbo  a VAE's or autoencoder's objective, active units, PSNR and SSIM on held-out pictures\n"
        "  perceptual  how far reconstructions are from held-out pictures in the maps of that network, as in LPIPS\n"
        "  nll   a VAE's likelihood of held-out pictures by importance sampling\n\n"
        "The classifier of modes is linear, on what the network sees of the data. With --stacked it learns single "
        "digits,\n"
        "and modes are the triples that it names in the pictures of limn data make stacked-mnist.\n\n"
        "The data of a run are brought to its size as its training has them; other pictures are taken as they are,\n"
        "unless --size says otherwise. Features of data sets are kept in the user's cache.\n\n"
        "limn features get efficientnet_lite0 brings the network that judges unless --features names another.\n"
        "docs/evaluation.md says which number to trust for what.",
    CLI_OPTIONS(options),
    .run = evaluate,
};
