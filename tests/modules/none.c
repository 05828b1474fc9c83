/* A shared library that is no module. */
int limn_tests_no_module(void);
int limn_tests_no_module(void) { return 1; }
