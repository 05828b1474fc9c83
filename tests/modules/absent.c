/* Stands for a library of NVIDIA's: modules are linked with it and find it only where a test says. */
int limn_tests_absent(void);
int limn_tests_absent(void) { return 1; }
