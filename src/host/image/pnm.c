/* PBM, PGM, PPM and PAM files, as text and as bytes, of up to 16 bits: the first picture of a file. */
#include <stdlib.h>
#include <string.h>

#include "image/decoder.h"

#define KIND "PNM"

typedef struct pnm_file {
  const limn_image_input *input;
  size_t at;
  char type; /* '1' to '7' */
  int64_t height, width, channels;
  uint32_t most; /* of a sample */
} pnm_file;

static bool is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }
static bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

/* Past spaces and comments. false: the file ends there. */
static bool skip_space(pnm_file *file) {
  const limn_image_input *input = file->input;
  for (; file->at < input->size; ++file->at) {
    if (input->bytes[file->at] == '#')
      while (file->at < input->size && input->bytes[file->at] != '\n')
        ++file->at;
    else if (!is_space(input->bytes[file->at]))
      return true;
  }
  return false;
}

/* Text that only looks so is told by what follows: the numbers of a header. */
static bool owns(const limn_image_input *input) {
  if (input->size < 3 || input->bytes[0] != 'P' || input->bytes[1] < '1' || input->bytes[1] > '7')
    return false;
  if (input->bytes[1] == '7')
    return input->bytes[2] == '\n';
  const int numbers = input->bytes[1] == '1' || input->bytes[1] == '4' ? 2 : 3;
  pnm_file file = {.input = input, .at = 2};
  for (int i = 0; i < numbers && file.at < input->size; ++i) {
    if (!is_space(input->bytes[file.at]) && input->bytes[file.at] != '#')
      return false;
    if (skip_space(&file) && !is_digit(input->bytes[file.at]))
      return false;
    while (file.at < input->size && is_digit(input->bytes[file.at]))
      ++file.at;
  }
  return file.at >= input->size || is_space(input->bytes[file.at]);
}

static limn_status fail_short(const pnm_file *file) { return limn_image_fail_short(file->input, KIND); }

/* A number that has to end before the file does: in a header more follows. */
static limn_status take_number(pnm_file *file, int64_t *out) {
  const limn_image_input *input = file->input;
  if (!skip_space(file))
    return fail_short(file);
  if (!is_digit(input->bytes[file->at]))
    return limn_image_fail_broken(input, KIND, "no number where one has to be");
  for (*out = 0; file->at < input->size && is_digit(input->bytes[file->at]); ++file->at)
    if ((*out = *out * 10 + (input->bytes[file->at] - '0')) > INT32_MAX)
      return limn_image_fail_broken(input, KIND, "a number is too large");
  return LIMN_OK;
}

static bool take_word(pnm_file *file, const char *word) {
  const size_t length = strlen(word);
  if (file->input->size - file->at < length || memcmp(file->input->bytes + file->at, word, length) != 0)
    return false;
  file->at += length;
  return true;
}

static limn_status read_pam_header(pnm_file *file, int64_t *most) {
  const limn_image_input *input = file->input;
  for (;;) {
    if (!skip_space(file))
      return fail_short(file);
    if (take_word(file, "ENDHDR"))
      return LIMN_OK;
    limn_status status = LIMN_OK;
    if (take_word(file, "WIDTH"))
      status = take_number(file, &file->width);
    else if (take_word(file, "HEIGHT"))
      status = take_number(file, &file->height);
    else if (take_word(file, "DEPTH"))
      status = take_number(file, &file->channels);
    else if (take_word(file, "MAXVAL"))
      status = take_number(file, most);
    else /* what the channels mean follows from how many there are */
      while (file->at < input->size && input->bytes[file->at] != '\n')
        ++file->at;
    LIMN_TRY(status);
  }
}

