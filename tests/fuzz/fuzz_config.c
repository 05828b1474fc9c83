/* Input: how it is read; a settings file. What is accepted must come back the same from a file that we have written.
 * Covers: src/host/config/yaml.c */
#include <string.h>

#include "config/settings.h"
#include "fuzz/fuzz.h"
#include "limn/config.h"

static void check_same(const limn_config *a, const limn_config *b) {
  char x[5000], y[5000];
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const char *name = limn_setting_at(i)->name;
    if (strcmp(name, "out") == 0) /* where the file itself lies */
      continue;
    FUZZ_CHECK(strcmp(limn_config_get(a, name, x, sizeof x), limn_config_get(b, name, y, sizeof y)) == 0);
    limn_config_origin(a, name);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const models[] = {"dcgan", "vae", "autoencoder"};
  fuzz_input in = {data, size};
  unsigned how = fuzz_byte(&in) % 4;
  const char *path = fuzz_file("x.yaml", in.data, in.size);
  limn_config *config = NULL, *again = NULL;
  limn_status status;
  if (how == 3) {
    status = limn_config_create_from_file(&config, path);
  } else {
    FUZZ_CHECK(limn_config_create(&config, models[how]) == LIMN_OK);
    status = limn_config_load(config, path);
  }
  fuzz_check_message(status);
  if (status == LIMN_OK) {
    fuzz_check_message(limn_config_check(config));
    path = fuzz_file("y.yaml", NULL, 0);
    FUZZ_CHECK(limn_config_write(config, path) == LIMN_OK);
    FUZZ_CHECK(limn_config_create_from_file(&again, path) == LIMN_OK);
    check_same(config, again);
  }
  limn_config_destroy(config);
  limn_config_destroy(again);
  return 0;
}
