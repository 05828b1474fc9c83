/* The few functions of libheif that we call, as its heif.h (1.15) declares them. Debian's libheif-dev brings 54 MB of
 * video coders along, for a dozen lines that have not changed since 1.0; tests/law/heif.sh holds these to the real
 * ones. */
#ifndef LIMN_IMAGE_HEIF_FUNCTIONS_H
#define LIMN_IMAGE_HEIF_FUNCTIONS_H

#include <stddef.h>
#include <stdint.h>

struct heif_context;
struct heif_image_handle;
struct heif_image;

#ifndef LIBHEIF_HEIF_H /* its own guard */
enum heif_error_code { heif_error_Ok = 0, heif_error_Memory_allocation_error = 6 };
enum heif_suberror_code { heif_suberror_Unspecified = 0 };
enum heif_colorspace { heif_colorspace_RGB = 1 };
enum heif_chroma { heif_chroma_interleaved_RGB = 10, heif_chroma_interleaved_RGBA = 11 };
enum heif_channel { heif_channel_interleaved = 10 };
struct heif_decoding_options;
struct heif_reading_options;
struct heif_error {
  enum heif_error_code code;
  enum heif_suberror_code subcode;
  const char *message;
};
#endif

struct heif_context *heif_context_alloc(void);
void heif_context_free(struct heif_context *context);
struct heif_error heif_context_read_from_memory_without_copy(struct heif_context *context, const void *bytes,
                                                             size_t size, const struct heif_reading_options *options);
struct heif_error heif_context_get_primary_image_handle(struct heif_context *context, struct heif_image_handle **out);
void heif_image_handle_release(const struct heif_image_handle *handle);
int heif_image_handle_get_width(const struct heif_image_handle *handle);
int heif_image_handle_get_height(const struct heif_image_handle *handle);
int heif_image_handle_has_alpha_channel(const struct heif_image_handle *handle);
int heif_image_handle_is_premultiplied_alpha(const struct heif_image_handle *handle);
struct heif_error heif_decode_image(const struct heif_image_handle *handle, struct heif_image **out,
                                    enum heif_colorspace colors, enum heif_chroma chroma,
                                    const struct heif_decoding_options *options);
int heif_image_get_width(const struct heif_image *image, enum heif_channel channel);
int heif_image_get_height(const struct heif_image *image, enum heif_channel channel);
const uint8_t *heif_image_get_plane_readonly(const struct heif_image *image, enum heif_channel channel, int *stride);
void heif_image_release(const struct heif_image *image);

#endif
