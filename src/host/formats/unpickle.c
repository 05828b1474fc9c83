/* The machine that a pickle is a program for: a stack, marks on it, a memo. What it may call is in pickle_calls.c. */
#include "formats/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "formats/pickling.h"

#define PROTOCOL_MOST 5

static uint64_t number(const uint8_t *bytes, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i)
    value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

static limn_status push(struct limn_pickling *p, limn_pickled *value) {
  if (!value)
    return limn_fail_memory("a pickle");
  if (p->height == p->capacity) {
    size_t capacity = p->capacity ? 2 * p->capacity : 64;
    limn_pickled **stack = realloc(p->stack, capacity * sizeof(limn_pickled *));
    if (!stack)
      return limn_fail_memory("a pickle");
    p->stack = stack;
    p->capacity = capacity;
  }
  p->stack[p->height++] = value;
  return LIMN_OK;
}

static limn_status broken(const struct limn_pickling *p, const char *what) {
  return limn_fail(LIMN_DATA, "damaged: its pickle %s at byte %zu", what, p->at);
}

/* Whether so many values stand on the stack, above its last mark. */
static bool holds(const struct limn_pickling *p, size_t count) {
  size_t floor = p->mark_count ? p->marks[p->mark_count - 1] : 0;
  return p->height - floor >= count;
}

static bool take(struct limn_pickling *p, size_t size, const uint8_t **bytes) {
  if (size > p->size - p->at)
    return false;
  *bytes = p->bytes + p->at;
  p->at += size;
  return true;
}

static limn_status push_integer(struct limn_pickling *p, int64_t integer) {
  limn_pickled *value = limn_pickling_value(p, LIMN_PICKLED_INTEGER);
  if (value)
    value->integer = integer;
  return push(p, value);
}

/* Of up to eight bytes, signed; longer ones are no number that anybody here needs. */
static limn_status push_long(struct limn_pickling *p, const uint8_t *bytes, size_t length) {
  int64_t integer = 0;
  if (length > 8) {
    limn_pickled *value = limn_pickling_value(p, LIMN_PICKLED_NUMBER);
    for (size_t i = length; value && i-- > 0;)
      value->number = value->number * 256 + bytes[i];
    return push(p, value);
  }
  if (length > 0) {
    uint64_t bits = number(bytes, (int)length);
    if (length < 8 && bytes[length - 1] & 0x80)
      bits |= ~(uint64_t)0 << (8 * length);
    integer = (int64_t)bits;
  }
  return push_integer(p, integer);
}

static limn_status push_number(struct limn_pickling *p, const uint8_t *bytes) {
  uint64_t bits = 0;
  limn_pickled *value = limn_pickling_value(p, LIMN_PICKLED_NUMBER);
  for (int i = 0; i < 8; ++i)
    bits = bits << 8 | bytes[i];
  if (value)
    memcpy(&value->number, &bits, sizeof bits);
  return push(p, value);
}

static limn_pickled *text_value(struct limn_pickling *p, limn_pickled_kind kind, const void *bytes, size_t length) {
  limn_pickled *value = limn_pickling_value(p, kind);
  char *text = limn_pickling_memory(p, length + 1);
  if (!value || !text)
    return NULL;
  memcpy(text, bytes, length);
  value->text = text;
  value->length = length;
  return value;
}

/* A text whose length is in `field` bytes before it. */
static limn_status push_text(struct limn_pickling *p, int field) {
  const uint8_t *bytes;
  if (!take(p, (size_t)field, &bytes))
    return broken(p, "ends in a text");
  uint64_t length = number(bytes, field);
  if (length > p->size || !take(p, (size_t)length, &bytes))
    return broken(p, "ends in a text");
  return push(p, text_value(p, LIMN_PICKLED_TEXT, bytes, (size_t)length));
}

/* "MODULE\nNAME\n", as "MODULE.NAME". */
static limn_status push_name(struct limn_pickling *p) {
  const uint8_t *begin = p->bytes + p->at, *end = p->bytes + p->size;
  const uint8_t *first = memchr(begin, '\n', (size_t)(end - begin));
  const uint8_t *second = first ? memchr(first + 1, '\n', (size_t)(end - first - 1)) : NULL;
  if (!second)
    return broken(p, "ends in a name");
  limn_pickled *value = text_value(p, LIMN_PICKLED_NAME, begin, (size_t)(second - begin));
  if (value)
    ((char *)value->text)[first - begin] = '.';
  p->at += (size_t)(second - begin) + 1;
  return push(p, value);
}

