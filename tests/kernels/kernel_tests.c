/* kernel_tests [--slice K/N] [NAME-PART]: runs the cases whose name has the part in it, of these every N-th from the
 * K-th on. The last line is a digest of all bytes that the kernels wrote: tests/kernels/seeds.sh compares it between
 * orders of execution. */
#include "kernel_tests.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BLOCKS 16384
#define MOST_LINES  8 /* printed of a case */

static struct {
  const char *part;
  int slice, slices, met; /* every slices-th case, from the slice-th on; cases met so far */
  int passed, failed, lines;
  bool bad;
  uint64_t digest, all;
  uint32_t seed;
  cudaStream_t stream;
  void *device[MOST_BLOCKS], *host[MOST_BLOCKS];
  int device_count, host_count;
} tests;

static void add_to_digest(uint64_t *digest, const void *data, size_t bytes) {
  const unsigned char *p = data;
  for (size_t i = 0; i < bytes; ++i)
    *digest = (*digest ^ p[i]) * 0x100000001b3u; /* FNV-1a */
}

static void release(void) {
  for (int i = 0; i < tests.device_count; ++i)
    cudaFree(tests.device[i]);
  for (int i = 0; i < tests.host_count; ++i)
    free(tests.host[i]);
  tests.device_count = tests.host_count = 0;
}

void kt_case(kt_function *run, const void *context, const char *format, ...) {
  char name[256];
  uint64_t digests[2];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(name, sizeof name, format, arguments);
  va_end(arguments);
  if ((tests.part && !strstr(name, tests.part)) || tests.met++ % tests.slices != tests.slice - 1)
    return;
  tests.bad = false;
  tests.lines = 0;
  for (int i = 0; i < 2; ++i) {
    tests.digest = 0xcbf29ce484222325u;
    kt_seed(1);
    run(context);
    release();
    digests[i] = tests.digest;
  }
  if (digests[0] != digests[1])
    kt_fail("two runs wrote different bytes");
  add_to_digest(&tests.all, digests, sizeof digests);
  if (tests.bad)
    printf("FAILED %s\n", name);
  tests.failed += tests.bad;
  tests.passed += !tests.bad;
}

void kt_fail(const char *format, ...) {
  va_list arguments;
  tests.bad = true;
  if (tests.lines++ >= MOST_LINES)
    return;
  va_start(arguments, format);
  printf("  ");
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
}

void kt_check(cudaError_t status, const char *what) {
  if (status != cudaSuccess)
    kt_fail("%s: %s", what, cudaGetErrorString(status));
}

void kt_refused(cudaError_t status, const char *what) {
  if (status == cudaSuccess)
    kt_fail("%s was not refused", what);
  cudaGetLastError();
}

cudaStream_t kt_stream(void) { return tests.stream; }

static void stop(const char *why) {
  fprintf(stderr, "kernel_tests: %s\n", why);
  exit(2);
}

void *kt_host(size_t bytes) {
  void *p = calloc(1, bytes + 1);
  if (!p || tests.host_count == MOST_BLOCKS)
    stop("no host memory");
  return tests.host[tests.host_count++] = p;
}

void *kt_device(size_t bytes) {
  void *p = NULL;
  if (tests.device_count == MOST_BLOCKS || cudaMalloc(&p, bytes ? bytes : 1) != cudaSuccess)
    stop("no device memory");
  cudaMemsetAsync(p, 0xff, bytes ? bytes : 1, tests.stream);
  return tests.device[tests.device_count++] = p;
}

void *kt_upload(const void *data, size_t bytes) {
  void *p = kt_device(bytes);
  if (bytes)
    kt_check(cudaMemcpyAsync(p, data, bytes, cudaMemcpyHostToDevice, tests.stream), "upload");
  return p; /* the copy from pageable memory has been taken */
}

void *kt_start_download(const void *device, size_t bytes) {
  void *data = kt_host(bytes);
  if (bytes)
    kt_check(cudaMemcpyAsync(data, device, bytes, cudaMemcpyDeviceToHost, tests.stream), "download");
  return data;
}

void kt_wait(void) { kt_check(cudaStreamSynchronize(tests.stream), "synchronize"); }

void kt_download(void *data, const void *device, size_t bytes) {
  void *copy = kt_start_download(device, bytes);
  kt_wait();
  memcpy(data, copy, bytes);
  add_to_digest(&tests.digest, data, bytes);
}

/* ---- types ---- */

size_t kt_size(limn_type type) { return type == LIMN_F32 ? 4 : 2; }
const char *kt_name(limn_type type) { return type == LIMN_F32 ? "fp32" : type == LIMN_BF16 ? "bf16" : "fp16"; }
double kt_epsilon(limn_type type) { return type == LIMN_F32 ? 3e-6 : type == LIMN_BF16 ? 0x1.01p-8 : 0x1.01p-11; }

/* To the nearest value with that many bits, ties to even; the least exponent's values keep their distance below. */
static float round_to(float x, int bits, int least_exponent, double most) {
  int exponent;
  if (!isfinite(x) || x == 0)
    return x;
  frexp((double)x, &exponent);
  double unit = ldexp(1, (exponent > least_exponent ? exponent : least_exponent) - bits);
  double y = rint((double)x / unit) * unit;
  return fabs(y) > most ? copysignf(INFINITY, x) : (float)y;
}

