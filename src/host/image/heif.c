/* AVIF and HEIC files through libheif: the picture that a file names as its own, turned as it says. */
#include "image/library.h"

#include <string.h>

#include "image/heif_functions.h"

#define MOST_BRANDS 32

/* In the order of `names`. */
typedef union heif_library {
  void *all[14];
  struct {
    __typeof__(heif_context_alloc) *alloc;
    __typeof__(heif_context_free) *free;
    __typeof__(heif_context_read_from_memory_without_copy) *read;
    __typeof__(heif_context_get_primary_image_handle) *primary;
    __typeof__(heif_image_handle_release) *handle_release;
    __typeof__(heif_image_handle_get_width) *width;
    __typeof__(heif_image_handle_get_height) *height;
    __typeof__(heif_image_handle_has_alpha_channel) *has_alpha;
    __typeof__(heif_image_handle_is_premultiplied_alpha) *is_multiplied;
    __typeof__(heif_decode_image) *decode;
    __typeof__(heif_image_get_width) *image_width;
    __typeof__(heif_image_get_height) *image_height;
    __typeof__(heif_image_get_plane_readonly) *plane;
    __typeof__(heif_image_release) *image_release;
  };
} heif_library;

static const char *const names[] = {"heif_context_alloc",
                                    "heif_context_free",
                                    "heif_context_read_from_memory_without_copy",
                                    "heif_context_get_primary_image_handle",
                                    "heif_image_handle_release",
                                    "heif_image_handle_get_width",
                                    "heif_image_handle_get_height",
                                    "heif_image_handle_has_alpha_channel",
                                    "heif_image_handle_is_premultiplied_alpha",
                                    "heif_decode_image",
                                    "heif_image_get_width",
                                    "heif_image_get_height",
                                    "heif_image_get_plane_readonly",
                                    "heif_image_release"};
_Static_assert(sizeof(heif_library) == sizeof names, "a name for each function");

typedef struct heif_file {
  heif_library lib;
  const limn_image_input *input;
  const char *kind;
  struct heif_context *context;
  struct heif_image_handle *handle;
  int height, width, channels;
} heif_file;

/* Whether the first box of a file names one of these brands, of four letters each. */
static bool has_brand(const limn_image_input *input, const char *brands) {
  if (input->size < 16 || memcmp(input->bytes + 4, "ftyp", 4) != 0)
    return false;
  const uint8_t *bytes = input->bytes;
  const size_t said = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
  const size_t size = said < input->size ? said : input->size;
  for (size_t at = 8, n = 0; at + 4 <= size && n < MOST_BRANDS; at += at == 8 ? 8 : 4, ++n) /* a version follows it */
    for (const char *brand = brands; *brand; brand += 4)
      if (memcmp(bytes + at, brand, 4) == 0)
        return true;
  return false;
}

static bool owns_avif(const limn_image_input *input) { return has_brand(input, "avifavis"); }
static bool owns_heic(const limn_image_input *input) { return has_brand(input, "heicheixhevchevxheimheismif1msf1"); }

static limn_status fail_at(const heif_file *file, struct heif_error error) {
  if (error.code == heif_error_Memory_allocation_error)
    return limn_image_fail_memory(file->input);
  return limn_image_fail_broken(file->input, file->kind, error.message ? error.message : "its data make no sense");
}

static void input_close(heif_file *file) {
  if (file->handle)
    file->lib.handle_release(file->handle);
  if (file->context)
    file->lib.free(file->context);
}

static limn_status start(heif_file *file) {
  const heif_library *lib = &file->lib;
  file->context = lib->alloc();
  if (!file->context)
    return limn_image_fail_memory(file->input);
  struct heif_error error = lib->read(file->context, file->input->bytes, file->input->size, NULL);
  if (error.code == heif_error_Ok)
    error = lib->primary(file->context, &file->handle);
  if (error.code != heif_error_Ok)
    return fail_at(file, error);
  file->height = lib->height(file->handle);
  file->width = lib->width(file->handle);
  file->channels = lib->has_alpha(file->handle) ? 4 : 3;
  return limn_image_check_size(file->input, file->height, file->width);
}

static limn_status input_open(heif_file *file, const limn_image_input *input, limn_picture_library *lacked) {
  *file = (heif_file){.input = input, .kind = owns_avif(input) ? "AVIF" : "HEIC"};
  LIMN_TRY(limn_picture_library_open(LIMN_PICTURE_LIBHEIF, input, names, sizeof names / sizeof *names, file->lib.all,
                                     lacked));
  limn_status status = start(file);
  if (status != LIMN_OK)
    input_close(file);
  return status;
}

static limn_status heif_probe(limn_picture_shape *out, const limn_image_input *input) {
  heif_file file;
  LIMN_TRY(input_open(&file, input, &out->lacked));
  *out = (limn_picture_shape){.height = file.height, .width = file.width, .channels = file.channels};
  input_close(&file);
  return LIMN_OK;
}

static limn_status fill(const heif_file *file, const struct heif_image *image, limn_image *out) {
  int stride = 0;
  const uint8_t *plane = file->lib.plane(image, heif_channel_interleaved, &stride);
  if (!plane || file->lib.image_height(image, heif_channel_interleaved) != file->height ||
      file->lib.image_width(image, heif_channel_interleaved) != file->width)
    return limn_image_fail_broken(file->input, file->kind, "its pixels are not of the size that it says");
  LIMN_TRY(limn_image_init(out, file->height, file->width, file->channels));
  const size_t row = (size_t)file->width * (size_t)file->channels;
  for (size_t y = 0; y < (size_t)file->height; ++y)
    memcpy(out->pixels + y * row, plane + y * (size_t)stride, row);
  return LIMN_OK;
}

static limn_status heif_read(limn_image *out, const limn_image_input *input) {
  heif_file file;
  struct heif_image *image = NULL;
  LIMN_TRY(input_open(&file, input, NULL));
  const struct heif_error error =
      file.lib.decode(file.handle, &image, heif_colorspace_RGB,
                      file.channels == 4 ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, NULL);
  limn_status status = error.code == heif_error_Ok ? fill(&file, image, out) : fail_at(&file, error);
  if (status == LIMN_OK && file.channels == 4 && file.lib.is_multiplied(file.handle))
    limn_image_divide_by_alpha(out);
  if (image)
    file.lib.image_release(image);
  input_close(&file);
  return status;
}

const limn_image_decoder limn_avif_decoder = {
    .kind = "AVIF", .endings = ".avif", .owns = owns_avif, .probe = heif_probe, .read = heif_read};
const limn_image_decoder limn_heic_decoder = {
    .kind = "HEIC", .endings = ".heic .heif .hif", .owns = owns_heic, .probe = heif_probe, .read = heif_read};
