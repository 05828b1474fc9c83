/* GIF files: the first picture, on the canvas that the file names. What neither covers is transparent. */
#include <stdlib.h>
#include <string.h>

#include "image/decoder.h"

#define KIND       "GIF"
#define HEADER     13
#define MOST_CODES 4096

typedef struct gif_file {
  const limn_image_input *input;
  size_t at;
  int64_t height, width;                      /* of the canvas */
  int64_t top, left, part_height, part_width; /* of the picture on it */
  bool interlaced;
  size_t palette; /* where it begins; 0: there is none */
  uint32_t color_count;
  int clear; /* the colour that stands for transparent; -1: none */
} gif_file;

static bool owns(const limn_image_input *input) { return limn_image_begins(input, "GIF8.a", 6); }

static limn_status fail_short(const gif_file *file) { return limn_image_fail_short(file->input, KIND); }

/* The next `size` bytes; NULL: the file ends before. */
static const uint8_t *take(gif_file *file, size_t size) {
  if (file->input->size - file->at < size)
    return NULL;
  file->at += size;
  return file->input->bytes + file->at - size;
}

static limn_status take_palette(gif_file *file, uint8_t flags) {
  if (!(flags & 0x80))
    return LIMN_OK;
  file->color_count = 2u << (flags & 7);
  file->palette = file->at;
  return take(file, (size_t)file->color_count * 3) ? LIMN_OK : fail_short(file);
}

/* An extension: only the one that names the transparent colour says something to us. */
static limn_status take_extension(gif_file *file) {
  const uint8_t *kind = take(file, 1), *length;
  while (kind && (length = take(file, 1)) != NULL) {
    if (*length == 0)
      return LIMN_OK;
    const uint8_t *block = take(file, *length);
    if (!block)
      break;
    if (*kind == 0xf9 && *length >= 4)
      file->clear = block[0] & 1 ? block[3] : -1;
  }
  return fail_short(file);
}

static limn_status take_descriptor(gif_file *file) {
  const uint8_t *bytes = take(file, 9);
  if (!bytes)
    return fail_short(file);
  file->left = limn_little_16(bytes);
  file->top = limn_little_16(bytes + 2);
  file->part_width = limn_little_16(bytes + 4);
  file->part_height = limn_little_16(bytes + 6);
  file->interlaced = bytes[8] & 0x40;
  LIMN_TRY(take_palette(file, bytes[8]));
  if (file->palette == 0)
    return limn_image_fail_broken(file->input, KIND, "it has no palette");
  if (file->part_width < 1 || file->part_height < 1)
    return limn_image_fail_broken(file->input, KIND, "its first picture has no pixels");
  /* A canvas that is too small is a slip of the writer's. */
  if (file->left + file->part_width > file->width)
    file->width = file->left + file->part_width;
  if (file->top + file->part_height > file->height)
    file->height = file->top + file->part_height;
  return limn_image_check_size(file->input, file->height, file->width);
}

/* Up to where the pixels of the first picture begin. */
static limn_status read_header(gif_file *file, const limn_image_input *input) {
  *file = (gif_file){.input = input, .clear = -1};
  const uint8_t *header = take(file, HEADER);
  if (!header)
    return fail_short(file);
  file->width = limn_little_16(header + 6);
  file->height = limn_little_16(header + 8);
  LIMN_TRY(take_palette(file, header[10]));
  for (const uint8_t *mark; (mark = take(file, 1)) != NULL;) {
    if (*mark == ',')
      return take_descriptor(file);
    if (*mark == ';')
      return limn_image_fail_broken(input, KIND, "it holds no picture");
    if (*mark != '!')
      return limn_image_fail_broken(input, KIND, "its data make no sense");
    LIMN_TRY(take_extension(file));
  }
  return fail_short(file);
}

static int channels_of(const gif_file *file) {
  const bool covered =
      file->top == 0 && file->left == 0 && file->part_height == file->height && file->part_width == file->width;
  return file->clear >= 0 || !covered ? 4 : 3;
}

static limn_status gif_probe(limn_picture_shape *out, const limn_image_input *input) {
  gif_file file;
  LIMN_TRY(read_header(&file, input));
  *out = (limn_picture_shape){.height = (int32_t)file.height,
                              .width = (int32_t)file.width,
                              .channels = channels_of(&file),
                              .storage = LIMN_STORED_PALETTE};
  return LIMN_OK;
}

/* The row that is stored as the one of that number: every eighth first, then those between. */
static int64_t row_of(const gif_file *file, int64_t number) {
  static const int starts[] = {0, 4, 2, 1}, steps[] = {8, 8, 4, 2};
  if (!file->interlaced)
    return number;
  for (int pass = 0; pass < 3; ++pass) {
    const int64_t rows = (file->part_height - starts[pass] + steps[pass] - 1) / steps[pass];
    if (number < rows)
      return starts[pass] + number * steps[pass];
    number -= rows;
  }
  return 1 + number * 2;
}

