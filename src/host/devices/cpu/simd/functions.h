/* Functions of libm that loops of this folder want by the vector. */
#ifndef LIMN_DEVICES_CPU_SIMD_FUNCTIONS_H
#define LIMN_DEVICES_CPU_SIMD_FUNCTIONS_H

#include <math.h>

/* glibc has vector versions of these (libmvec, errors up to 4 ulp) but declares them only under -ffast-math, which
 * would also assume that no value is NaN. */
#if defined __x86_64__ && defined __GNUC__ && !defined __clang__
#pragma omp declare simd notinbranch
extern float expf(float);
#pragma omp declare simd notinbranch
extern float logf(float);
#pragma omp declare simd notinbranch
extern float log1pf(float);
#pragma omp declare simd notinbranch
extern float tanhf(float);
#endif

#endif
