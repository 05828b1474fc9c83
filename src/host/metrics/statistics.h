/* Files of statistics: mean and covariance of a set's features as NumPy's .npz with `mu` and `sigma`, as pytorch-fid
 * and TTUR have them. Those say neither which network nor how many pictures; ours do, in `judge` and `count`. */
#ifndef LIMN_METRICS_STATISTICS_H
#define LIMN_METRICS_STATISTICS_H

#include <stdbool.h>

#include "metrics/judge.h"
#include "metrics/moments.h"

/* Whether the path is such a file, and not one of pictures or none at all. */
bool limn_is_statistics(const char *path);
/* count is 0 afterwards where the file does not say it. LIMN_DATA, with the path, where they are not finite, do not
 * belong together, or are of another network, weights, size or protocol than the judge's. */
limn_status limn_statistics_read(const char *path, const limn_judge *judge, limn_moments *out);
limn_status limn_statistics_write(const char *path, const limn_judge *judge, const limn_moments *moments);

#endif