/* LZW: each code stands for a row of colours, that of an earlier code and one more. */
typedef struct lzw_reader {
  gif_file *file;
  limn_image *out;
  uint16_t before[MOST_CODES];
  uint8_t last[MOST_CODES], reversed[MOST_CODES];
  uint32_t bits, bit_count;
  size_t block_left;
  int64_t done; /* pixels */
  const char *problem;
} lzw_reader;

/* -1: the data end. */
static int take_code(lzw_reader *lzw, uint32_t width) {
  while (lzw->bit_count < width) {
    const uint8_t *byte;
    if (lzw->block_left == 0) {
      byte = take(lzw->file, 1);
      if (!byte || *byte == 0)
        return -1;
      lzw->block_left = *byte;
    }
    byte = take(lzw->file, 1);
    if (!byte)
      return -1;
    --lzw->block_left;
    lzw->bits |= (uint32_t)*byte << lzw->bit_count;
    lzw->bit_count += 8;
  }
  const int code = (int)(lzw->bits & ((1u << width) - 1));
  lzw->bits >>= width;
  lzw->bit_count -= width;
  return code;
}

static void put_pixel(lzw_reader *lzw, uint8_t color) {
  const gif_file *file = lzw->file;
  if (lzw->done >= file->part_height * file->part_width)
    return; /* more than there is room for: a slip that harms nobody */
  if (color >= file->color_count) {
    lzw->problem = "a pixel has a colour that the palette lacks";
    return;
  }
  const int64_t y = file->top + row_of(file, lzw->done / file->part_width);
  const int64_t x = file->left + lzw->done % file->part_width;
  uint8_t *to = lzw->out->pixels + (size_t)(y * lzw->out->width + x) * (size_t)lzw->out->channels;
  memcpy(to, file->input->bytes + file->palette + 3 * (size_t)color, 3);
  if (lzw->out->channels == 4)
    to[3] = color == file->clear ? 0 : 255;
  ++lzw->done;
}

/* The colours of a code. */
static void put_code(lzw_reader *lzw, int code, int first_free) {
  size_t length = 0;
  for (; code >= first_free; code = lzw->before[code])
    lzw->reversed[length++] = lzw->last[code];
  put_pixel(lzw, lzw->last[code]);
  while (length > 0)
    put_pixel(lzw, lzw->reversed[--length]);
}

static uint8_t first_of(const lzw_reader *lzw, int code, int first_free) {
  while (code >= first_free)
    code = lzw->before[code];
  return lzw->last[code];
}

static const char *unpack(lzw_reader *lzw) {
  const gif_file *file = lzw->file;
  const uint8_t *least = take(lzw->file, 1);
  if (!least)
    return "it ends too early";
  if (*least < 1 || *least > 8)
    return "its data make no sense";
  const int reset = 1 << *least, end = reset + 1, first_free = reset + 2;
  uint32_t width = *least + 1u;
  int next = first_free, previous = -1;
  for (int code = 0; code < reset; ++code)
    lzw->last[code] = (uint8_t)code;
  while (lzw->done < file->part_height * file->part_width && !lzw->problem) {
    const int code = take_code(lzw, width);
    if (code < 0 || code == end)
      return "it ends too early";
    if (code == reset) {
      width = *least + 1u;
      next = first_free;
      previous = -1;
      continue;
    }
    if (code >= first_free && (previous < 0 || code > next || (code == next && next == MOST_CODES)))
      return "its data make no sense";
    if (previous >= 0 && next < MOST_CODES) { /* known before the code itself is, which may be this one */
      lzw->before[next] = (uint16_t)previous;
      lzw->last[next] = first_of(lzw, code == next ? previous : code, first_free);
      if (++next == 1 << width && width < 12)
        ++width;
    }
    put_code(lzw, code, first_free);
    previous = code;
  }
  return lzw->problem;
}

static limn_status gif_read(limn_image *out, const limn_image_input *input) {
  gif_file file;
  LIMN_TRY(read_header(&file, input));
  lzw_reader *lzw = calloc(1, sizeof *lzw);
  if (!lzw)
    return limn_image_fail_memory(input);
  limn_status status = limn_image_init(out, (int)file.height, (int)file.width, channels_of(&file));
  if (status == LIMN_OK) {
    lzw->file = &file;
    lzw->out = out;
    const char *problem = unpack(lzw);
    if (problem)
      status = limn_image_fail_broken(input, KIND, problem);
  }
  free(lzw);
  if (status != LIMN_OK)
    limn_image_release(out);
  return status;
}

const limn_image_decoder limn_gif_decoder = {
    .kind = KIND, .endings = ".gif", .owns = owns, .probe = gif_probe, .read = gif_read};
