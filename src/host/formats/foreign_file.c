#include "formats/foreign_file.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PICKLED                                                                                                        \
  "a pickle, but none of torch.save's: in Python, load it and save the tensors by torch.save or "                      \
  "safetensors.torch.save_file"
#define NUMPY "which Limn takes no weights from: in Python, safetensors.numpy.save_file(arrays, \"x.safetensors\")"
#define ZIP   "PK\003\004"
#define LOOK  4096 /* a zip file's first names stand within these bytes */

static const struct {
  const char *begin; /* a '.' stands for any byte */
  size_t size;
  const char *inside; /* what else must be found near the beginning; NULL: nothing */
  const char *text;
} kinds[] = {
    {"\x80\x02", 2, NULL, PICKLED},
    {"\x80\x03", 2, NULL, PICKLED},
    {"\x80\x04", 2, NULL, PICKLED},
    {"\x80\x05", 2, NULL, PICKLED},
    {ZIP, 4, ".npy", "a NumPy archive, " NUMPY},
    {ZIP, 4, NULL, "a ZIP archive, no safetensors file: unpack it"},
    {"\x93NUMPY", 6, NULL, "a NumPy array, " NUMPY},
    {"\x89HDF\r\n\x1a\n", 8, NULL,
     "an HDF5 file, which Limn takes no weights from: in Python, read it with h5py and save the arrays with "
     "safetensors.numpy.save_file"},
    {"\x08.\x12", 3, NULL,
     "an ONNX file or another of protocol buffers, which Limn takes no weights from: save the module's state_dict with "
     "safetensors.torch.save_file"},
    {"GGUF", 4, NULL, "a GGUF file, no safetensors file: name what it was made of"},
    {"\x1f\x8b", 2, NULL, "a gzip file, no safetensors file: unpack it"},
    {"\x89PNG", 4, NULL, "a PNG file, no safetensors file: name a checkpoint or an export"},
    {"\xff\xd8\xff", 3, NULL, "a JPEG file, no safetensors file: name a checkpoint or an export"},
};

static bool begins(const uint8_t *bytes, size_t size, const char *pattern, size_t length) {
  for (size_t i = 0; i < length; ++i)
    if (i >= size || (pattern[i] != '.' && bytes[i] != (uint8_t)pattern[i]))
      return false;
  return true;
}

const char *limn_foreign_file(const void *bytes, size_t size) {
  size_t near = size < LOOK ? size : LOOK;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
    if (begins(bytes, size, kinds[i].begin, kinds[i].size) &&
        (!kinds[i].inside || memmem(bytes, near, kinds[i].inside, strlen(kinds[i].inside))))
      return kinds[i].text;
  return "no safetensors file: name a checkpoint, an export of limn export, or what safetensors.torch.save_file wrote";
}
