/* limn export: one network of a checkpoint, for PyTorch and others. */
#include <stdio.h>

#include "commands.h"
#include "console.h"
#include "limn/export.h"
#include "limn/safetensors.h"
#include "output.h"
#include "parts.h"

static const cli_option options[] = {
    {"network", 0, "generator|discriminator|ema|encoder|decoder", "which; ema is the averaged generator", NULL},
    {"output", 'o', "FILE.safetensors", "where to, - is standard output; a file that is there is replaced", NULL},
    {"parametrizations", 0, NULL, "names spectral norm's tensors as torch.nn.utils.parametrizations does", NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};

/* What the network's output is, as the file says it; "" where the file cannot be read again. */
static void read_output(const char *file, char *text, size_t size) {
  limn_safetensors *written = NULL;
  text[0] = '\0';
  if (limn_safetensors_open(&written, file) != LIMN_OK)
    return;
  const char *output = limn_safetensors_metadata(written, "output");
  snprintf(text, size, "%s", output ? output : "");
  limn_safetensors_close(written);
}

/* Standard output has the file's name alone, for scripts. */
static int print_result(const char *network, const char *file, bool json) {
  char output[256];
  read_output(file, output, sizeof(output));
  if (!json) {
    if (!cli_output_is_standard(file))
      puts(file);
    if (output[0])
      fprintf(stderr, "output: %s\n", output);
    return CLI_OK;
  }
  limn_report *report = limn_report_create(true);
  limn_report_text(report, "network", NULL, network);
  limn_report_text(report, "output", NULL, output);
  limn_report_text(report, "file", NULL, file);
  return cli_print(report, LIMN_OK);
}

static int export_network(const cli_args *args) {
  const char *network = cli_args_value(args, "network"), *file = cli_args_value(args, "output");
  int code = cli_args_expect_words(args, 1, "one run folder or checkpoint");
  if (code != CLI_OK)
    return code;
  if (!network)
    return cli_fail(CLI_USAGE, "export what? --network generator, discriminator or ema of a GAN, encoder or decoder of "
                               "an autoencoder");
  if (!file)
    return cli_fail(CLI_USAGE, "export to where? --output FILE.safetensors");
  code = cli_output_check("--output", file, cli_args_has(args, "json"));
  if (code != CLI_OK)
    return code;
  limn_export_names names = cli_args_has(args, "parametrizations") ? LIMN_EXPORT_PARAMETRIZATIONS : LIMN_EXPORT_HOOKS;
  limn_status status = limn_export_as(args->words[0], network, names, cli_output_path(file));
  return status == LIMN_OK ? print_result(network, file, cli_args_has(args, "json")) : cli_output_fail(file, status);
}

const cli_command cmd_export = {
    .name = "export",
    .help = "write one network's weights for PyTorch and others",
    .usage = "limn export RUN|CHECKPOINT --network NAME -o FILE.safetensors",
    .about =
        "Writes the weights and running statistics of one network as a safetensors file with the bare names of its\n"
        "PyTorch module, which load_state_dict(strict=True) takes, and prints where it is. What the network's output "
        "is\n"
        "stands in the file's metadata and on standard error. limn sample and limn train --init take such files too.",
    CLI_OPTIONS(options),
    .run = export_network,
};
