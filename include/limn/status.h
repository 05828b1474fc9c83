/* Results of fallible calls.
 *
 * Every fallible function returns a limn_status: 0 on success, negative on failure. The failing call leaves a one-line
 * message for its own thread, which says what failed, with the actual values, and what to do about it.
 *
 * What holds for all of the library: an `out` parameter comes first and is set on success alone, unless it is said
 * otherwise; what is "yours" is freed by the function of the same name with `destroy` or `close`, which takes NULL;
 * what is "borrowed" lives as long as what lent it. Nothing is printed, no signal handler is touched and the process is
 * never ended. Objects may be used by one thread at a time, different ones by different threads at once. */
#ifndef LIMN_STATUS_H
#define LIMN_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LIMN_API __attribute__((visibility("default")))
#else
#define LIMN_API
#endif

/* The negated value is the exit code that the program `limn` ends with. */
typedef enum limn_status {
  LIMN_OK = 0,
  LIMN_FAILED = -1,   /* the operation failed: out of memory, an I/O error, a refused operation */
  LIMN_USAGE = -2,    /* the caller asked for something that does not exist or is out of range */
  LIMN_DATA = -3,     /* a file or data set is missing, broken or of the wrong kind */
  LIMN_DEVICE = -4,   /* the device is absent, out of memory or lost */
  LIMN_DIVERGED = -5, /* training produced a value that is not finite, or collapsed with on_collapse */
} limn_status;

/* The message of the last failure in this thread: one line without a newline, never NULL, "" before any failure.
 * Borrowed: valid until the next failing call in this thread. */
LIMN_API const char *limn_error_message(void);

/* "0.1.0": the library's version. Borrowed, static. */
LIMN_API const char *limn_version(void);

#ifdef __cplusplus
}
#endif
#endif