static limn_status read_header(pnm_file *file, const limn_image_input *input) {
  int64_t most = 1;
  *file = (pnm_file){.input = input, .at = 2, .type = (char)input->bytes[1]};
  const bool bits = file->type == '1' || file->type == '4';
  if (file->type == '7') {
    LIMN_TRY(read_pam_header(file, &most));
  } else {
    file->channels = file->type == '3' || file->type == '6' ? 3 : 1;
    LIMN_TRY(take_number(file, &file->width));
    LIMN_TRY(take_number(file, &file->height));
    if (!bits)
      LIMN_TRY(take_number(file, &most));
  }
  if (file->at >= input->size)
    return fail_short(file);
  if (!is_space(input->bytes[file->at++])) /* one, and the samples begin */
    return limn_image_fail_broken(input, KIND, "its header does not end as it should");
  if (most < 1 || most > UINT16_MAX || file->channels < 1 || file->channels > 4)
    return limn_fail(LIMN_DATA, "%s: a PNM file with %lld channels of 0 to %lld; 1 to 4 of up to 65535 can be read",
                     input->name, (long long)file->channels, (long long)most);
  file->most = (uint32_t)most;
  return limn_image_check_size(input, file->height, file->width);
}

static limn_status pnm_probe(limn_picture_shape *out, const limn_image_input *input) {
  pnm_file file;
  LIMN_TRY(read_header(&file, input));
  *out = (limn_picture_shape){.height = (int32_t)file.height,
                              .width = (int32_t)file.width,
                              .channels = (int32_t)file.channels,
                              .storage = file.most > 255 ? LIMN_STORED_16_BIT : LIMN_STORED_PLAIN};
  return LIMN_OK;
}

/* Text of P1 needs no spaces between its digits. */
static limn_status take_bit(pnm_file *file, int64_t *out) {
  if (!skip_space(file))
    return fail_short(file);
  const uint8_t byte = file->input->bytes[file->at++];
  *out = byte == '0'; /* 1 is black */
  return byte == '0' || byte == '1' ? LIMN_OK : limn_image_fail_broken(file->input, KIND, "no bit where one has to be");
}

static limn_status read_text(pnm_file *file, limn_image *out, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    int64_t sample;
    LIMN_TRY(file->type == '1' ? take_bit(file, &sample) : take_number(file, &sample));
    if (sample > file->most)
      return limn_image_fail_broken(file->input, KIND, "a sample is over the maximum");
    out->pixels[i] = limn_image_to_byte((uint32_t)sample, file->most);
  }
  return LIMN_OK;
}

static limn_status read_bits(const pnm_file *file, limn_image *out) {
  const size_t width = (size_t)file->width, stride = (width + 7) / 8;
  const uint8_t *from = file->input->bytes + file->at;
  if ((file->input->size - file->at) / stride < (size_t)file->height)
    return fail_short(file);
  for (size_t y = 0; y < (size_t)file->height; ++y)
    for (size_t x = 0; x < width; ++x)
      out->pixels[y * width + x] = from[y * stride + x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
  return LIMN_OK;
}

static limn_status read_bytes(const pnm_file *file, limn_image *out, size_t count) {
  const size_t sample_size = file->most > 255 ? 2 : 1;
  const uint8_t *from = file->input->bytes + file->at;
  if ((file->input->size - file->at) / sample_size < count)
    return fail_short(file);
  for (size_t i = 0; i < count; ++i, from += sample_size) {
    const uint32_t sample = sample_size == 1 ? from[0] : (uint32_t)from[0] << 8 | from[1];
    if (sample > file->most)
      return limn_image_fail_broken(file->input, KIND, "a sample is over the maximum");
    out->pixels[i] = limn_image_to_byte(sample, file->most);
  }
  return LIMN_OK;
}

static limn_status pnm_read(limn_image *out, const limn_image_input *input) {
  pnm_file file;
  LIMN_TRY(read_header(&file, input));
  LIMN_TRY(limn_image_init(out, (int)file.height, (int)file.width, (int)file.channels));
  const size_t count = (size_t)file.height * (size_t)file.width * (size_t)file.channels;
  limn_status status = file.type <= '3'   ? read_text(&file, out, count)
                       : file.type == '4' ? read_bits(&file, out)
                                          : read_bytes(&file, out, count);
  if (status != LIMN_OK)
    limn_image_release(out);
  return status;
}

const limn_image_decoder limn_pnm_decoder = {
    .kind = KIND, .endings = ".pbm .pgm .ppm .pnm .pam", .owns = owns, .probe = pnm_probe, .read = pnm_read};
