/* WebP files through libwebp: lossy and lossless, with and without alpha, one picture. */
#include <string.h>

#include <webp/decode.h>

#include "base/error.h"
#include "image/decoder.h"

#define KIND        "WebP"
#define RIFF_HEADER 12 /* "RIFF", the number of bytes that follow, "WEBP" */
#define CHUNK_START 8  /* four letters, the number of bytes that follow */
#define FLAGS_AT    20 /* in a file that begins with a VP8X chunk */
#define EXIF_FLAG   0x08

static bool owns(const limn_image_input *input) { return limn_image_begins(input, "RIFF....WEBP", 12); }

static limn_status fail_at(const limn_image_input *input, VP8StatusCode code) {
  switch (code) {
  case VP8_STATUS_OUT_OF_MEMORY:
    return limn_image_fail_memory(input);
  case VP8_STATUS_NOT_ENOUGH_DATA:
  case VP8_STATUS_SUSPENDED:
    return limn_image_fail_broken(input, KIND, "it ends too early");
  case VP8_STATUS_UNSUPPORTED_FEATURE:
    return limn_image_fail_broken(input, KIND, "it uses what libwebp does not know");
  default:
    return limn_image_fail_broken(input, KIND, "its data make no sense");
  }
}

/* EXIF data stand in a chunk of their own, behind the picture. */
static int orientation(const limn_image_input *input) {
  for (size_t at = RIFF_HEADER; input->size - at >= CHUNK_START;) {
    const uint8_t *chunk = input->bytes + at;
    size_t size = limn_little_32(chunk + 4), left = input->size - at - CHUNK_START;
    if (size > left)
      break;
    if (memcmp(chunk, "EXIF", 4) == 0) {
      const uint8_t *exif = chunk + CHUNK_START;
      size_t skip = size > 6 && memcmp(exif, "Exif\0", 6) == 0 ? 6 : 0; /* some writers keep JPEG's mark */
      return limn_exif_orientation(exif + skip, size - skip);
    }
    size += size % 2; /* chunks are padded */
    if (size > left)
      break;
    at += CHUNK_START + size;
  }
  return 1;
}

/* Whether only the beginning of a file is here, and its EXIF data are not. */
static bool lacks_exif(const limn_image_input *input) {
  return input->size > FLAGS_AT && memcmp(input->bytes + RIFF_HEADER, "VP8X", 4) == 0 &&
         (input->bytes[FLAGS_AT] & EXIF_FLAG) && limn_little_32(input->bytes + 4) > input->size - CHUNK_START;
}

static limn_status check(const limn_image_input *input, WebPBitstreamFeatures *features) {
  VP8StatusCode code = WebPGetFeatures(input->bytes, input->size, features);
  if (code != VP8_STATUS_OK)
    return fail_at(input, code);
  if (features->has_animation)
    return limn_fail(LIMN_DATA, "%s: an animated WebP file; take a frame of it, or remove it", input->name);
  return limn_image_check_size(input, features->height, features->width);
}

static limn_status webp_probe(limn_picture_shape *out, const limn_image_input *input) {
  WebPBitstreamFeatures features;
  if (lacks_exif(input))
    return fail_at(input, VP8_STATUS_NOT_ENOUGH_DATA);
  LIMN_TRY(check(input, &features));
  const int stored = orientation(input);
  const bool swap = limn_exif_swaps_sides(stored);
  *out = (limn_picture_shape){.height = swap ? features.width : features.height,
                              .width = swap ? features.height : features.width,
                              .channels = features.has_alpha ? 4 : 3,
                              .turned = stored > 1};
  return LIMN_OK;
}

static limn_status webp_read(limn_image *out, const limn_image_input *input) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config))
    return limn_fail(LIMN_FAILED, "libwebp is another version than the one that Limn was built with; build it again");
  LIMN_TRY(check(input, &config.input));
  const int channels = config.input.has_alpha ? 4 : 3;
  LIMN_TRY(limn_image_init(out, config.input.height, config.input.width, channels));
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = out->pixels;
  config.output.u.RGBA.stride = out->width * channels;
  config.output.u.RGBA.size = (size_t)out->height * (size_t)out->width * (size_t)channels;
  VP8StatusCode code = WebPDecode(input->bytes, input->size, &config);
  WebPFreeDecBuffer(&config.output);
  limn_status status = code == VP8_STATUS_OK ? limn_image_turn_upright(out, orientation(input)) : fail_at(input, code);
  if (status != LIMN_OK)
    limn_image_release(out);
  return status;
}

const limn_image_decoder limn_webp_decoder = {
    .kind = KIND, .endings = ".webp", .owns = owns, .probe = webp_probe, .read = webp_read};
