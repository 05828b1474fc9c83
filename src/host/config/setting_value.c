/* How the value of a setting is read, kept and written. */
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "config/settings.h"
#include "limn/tools.h"

#define LONGEST_CHOICE 32
#define MOST_CHOICES   8

/* Where the field is: of the type that the row's kind says. */
static void *field_of(const limn_setting_row *row, const struct limn_config *config) {
  return (char *)(uintptr_t)config + row->offset;
}

bool limn_setting_is_text(const limn_setting_row *row) {
  return row->kind == LIMN_SETTING_WORD || row->kind == LIMN_SETTING_TEXT || row->kind == LIMN_SETTING_COLOR ||
         row->kind == LIMN_SETTING_DEVICE;
}

static limn_status refuse(const limn_setting_row *row, const char *text) {
  const char *expected = "a text";
  switch (row->kind) {
  case LIMN_SETTING_INT:
  case LIMN_SETTING_CHANNELS:
  case LIMN_SETTING_BATCH:
  case LIMN_SETTING_INT64:
  case LIMN_SETTING_UINT64:
    expected = "an integer";
    break;
  case LIMN_SETTING_NUMBER:
    expected = "a number";
    break;
  case LIMN_SETTING_DURATION:
    expected = "a duration";
    break;
  case LIMN_SETTING_COLOR:
    expected = "a colour";
    break;
  case LIMN_SETTING_SIZE:
    expected = "a size";
    break;
  case LIMN_SETTING_FLAG:
  case LIMN_SETTING_CHOICE:
  case LIMN_SETTING_WORD:
  case LIMN_SETTING_DEVICE:
    expected = "one of these";
    break;
  case LIMN_SETTING_TEXT:
    break;
  }
  return limn_fail(LIMN_USAGE, "%s must be %s (%s), not \"%.80s\"", row->setting.name, expected, row->setting.range,
                   text);
}

static bool in_range(const limn_setting_row *row, double value) {
  return (row->minimum_open ? value > row->minimum : value >= row->minimum) &&
         (row->maximum_open ? value < row->maximum : value <= row->maximum);
}

/* Copies choice number `index` of "a|b|c" into `word`; false when there is none. */
static bool choice_at(const char *range, int index, char word[LONGEST_CHOICE]) {
  for (; index > 0; --index) {
    range = strchr(range, '|');
    if (!range)
      return false;
    ++range;
  }
  snprintf(word, LONGEST_CHOICE, "%.*s", (int)strcspn(range, "|"), range);
  return true;
}

static limn_status parse_choice(const limn_setting_row *row, const char *text, limn_setting_value *out) {
  char words[MOST_CHOICES][LONGEST_CHOICE];
  const char *candidates[MOST_CHOICES];
  int count = 0;
  for (; count < MOST_CHOICES && choice_at(row->setting.range, count, words[count]); ++count) {
    candidates[count] = words[count];
    if (strcmp(text, words[count]) == 0) {
      out->integer = count;
      out->text = text;
      return LIMN_OK;
    }
  }
  const char *nearest = limn_nearest(text, candidates, (size_t)count);
  if (!nearest)
    return refuse(row, text);
  return limn_fail(LIMN_USAGE, "%s must be one of these (%s), not \"%.80s\"; did you mean %s?", row->setting.name,
                   row->setting.range, text, nearest);
}

static bool parse_flag(const char *text, int64_t *out) {
  static const char *const words[][2] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; ++i)
    for (int value = 0; value < 2; ++value)
      if (strcasecmp(text, words[i][value]) == 0) {
        *out = value;
        return true;
      }
  return false;
}

bool limn_setting_is_truth(const char *text) { return parse_flag(text, &(int64_t){0}); }

static bool parse_side(const limn_setting_row *row, const char *digits, size_t length, int *out) {
  char text[8];
  int64_t value;
  if (length >= sizeof text)
    return false;
  memcpy(text, digits, length);
  text[length] = '\0';
  if (!isdigit((unsigned char)text[0]) || !limn_text_to_int64(text, &value) || !in_range(row, (double)value))
    return false;
  *out = (int)value;
  return true;
}

