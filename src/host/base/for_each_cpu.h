/* A function compiled for several instruction sets, of which the program takes the best when it is loaded. It has to be
 * static: else its versions would be exported. Loops of the device belong to devices/cpu/simd/ instead. */
#ifndef LIMN_BASE_FOR_EACH_CPU_H
#define LIMN_BASE_FOR_EACH_CPU_H

/* glibc alone picks a version when it loads a program, too early for AddressSanitizer. */
#if defined __x86_64__ && defined __GLIBC__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__
#define LIMN_FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LIMN_FOR_EACH_CPU
#endif

#endif
