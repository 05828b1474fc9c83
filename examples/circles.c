/* Trains a VAE on pictures that no file holds: circles, drawn when the trainer asks for them.
 *
 *   circles RUN [STEPS]
 *   cc circles.c $(pkg-config --cflags --libs limn) -lm -o circles */
#include <limn/train.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 32, COUNT = 5000 };

/* Called from several threads: the picture follows from its number alone. */
static limn_status draw(void *context, uint32_t index, uint8_t *chw, char *message, size_t size) {
  const double *thickness = context;
  if (*thickness <= 0) {
    snprintf(message, size, "a line %g pixels thick cannot be seen", *thickness);
    return LIMN_USAGE;
  }
  double x0 = 8 + index % 17, y0 = 8 + index / 17 % 17, radius = 3 + index / 289 % 6;
  for (int y = 0; y < SIDE; ++y)
    for (int x = 0; x < SIDE; ++x) {
      double distance = fabs(hypot(x - x0, y - y0) - radius) / *thickness;
      chw[y * SIDE + x] = (uint8_t)(distance < 1 ? 255 * (1 - distance) : 0);
    }
  return LIMN_OK;
}

static limn_status train(const char *run, const char *steps) {
  limn_config *config = NULL;
  limn_train_result result;
  double thickness = 1.5;
  limn_picture_source circles = {&thickness, COUNT, 1, SIDE, SIDE, draw, 1};
  limn_train_options options = {.source = &circles};
  limn_status status = limn_config_create(&config, "vae");
  if (status == LIMN_OK)
    status = limn_config_set(config, "out", run, LIMN_FROM_SET);
  if (status == LIMN_OK)
    status = limn_config_set(config, "steps", steps, LIMN_FROM_SET);
  options.config = config;
  if (status == LIMN_OK)
    status = limn_train(&options, &result);
  if (status == LIMN_OK)
    printf("%s, step %llu: %s\n", result.path, (unsigned long long)result.step, result.picture);
  limn_config_destroy(config);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 2)
    return fprintf(stderr, "usage: %s RUN [STEPS]\n", argv[0]), 2;
  limn_status status = train(argv[1], argc > 2 ? argv[2] : "500");
  if (status != LIMN_OK)
    fprintf(stderr, "%s\n", limn_error_message());
  return -status;
}
