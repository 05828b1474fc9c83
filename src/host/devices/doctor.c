/* The machine as Limn sees it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devices/device.h"
#include "limn/tools.h"

static limn_doctor_line *add(limn_doctor_line *lines, size_t capacity, size_t *count, const char *what) {

  limn_doctor_line *line = &lines[*count < capacity ? *count : capacity - 1]; /* beyond: counted, not kept */
  ++*count;
  *line = (limn_doctor_line){.usable = 1};
  snprintf(line->what, sizeof line->what, "%s", what);
  return line;
}

limn_status limn_doctor(limn_doctor_line *lines, size_t capacity, size_t *count) {
  *count = 0;
  limn_device *device = NULL;
  limn_doctor_line *line = add(lines, capacity, count, "CPU");
  if (limn_device_create(&device, &(limn_device_options){.name = "cpu"}) == LIMN_OK) {
    snprintf(line->found, sizeof line->found, "%s", device->description);
    limn_device_destroy(device);
  } else {
    line->usable = 0;
    snprintf(line->found, sizeof line->found, "%.190s", limn_error_message());
  }
  line = add(lines, capacity, count, "memory");
  double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  snprintf(line->found, sizeof line->found, "%.1f GB", bytes / 1e9);
  line = add(lines, capacity, count, "CUDA");
  line->usable = 0;
  snprintf(line->found, sizeof line->found, "this build has no CUDA device");
  return LIMN_OK;
}
