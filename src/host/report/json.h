/* What machines see: a tree that is built from its root on, and printed as JSON. */
#ifndef LIMN_REPORT_JSON_H
#define LIMN_REPORT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define LIMN_JSON_DEPTH 8

typedef struct limn_json {
  json_t *open[LIMN_JSON_DEPTH]; /* the root, and what is open in it */
  int depth;
  bool failed; /* an allocation did, an object has no name, or more are open than there is room for; sticky */
} limn_json;

/* Both take over `value`, NULL where there was no memory for it. Without a key: an element, in an array; else a value
 * is left out. */
void limn_json_open(limn_json *json, const char *key, json_t *value);
void limn_json_put(limn_json *json, const char *key, json_t *value);
void limn_json_close(limn_json *json);
/* NULL: null. What is not UTF-8 has '?' for each byte beyond ASCII. */
json_t *limn_json_text(const char *text);
/* All of it, or nothing. */
void limn_json_print(limn_json *json, FILE *stream);
void limn_json_release(limn_json *json);

#endif
