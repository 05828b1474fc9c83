/* How alike pictures are, against scikit-image's numbers (tests/fixtures/make_similarity.py). */
#include "metrics/similarity.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "limn/safetensors.h"

TestSuite(similarity, .timeout = 60);

static const limn_stored_tensor *find(const limn_safetensors *file, const char *name, const char *what) {
  char full[64];
  snprintf(full, sizeof full, "%s.%s", name, what);
  const limn_stored_tensor *tensor = limn_safetensors_find(file, full);
  cr_assert_not_null(tensor, "%s", full);
  return tensor;
}

Test(similarity, is_what_scikit_image_says) {
  static const char *const names[] = {"grey", "colour", "window", "inverse", "binary", "flat", "small"};
  limn_safetensors *file = NULL;
  cr_assert_eq(limn_safetensors_open(&file, LIMN_SOURCE_DIR "/tests/fixtures/similarity.safetensors"), LIMN_OK, "%s",
               limn_error_message());
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    const limn_stored_tensor *first = find(file, names[i], "a");
    const int64_t *shape = first->shape;
    float a[3 * 32 * 32], b[3 * 32 * 32];
    double want[2], ssim = NAN;
    cr_assert_leq(first->bytes, sizeof a);
    cr_assert_eq(limn_stored_tensor_floats(first, a), LIMN_OK);
    cr_assert_eq(limn_stored_tensor_floats(find(file, names[i], "b"), b), LIMN_OK);
    memcpy(want, find(file, names[i], "values")->data, sizeof want);
    double psnr = limn_psnr(a, b, first->bytes / sizeof *a);
    limn_status status = limn_ssim(a, b, (int)shape[0], (int)shape[1], (int)shape[2], &ssim);
    cr_expect_float_eq(psnr, want[0], 1e-10 * want[0], "%s: PSNR %.15g, not %.15g", names[i], psnr, want[0]);
    cr_expect_eq(status, isnan(want[1]) ? LIMN_USAGE : LIMN_OK, "%s", names[i]);
    if (!isnan(want[1]))
      cr_expect_float_eq(ssim, want[1], 1e-12, "%s: SSIM %.15g, not %.15g", names[i], ssim, want[1]);
  }
  limn_safetensors_close(file);
}

Test(similarity, a_picture_is_like_itself) {
  float a[12 * 12];
  double ssim = 0;
  for (int i = 0; i < 12 * 12; ++i)
    a[i] = 0.5f + 0.5f * sinf((float)i);
  cr_expect(isinf(limn_psnr(a, a, 12 * 12)) && limn_psnr(a, a, 12 * 12) > 0);
  cr_assert_eq(limn_ssim(a, a, 1, 12, 12, &ssim), LIMN_OK);
  cr_expect_float_eq(ssim, 1, 1e-12);
}