static limn_status push_stacked_name(struct limn_pickling *p) {
  if (!holds(p, 2))
    return broken(p, "lacks a name");
  const limn_pickled *module = p->stack[p->height - 2], *name = p->stack[p->height - 1];
  if (module->kind != LIMN_PICKLED_TEXT || name->kind != LIMN_PICKLED_TEXT)
    return broken(p, "lacks a name");
  p->height -= 2;
  limn_pickled *value = limn_pickling_value(p, LIMN_PICKLED_NAME);
  char *text = limn_pickling_memory(p, module->length + name->length + 2);
  if (!value || !text)
    return limn_fail_memory("a pickle");
  memcpy(text, module->text, module->length);
  text[module->length] = '.';
  memcpy(text + module->length + 1, name->text, name->length);
  value->text = text;
  value->length = module->length + name->length + 1;
  return push(p, value);
}

/* Adds the `count` uppermost values to the one below them, which has the kind. They leave the stack. */
static limn_status extend(struct limn_pickling *p, size_t count, limn_pickled_kind kind) {
  limn_pickled *to = p->height > count ? p->stack[p->height - count - 1] : NULL;
  if (!to || to->kind != kind || (kind == LIMN_PICKLED_DICT && count % 2))
    return broken(p, "adds to what is no list or dictionary");
  limn_pickled **items = limn_pickling_items(p, to, count);
  if (!items)
    return limn_fail_memory("a pickle");
  p->height -= count;
  memcpy(items, p->stack + p->height, count * sizeof(limn_pickled *));
  return LIMN_OK;
}

/* The values above the last mark, which goes: how many. */
static limn_status pop_mark(struct limn_pickling *p, size_t *count) {
  if (p->mark_count == 0)
    return broken(p, "lacks a mark");
  *count = p->height - p->marks[--p->mark_count];
  return LIMN_OK;
}

static limn_status push_mark(struct limn_pickling *p) {
  if (p->mark_count == p->mark_capacity) {
    size_t capacity = p->mark_capacity ? 2 * p->mark_capacity : 16;
    size_t *marks = realloc(p->marks, capacity * sizeof *marks);
    if (!marks)
      return limn_fail_memory("a pickle");
    p->marks = marks;
    p->mark_capacity = capacity;
  }
  p->marks[p->mark_count++] = p->height;
  return LIMN_OK;
}

/* A list of the `count` uppermost values. */
static limn_status gather(struct limn_pickling *p, size_t count, limn_pickled_kind kind) {
  limn_pickled *list = limn_pickling_value(p, kind);
  limn_pickled **items = list ? limn_pickling_items(p, list, count) : NULL;
  if (!holds(p, count))
    return broken(p, "lacks values");
  if (!list || (count && !items))
    return limn_fail_memory("a pickle");
  p->height -= count;
  if (count)
    memcpy(items, p->stack + p->height, count * sizeof(limn_pickled *));
  return push(p, list);
}

static limn_status gather_marked(struct limn_pickling *p, limn_pickled_kind kind) {
  size_t count = 0;
  LIMN_TRY(pop_mark(p, &count));
  if (kind == LIMN_PICKLED_DICT && count % 2)
    return broken(p, "has a key without a value");
  return gather(p, count, kind);
}

static limn_status extend_marked(struct limn_pickling *p, limn_pickled_kind kind) {
  size_t count = 0;
  LIMN_TRY(pop_mark(p, &count));
  return extend(p, count, kind);
}

/* No pickle remembers more than it has bytes. */
static limn_status remember(struct limn_pickling *p, uint64_t place) {
  if (!holds(p, 1) || !p->stack || place > p->size)
    return broken(p, "remembers nothing");
  if (place >= p->memo_size) {
    size_t size = (size_t)place + 64;
    limn_pickled **memo = realloc(p->memo, 2 * size * sizeof(limn_pickled *));
    if (!memo)
      return limn_fail_memory("a pickle");
    memset(memo + p->memo_size, 0, (2 * size - p->memo_size) * sizeof(limn_pickled *));
    p->memo = memo;
    p->memo_size = 2 * size;
  }
  p->memo_count += p->memo[place] == NULL;
  p->memo[place] = p->stack[p->height - 1];
  return LIMN_OK;
}

