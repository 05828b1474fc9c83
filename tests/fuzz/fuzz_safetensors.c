/* Covers: src/host/formats/safetensors.c src/host/formats/foreign_file.c */
#include "formats/safetensors.h"

#include <string.h>

#include "fuzz/fuzz.h"

/* Opened by a file that holds its name; it may itself look like one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char name[] = "x.safetensors\n";
  char followed[256];
  limn_safetensors *file = NULL;
  const char *path = fuzz_file("x.safetensors", data, size);
  FUZZ_CHECK(limn_safetensors_follow(path, followed, sizeof followed) != NULL);
  limn_status status = limn_safetensors_open(&file, fuzz_file("latest", (const uint8_t *)name, strlen(name)));
  fuzz_check_message(status);
  if (status != LIMN_OK)
    return 0;
  for (size_t i = 0; i < limn_safetensors_count(file); ++i) {
    const limn_stored_tensor *tensor = limn_safetensors_at(file, i);
    FUZZ_CHECK(limn_safetensors_find(file, tensor->name) && tensor->dims >= 0 && tensor->dims <= LIMN_MAX_DIMS);
    fuzz_touch(tensor->data, tensor->bytes);
  }
  for (size_t i = 0; i < limn_safetensors_metadata_count(file); ++i) {
    const char *key, *value;
    limn_safetensors_metadata_at(file, i, &key, &value);
    FUZZ_CHECK(key && value && limn_safetensors_metadata(file, key) == value);
  }
  FUZZ_CHECK(!limn_safetensors_at(file, limn_safetensors_count(file)));
  limn_safetensors_close(file);
  return 0;
}
