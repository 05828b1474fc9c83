/* Numbers for people. */
#ifndef LIMN_REPORT_NUMBERS_H
#define LIMN_REPORT_NUMBERS_H

#include <stdint.h>

/* Into `buffer`, which is returned: 1,234,567; 12.5 MB; 1h02m; 105.3 M. */
#define LIMN_NUMBER_SIZE 48
const char *limn_format_count(int64_t value, char buffer[LIMN_NUMBER_SIZE]);
const char *limn_format_bytes(double bytes, char buffer[LIMN_NUMBER_SIZE]);
const char *limn_format_seconds(double seconds, char buffer[LIMN_NUMBER_SIZE]);
const char *limn_format_scaled(double value, char buffer[LIMN_NUMBER_SIZE]);

/* The same in a buffer that lasts to the end of the block in which they stand: for arguments of printf's kind. */
#define LIMN_COUNT(value)   limn_format_count((value), (char[LIMN_NUMBER_SIZE]){""})
#define LIMN_BYTES(value)   limn_format_bytes((double)(value), (char[LIMN_NUMBER_SIZE]){""})
#define LIMN_SECONDS(value) limn_format_seconds((value), (char[LIMN_NUMBER_SIZE]){""})
#define LIMN_SCALED(value)  limn_format_scaled((value), (char[LIMN_NUMBER_SIZE]){""})

#endif