static bool parse_size(const limn_setting_row *row, const char *text, limn_setting_value *out) {
  out->height = out->width = 0;
  if (strcmp(text, "0") == 0)
    return true;
  const char *cross = strchr(text, 'x');
  if (!cross) {
    if (!parse_side(row, text, strlen(text), &out->height))
      return false;
    out->width = out->height;
    return true;
  }
  return parse_side(row, text, (size_t)(cross - text), &out->height) &&
         parse_side(row, cross + 1, strlen(cross + 1), &out->width);
}

static bool parse_duration(const limn_setting_row *row, const char *text, double *out) {
  char number[40];
  size_t length = strlen(text);
  if (length == 0 || length >= sizeof number)
    return false;
  double unit = 1;
  switch (text[length - 1]) {
  case 's':
    unit = 1;
    break;
  case 'm':
    unit = 60;
    break;
  case 'h':
    unit = 3600;
    break;
  default: /* without a unit only 0 is clear */
    return limn_text_to_double(text, out) && *out == 0;
  }
  memcpy(number, text, length - 1);
  number[length - 1] = '\0';
  if (!limn_text_to_double(number, out))
    return false;
  *out *= unit;
  return in_range(row, *out);
}

static bool is_color(const char *text) {
  return text[0] == '#' && strlen(text) == 7 && text[1 + strspn(text + 1, "0123456789abcdefABCDEF")] == '\0';
}

static bool is_device(const char *text) {
  if (strcmp(text, "auto") == 0 || strcmp(text, "cpu") == 0 || strcmp(text, "cuda") == 0)
    return true;
  if (strncmp(text, "cuda:", 5) != 0)
    return false;
  size_t digits = strspn(text + 5, "0123456789");
  return digits >= 1 && digits <= 3 && text[5 + digits] == '\0';
}

limn_status limn_setting_parse(const limn_setting_row *row, const char *text, limn_setting_value *out) {
  bool good = false;
  *out = (limn_setting_value){.text = text};
  switch (row->kind) {
  case LIMN_SETTING_INT:
  case LIMN_SETTING_INT64:
    good = limn_text_to_int64(text, &out->integer) && in_range(row, (double)out->integer);
    break;
  case LIMN_SETTING_BATCH:
    good =
        strcmp(text, "auto") == 0 || (limn_text_to_int64(text, &out->integer) && in_range(row, (double)out->integer));
    break;
  case LIMN_SETTING_CHANNELS:
    good = limn_text_to_int64(text, &out->integer) && (out->integer == 0 || out->integer == 1 || out->integer == 3);
    break;
  case LIMN_SETTING_UINT64:
    good = limn_text_to_uint64(text, &out->natural);
    break;
  case LIMN_SETTING_NUMBER:
    good = limn_text_to_double(text, &out->number) && in_range(row, out->number);
    break;
  case LIMN_SETTING_DURATION:
    good = parse_duration(row, text, &out->number);
    break;
  case LIMN_SETTING_FLAG:
    good = parse_flag(text, &out->integer);
    break;
  case LIMN_SETTING_CHOICE:
  case LIMN_SETTING_WORD:
    return parse_choice(row, text, out);
  case LIMN_SETTING_COLOR:
    good = is_color(text);
    break;
  case LIMN_SETTING_DEVICE:
    good = is_device(text);
    break;
  case LIMN_SETTING_SIZE:
    good = parse_size(row, text, out);
    break;
  case LIMN_SETTING_TEXT:
    /* config.yaml and run.json can hold nothing else. */
    if (!limn_text_is_utf8(text))
      return limn_fail(LIMN_USAGE, "%s: \"%.80s\" is not UTF-8; rename it", row->setting.name, text);
    good = true;
    break;
  }
  return good ? LIMN_OK : refuse(row, text);
}

