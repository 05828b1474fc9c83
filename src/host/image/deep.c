/* Samples of more than 8 bits, and colours that were multiplied by their alpha. */
#include "image/decoder.h"

/* A camera or a microscope of 12 bits in a file of 16: all that it wrote lies below this. */
#define MOST_OF_12_BITS 4095

void limn_image_fill_deep(limn_image *out, const uint16_t *samples, uint32_t most) {
  const size_t channels = (size_t)out->channels, colors = channels >= 3 ? 3 : 1;
  const size_t count = (size_t)out->height * (size_t)out->width * channels;
  uint32_t greatest = 0, greatest_color = 0;
  for (size_t i = 0; i < count; ++i) {
    greatest = samples[i] > greatest ? samples[i] : greatest;
    if (i % channels < colors && samples[i] > greatest_color)
      greatest_color = samples[i];
  }
  if (greatest > most || most < 1)
    most = UINT16_MAX;
  for (size_t i = 0; i < count; ++i)
    out->pixels[i] = limn_image_to_byte(samples[i], most);
  out->shallow = most == UINT16_MAX && greatest_color > 0 && greatest_color <= MOST_OF_12_BITS;
}

void limn_image_divide_by_alpha(limn_image *image) {
  const size_t channels = (size_t)image->channels, count = (size_t)image->height * (size_t)image->width;
  uint8_t *pixel = image->pixels;
  for (size_t i = 0; i < count; ++i, pixel += channels) {
    const uint32_t alpha = pixel[channels - 1];
    for (size_t c = 0; alpha > 0 && c + 1 < channels; ++c) {
      const uint32_t color = (pixel[c] * 255u + alpha / 2) / alpha;
      pixel[c] = (uint8_t)(color > 255 ? 255 : color);
    }
  }
}
