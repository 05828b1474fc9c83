/* What a file is that somebody took for a safetensors file. */
#ifndef LIMN_FORMATS_FOREIGN_FILE_H
#define LIMN_FORMATS_FOREIGN_FILE_H

#include <stddef.h>

/* "a pickled PyTorch file, which ...: in Python, ...": to stand behind "NAME is". Static. */
const char *limn_foreign_file(const void *bytes, size_t size);

#endif
