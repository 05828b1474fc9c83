/* Pictures of a set as a run's networks read them. */
#ifndef LIMN_METRICS_PICTURE_PLANES_H
#define LIMN_METRICS_PICTURE_PLANES_H

#include "metrics/picture_set.h"

/* Pictures first ... first + count - 1 as bytes, (count, channels, height, width). LIMN_USAGE, naming it, for a picture
 * of another form. */
limn_status limn_picture_set_read_planes(limn_picture_set *set, uint32_t first, uint32_t count, const int form[3],
                                         uint8_t *bytes);

#endif