static limn_status recall(struct limn_pickling *p, uint64_t place) {
  if (place >= p->memo_size || !p->memo[place])
    return broken(p, "recalls what it has not remembered");
  return push(p, p->memo[place]);
}

/* The two uppermost values give way to one. */
static limn_status call(struct limn_pickling *p,
                        limn_status (*what)(struct limn_pickling *, limn_pickled *, limn_pickled *, limn_pickled **)) {
  limn_pickled *result;
  if (!holds(p, 2))
    return broken(p, "lacks values");
  LIMN_TRY(what(p, p->stack[p->height - 2], p->stack[p->height - 1], &result));
  p->height -= 2;
  return push(p, result);
}

static limn_status refer(struct limn_pickling *p) {
  limn_pickled *storage;
  if (!holds(p, 1))
    return broken(p, "lacks values");
  LIMN_TRY(limn_pickling_storage(p, p->stack[p->height - 1], &storage));
  --p->height;
  return push(p, storage);
}

/* Instructions with a number of `field` bytes behind them. */
static limn_status run_with_number(struct limn_pickling *p, uint8_t instruction, int field) {
  const uint8_t *bytes;
  if (!take(p, (size_t)field, &bytes))
    return broken(p, "ends in a number");
  const uint64_t value = number(bytes, field);
  switch (instruction) {
  case 0x80: /* PROTO */
    return value <= PROTOCOL_MOST ? LIMN_OK : limn_fail(LIMN_DATA, "pickled by a later protocol than 5");
  case 0x95: /* FRAME: how much may be read at once */
    return LIMN_OK;
  case 'J': /* BININT */
    return push_integer(p, (int32_t)(uint32_t)value);
  case 'K': /* BININT1, BININT2 */
  case 'M':
    return push_integer(p, (int64_t)value);
  case 0x8a: /* LONG1, LONG4 */
  case 0x8b:
    if (value > INT32_MAX || !take(p, (size_t)value, &bytes))
      return broken(p, "ends in a number");
    return push_long(p, bytes, (size_t)value);
  case 'G': /* BINFLOAT */
    return push_number(p, bytes);
  case 'h': /* BINGET, LONG_BINGET */
  case 'j':
    return recall(p, value);
  default: /* BINPUT, LONG_BINPUT */
    return remember(p, value);
  }
}

static limn_status pop(struct limn_pickling *p) {
  if (!holds(p, 1))
    return broken(p, "lacks values");
  --p->height;
  return LIMN_OK;
}

static limn_status pop_marked(struct limn_pickling *p) {
  size_t count = 0;
  LIMN_TRY(pop_mark(p, &count));
  p->height -= count;
  return LIMN_OK;
}

/* Bytes of the number behind an instruction, 0: there is none. The names are those of Python's pickletools. */
static int number_field(uint8_t instruction) {
  switch (instruction) {
  case 'K':  /* BININT1 */
  case 0x80: /* PROTO */
  case 0x8a: /* LONG1 */
  case 'h':  /* BINGET */
  case 'q':  /* BINPUT */
    return 1;
  case 'M': /* BININT2 */
    return 2;
  case 'J':  /* BININT */
  case 0x8b: /* LONG4 */
  case 'j':  /* LONG_BINGET */
  case 'r':  /* LONG_BINPUT */
    return 4;
  case 'G':  /* BINFLOAT */
  case 0x95: /* FRAME */
    return 8;
  default:
    return 0;
  }
}

/* Bytes of the length of the text behind it, 0: there is none. */
static int text_field(uint8_t instruction) {
  switch (instruction) {
  case 0x8c: /* SHORT_BINUNICODE, SHORT_BINSTRING, SHORT_BINBYTES */
  case 'U':
  case 'C':
    return 1;
  case 'X': /* BINUNICODE, BINSTRING, BINBYTES */
  case 'T':
  case 'B':
    return 4;
  case 0x8d: /* BINUNICODE8, BINBYTES8 */
  case 0x8e:
    return 8;
  default:
    return 0;
  }
}

