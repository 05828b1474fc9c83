/* Resizing against clean-fid's, torch-fidelity's and PyTorch's own, from tests/fixtures/protocol (make_protocol.py says
 * what is in it). LIMN_PROTOCOL_FIXTURE names another file of that kind. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "image/protocol.h"
#include "limn/safetensors.h"

#define RANGE     255.0
#define TOLERANCE (1e-5 * RANGE)

static const float ones[3] = {1, 1, 1}, zeros[3] = {0, 0, 0};
static limn_safetensors *file;

static void open_fixture(void) {
  const char *other = getenv("LIMN_PROTOCOL_FIXTURE");
  const char *path = other ? other : LIMN_SOURCE_DIR "/tests/fixtures/protocol/protocol.safetensors";
  cr_assert_eq(limn_safetensors_open(&file, path), LIMN_OK, "%s", limn_error_message());
}
static void close_fixture(void) { limn_safetensors_close(file); }
TestSuite(protocol, .init = open_fixture, .fini = close_fixture, .timeout = 60);

/* Borrows the file's bytes. */
static limn_image image_of(const limn_stored_tensor *t) {
  return (limn_image){.height = (int)t->shape[0],
                      .width = (int)t->shape[1],
                      .channels = (int)t->shape[2],
                      .pixels = (uint8_t *)(uintptr_t)t->data};
}

/* The greatest difference of a case from its result in the file. */
static double difference(const limn_stored_tensor *picture, const limn_stored_tensor *want, limn_resize_protocol p) {
  const limn_image image = image_of(picture);
  const int height = (int)want->shape[1], width = (int)want->shape[2];
  const size_t plane = (size_t)height * (size_t)width;
  float *got = malloc(3 * plane * sizeof *got);
  const float *numbers = want->data;
  double worst = 0;
  cr_assert_not_null(got);
  const double start = limn_thread_time();
  cr_assert_eq(limn_protocol_resize(p, &image, height, width, ones, zeros, got), LIMN_OK, "%s", limn_error_message());
  const double seconds = limn_thread_time() - start;
  for (size_t i = 0; i < 3 * plane; ++i)
    worst = fmax(worst, fabs((double)got[i] - (double)numbers[image.channels == 1 ? i % plane : i]));
  if (getenv("LIMN_PROTOCOL_FIXTURE"))
    fprintf(stderr, "%-16s %-14s differs by %.1e, %.3f ms\n", picture->name, limn_protocol_name(p), worst,
            1e3 * seconds);
  free(got);
  return worst;
}

Test(protocol, every_picture_comes_out_as_the_tools_have_it) {
  size_t compared = 0;
  for (size_t i = 0; i < limn_safetensors_count(file); ++i)
    for (int p = 0; p < LIMN_PROTOCOL_COUNT; ++p) {
      const limn_stored_tensor *picture = limn_safetensors_at(file, i);
      char name[128];
      snprintf(name, sizeof name, "%s.%s", picture->name, limn_protocol_name((limn_resize_protocol)p));
      const limn_stored_tensor *want = limn_safetensors_find(file, name);
      if (!want)
        continue;
      const double worst = difference(picture, want, (limn_resize_protocol)p);
      cr_expect(worst <= TOLERANCE, "%s differs by %g", name, worst);
      ++compared;
    }
  cr_assert(compared >= 18, "%zu", compared);
}

Test(protocol, each_channel_has_its_scale_and_shift) {
  uint8_t pixels[2 * 2 * 3] = {0, 255, 51, 0, 255, 51, 0, 255, 51, 0, 255, 51};
  const float scale[3] = {2, 1.0F / 255, -1}, shift[3] = {-1, 0.5F, 10};
  limn_image colour = {.height = 2, .width = 2, .channels = 3, .pixels = pixels};
  float chw[3 * 6];
  for (int p = 0; p < LIMN_PROTOCOL_COUNT; ++p) {
    cr_assert_eq(limn_protocol_resize((limn_resize_protocol)p, &colour, 3, 2, scale, shift, chw), LIMN_OK);
    for (int i = 0; i < 6; ++i)
      cr_expect(fabsf(chw[i] + 1) < 1e-4F && fabsf(chw[6 + i] - 1.5F) < 1e-4F && fabsf(chw[12 + i] + 41) < 1e-4F);
    limn_image grey = {.height = 2, .width = 6, .channels = 1, .pixels = (uint8_t[12]){0}};
    cr_assert_eq(limn_protocol_resize((limn_resize_protocol)p, &grey, 3, 2, scale, shift, chw), LIMN_OK);
    for (int i = 0; i < 18; ++i)
      cr_expect_eq(chw[i], shift[i / 6]);
  }
}

Test(protocol, alpha_is_for_the_caller) {
  limn_image image = {.height = 1, .width = 1, .channels = 4, .pixels = (uint8_t[4]){0}};
  float chw[3];
  for (; image.channels > 0; image.channels -= 2) {
    cr_expect_eq(limn_protocol_resize(LIMN_PROTOCOL_CLEAN_FID, &image, 1, 1, ones, zeros, chw), LIMN_USAGE);
    cr_expect(strstr(limn_error_message(), "composite it first"));
  }
}

Test(protocol, are_found_by_their_names) {
  limn_resize_protocol found;
  for (int p = 0; p < LIMN_PROTOCOL_COUNT; ++p) {
    cr_assert_eq(limn_protocol_find(limn_protocol_name((limn_resize_protocol)p), &found), LIMN_OK);
    cr_assert_eq((int)found, p);
  }
  cr_assert_eq(limn_protocol_find("cleanfid", &found), LIMN_USAGE);
  cr_assert_str_eq(limn_error_message(), "there is no resize protocol \"cleanfid\", but clean-fid, torch-fidelity and "
                                         "pytorch-fid; did you mean clean-fid?");
  cr_assert_eq(limn_protocol_find("", &found), LIMN_USAGE);
  cr_assert_str_eq(limn_error_message(),
                   "there is no resize protocol \"\", but clean-fid, torch-fidelity and pytorch-fid");
}
