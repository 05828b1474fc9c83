/* `limn inspect` of a safetensors file. */
#ifndef LIMN_CLI_INSPECT_FILE_H
#define LIMN_CLI_INSPECT_FILE_H

#include "args.h"

/* Prints metadata, tensors and totals; statistics too with --verbose. */
int cli_inspect_file(const cli_args *args, const char *path);

#endif
