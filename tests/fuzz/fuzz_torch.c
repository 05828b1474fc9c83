/* Covers: src/host/formats/torch_file.c src/host/formats/pickle.c src/host/formats/pickle_calls.c src/host/base/zip.c
 */
#include "formats/torch_file.h"

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  limn_safetensors *file = NULL;
  if (!limn_torch_file_is(data, size))
    return 0;
  limn_status status = limn_safetensors_open(&file, fuzz_file("x.pth", data, size));
  fuzz_check_message(status);
  if (status != LIMN_OK)
    return 0;
  for (size_t i = 0; i < limn_safetensors_count(file); ++i) {
    const limn_stored_tensor *tensor = limn_safetensors_at(file, i);
    FUZZ_CHECK(limn_safetensors_find(file, tensor->name) == tensor && tensor->dims >= 0 &&
               tensor->dims <= LIMN_MAX_DIMS && tensor->dtype);
    fuzz_touch(tensor->data, tensor->bytes);
  }
  limn_safetensors_close(file);
  return 0;
}
