#include "train/state_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void limn_state_count(limn_state_list *list, uint64_t *count) { list->fields[list->count++].count = count; }

void limn_state_number(limn_state_list *list, double *number) { list->fields[list->count++].number = number; }

const char *limn_state_write(const limn_state_list *list, char *buffer, size_t size) {
  size_t used = 0;
  buffer[0] = '\0';
  for (int i = 0; i < list->count && used < size; ++i) {
    char number[40];
    if (list->fields[i].count)
      snprintf(number, sizeof number, "%" PRIu64, *list->fields[i].count);
    else
      limn_text_from_double(*list->fields[i].number, 17, number, sizeof number);
    used += (size_t)snprintf(buffer + used, size - used, "%s%s", i ? " " : "", number);
  }
  return buffer;
}

bool limn_state_read(const limn_state_list *list, const char *text) {
  for (int i = 0; i < list->count; ++i) {
    char number[40];
    const size_t length = strcspn(text, " ");
    if (length == 0 || length >= sizeof number)
      return false;
    memcpy(number, text, length);
    number[length] = '\0';
    if (list->fields[i].count ? !limn_text_to_uint64(number, list->fields[i].count)
                              : !limn_text_to_double(number, list->fields[i].number))
      return false;
    text += length + (text[length] == ' ');
  }
  return true;
}
