/* The machine as Limn sees it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devices/device.h"
#include "limn/tools.h"

struct report {
  limn_doctor_line *lines;
  size_t capacity, count;
};

/* Lines beyond the capacity are counted and not kept. */
static void add(struct report *r, const char *what, int usable, const char *found, const char *remedy) {
  if (r->count++ >= r->capacity)
    return;
  limn_doctor_line *line = &r->lines[r->count - 1];
  *line = (limn_doctor_line){.usable = usable};
  snprintf(line->what, sizeof line->what, "%s", what);
  snprintf(line->found, sizeof line->found, "%s", found);
  snprintf(line->remedy, sizeof line->remedy, "%s", remedy);
}

limn_status limn_doctor(limn_doctor_line *lines, size_t capacity, size_t *count) {
  struct report report = {lines, capacity, 0};
  limn_device *device = NULL;
  if (limn_device_create(&device, &(limn_device_options){.name = "cpu"}) == LIMN_OK)
    add(&report, "CPU", 1, device->description, "");
  else
    add(&report, "CPU", 0, limn_error_message(), "");
  limn_device_destroy(device);
  char memory[64];
  double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  snprintf(memory, sizeof memory, "%.1f GB", bytes / 1e9);
  add(&report, "memory", 1, memory, "");
  add(&report, "CUDA", 0, "this build has no CUDA device", "");
  *count = report.count;
  return LIMN_OK;
}
