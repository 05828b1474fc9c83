/* The one thing of EXIF that changes a picture: which way up it was taken. */
#include <string.h>

#include "base/error.h"
#include "image/decoder.h"

#define ORIENTATION_TAG 0x0112
#define TYPE_SHORT      3
#define ENTRY_SIZE      12

/* EXIF data are a TIFF file, in the byte order that its first two bytes name. */
typedef struct tiff_bytes {
  const uint8_t *bytes;
  size_t size;
  bool big_endian;
} tiff_bytes;

/* An unsigned number of 2 or 4 bytes; 0 beyond the end, where nothing that is looked for has the value 0. */
static uint32_t number_at(const tiff_bytes *tiff, size_t at, size_t length) {
  uint32_t value = 0;
  if (at > tiff->size || tiff->size - at < length)
    return 0;
  for (size_t i = 0; i < length; ++i)
    value |= (uint32_t)tiff->bytes[at + i] << (8 * (tiff->big_endian ? length - 1 - i : i));
  return value;
}

int limn_exif_orientation(const uint8_t *tiff_start, size_t size) {
  tiff_bytes tiff = {tiff_start, size, size >= 2 && memcmp(tiff_start, "MM", 2) == 0};
  if (size < 8 || (!tiff.big_endian && memcmp(tiff_start, "II", 2) != 0) || number_at(&tiff, 2, 2) != 42)
    return 1;
  size_t directory = number_at(&tiff, 4, 4);
  uint32_t count = number_at(&tiff, directory, 2);
  for (uint32_t i = 0; i < count; ++i) {
    size_t entry = directory + 2 + (size_t)i * ENTRY_SIZE;
    if (number_at(&tiff, entry, 2) != ORIENTATION_TAG)
      continue;
    uint32_t value = number_at(&tiff, entry + 8, 2);
    return number_at(&tiff, entry + 2, 2) == TYPE_SHORT && value >= 1 && value <= 8 ? (int)value : 1;
  }
  return 1;
}

bool limn_exif_swaps_sides(int orientation) { return orientation >= 5; }

limn_status limn_image_turn_upright(limn_image *image, int orientation) {
  /* Where the stored rows run from bottom to top, the columns from right to left; after a swap of the two, if any. */
  static const bool upside_down[9] = {[3] = true, [4] = true, [7] = true, [8] = true};
  static const bool mirrored[9] = {[2] = true, [3] = true, [6] = true, [7] = true};
  if (orientation <= 1)
    return LIMN_OK;
  const bool swap = limn_exif_swaps_sides(orientation);
  const int height = swap ? image->width : image->height, width = swap ? image->height : image->width;
  const size_t channels = (size_t)image->channels, stride = (size_t)image->width * channels;
  limn_image upright;
  LIMN_TRY(limn_image_init(&upright, height, width, image->channels));
  uint8_t *to = upright.pixels;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x, to += channels) {
      size_t row = (size_t)(upside_down[orientation] ? height - 1 - y : y);
      size_t column = (size_t)(mirrored[orientation] ? width - 1 - x : x);
      memcpy(to, image->pixels + (swap ? column * stride + row * channels : row * stride + column * channels),
             channels);
    }
  limn_image_release(image);
  *image = upright;
  return LIMN_OK;
}
