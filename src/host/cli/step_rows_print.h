/* Rows of a training step (limn/tools.h) in tables and JSON, for limn plan and limn bench ops. */
#ifndef LIMN_CLI_STEP_ROWS_PRINT_H
#define LIMN_CLI_STEP_ROWS_PRINT_H

#include "json_out.h"
#include "limn/tools.h"

#define CLI_STEP_ROW_TEXT 80

/* Whether the rows may share a line: all but `times` and the floor is the same. */
bool cli_step_row_alike(const limn_step_row *a, const limn_step_row *b);
/* "convolution", or "3 x convolution" for three of them; "8 x 3 x 64 x 64". Into buffer, returned. */
const char *cli_step_row_name(const limn_step_row *row, int times, char buffer[CLI_STEP_ROW_TEXT]);
const char *cli_step_row_shape(const limn_step_row *row, char buffer[CLI_STEP_ROW_TEXT]);
/* What the row is, without the floor and without timings. */
json_t *cli_step_row_json(const limn_step_row *row, bool *failed);

#endif
