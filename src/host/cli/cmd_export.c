/* limn export: one network of a checkpoint, for PyTorch and others. */
#include <stdio.h>

#include "commands.h"
#include "console.h"
#include "json_out.h"
#include "limn/export.h"
#include "output.h"

static const cli_option options[] = {
    {"network", 0, "generator|discriminator|ema|encoder|decoder", "which; ema is the averaged generator", NULL},
    {"output", 'o', "FILE.safetensors", "where to, - is standard output; a file that is there is replaced", NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};

static int print_result(const char *network, const char *file, bool json) {
  if (!json) {
    if (!cli_output_is_standard(file))
      puts(file);
    return CLI_OK;
  }
  bool failed = false;
  json_t *root = json_object();
  cli_json_put(root, "network", cli_json_text(network), &failed);
  cli_json_put(root, "file", cli_json_text(file), &failed);
  return cli_json_print(root, failed);
}

static int export_network(const cli_args *args) {
  const char *network = cli_args_value(args, "network"), *file = cli_args_value(args, "output");
  int code = cli_args_expect_words(args, 1, "one run folder or checkpoint");
  if (code != CLI_OK)
    return code;
  if (!network)
    return cli_fail(CLI_USAGE, "export what? --network generator, discriminator or ema of a dcgan, encoder or decoder "
                               "of a vae or autoencoder");
  if (!file)
    return cli_fail(CLI_USAGE, "export to where? --output FILE.safetensors");
  code = cli_output_check("--output", file, cli_args_has(args, "json"));
  if (code != CLI_OK)
    return code;
  limn_status status = limn_export(args->words[0], network, cli_output_path(file));
  return status == LIMN_OK ? print_result(network, file, cli_args_has(args, "json")) : cli_fail_status(status);
}

const cli_command cmd_export = {
    .name = "export",
    .help = "write one network's weights for PyTorch and others",
    .usage = "limn export RUN|CHECKPOINT --network NAME -o FILE.safetensors",
    .about =
        "Writes the weights and running statistics of one network as a safetensors file with the bare names of its\n"
        "PyTorch module, which load_state_dict(strict=True) takes, and prints where it is.",
    CLI_OPTIONS(options),
    .run = export_network,
};
