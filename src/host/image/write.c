/* Picture files that are written: the ending of the name says which kind. */
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "image/encoder.h"

static const limn_image_encoder *const encoders[] = {&limn_png_encoder, &limn_jpeg_encoder, &limn_webp_encoder};

/* ".png" of "a/b.png"; "" of "a.b/c" and ".png". */
static const char *ending_of(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
  return dot && dot > name ? dot : "";
}

static limn_status find_encoder(const limn_image_encoder **out, const char *path) {
  const char *ending = ending_of(path);
  for (size_t i = 0; i < sizeof encoders / sizeof *encoders; ++i)
    for (const char *const *known = encoders[i]->endings; *known; ++known)
      if (strcasecmp(*known, ending) == 0) {
        *out = encoders[i];
        return LIMN_OK;
      }
  *out = &limn_png_encoder;
  if (limn_file_is_stream(path)) /* a pipe has the name that it has */
    return LIMN_OK;
  if (!ending[0] || !ending[1])
    return limn_fail(LIMN_USAGE,
                     "%s: the ending of a picture's name says how it is written: .png, .jpg, .jpeg or .webp; "
                     "name %s.png",
                     path, path);
  return limn_fail(LIMN_USAGE, "%s: pictures are written as .png, .jpg, .jpeg or .webp, not as %.32s", path, ending);
}

limn_status limn_image_check_target(const char *path) {
  const limn_image_encoder *encoder;
  LIMN_TRY(limn_output_check(path));
  return find_encoder(&encoder, path);
}

limn_status limn_image_write(const limn_image *image, const char *path) {
  const limn_image_encoder *encoder;
  limn_durable_file file = {0};
  LIMN_TRY(limn_output_check(path));
  LIMN_TRY(find_encoder(&encoder, path));
  if (!image->pixels || (image->channels != 1 && image->channels != 3))
    return limn_fail(LIMN_USAGE, "%s: a picture with %d channels cannot be written; convert it to 1 or 3", path,
                     image->channels);
  if (image->height > encoder->largest_side || image->width > encoder->largest_side)
    return limn_fail(LIMN_USAGE, "%s: %d x %d pixels, and a %s file holds at most %d a side; write a .png", path,
                     image->height, image->width, encoder->kind, encoder->largest_side);
  LIMN_TRY(limn_output_open(&file, path));
  limn_status status = encoder->write(file.stream, image, path);
  if (status == LIMN_OK)
    return limn_durable_commit(&file);
  limn_durable_discard(&file);
  return status;
}
