/* Covers: src/host/formats/safetensors.c src/host/formats/foreign_file.c */
#include "fuzz/fuzz.h"
#include "limn/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  limn_safetensors *file = NULL;
  limn_status status = limn_safetensors_open(&file, fuzz_file("x.safetensors", data, size));
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
