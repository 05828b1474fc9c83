/* JSON on standard output. Builders return NULL when out of memory, and jansson's setters take that NULL and fail: an
 * object is built with cli_json_put alone, and *failed is looked at once, at the end. */
#ifndef LIMN_CLI_JSON_OUT_H
#define LIMN_CLI_JSON_OUT_H

#include <jansson.h>
#include <stdbool.h>

#include "limn/config.h"
#include "limn/pictures.h"

/* object[key] = value; takes the value over, on failure too. */
void cli_json_put(json_t *object, const char *key, json_t *value, bool *failed);
void cli_json_append(json_t *array, json_t *value, bool *failed);
/* Bytes that are no UTF-8 (in a path) become '?'. */
json_t *cli_json_text(const char *text);
/* null for a number that is not finite. */
json_t *cli_json_number(double value);
/* {name: value} or, with origins, {name: {"value": ..., "origin": ...}} for the model's settings, typed. */
json_t *cli_json_settings(const limn_config *config, bool origins);
/* {"count": 12, "endings": {".psd": 7, "none": 2}, "first": "x/y.psd"}; null for no files. */
json_t *cli_json_other_files(const limn_other_files *files);
/* Prints and releases root. */
int cli_json_print(json_t *root, bool failed);

#endif
