/* Trains a DCGAN on a data set, then writes pictures that it makes.
 *
 *   train_and_sample DATA RUN [SETTING=VALUE...]
 *   cc train_and_sample.c $(pkg-config --cflags --libs limn) -o train_and_sample */
#include <limn/generator.h>
#include <limn/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 16 };

static void check(limn_status status) {
  if (status == LIMN_OK)
    return;
  fprintf(stderr, "%s\n", limn_error_message());
  exit(-status);
}

static void on_event(void *context, const limn_event *event) {
  (void)context;
  if (event->kind == LIMN_EVENT_STEPS && event->measure_count > 0)
    printf("step %llu, %s %.3f\n", (unsigned long long)event->step, event->measures[0].name, event->measures[0].value);
}

int main(int argc, char **argv) {
  if (argc < 3)
    return fprintf(stderr, "usage: %s DATA RUN [SETTING=VALUE...]\n", argv[0]), 2;
  limn_config *config;
  check(limn_config_create(&config, "dcgan"));
  check(limn_config_set(config, "data", argv[1], LIMN_FROM_SET));
  check(limn_config_set(config, "out", argv[2], LIMN_FROM_SET));
  for (int i = 3; i < argc; ++i) {
    char *equals = strchr(argv[i], '=');
    if (equals)
      *equals = '\0';
    check(limn_config_set(config, argv[i], equals ? equals + 1 : "true", LIMN_FROM_SET));
  }
  limn_train_result result;
  check(limn_train(&(limn_train_options){.config = config, .on_event = on_event}, &result));
  limn_config_destroy(config);

  limn_generator *generator;
  limn_generator_info info;
  check(limn_generator_open(&generator, result.path, NULL));
  limn_generator_get_info(generator, &info);
  float *z = malloc(sizeof *z * COUNT * (size_t)info.latent);
  float *pixels = malloc(sizeof *pixels * COUNT * (size_t)(info.channels * info.height * info.width));
  if (!z || !pixels)
    return 1;
  check(limn_generator_latents(generator, 1, 0, COUNT, z));
  check(limn_generator_run(generator, z, COUNT, pixels));
  check(limn_write_pictures("samples.png", pixels, COUNT, info.channels, info.height, info.width, 0));
  puts("samples.png");
  free(z);
  free(pixels);
  limn_generator_close(generator);
}
