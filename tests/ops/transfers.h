/* Tensors of a device without any program: zero at birth, and what is uploaded comes back. */
#ifndef LIMN_OPS_TRANSFERS_H
#define LIMN_OPS_TRANSFERS_H

#include "devices/device.h"

/* Uploads and downloads for every role and a few shapes that devices lay out in different ways. */
limn_status transfers_check(limn_device *device);

#endif
