#include "report/numbers.h"

#include <inttypes.h>
#include <stdio.h>

const char *limn_format_count(int64_t value, char buffer[LIMN_NUMBER_SIZE]) {
  char digits[LIMN_NUMBER_SIZE];
  int length = snprintf(digits, sizeof(digits), "%" PRId64, value);
  int first = digits[0] == '-';
  size_t out = 0;
  for (int i = 0; i < length; i++) {
    if (i > first && (length - i) % 3 == 0)
      buffer[out++] = ',';
    buffer[out++] = digits[i];
  }
  buffer[out] = '\0';
  return buffer;
}

const char *limn_format_bytes(double bytes, char buffer[LIMN_NUMBER_SIZE]) {
  static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
    bytes /= 1000;
    unit++;
  }
  snprintf(buffer, LIMN_NUMBER_SIZE, unit && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
  return buffer;
}

const char *limn_format_seconds(double seconds, char buffer[LIMN_NUMBER_SIZE]) {
  int64_t whole = seconds < 0 ? 0 : seconds < 1e12 ? (int64_t)(seconds + 0.5) : (int64_t)1e12;
  if (whole >= 3600)
    snprintf(buffer, LIMN_NUMBER_SIZE, "%" PRId64 "h%02dm", whole / 3600, (int)(whole % 3600 / 60));
  else if (whole >= 60)
    snprintf(buffer, LIMN_NUMBER_SIZE, "%dm%02ds", (int)(whole / 60), (int)(whole % 60));
  else
    snprintf(buffer, LIMN_NUMBER_SIZE, "%ds", (int)whole);
  return buffer;
}

const char *limn_format_scaled(double value, char buffer[LIMN_NUMBER_SIZE]) {
  static const char *const units[] = {"", " k", " M", " G", " T"};
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
    value /= 1000;
    unit++;
  }
  snprintf(buffer, LIMN_NUMBER_SIZE, unit ? "%.1f%s" : "%.0f%s", value, units[unit]);
  return buffer;
}
