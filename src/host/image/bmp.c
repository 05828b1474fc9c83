/* BMP files: of Windows and OS/2, 1 to 32 bits, plain and run-length coded. */
#include <stdlib.h>
#include <string.h>

#include "image/decoder.h"

#define KIND        "BMP"
#define FILE_HEADER 14
#define CORE_HEADER 12 /* of OS/2, with sides of 16 bits and colours of 3 bytes */
#define LEAST_READ  26 /* bytes of both headers */

enum { PLAIN, RLE8, RLE4, MASKS, ALPHA_MASKS = 6 };

typedef struct bmp_file {
  const uint8_t *bytes;
  size_t size;
  uint32_t header, start; /* size of the second header; where the pixels begin */
  int64_t height, width;
  bool top_down;
  int bits;
  uint32_t coding, masks[4]; /* red, green, blue, alpha */
  uint32_t color_count;      /* 0: no palette */
  uint8_t palette[256][3];
  bool grey; /* all colours of the palette are */
} bmp_file;

static bool owns(const limn_image_input *input) {
  if (input->size < FILE_HEADER + 4)
    return limn_image_begins(input, "BM", 2) &&
           limn_image_ends_like(input->file ? input->file : input->name, &limn_bmp_decoder);
  const uint32_t header = limn_little_32(input->bytes + FILE_HEADER);
  return memcmp(input->bytes, "BM", 2) == 0 && header >= CORE_HEADER && header <= 1024;
}

static limn_status read_palette(bmp_file *file, const limn_image_input *input) {
  const size_t entry = file->header == CORE_HEADER ? 3 : 4, at = FILE_HEADER + (size_t)file->header;
  const uint32_t most = 1u << file->bits, said = file->header >= 36 ? limn_little_32(input->bytes + 46) : 0;
  file->color_count = said && said < most ? said : most;
  if (at > input->size || (input->size - at) / entry < file->color_count)
    return limn_image_fail_short(input, KIND);
  file->grey = true;
  for (uint32_t i = 0; i < file->color_count; ++i) {
    const uint8_t *color = input->bytes + at + i * entry;
    for (int c = 0; c < 3; ++c)
      file->palette[i][c] = color[2 - c];
    file->grey = file->grey && color[0] == color[1] && color[1] == color[2];
  }
  return LIMN_OK;
}

static limn_status read_masks(bmp_file *file, const limn_image_input *input) {
  static const uint32_t usual[2][4] = {{0x7c00, 0x3e0, 0x1f, 0}, {0xff0000, 0xff00, 0xff, 0}};
  memcpy(file->masks, usual[file->bits == 32], sizeof file->masks);
  if (file->coding != MASKS && file->coding != ALPHA_MASKS)
    return LIMN_OK;
  const int count = file->coding == ALPHA_MASKS || file->header >= 56 ? 4 : 3;
  const size_t at = FILE_HEADER + 40; /* in a later header, or behind the first of these */
  if (input->size < at + 4 * (size_t)count)
    return limn_image_fail_short(input, KIND);
  for (int c = 0; c < count; ++c)
    file->masks[c] = limn_little_32(input->bytes + at + 4 * (size_t)c);
  return LIMN_OK;
}

static bool is_known_coding(const bmp_file *file) {
  switch (file->coding) {
  case PLAIN:
    return file->bits == 1 || file->bits == 4 || file->bits == 8 || file->bits == 16 || file->bits == 24 ||
           file->bits == 32;
  case RLE8:
    return file->bits == 8 && !file->top_down;
  case RLE4:
    return file->bits == 4 && !file->top_down;
  case MASKS:
  case ALPHA_MASKS:
    return file->header != 64 && (file->bits == 16 || file->bits == 32); /* OS/2 has other codings of these numbers */
  default:
    return false;
  }
}

