#include "infer/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <sha2.h>

#include "base/error.h"

#define CHUNK ((size_t)1 << 20)

static limn_status digest(int descriptor, const char *path, uint8_t *chunk, uint8_t out[SHA256_DIGEST_LENGTH]) {
  SHA2_CTX context;
  ssize_t got;
  SHA256Init(&context);
  while ((got = read(descriptor, chunk, CHUNK)) != 0) {
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return limn_fail(LIMN_DATA, "%s: %s", path, strerror(errno));
    SHA256Update(&context, chunk, (size_t)got);
  }
  SHA256Final(out, &context);
  return LIMN_OK;
}

limn_status limn_sha256_file(const char *path, char hex[LIMN_SHA256_SIZE]) {
  uint8_t bytes[SHA256_DIGEST_LENGTH], *chunk = malloc(CHUNK);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  limn_status status;
  hex[0] = '\0';
  if (!chunk)
    status = limn_fail_memory("a file");
  else if (descriptor < 0)
    status = limn_fail(LIMN_DATA, "%s: %s", path, strerror(errno));
  else
    status = digest(descriptor, path, chunk, bytes);
  for (size_t i = 0; status == LIMN_OK && i < sizeof bytes; ++i)
    snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
  if (descriptor >= 0)
    close(descriptor);
  free(chunk);
  return status;
}
