/* TGA files: palette, colour and grey, plain and run-length coded. Nothing at their start tells them apart from any
 * other bytes, so that the name has to, and then the header has to make sense. */
#include <string.h>

#include "image/decoder.h"

#define KIND   "TGA"
#define HEADER 18

enum { PALETTE = 1, COLOR = 2, GREY = 3, RUNS = 8 };

typedef struct tga_file {
  const limn_image_input *input;
  int type; /* PALETTE, COLOR or GREY */
  bool runs;
  int64_t height, width;
  int bits, alpha_bits;              /* of a pixel; of its alpha */
  uint32_t first_color, color_count; /* of the palette */
  int color_bits;                    /* of a colour in it */
  size_t palette, pixels;            /* where they begin */
  bool bottom_up, right_to_left;
} tga_file;

static bool is_depth_of_color(int bits) { return bits == 15 || bits == 16 || bits == 24 || bits == 32; }

static bool makes_sense(const tga_file *file, int palette_kind) {
  switch (file->type) {
  case PALETTE:
    return palette_kind == 1 && file->color_count > 0 && (file->bits == 8 || file->bits == 16) &&
           is_depth_of_color(file->color_bits);
  case COLOR:
    return palette_kind <= 1 && is_depth_of_color(file->bits);
  case GREY:
    return palette_kind <= 1 && (file->bits == 8 || (file->bits == 16 && file->alpha_bits == 8));
  default:
    return false;
  }
}

/* false: this is no TGA file. */
static bool parse_header(tga_file *file, const limn_image_input *input) {
  const uint8_t *bytes = input->bytes;
  *file = (tga_file){.input = input};
  if (input->size < HEADER)
    return false;
  file->type = bytes[2] & ~RUNS;
  file->runs = bytes[2] & RUNS;
  file->first_color = limn_little_16(bytes + 3);
  file->color_count = limn_little_16(bytes + 5);
  file->color_bits = bytes[7];
  file->width = limn_little_16(bytes + 12);
  file->height = limn_little_16(bytes + 14);
  file->bits = bytes[16];
  file->alpha_bits = bytes[17] & 15;
  file->right_to_left = bytes[17] & 0x10;
  file->bottom_up = !(bytes[17] & 0x20);
  file->palette = HEADER + (size_t)bytes[0];
  file->pixels = file->palette + (bytes[1] ? (size_t)file->color_count * (size_t)((file->color_bits + 7) / 8) : 0);
  return bytes[17] < 0x40 && file->alpha_bits <= 8 && file->height > 0 && file->width > 0 &&
         makes_sense(file, bytes[1]);
}

static bool owns(const limn_image_input *input) {
  tga_file file;
  return limn_image_ends_like(input->file ? input->file : input->name, &limn_tga_decoder) && parse_header(&file, input);
}

static limn_status read_header(tga_file *file, const limn_image_input *input) {
  if (!parse_header(file, input)) /* owns() has seen that it makes sense */
    return limn_image_fail_short(input, KIND);
  return limn_image_check_size(input, file->height, file->width);
}

static int channels_of(const tga_file *file) {
  if (file->type == GREY)
    return file->bits == 16 ? 2 : 1;
  const int bits = file->type == PALETTE ? file->color_bits : file->bits;
  return file->alpha_bits > 0 && (bits == 32 || bits == 16) ? 4 : 3;
}

static limn_status tga_probe(limn_picture_shape *out, const limn_image_input *input) {
  tga_file file;
  LIMN_TRY(read_header(&file, input));
  *out = (limn_picture_shape){.height = (int32_t)file.height,
                              .width = (int32_t)file.width,
                              .channels = channels_of(&file),
                              .storage = file.type == PALETTE ? LIMN_STORED_PALETTE : LIMN_STORED_PLAIN};
  return LIMN_OK;
}

/* A colour of `bits` as it is stored, blue first, to `channels`. */
static void put_color(uint8_t *to, int channels, const uint8_t *from, int bits) {
  if (bits <= 16) {
    const uint32_t value = limn_little_16(from);
    for (int c = 0; c < 3; ++c)
      to[c] = limn_image_to_byte(value >> (10 - 5 * c) & 31, 31);
    if (channels == 4)
      to[3] = value >> 15 ? 255 : 0;
    return;
  }
  for (int c = 0; c < 3; ++c)
    to[c] = from[2 - c];
  if (channels == 4)
    to[3] = from[3];
}

/* NULL, or what is wrong. */
static const char *put_pixel(const tga_file *file, const limn_image *out, uint8_t *to, const uint8_t *from) {
  if (file->type == GREY) {
    memcpy(to, from, (size_t)out->channels);
    return NULL;
  }
  if (file->type == COLOR) {
    put_color(to, out->channels, from, file->bits);
    return NULL;
  }
  const uint32_t number = file->bits == 8 ? from[0] : limn_little_16(from);
  if (number < file->first_color || number - file->first_color >= file->color_count)
    return "a pixel has a colour that the palette lacks";
  const size_t color_size = (size_t)(file->color_bits + 7) / 8;
  put_color(to, out->channels, file->input->bytes + file->palette + (number - file->first_color) * color_size,
            file->color_bits);
  return NULL;
}

/* Where the pixel of that number, counted as they are stored, belongs. */
static uint8_t *place_of(const tga_file *file, const limn_image *out, size_t number) {
  const size_t width = (size_t)file->width, line = number / width, column = number % width;
  const size_t y = file->bottom_up ? (size_t)out->height - 1 - line : line;
  return out->pixels + (y * width + (file->right_to_left ? width - 1 - column : column)) * (size_t)out->channels;
}

static const char *read_pixels(const tga_file *file, limn_image *out) {
  const size_t count = (size_t)out->height * (size_t)out->width, pixel = (size_t)(file->bits + 7) / 8;
  const uint8_t *bytes = file->input->bytes;
  const size_t size = file->input->size;
  size_t at = file->pixels, done = 0;
  if (at > size)
    return "it ends too early";
  while (done < count) {
    size_t packet = count;
    bool same = false;
    if (file->runs) {
      if (at >= size)
        return "it ends too early";
      same = bytes[at] & 0x80;
      packet = (bytes[at++] & 0x7fu) + 1;
    }
    if ((size - at) / pixel < (same ? 1 : packet))
      return "it ends too early";
    if (packet > count - done)
      return "a run goes over the edge";
    for (size_t i = 0; i < packet; ++i, ++done) {
      const char *problem = put_pixel(file, out, place_of(file, out, done), bytes + at);
      if (problem)
        return problem;
      at += same && i + 1 < packet ? 0 : pixel;
    }
  }
  return NULL;
}

static limn_status tga_read(limn_image *out, const limn_image_input *input) {
  tga_file file;
  LIMN_TRY(read_header(&file, input));
  LIMN_TRY(limn_image_init(out, (int)file.height, (int)file.width, channels_of(&file)));
  const char *problem = read_pixels(&file, out);
  if (!problem)
    return LIMN_OK;
  limn_image_release(out);
  return limn_image_fail_broken(input, KIND, problem);
}

const limn_image_decoder limn_tga_decoder = {
    .kind = KIND, .endings = ".tga .icb .vda .vst", .owns = owns, .probe = tga_probe, .read = tga_read};
