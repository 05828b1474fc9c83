/* Numbers of a state as text in a checkpoint's metadata, and back, exactly. */
#ifndef LIMN_TRAIN_STATE_TEXT_H
#define LIMN_TRAIN_STATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMN_STATE_FIELDS 64

/* Every number of a state, in the order of the text: where it is written and where it is read alike. The numbers are
 * borrowed. */
typedef struct limn_state_list {
  struct {
    uint64_t *count; /* one of the two */
    double *number;
  } fields[LIMN_STATE_FIELDS];
  int count;
} limn_state_list;

void limn_state_count(limn_state_list *list, uint64_t *count);
void limn_state_number(limn_state_list *list, double *number);

/* Into buffer, returned: the numbers with blanks between. */
const char *limn_state_write(const limn_state_list *list, char *buffer, size_t size);
/* Whether the text has them all; else some of them may have been read. */
bool limn_state_read(const limn_state_list *list, const char *text);

#endif
