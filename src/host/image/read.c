/* Picture files: which decoder reads one, and what is refused whatever its kind is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "image/decoder.h"

#define PROBED_BYTES  ((size_t)64 << 10) /* most files say their size well within these */
#define LEAST_TO_TELL 16                 /* bytes of a file that is not named like a picture: fewer are any kind's */
#define LONGEST_SIDE  1000000            /* so that a row's bytes are an int */

/* Those that can be mistaken come last. */
static const limn_image_decoder *const decoders[] = {&limn_png_decoder,  &limn_jpeg_decoder, &limn_webp_decoder,
                                                     &limn_gif_decoder,  &limn_tiff_decoder, &limn_avif_decoder,
                                                     &limn_heic_decoder, &limn_jp2_decoder,  &limn_pnm_decoder,
                                                     &limn_bmp_decoder,  &limn_tga_decoder};
#define DECODER_COUNT (sizeof decoders / sizeof *decoders)

static const limn_image_decoder *owner_of(const limn_image_input *input) {
  for (size_t i = 0; input->size > 0 && i < DECODER_COUNT; ++i)
    if (decoders[i]->owns(input))
      return decoders[i];
  return NULL;
}

static limn_status find_decoder(const limn_image_decoder **out, const limn_image_input *input) {
  *out = owner_of(input);
  if (*out)
    return LIMN_OK;
  if (input->size == 0)
    return limn_fail(LIMN_DATA, "%s: an empty file, no picture; replace or remove it", input->name);
  return limn_fail(LIMN_DATA, "%s: no picture of a kind that Limn reads; convert or remove it", input->name);
}

bool limn_image_is_picture(const limn_image_input *input) {
  const char *name = input->file ? input->file : input->name;
  return (input->size >= LEAST_TO_TELL || limn_image_has_known_name(name)) && owner_of(input);
}

limn_status limn_image_read(limn_image *out, const limn_image_input *input) {
  const limn_image_decoder *decoder;
  memset(out, 0, sizeof *out);
  LIMN_TRY(find_decoder(&decoder, input));
  return decoder->read(out, input);
}

limn_status limn_image_probe(limn_picture_shape *out, const limn_image_input *input) {
  const limn_image_decoder *decoder;
  memset(out, 0, sizeof *out);
  limn_status status = find_decoder(&decoder, input);
  if (status != LIMN_OK) {
    out->no_picture = input->size > 0; /* an empty file was to be one */
    return status;
  }
  LIMN_TRY(decoder->probe(out, input));
  out->format = decoder->kind;
  return LIMN_OK;
}

size_t limn_image_file_limit(int64_t max_pixels) {
  /* 16-bit RGBA that does not compress, and room for profiles and previews. */
  return (size_t)max_pixels * 8 + ((size_t)64 << 20);
}

limn_status limn_image_read_file(limn_image *out, const char *path, int64_t max_pixels) {
  char *bytes;
  limn_image_input input = {.name = path, .max_pixels = max_pixels};
  memset(out, 0, sizeof *out);
  LIMN_TRY(limn_read_file(path, limn_image_file_limit(max_pixels), &bytes, &input.size));
  input.bytes = (const uint8_t *)bytes;
  limn_status status = limn_image_read(out, &input);
  free(bytes);
  return status;
}

/* The first bytes of the file, up to PROBED_BYTES. */
static limn_status read_start(const char *path, uint8_t *out, size_t *size) {
  FILE *stream = fopen(path, "rbe");
  if (!stream)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", path, strerror(errno));
  setvbuf(stream, NULL, _IONBF, 0); /* one read of all */
  *size = fread(out, 1, PROBED_BYTES, stream);
  limn_status status = LIMN_OK;
  if (ferror(stream))
    status = limn_fail(LIMN_DATA, "%s: cannot read: %s", path, strerror(errno));
  fclose(stream);
  return status;
}

limn_status limn_image_probe_file(limn_picture_shape *out, const char *path, int64_t max_pixels) {
  limn_image_input input = {.name = path, .max_pixels = max_pixels};
  uint8_t *start = malloc(PROBED_BYTES);
  if (!start)
    return limn_fail_memory(path);
  input.bytes = start;
  limn_status status = read_start(path, start, &input.size);
  if (status == LIMN_OK)
    status = limn_image_probe(out, &input);
  free(start);
  if (status == LIMN_OK || input.size < PROBED_BYTES || out->no_picture || out->lacked)
    return status;
  /* A long profile or preview stands before what was looked for. */
  char *bytes;
  LIMN_TRY(limn_read_file(path, limn_image_file_limit(max_pixels), &bytes, &input.size));
  input.bytes = (const uint8_t *)bytes;
  status = limn_image_probe(out, &input);
  free(bytes);
  return status;
}

bool limn_image_ends_like(const char *name, const limn_image_decoder *decoder) {
  const char *ending = strrchr(name, '.');
  const size_t length = ending && !strchr(ending, ' ') ? strlen(ending) : 0;
  for (const char *one = decoder->endings; length > 1; one += strcspn(one, " ") + 1) {
    if (strncasecmp(one, ending, length) == 0 && (one[length] == ' ' || one[length] == '\0'))
      return true;
    if (!strchr(one, ' '))
      break;
  }
  return false;
}

bool limn_image_has_known_name(const char *name) {
  for (size_t i = 0; i < DECODER_COUNT; ++i)
    if (limn_image_ends_like(name, decoders[i]))
      return true;
  return false;
}

limn_status limn_image_check_size(const limn_image_input *input, int64_t height, int64_t width) {
  if (height < 1 || width < 1)
    return limn_fail(LIMN_DATA, "%s: %lld x %lld pixels; replace or remove it", input->name, (long long)height,
                     (long long)width);
  if (height > input->max_pixels / width)
    return limn_fail(LIMN_DATA,
                     "%s: %lld x %lld pixels, over the limit of %lld in all; shrink or remove it, or raise max_pixels",
                     input->name, (long long)height, (long long)width, (long long)input->max_pixels);
  if (height > LONGEST_SIDE || width > LONGEST_SIDE)
    return limn_fail(LIMN_DATA, "%s: %lld x %lld pixels, over the limit of %d a side; shrink or remove it", input->name,
                     (long long)height, (long long)width, LONGEST_SIDE);
  return LIMN_OK;
}
