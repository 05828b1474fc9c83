/* A zip file names each member twice, without a sum over either: in front of its bytes and in the directory at the end.
 */
#ifndef LIMN_DATA_ZIP_NAMES_H
#define LIMN_DATA_ZIP_NAMES_H

#include "limn/status.h"

/* LIMN_DATA, naming the file, where the two differ. Nothing is said of a file whose directory is not found: that is for
 * whoever reads it. */
limn_status limn_zip_check_names(const char *path);

#endif
