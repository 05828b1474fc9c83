/* Given to clang-tidy ahead of every source file (scripts/tidy). The analyser sees one file at a time and would follow
 * paths on which a failure returns LIMN_OK; here it learns that there are none. */
#ifndef LIMN_LAW_ANALYSIS_H
#define LIMN_LAW_ANALYSIS_H

#include "base/error.h"

#define limn_fail(status, ...) (limn_fail((status), __VA_ARGS__), (status))
#define limn_fail_memory(what) (limn_fail_memory(what), LIMN_FAILED)

#endif
