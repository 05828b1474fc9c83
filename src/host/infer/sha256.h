/* SHA-256 (FIPS 180-4) of files: by which a published file is known. */
#ifndef LIMN_INFER_SHA256_H
#define LIMN_INFER_SHA256_H

#include "limn/status.h"

#define LIMN_SHA256_SIZE 65 /* 64 hex digits, small letters, and a NUL */

/* LIMN_DATA, with the path, where it cannot be read. */
limn_status limn_sha256_file(const char *path, char hex[LIMN_SHA256_SIZE]);

#endif
