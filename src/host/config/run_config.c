/* The settings of a run, from anything that lies in it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config.h"

limn_status limn_config_of_run(limn_config **out, const char *path) {
  const char *slash = strrchr(path, '/');
  char file[4096];
  struct stat info;
  bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
  snprintf(file, sizeof file, "%.*s%sconfig.yaml",
           folder  ? 4000
           : slash ? (int)(slash - path + 1)
                   : 0,
           path, folder ? "/" : "../");
  *out = NULL;
  return stat(file, &info) == 0 ? limn_config_create_from_file(out, file) : LIMN_OK;
}
