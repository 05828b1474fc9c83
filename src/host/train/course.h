/* The course of a number that changes over a run: a pure function of the step, so that a resumed run repeats it. */
#ifndef LIMN_TRAIN_COURSE_H
#define LIMN_TRAIN_COURSE_H

#include <stdint.h>

/* From `first` in step 0 to `last` in step `horizon` and behind it, along half a period of a cosine (Loshchilov &
 * Hutter 2017, equation 5). Without a horizon (0) it stays at `first`. */
double limn_course_cosine(double first, double last, uint64_t step, uint64_t horizon);

#endif
