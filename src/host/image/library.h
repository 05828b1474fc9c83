/* Libraries for pictures that few have: loaded when the first such picture comes, so that nobody else needs them. */
#ifndef LIMN_IMAGE_LIBRARY_H
#define LIMN_IMAGE_LIBRARY_H

#include "image/decoder.h"

/* functions[i] = the function names[i] of the library, for i < count. LIMN_DATA, saying what to install, where it is
 * not here; *lacked, which may be NULL, then names it. Once loaded it stays, and to ask again costs next to nothing. */
limn_status limn_picture_library_open(limn_picture_library library, const limn_image_input *input,
                                      const char *const *names, size_t count, void **functions,
                                      limn_picture_library *lacked);

#endif
