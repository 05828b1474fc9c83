/* Functions of CUDA's device side: warps, atomics, integers, mathematics. Included by limn_launch.h alone, which
 * brings the standard headers, as their functions must not be declared hidden. */
#ifndef VIRTUAL_GPU_DEVICE_H
#define VIRTUAL_GPU_DEVICE_H

namespace virtual_gpu {

enum class warp_operation { shuffle, ballot, sync };

/* Waits until every lane of the mask is here. shuffle: the value of lane `source`; ballot: a bit a lane. */
unsigned long long warp(warp_operation operation, unsigned mask, unsigned long long value, int source);
int lane();

template <class T> T shuffle(unsigned mask, T value, int source) {
  static_assert(sizeof(T) <= 8, "a shuffle moves up to 8 bytes");
  unsigned long long bits = 0;
  memcpy(&bits, &value, sizeof value);
  bits = warp(warp_operation::shuffle, mask, bits, source);
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Relaxed, as CUDA's are, and known to ThreadSanitizer as atomics. Returns what was there. */
template <class T, class F> T atomic(T *p, F update) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "an atomic is of 4 or 8 bytes");
  using bits = std::conditional_t<sizeof(T) == 4, unsigned, unsigned long long>;
  bits *place = reinterpret_cast<bits *>(p), was = __atomic_load_n(place, __ATOMIC_RELAXED), next;
  T value;
  do {
    memcpy(&value, &was, sizeof value);
    T updated = update(value);
    memcpy(&next, &updated, sizeof next);
  } while (!__atomic_compare_exchange_n(place, &was, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return value;
}

template <class To, class From> To bits_as(From from) {
  To to;
  static_assert(sizeof to == sizeof from);
  memcpy(&to, &from, sizeof to);
  return to;
}

} // namespace virtual_gpu

/* ---- warps ---- */

template <class T> T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  return virtual_gpu::shuffle(mask, value, (virtual_gpu::lane() & ~(width - 1)) | (source & (width - 1)));
}
template <class T> T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32) {
  int lane = virtual_gpu::lane();
  bool inside = (lane & (width - 1)) + static_cast<int>(distance) < width;
  return virtual_gpu::shuffle(mask, value, inside ? lane + static_cast<int>(distance) : lane);
}
template <class T> T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32) {
  int lane = virtual_gpu::lane();
  bool inside = (lane & (width - 1)) >= static_cast<int>(distance);
  return virtual_gpu::shuffle(mask, value, inside ? lane - static_cast<int>(distance) : lane);
}
template <class T> T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  int lane = virtual_gpu::lane(), source = lane ^ bits;
  bool inside = (source & ~(width - 1)) <= (lane & ~(width - 1));
  return virtual_gpu::shuffle(mask, value, inside ? source : lane);
}
static inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return static_cast<unsigned>(virtual_gpu::warp(virtual_gpu::warp_operation::ballot, mask, predicate != 0, 0));
}
static inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
static inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }
static inline void __syncwarp(unsigned mask = 0xffffffffu) {
  virtual_gpu::warp(virtual_gpu::warp_operation::sync, mask, 0, 0);
}

/* ---- atomics ---- */

template <class T> T atomicAdd(T *p, std::common_type_t<T> value) {
  return virtual_gpu::atomic(p, [=](T was) { return static_cast<T>(was + value); });
}
template <class T> T atomicMax(T *p, std::common_type_t<T> value) {
  return virtual_gpu::atomic(p, [=](T was) { return was > value ? was : value; });
}
template <class T> T atomicMin(T *p, std::common_type_t<T> value) {
  return virtual_gpu::atomic(p, [=](T was) { return was < value ? was : value; });
}
template <class T> T atomicExch(T *p, std::common_type_t<T> value) {
  return virtual_gpu::atomic(p, [=](T) { return value; });
}
template <class T> T atomicCAS(T *p, std::common_type_t<T> expected, std::common_type_t<T> value) {
  return virtual_gpu::atomic(p, [=](T was) { return was == expected ? value : was; });
}

/* ---- memory and integers ---- */

template <class T> T __ldg(const T *p) { return *p; }

static inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32);
}
static inline int __mulhi(int a, int b) { return static_cast<int>((static_cast<long long>(a) * b) >> 32); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>((static_cast<unsigned __int128>(a) * b) >> 64);
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __float_as_int(float x) { return virtual_gpu::bits_as<int>(x); }
static inline unsigned __float_as_uint(float x) { return virtual_gpu::bits_as<unsigned>(x); }
static inline float __int_as_float(int x) { return virtual_gpu::bits_as<float>(x); }
static inline float __uint_as_float(unsigned x) { return virtual_gpu::bits_as<float>(x); }

/* ---- mathematics beyond <math.h> ---- */

static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
/* x - 2 rint(x / 2) is exact, so that the error is that of one multiplication by pi. */
static inline void sincospi(double x, double *s, double *c) {
  double angle = 3.14159265358979323846 * (x - 2 * rint(0.5 * x));
  *s = sin(angle);
  *c = cos(angle);
}
static inline void sincospif(float x, float *s, float *c) {
  double ds, dc;
  sincospi(x, &ds, &dc);
  *s = static_cast<float>(ds);
  *c = static_cast<float>(dc);
}
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return sqrtf(a); }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }

/* Of floats: the other one where one is a NaN, as CUDA's and fmin's. */
template <class A, class B> constexpr std::common_type_t<A, B> min(A a, B b) {
  using T = std::common_type_t<A, B>;
  T x = static_cast<T>(a), y = static_cast<T>(b);
  if constexpr (std::is_floating_point_v<T>)
    return x != x ? y : y < x ? y : x;
  else
    return y < x ? y : x;
}
template <class A, class B> constexpr std::common_type_t<A, B> max(A a, B b) {
  using T = std::common_type_t<A, B>;
  T x = static_cast<T>(a), y = static_cast<T>(b);
  if constexpr (std::is_floating_point_v<T>)
    return x != x ? y : y > x ? y : x;
  else
    return y > x ? y : x;
}

#endif
