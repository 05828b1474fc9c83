#include "image/library.h"

#include <dlfcn.h>
#include <stdio.h>

#include "limn/tools.h"

static const struct {
  const char *file, *package, *reads;
} libraries[LIMN_PICTURE_LIBRARY_COUNT] = {
    [LIMN_PICTURE_NO_LIBRARY] = {"", "", ""},
    [LIMN_PICTURE_LIBTIFF] = {"libtiff.so.6", "libtiff6", "TIFF"},
    [LIMN_PICTURE_OPENJPEG] = {"libopenjp2.so.7", "libopenjp2-7", "JPEG 2000"},
    [LIMN_PICTURE_LIBHEIF] = {"libheif.so.1", "libheif1", "AVIF and HEIC"},
};

/* It is never unloaded: whether it has been loaded is for the dynamic linker to remember. */
static void *load(limn_picture_library library) {
  return dlopen(libraries[library].file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

bool limn_picture_library_is_here(limn_picture_library library) {
  void *handle = load(library);
  if (handle)
    dlclose(handle);
  return handle != NULL;
}

limn_status limn_doctor_pictures(limn_doctor_line *lines, size_t capacity, size_t *count) {
  *count = LIMN_PICTURE_LIBRARY_COUNT - 1;
  for (limn_picture_library library = 1; library < LIMN_PICTURE_LIBRARY_COUNT && library <= capacity; ++library) {
    limn_doctor_line *line = &lines[library - 1];
    *line = (limn_doctor_line){.usable = limn_picture_library_is_here(library)};
    snprintf(line->what, sizeof line->what, "%s files", libraries[library].reads);
    snprintf(line->found, sizeof line->found, line->usable ? "%s" : "none (%s)", libraries[library].file);
    if (!line->usable)
      snprintf(line->remedy, sizeof line->remedy, "to read such pictures: apt-get install %s",
               libraries[library].package);
  }
  return LIMN_OK;
}

limn_status limn_picture_library_open(limn_picture_library library, const limn_image_input *input,
                                      const char *const *names, size_t count, void **functions,
                                      limn_picture_library *lacked) {
  void *handle = load(library);
  if (!handle) {
    if (lacked)
      *lacked = library;
    return limn_fail(LIMN_DATA, "%s: %s files take %s, which is not on this machine; apt-get install %s", input->name,
                     libraries[library].reads, libraries[library].file, libraries[library].package);
  }
  limn_status status = LIMN_OK;
  for (size_t i = 0; i < count && status == LIMN_OK; ++i)
    if (!(functions[i] = dlsym(handle, names[i])))
      status = limn_fail(LIMN_DATA, "%s: this %s has no function %s; apt-get install %s", input->name,
                         libraries[library].file, names[i], libraries[library].package);
  dlclose(handle);
  return status;
}
