/* One file of settings in a folder of its own, for a suite. */
#ifndef LIMN_TESTS_SUPPORT_SETTINGS_FILE_H
#define LIMN_TESTS_SUPPORT_SETTINGS_FILE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/limn-config-XXXXXX";
static char file[256];

static void settings_file_begin(void) {
  cr_assert_not_null(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/a.yaml", folder);
}

static void settings_file_end(void) {
  unlink(file);
  rmdir(folder);
}

static inline void write_text(const char *text) {
  FILE *stream = fopen(file, "wb");
  cr_assert_not_null(stream);
  fputs(text, stream);
  fclose(stream);
}

#endif
