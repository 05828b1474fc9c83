/* Where things are kept between runs that can be made anew at any time. */
#ifndef LIMN_BASE_CACHE_FOLDER_H
#define LIMN_BASE_CACHE_FOLDER_H

#include <stddef.h>

/* $LIMN_CACHE, else limn/ in the user's folder of caches, which is made where it is missing (limn/ itself is not).
 * Into buffer or borrowed from the environment; NULL where there is none or $LIMN_CACHE is empty. */
const char *limn_cache_folder(char *buffer, size_t size);

#endif
