#include "formats/npy_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MAGIC        "\x93NUMPY"
#define MAGIC_SIZE   6
#define LONGEST_TEXT ((size_t)1 << 16) /* a hundred bytes are usual */

/* The header is the text of a Python dictionary: {'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28), }.
 * What is left of it: */
typedef struct header_text {
  const char *at, *end;
} header_text;

static void skip_spaces(header_text *text) {
  while (text->at < text->end && (*text->at == ' ' || *text->at == '\n' || *text->at == '\t'))
    ++text->at;
}

/* Whether `c` comes next, past spaces; takes it if so. */
static bool take(header_text *text, char c) {
  skip_spaces(text);
  if (text->at == text->end || *text->at != c)
    return false;
  ++text->at;
  return true;
}

static bool take_word(header_text *text, const char *word) {
  size_t length = strlen(word);
  skip_spaces(text);
  if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
    return false;
  text->at += length;
  return true;
}

static bool take_string(header_text *text, char *out, size_t size) {
  char quote = take(text, '\'') ? '\'' : '"';
  if (quote == '"' && !take(text, '"'))
    return false;
  size_t length = 0;
  for (; text->at < text->end && *text->at != quote; ++text->at) {
    if (length + 1 >= size)
      return false;
    out[length++] = *text->at;
  }
  out[length] = '\0';
  return take(text, quote);
}

static bool take_number(header_text *text, uint64_t *out) {
  skip_spaces(text);
  const char *start = text->at;
  uint64_t value = 0;
  for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; ++text->at) {
    if (value > UINT64_MAX / 10 - 1)
      return false;
    value = value * 10 + (uint64_t)(*text->at - '0');
  }
  *out = value;
  return text->at > start;
}

static bool take_shape(header_text *text, limn_npy_header *out) {
  if (!take(text, '('))
    return false;
  for (out->dims = 0; !take(text, ')'); ++out->dims) {
    if (out->dims == LIMN_NPY_MOST_DIMS || !take_number(text, &out->shape[out->dims]))
      return false;
    if (!take(text, ',')) {
      ++out->dims;
      return take(text, ')');
    }
  }
  return true;
}

/* A key and its value; each key may come once. */
static bool take_item(header_text *text, limn_npy_header *out, bool has[3]) {
  char key[16];
  if (!take_string(text, key, sizeof key) || !take(text, ':'))
    return false;
  int which = strcmp(key, "descr") == 0 ? 0 : strcmp(key, "fortran_order") == 0 ? 1 : strcmp(key, "shape") == 0 ? 2 : 3;
  if (which == 3 || has[which])
    return false;
  has[which] = true;
  if (which == 0)
    return take_string(text, out->descr, sizeof out->descr); /* a list would be numbers of several types */
  if (which == 2)
    return take_shape(text, out);
  out->column_major = take_word(text, "True");
  return out->column_major || take_word(text, "False");
}

static bool parse(header_text *text, limn_npy_header *out) {
  bool has[3] = {false}, closed = false;
  if (!take(text, '{'))
    return false;
  while (!(closed = take(text, '}'))) {
    if (!take_item(text, out, has))
      return false;
    if (!take(text, ','))
      break;
  }
  if (!closed && !take(text, '}'))
    return false;
  skip_spaces(text);
  return text->at == text->end && has[0] && has[1] && has[2];
}

limn_status limn_npy_read_header(limn_npy_header *out, limn_npy_read read, void *context, const char *name) {
  uint8_t start[MAGIC_SIZE + 2], count[4] = {0};
  memset(out, 0, sizeof *out);
  LIMN_TRY(read(context, start, sizeof start));
  int version = start[MAGIC_SIZE];
  if (memcmp(start, MAGIC, MAGIC_SIZE) != 0)
    return limn_fail(LIMN_DATA, "%s: no NumPy array: it does not begin with \\x93NUMPY", name);
  if (version < 1 || version > 3)
    return limn_fail(LIMN_DATA, "%s: a NumPy file of version %d; versions 1 to 3 are read", name, version);
  size_t count_size = version == 1 ? 2 : 4;
  LIMN_TRY(read(context, count, count_size));
  size_t length = (size_t)count[0] | (size_t)count[1] << 8 | (size_t)count[2] << 16 | (size_t)count[3] << 24;
  if (length > LONGEST_TEXT)
    return limn_fail(LIMN_DATA, "%s: a NumPy header of %zu bytes, over the limit of %zu", name, length, LONGEST_TEXT);
  char *text = malloc(length + 1);
  if (!text)
    return limn_fail_memory(name);
  limn_status status = read(context, text, length);
  text[length] = '\0';
  header_text parsed = {text, text + length};
  if (status == LIMN_OK && !parse(&parsed, out))
    status =
        limn_fail(LIMN_DATA, "%s: cannot read its NumPy header \"%.200s\"; save the array with numpy.save", name, text);
  out->length = sizeof start + count_size + length;
  free(text);
  return status;
}

const char *limn_npy_shape_text(const limn_npy_header *header, char buffer[LIMN_NPY_SHAPE_SIZE]) {
  size_t used = (size_t)snprintf(buffer, LIMN_NPY_SHAPE_SIZE, "(");
  for (int i = 0; i < header->dims; ++i)
    used += (size_t)snprintf(buffer + used, LIMN_NPY_SHAPE_SIZE - used, "%s%llu", i ? ", " : "",
                             (unsigned long long)header->shape[i]);
  snprintf(buffer + used, LIMN_NPY_SHAPE_SIZE - used, ")");
  return buffer;
}
