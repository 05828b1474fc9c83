/* Cards that plans can be made for without having them: those that are known here, and those that a file describes
 * (docs/plan.md). */
#ifndef LIMN_DEVICES_CARDS_H
#define LIMN_DEVICES_CARDS_H

#include <stddef.h>

#include "devices/device.h"

size_t limn_card_count(void);
/* NULL behind the last. */
const limn_card *limn_card_at(size_t index);
/* "h100", "h200", "a100", "rtx3090", "rtx4090", "rtx5090"; NULL when there is none of that name. */
const limn_card *limn_card_find(const char *name);

/* FLOP/s that convolutions can reach in that precision ("auto" and NULL: tf32). */
double limn_card_peak(const limn_card *card, const char *precision);

/* A card with the memory that its texts lie in. */
typedef struct limn_card_file {
  limn_card card;
  char *name, *properties; /* owned */
  char *text;              /* owned: limn_card_text */
} limn_card_file;

/* A card as a file has it: JSON, a field a line. *out is yours (free). LIMN_FAILED where its properties are none. */
limn_status limn_card_text(char **out, const limn_card *card);

/* The known card of that name, or the one that a file describes: a name with a slash or a dot in it is a path.
 * LIMN_USAGE lists the known names; LIMN_DATA names the file and what is wrong with it. *out is yours. */
limn_status limn_card_load(limn_card_file **out, const char *name_or_path);
void limn_card_file_destroy(limn_card_file *file);

/* cuDNN hands the fused kernels that it compiles for a plan to the driver: without one it plans none, and a step then
 * seems to have more launches than it has on the card. Where there is no driver, this opens one that only looks like
 * one, for the whole process. LIMN_DEVICE where there is none of either. */
limn_status limn_planning_driver_open(void);

#endif
