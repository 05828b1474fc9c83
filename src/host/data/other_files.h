/* Files beside pictures that are no pictures of a kind that is read: counted by their endings, and told once. */
#ifndef LIMN_DATA_OTHER_FILES_H
#define LIMN_DATA_OTHER_FILES_H

#include <stdbool.h>

#include "limn/pictures.h"

/* path: below the folder or in the archive. */
void limn_other_files_add(limn_other_files *all, const char *path);
void limn_other_files_merge(limn_other_files *all, const limn_other_files *more);
/* Whether a file is of those that stand beside pictures and are not worth a word: hidden ones, what file managers
 * leave, tables (.csv). */
bool limn_other_files_passes_over(const char *name);

#endif