static limn_status read_header(bmp_file *file, const limn_image_input *input) {
  const uint8_t *bytes = input->bytes;
  *file = (bmp_file){.bytes = bytes, .size = input->size};
  if (input->size < LEAST_READ)
    return limn_image_fail_short(input, KIND);
  file->start = limn_little_32(bytes + 10);
  file->header = limn_little_32(bytes + FILE_HEADER);
  if (file->header == CORE_HEADER) {
    file->width = limn_little_16(bytes + 18);
    file->height = limn_little_16(bytes + 20);
    file->bits = limn_little_16(bytes + 24);
  } else {
    if (file->header < 40)
      return limn_image_fail_broken(input, KIND, "its header is of no known kind");
    if (input->size < FILE_HEADER + 40)
      return limn_image_fail_short(input, KIND);
    file->width = (int32_t)limn_little_32(bytes + 18);
    file->height = (int32_t)limn_little_32(bytes + 22);
    file->bits = limn_little_16(bytes + 28);
    file->coding = limn_little_32(bytes + 30);
  }
  file->top_down = file->height < 0;
  file->height = file->height < 0 ? -file->height : file->height;
  LIMN_TRY(limn_image_check_size(input, file->height, file->width));
  if (!is_known_coding(file))
    return limn_fail(LIMN_DATA, "%s: a BMP file of %d bits in coding %u, which is not read; convert or remove it",
                     input->name, file->bits, file->coding);
  return file->bits <= 8 ? read_palette(file, input) : read_masks(file, input);
}

static int channels_of(const bmp_file *file) {
  if (file->color_count)
    return file->grey ? 1 : 3;
  return file->masks[3] ? 4 : 3;
}

static limn_status bmp_probe(limn_picture_shape *out, const limn_image_input *input) {
  bmp_file file;
  LIMN_TRY(read_header(&file, input));
  *out = (limn_picture_shape){.height = (int32_t)file.height,
                              .width = (int32_t)file.width,
                              .channels = channels_of(&file),
                              .storage = file.color_count && !file.grey ? LIMN_STORED_PALETTE : LIMN_STORED_PLAIN};
  return LIMN_OK;
}

/* Of the lines, counted as they are stored. */
static uint8_t *row_of(const bmp_file *file, const limn_image *out, int64_t line) {
  const int64_t y = file->top_down ? line : file->height - 1 - line;
  return out->pixels + (size_t)y * (size_t)out->width * (size_t)out->channels;
}

/* false: the palette has no such colour. */
static bool put_color(const bmp_file *file, const limn_image *out, uint8_t *row, int64_t x, uint32_t color) {
  if (color >= file->color_count)
    return false;
  memcpy(row + (size_t)x * (size_t)out->channels, file->palette[color], (size_t)out->channels);
  return true;
}

/* The bits of a mask as a byte. */
static uint8_t masked(uint32_t pixel, uint32_t mask) {
  if (!mask)
    return 0;
  const int shift = __builtin_ctz(mask);
  const uint32_t most = mask >> shift, value = (pixel & mask) >> shift;
  return (uint8_t)(((uint64_t)value * 255 + most / 2) / most);
}

static bool read_line(const bmp_file *file, const limn_image *out, const uint8_t *from, uint8_t *row) {
  const int bits = file->bits;
  for (int64_t x = 0; x < file->width; ++x) {
    const uint8_t *at = from + x * bits / 8;
    if (bits <= 8) {
      const uint32_t color = *at >> (8 - bits - x * bits % 8) & ((1u << bits) - 1);
      if (!put_color(file, out, row, x, color))
        return false;
    } else if (bits == 24) {
      for (int c = 0; c < 3; ++c)
        row[3 * x + c] = at[2 - c];
    } else {
      const uint32_t pixel = bits == 16 ? limn_little_16(at) : limn_little_32(at);
      for (int c = 0; c < out->channels; ++c)
        row[out->channels * x + c] = masked(pixel, file->masks[c]);
    }
  }
  return true;
}

static const char *read_plain(const bmp_file *file, limn_image *out) {
  const size_t stride = ((size_t)file->width * (size_t)file->bits + 31) / 32 * 4;
  if (file->start > file->size || (file->size - file->start) / stride < (size_t)file->height)
    return "it ends too early";
  for (int64_t line = 0; line < file->height; ++line)
    if (!read_line(file, out, file->bytes + file->start + (size_t)line * stride, row_of(file, out, line)))
      return "a pixel has a colour that the palette lacks";
  return NULL;
}