float kt_rounded(float x, limn_type type) {
  if (type == LIMN_F32)
    return x;
  return type == LIMN_BF16 ? round_to(x, 8, -125, 0x1.fep127) : round_to(x, 11, -13, 65504);
}

static uint16_t to_bits(float x, limn_type type) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (type == LIMN_BF16)
    return (uint16_t)(isnan(x) ? 0x7fff : bits >> 16);
  uint16_t sign = (uint16_t)(bits >> 31 << 15);
  if (isnan(x))
    return 0x7fff;
  if (isinf(x))
    return (uint16_t)(sign | 0x7c00);
  if (fabsf(x) < 0x1p-14f)
    return (uint16_t)(sign | (uint16_t)(fabsf(x) * 0x1p24f));
  return (uint16_t)(sign | (((bits >> 13) - ((127 - 15) << 10)) & 0x7fff));
}

static float from_bits(uint16_t h, limn_type type) {
  uint32_t bits = (uint32_t)h << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  if (type == LIMN_BF16)
    return x;
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double y = exponent == 31 ? (fraction ? NAN : INFINITY)
             : exponent     ? ldexp(1024 + fraction, exponent - 25)
                            : ldexp(fraction, -24);
  return (float)(h >> 15 ? -y : y);
}

void *kt_upload_as(const float *x, size_t count, limn_type type) {
  if (type == LIMN_F32)
    return kt_upload(x, count * sizeof *x);
  uint16_t *bits = kt_host(count * sizeof *bits);
  for (size_t i = 0; i < count; ++i)
    bits[i] = to_bits(kt_rounded(x[i], type), type);
  return kt_upload(bits, count * sizeof *bits);
}

float *kt_to_floats(const void *data, size_t count, limn_type type) {
  add_to_digest(&tests.digest, data, count * kt_size(type));
  float *x = kt_host(count * sizeof *x);
  for (size_t i = 0; i < count; ++i)
    x[i] = type == LIMN_F32 ? ((const float *)data)[i] : from_bits(((const uint16_t *)data)[i], type);
  return x;
}

float *kt_download_as(const void *device, size_t count, limn_type type) {
  void *data = kt_start_download(device, count * kt_size(type));
  kt_wait();
  return kt_to_floats(data, count, type);
}

/* ---- numbers ---- */

void kt_seed(uint32_t seed) { tests.seed = seed * 2654435761u + 1; }

float kt_uniform(float low, float high) {
  tests.seed = tests.seed * 1664525u + 1013904223u;
  return low + (high - low) * (float)(tests.seed >> 8) * 0x1p-24f;
}

float *kt_numbers(size_t count, limn_type type, float low, float high) {
  float *x = kt_host(count * sizeof *x);
  for (size_t i = 0; i < count; ++i)
    x[i] = kt_rounded(kt_uniform(low, high), type);
  return x;
}

void kt_close(const char *what, const float *got, const double *want, size_t count, double relative, double absolute) {
  for (size_t i = 0; i < count; ++i) {
    double g = (double)got[i], w = want[i];
    bool good = isnan(w) ? isnan(g) : isinf(w) ? g == w : fabs(g - w) <= relative * fabs(w) + absolute;
    if (!good)
      kt_fail("%s[%zu of %zu] is %.9g, not %.9g", what, i, count, g, w);
  }
}

void kt_equal(const char *what, const float *got, const float *want, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (memcmp(&got[i], &want[i], sizeof *got) != 0 && !(isnan(got[i]) && isnan(want[i])))
      kt_fail("%s[%zu of %zu] is %.9g, not %.9g", what, i, count, (double)got[i], (double)want[i]);
}

int main(int argc, char **argv) {
  tests.slice = tests.slices = 1;
  if (argc > 2 && strcmp(argv[1], "--slice") == 0 && sscanf(argv[2], "%d/%d", &tests.slice, &tests.slices) == 2 &&
      tests.slice >= 1 && tests.slice <= tests.slices) {
    argc -= 2;
    argv += 2;
  }
  if (argc > 2) {
    fprintf(stderr, "usage: kernel_tests [--slice K/N] [NAME-PART]\n");
    return 2;
  }
  tests.part = argc > 1 ? argv[1] : NULL;
  if (cudaStreamCreateWithFlags(&tests.stream, cudaStreamNonBlocking) != cudaSuccess)
    stop("there is no device");
  check_pointwise();
  check_sums();
  check_forms();
  check_small();
  check_stack();
  check_channels();
  check_spatial();
  check_log_sum_exp();
  check_batchnorm();
  check_optimizer();
  check_random();
  check_transfer();
  check_update();
  check_pictures();
  cudaStreamDestroy(tests.stream);
  printf("%d passed, %d failed\ndigest %016llx\n", tests.passed, tests.failed, (unsigned long long)tests.all);
  return tests.failed > 0 || tests.passed == 0;
}
