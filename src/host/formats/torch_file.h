/* PyTorch's own files, .pt and .pth: a pickle, and beside it the numbers. */
#ifndef LIMN_FORMATS_TORCH_FILE_H
#define LIMN_FORMATS_TORCH_FILE_H

#include <stdbool.h>

#include "formats/tensor_file.h"

/* Whether the bytes are what torch.save or torch.jit.save writes: a zip archive with a data.pkl (since PyTorch 1.6), or
 * pickles one behind the other. */
bool limn_torch_file_is(const void *bytes, size_t size);

/* The tensors of the mapped file. Those in dictionaries, lists and objects of TorchScript's have their way there as
 * their name, with dots between: "state_dict.main.0.weight". Nothing in the file is executed. LIMN_DATA, naming what is
 * wrong or not read. */
limn_status limn_torch_file_read(limn_safetensors *file);

#endif
