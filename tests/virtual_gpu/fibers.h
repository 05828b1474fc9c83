/* What runs kernels (fibers.cpp) and their shared memory (shared.cpp). */
#ifndef VIRTUAL_GPU_FIBERS_H
#define VIRTUAL_GPU_FIBERS_H

#include <limn_launch.h>

namespace virtual_gpu {

void run_grid(const char *name, const launch_shape &shape, const std::function<void()> &body);

constexpr size_t MAX_SHARED_BYTES = 48 << 10; /* a block, static and dynamic together, without opting in to more */

void begin_shared_grid(size_t dynamic_bytes);
void begin_shared_block();
void end_shared_block(); /* ends the program where something was written behind an array */

} // namespace virtual_gpu

#endif
