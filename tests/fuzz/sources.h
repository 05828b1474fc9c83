/* What the targets share whose reader is a source of pictures. */
#ifndef LIMN_TESTS_FUZZ_SOURCES_H
#define LIMN_TESTS_FUZZ_SOURCES_H

#include "data/source.h"
#include "fuzz/fuzz.h"

/* Checks the message of a failure; does everything that a data set does with a source, and destroys it. */
void fuzz_use_source(limn_status status, limn_data_source *source);
/* A picture keeps what its probe has promised. */
void fuzz_check_picture(const limn_image *image, const limn_picture_shape *shape);

#endif
