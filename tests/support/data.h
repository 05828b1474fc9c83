/* Opening data sets in tests. */
#ifndef LIMN_TESTS_SUPPORT_DATA_H
#define LIMN_TESTS_SUPPORT_DATA_H

#include <criterion/criterion.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset.h"

static inline limn_dataset *open_data(const char *path, const limn_dataset_options *options, limn_dataset_info *info) {
  limn_dataset *dataset = NULL;
  limn_status status = limn_dataset_open(&dataset, path, options);
  cr_assert_eq(status, LIMN_OK, "%s", limn_error_message());
  limn_dataset_get_info(dataset, info);
  return dataset;
}

static inline uint64_t fingerprint_of(const char *path, const limn_dataset_options *options) {
  limn_dataset_info info;
  limn_dataset_close(open_data(path, options, &info));
  return info.fingerprint;
}

/* The message is one line, with `part` in it. */
static inline void expect_error(const char *path, const limn_dataset_options *options, limn_status expected,
                                const char *part) {
  limn_dataset *dataset = (limn_dataset *)(uintptr_t)path;
  limn_status status = limn_dataset_open(&dataset, path, options);
  cr_assert_eq(status, expected, "%s: %d, %s", path, status, limn_error_message());
  cr_assert_null(dataset);
  cr_assert_not_null(strstr(limn_error_message(), part), "%s", limn_error_message());
  cr_assert_null(strchr(limn_error_message(), '\n'));
}

#endif
