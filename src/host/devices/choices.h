/* Which engine does which operation, as the text that checkpoints keep: a line "ENGINE OPERATION" each, the engine
 * without spaces. */
#ifndef LIMN_DEVICES_CHOICES_H
#define LIMN_DEVICES_CHOICES_H

#include <stdbool.h>
#include <stddef.h>

#include "limn/status.h"

#define LIMN_ENGINE_SIZE 160 /* of an engine's name, the NUL among it */

/* false where `text`, which may be NULL, has no line for that operation. */
bool limn_choices_find(const char *text, const char *operation, char *engine, size_t size);
/* Adds the line unless the operation has one. *text is reallocated; NULL is empty. */
limn_status limn_choices_add(char **text, const char *operation, const char *engine);

#endif
