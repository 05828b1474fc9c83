/* What AddressSanitizer's runtime asks each program of ours as it starts; ASAN_OPTIONS overrides it. */

__attribute__((visibility("default"))) const char *__asan_default_options(void);

/* intercept_tls_get_addr: GCC's runtime up to 13 takes a thread-local block that lies 16 bytes behind a page's start
 * for one of glibc before 2.25, reads a header that is not there, and the leak checker dies of it (google/sanitizers
 * 1322). verify_asan_link_order: the tests' own library for LD_PRELOAD comes before the runtime. */
const char *__asan_default_options(void) { return "intercept_tls_get_addr=0:verify_asan_link_order=0"; }
