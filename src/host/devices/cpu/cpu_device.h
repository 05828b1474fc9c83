/* The one entry to the CPU device from outside its folder. */
#ifndef LIMN_DEVICES_CPU_CPU_DEVICE_H
#define LIMN_DEVICES_CPU_CPU_DEVICE_H

#include "devices/device.h"

limn_status limn_cpu_device_create(limn_device **out, const limn_device_options *options);

#endif
