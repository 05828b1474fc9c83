/* `limn inspect` of a safetensors file. */
#ifndef LIMN_CLI_INSPECT_FILE_H
#define LIMN_CLI_INSPECT_FILE_H

#include <stdbool.h>

/* Prints metadata, tensors and totals; statistics too when verbose. */
int cli_inspect_file(const char *path, bool json, bool verbose);

#endif