limn_status limn_setting_store(const limn_setting_row *row, struct limn_config *config,
                               const limn_setting_value *value) {
  void *field = field_of(row, config);
  switch (row->kind) {
  case LIMN_SETTING_INT:
  case LIMN_SETTING_CHANNELS:
  case LIMN_SETTING_BATCH:
  case LIMN_SETTING_CHOICE:
    *(int *)field = (int)value->integer;
    break;
  case LIMN_SETTING_INT64:
    *(int64_t *)field = value->integer;
    break;
  case LIMN_SETTING_UINT64:
    *(uint64_t *)field = value->natural;
    break;
  case LIMN_SETTING_NUMBER:
  case LIMN_SETTING_DURATION:
    *(double *)field = value->number;
    break;
  case LIMN_SETTING_FLAG:
    *(bool *)field = value->integer != 0;
    break;
  case LIMN_SETTING_SIZE:
    config->height = value->height;
    config->width = value->width;
    break;
  case LIMN_SETTING_WORD:
  case LIMN_SETTING_TEXT:
  case LIMN_SETTING_COLOR:
  case LIMN_SETTING_DEVICE: {
    char *copy = strdup(value->text);
    if (!copy)
      return limn_fail_memory(row->setting.name);
    free(*(char **)field);
    *(char **)field = copy;
    break;
  }
  }
  return LIMN_OK;
}

static void format_duration(double seconds, char *buffer, size_t size) {
  static const struct {
    double seconds;
    char letter;
  } units[] = {{3600, 'h'}, {60, 'm'}, {1, 's'}};
  char number[40];
  for (size_t i = 0; i < sizeof units / sizeof *units; ++i) {
    double count = seconds / units[i].seconds;
    bool whole = count < 1e15 && (double)(int64_t)count == count && count * units[i].seconds == seconds;
    if ((whole && count > 0) || units[i].letter == 's') {
      snprintf(buffer, size, "%s%c", limn_text_from_double(count, 0, number, sizeof number), units[i].letter);
      return;
    }
  }
}

const char *limn_setting_format(const limn_setting_row *row, const struct limn_config *config, char *buffer,
                                size_t size) {
  const void *field = field_of(row, config);
  char word[LONGEST_CHOICE];
  switch (row->kind) {
  case LIMN_SETTING_INT:
  case LIMN_SETTING_CHANNELS:
    snprintf(buffer, size, "%d", *(const int *)field);
    break;
  case LIMN_SETTING_BATCH:
    if (*(const int *)field == 0)
      snprintf(buffer, size, "auto");
    else
      snprintf(buffer, size, "%d", *(const int *)field);
    break;
  case LIMN_SETTING_INT64:
    snprintf(buffer, size, "%" PRId64, *(const int64_t *)field);
    break;
  case LIMN_SETTING_UINT64:
    snprintf(buffer, size, "%" PRIu64, *(const uint64_t *)field);
    break;
  case LIMN_SETTING_NUMBER:
    limn_text_from_double(*(const double *)field, 0, buffer, size);
    break;
  case LIMN_SETTING_DURATION:
    if (*(const double *)field == 0)
      snprintf(buffer, size, "0");
    else
      format_duration(*(const double *)field, buffer, size);
    break;
  case LIMN_SETTING_FLAG:
    snprintf(buffer, size, "%s", *(const bool *)field ? "true" : "false");
    break;
  case LIMN_SETTING_CHOICE:
    snprintf(buffer, size, "%s", choice_at(row->setting.range, *(const int *)field, word) ? word : "");
    break;
  case LIMN_SETTING_SIZE:
    if (config->height == config->width)
      snprintf(buffer, size, "%d", config->height);
    else
      snprintf(buffer, size, "%dx%d", config->height, config->width);
    break;
  case LIMN_SETTING_WORD:
  case LIMN_SETTING_TEXT:
  case LIMN_SETTING_COLOR:
  case LIMN_SETTING_DEVICE:
    snprintf(buffer, size, "%s", *(char *const *)field ? *(char *const *)field : "");
    break;
  }
  return buffer;
}