static limn_status run(struct limn_pickling *p, uint8_t instruction) {
  if (number_field(instruction))
    return run_with_number(p, instruction, number_field(instruction));
  if (text_field(instruction))
    return push_text(p, text_field(instruction));
  switch (instruction) {
  case 'N': /* NONE */
    return push(p, limn_pickling_value(p, LIMN_PICKLED_NONE));
  case 0x88: /* NEWTRUE, NEWFALSE */
  case 0x89:
    return push_integer(p, instruction == 0x88);
  case 'c': /* GLOBAL */
    return push_name(p);
  case 0x93: /* STACK_GLOBAL */
    return push_stacked_name(p);
  case '(': /* MARK */
    return push_mark(p);
  case ')': /* EMPTY_TUPLE, EMPTY_LIST, EMPTY_SET */
  case ']':
  case 0x8f:
    return gather(p, 0, LIMN_PICKLED_LIST);
  case 0x85: /* TUPLE1, TUPLE2, TUPLE3 */
  case 0x86:
  case 0x87:
    return gather(p, (size_t)instruction - 0x84, LIMN_PICKLED_LIST);
  case 't': /* TUPLE, LIST */
  case 'l':
    return gather_marked(p, LIMN_PICKLED_LIST);
  case '}': /* EMPTY_DICT */
    return gather(p, 0, LIMN_PICKLED_DICT);
  case 'd': /* DICT */
    return gather_marked(p, LIMN_PICKLED_DICT);
  case 'a': /* APPEND */
    return holds(p, 2) ? extend(p, 1, LIMN_PICKLED_LIST) : broken(p, "lacks values");
  case 'e': /* APPENDS, ADDITEMS */
  case 0x90:
    return extend_marked(p, LIMN_PICKLED_LIST);
  case 's': /* SETITEM */
    return holds(p, 3) ? extend(p, 2, LIMN_PICKLED_DICT) : broken(p, "lacks values");
  case 'u': /* SETITEMS */
    return extend_marked(p, LIMN_PICKLED_DICT);
  case 0x94: /* MEMOIZE */
    return remember(p, p->memo_count);
  case '0': /* POP, POP_MARK */
    return pop(p);
  case '1':
    return pop_marked(p);
  case '2': /* DUP */
    return holds(p, 1) ? push(p, p->stack[p->height - 1]) : broken(p, "lacks values");
  case 'R': /* REDUCE */
    return call(p, limn_pickling_reduce);
  case 0x81: /* NEWOBJ */
    return call(p, limn_pickling_make);
  case 'b': /* BUILD */
    return call(p, limn_pickling_build);
  case 'Q': /* BINPERSID */
    return refer(p);
  default:
    return limn_fail(LIMN_DATA, "damaged, or no pickle of PyTorch's: instruction 0x%02x at byte %zu", instruction,
                     p->at - 1);
  }
}

static limn_status run_all(struct limn_pickling *p) {
  while (p->at < p->size) {
    uint8_t instruction = p->bytes[p->at++];
    if (instruction == '.') { /* STOP */
      if (p->height != 1 || p->mark_count)
        return broken(p, "ends with other than one value");
      p->pickle->root = p->stack[0];
      return LIMN_OK;
    }
    LIMN_TRY(run(p, instruction));
  }
  return broken(p, "is cut short");
}

limn_status limn_pickle_read(limn_pickle **out, const uint8_t *bytes, size_t size, size_t *used) {
  *out = NULL;
  struct limn_pickling p = {.pickle = calloc(1, sizeof *p.pickle), .bytes = bytes, .size = size};
  if (!p.pickle)
    return limn_fail_memory("a pickle");
  limn_status status = run_all(&p);
  if (p.too_large)
    status =
        limn_fail(LIMN_DATA, "damaged, or it holds more than any network: in Python, save model.state_dict() alone");
  free(p.stack);
  free(p.marks);
  free(p.memo);
  *used = p.at;
  if (status == LIMN_OK)
    *out = p.pickle;
  else
    limn_pickle_destroy(p.pickle);
  return status;
}