/* A run-length coded picture while it is read. */
typedef struct run_reader {
  const bmp_file *file;
  limn_image *out;
  size_t at;
  int64_t x, line;
  const char *problem;
} run_reader;

/* `count` pixels: of the colours in turn that lie at `colors`, or of the two in one byte. */
static void put_run(run_reader *r, int count, const uint8_t *colors, bool literal) {
  const bmp_file *file = r->file;
  for (int i = 0; i < count && !r->problem; ++i, ++r->x) {
    uint32_t color = file->bits == 8 ? colors[literal ? i : 0] : colors[literal ? i / 2 : 0];
    if (file->bits == 4)
      color = i % 2 ? color & 15 : color >> 4;
    if (r->x >= file->width || r->line >= file->height)
      r->problem = "a run goes over the edge";
    else if (!put_color(file, r->out, row_of(file, r->out, r->line), r->x, color))
      r->problem = "a pixel has a colour that the palette lacks";
  }
}

/* What follows a 0: end of the line, end of the picture (true), a step, or pixels as they are. */
static bool read_escape(run_reader *r, uint8_t what) {
  const bmp_file *file = r->file;
  const size_t left = file->size - r->at;
  const size_t bytes = file->bits == 8 ? what : (what + 1u) / 2;
  switch (what) {
  case 0:
    r->x = 0;
    ++r->line;
    return false;
  case 1:
    return true;
  case 2:
    if (left < 2) {
      r->problem = "it ends too early";
      return false;
    }
    r->x += file->bytes[r->at];
    r->line += file->bytes[r->at + 1];
    r->at += 2;
    return false;
  default:
    if (left < bytes) {
      r->problem = "it ends too early";
      return false;
    }
    put_run(r, what, file->bytes + r->at, true);
    r->at += bytes + (bytes % 2 && left > bytes); /* padded to two bytes */
    return false;
  }
}

static const char *read_runs(const bmp_file *file, limn_image *out) {
  run_reader r = {.file = file, .out = out, .at = file->start};
  for (int64_t line = 0; line < file->height; ++line) /* what no run reaches has the first colour */
    for (int64_t x = 0; x < file->width; ++x)
      put_color(file, out, row_of(file, out, line), x, 0);
  while (!r.problem) {
    if (r.at > file->size || file->size - r.at < 2)
      return "it ends too early";
    const uint8_t *pair = file->bytes + r.at;
    r.at += 2;
    if (pair[0] > 0)
      put_run(&r, pair[0], pair + 1, false);
    else if (read_escape(&r, pair[1]))
      break;
  }
  return r.problem;
}

/* Some programs write an alpha of 0 everywhere and mean none. */
static void make_opaque_if_all_clear(limn_image *image) {
  const size_t count = (size_t)image->height * (size_t)image->width;
  for (size_t i = 0; i < count; ++i)
    if (image->pixels[4 * i + 3])
      return;
  for (size_t i = 0; i < count; ++i)
    image->pixels[4 * i + 3] = 255;
}

static limn_status bmp_read(limn_image *out, const limn_image_input *input) {
  bmp_file file;
  LIMN_TRY(read_header(&file, input));
  LIMN_TRY(limn_image_init(out, (int)file.height, (int)file.width, channels_of(&file)));
  const char *problem = file.coding == RLE8 || file.coding == RLE4 ? read_runs(&file, out) : read_plain(&file, out);
  if (problem) {
    limn_image_release(out);
    return limn_image_fail_broken(input, KIND, problem);
  }
  if (out->channels == 4)
    make_opaque_if_all_clear(out);
  return LIMN_OK;
}

const limn_image_decoder limn_bmp_decoder = {
    .kind = KIND, .endings = ".bmp .dib", .owns = owns, .probe = bmp_probe, .read = bmp_read};
