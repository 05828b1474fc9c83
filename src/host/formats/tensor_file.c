#include "formats/tensor_file.h"

#include <string.h>

static const struct {
  const char *name;
  size_t size;
} dtypes[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
    {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"I64", 8},     {"U64", 8}, {"F64", 8},
};

size_t limn_dtype_size(const char *dtype, const char **name) {
  for (size_t i = 0; dtype && i < sizeof dtypes / sizeof *dtypes; ++i)
    if (strcmp(dtype, dtypes[i].name) == 0) {
      if (name)
        *name = dtypes[i].name;
      return dtypes[i].size;
    }
  return 0;
}
