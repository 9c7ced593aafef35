// Vectors of the widest kind that the target has: floats, 32-bit integers, and what the compiler has no operator for.
//
// Everything else is written with the vector types of gcc and clang. Compiled without contraction of a * b + c, a lane
// gets the same bits whatever the width; only targets without fused multiply-add (x86-64-v2) round differently.

#ifndef WAVENET_VECTOR_H_
#define WAVENET_VECTOR_H_

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace wavenet {

constexpr int kLine = 16;        // floats of a line of the cache: a whole number of vectors

#if defined(__AVX512F__) && defined(__AVX512BW__)
constexpr int kWidth = 16;       // floats of a vector
constexpr int kAlone = 7;        // accumulators of one row, at most
constexpr int kRows = 4;         // rows that are multiplied together
constexpr int kTogether = 4;     // accumulators of each of them, at most
#elif defined(__AVX2__)
constexpr int kWidth = 8, kAlone = 8, kRows = 2, kTogether = 4;
#elif defined(__ARM_NEON)
constexpr int kWidth = 4, kAlone = 16, kRows = 4, kTogether = 4;
#else
constexpr int kWidth = 4, kAlone = 8, kRows = 2, kTogether = 4;
#endif

static inline int64_t rounded_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// With zeros up to whole lines: all widths in memory.
static inline int64_t padded(int64_t channels) { return rounded_up(channels, kLine); }

typedef float Floats __attribute__((vector_size(4 * kWidth)));
typedef int32_t Ints __attribute__((vector_size(4 * kWidth)));
typedef uint32_t Bits __attribute__((vector_size(4 * kWidth)));

static inline Floats load(const float* from) {
  Floats result;
  std::memcpy(&result, from, sizeof result);
  return result;
}

static inline Ints load(const int32_t* from) {
  Ints result;
  std::memcpy(&result, from, sizeof result);
  return result;
}

static inline Floats select(Ints mask, Floats yes, Floats no) {
  return (Floats)(((Bits)mask & (Bits)yes) | (~(Bits)mask & (Bits)no));
}

// Weights of 16 bits: an IEEE half, and the upper half of a float. No half is infinite.
struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};

template <typename Weight>
static inline Bits widened(const Weight* from) {
  static_assert(sizeof(Weight) == 2, "16 bits");
  // By name: gcc 12 takes what the compilers have for this apart.
#if defined(__AVX512F__) && defined(__AVX512BW__)
  return (Bits)_mm512_maskz_cvtepu16_epi32(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#elif defined(__AVX2__)
  return (Bits)_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#else
  typedef uint16_t Words __attribute__((vector_size(2 * kWidth)));
  Words words;
  std::memcpy(&words, from, sizeof words);
  return __builtin_convertvector(words, Bits);
#endif
}

static inline Floats load(const Brain* from) { return (Floats)(widened(from) << 16); }

static inline Floats load(const Half* from) {
#if defined(__AVX512F__) && defined(__AVX512BW__)
  return (Floats)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#elif defined(__AVX2__) && defined(__F16C__)
  return (Floats)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#elif defined(__aarch64__)
  float16x4_t halves;
  std::memcpy(&halves, from, sizeof halves);
  return (Floats)vcvt_f32_f16(halves);
#else
  // In the exponents of floats; what has none of its own lies as far above the least one as it is from zero. All of
  // it with normal numbers, since others may count as zeros.
  const Bits half = widened(from), size = (half & 0x7fffu) << 13;
  const Floats normal = (Floats)(size + (112u << 23)), least = (Floats)(Bits{} + (113u << 23));
  const Floats small = (Floats)(size + (113u << 23)) - least;
  return (Floats)((Bits)select((Ints)(size < (1u << 23)), small, normal) | (half & 0x8000u) << 16);
#endif
}

static inline void store(float* to, Floats values) { std::memcpy(to, &values, sizeof values); }

static inline Floats broadcast(float value) {
  return value - Floats{};  // a sum with zeros would be an addition: it changes the sign of a zero
}

// a * b + c, rounded once where the target can.
static inline Floats multiply_add(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__) && defined(__AVX512BW__)
  return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON)
  return (Floats)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

// The lesser and the greater of two, or b where one of them is no number, as the instructions of x86 have it.
static inline Floats minimum(Floats a, Floats b) {
#if defined(__AVX512F__) && defined(__AVX512BW__)
  return (Floats)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Floats)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (Floats)_mm_min_ps((__m128)a, (__m128)b);
#else
  return select(a < b, a, b);
#endif
}

static inline Floats maximum(Floats a, Floats b) {
#if defined(__AVX512F__) && defined(__AVX512BW__)
  return (Floats)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Floats)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (Floats)_mm_max_ps((__m128)a, (__m128)b);
#else
  return select(a > b, a, b);
#endif
}

static inline Floats absolute(Floats a) { return (Floats)((Bits)a & 0x7fffffffu); }

#if defined(__AVX2__)
// The lower and the upper half of a vector of 512 bits, with masks: what gcc 12 has without them, it takes for
// uninitialized.
#if defined(__AVX512F__) && defined(__AVX512BW__)
static inline __m256 lower_half(Floats values) { return _mm512_maskz_extractf32x8_ps(0xff, (__m512)values, 0); }
static inline __m256 upper_half(Floats values) { return _mm512_maskz_extractf32x8_ps(0xff, (__m512)values, 1); }
#endif
#endif

static inline float greatest_lane(Floats values) {
#if defined(__AVX2__)
#if defined(__AVX512F__) && defined(__AVX512BW__)
  const __m256 eight = _mm256_max_ps(lower_half(values), upper_half(values));
#else
  const __m256 eight = (__m256)values;
#endif
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_shuffle_ps(four, four, 1)));
#else
  float greatest = values[0];
  for (int lane = 1; lane < kWidth; ++lane) greatest = values[lane] > greatest ? values[lane] : greatest;
  return greatest;
#endif
}

// The sum of a line of floats: its halves are added until one number is left, in this order on every target.
static inline float sum_of_line(const float* line) {
#if defined(__AVX2__)
#if defined(__AVX512F__) && defined(__AVX512BW__)
  const __m256 eight = _mm256_add_ps(lower_half(load(line)), upper_half(load(line)));
#else
  const __m256 eight = (__m256)(load(line) + load(line + kLine / 2));
#endif
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_shuffle_ps(four, four, 1)));
#else
  static_assert(kWidth == kLine / 4, "a line is four vectors");
  const Floats four = (load(line) + load(line + 2 * kWidth)) + (load(line + kWidth) + load(line + 3 * kWidth));
  return (four[0] + four[2]) + (four[1] + four[3]);
#endif
}

// How many lanes of a comparison are true.
static inline int count_of(Ints mask) {
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
  return __builtin_popcount(_mm512_movepi32_mask((__m512i)mask));
#elif defined(__AVX2__)
  return __builtin_popcount(static_cast<unsigned>(_mm256_movemask_ps((__m256)mask)));
#else
  int count = 0;
  for (int lane = 0; lane < kWidth; ++lane) count -= mask[lane];
  return count;
#endif
}

static inline Floats square_root(Floats values) {
#if defined(__AVX512F__) && defined(__AVX512BW__)
  return (Floats)_mm512_maskz_sqrt_ps(0xffff, (__m512)values);
#elif defined(__AVX2__)
  return (Floats)_mm256_sqrt_ps((__m256)values);
#elif defined(__SSE2__)
  return (Floats)_mm_sqrt_ps((__m128)values);
#elif defined(__ARM_NEON)
  return (Floats)vsqrtq_f32((float32x4_t)values);
#else
  for (int lane = 0; lane < kWidth; ++lane) values[lane] = __builtin_sqrtf(values[lane]);
  return values;
#endif
}

static inline Floats as_floats(Ints values) { return __builtin_convertvector(values, Floats); }

// Whether `dot` takes bytes as they are, from 0 to 255, so that 128 times the weights have to be taken back.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VNNI__)
constexpr bool kOffsetBytes = true;
#else
constexpr bool kOffsetBytes = false;
#endif

// Where sums of bytes begin; `offsets` take 128 times the weights back.
static inline Ints beginning(const int32_t* offsets) { return kOffsetBytes ? load(offsets) : Ints{}; }

// sums + the products of four neighbouring bytes: activations, the same four in every lane, which stand for themselves
// less 128, and weights from -127 to 127. The sums of two products fit 16 bits, as vpmaddubsw wants, of sizes and signed
// weights: 2 * 128 * 127.
static inline Ints dot(Ints sums, uint32_t activations, const int8_t* weights) {
  [[maybe_unused]] const int32_t four = static_cast<int32_t>(kOffsetBytes ? activations : activations ^ 0x80808080u);
#if defined(__AVX512F__) && defined(__AVX512BW__)
  const __m512i w = _mm512_loadu_si512(weights), a = _mm512_set1_epi32(four);
#if defined(__AVX512VNNI__)
  return (Ints)_mm512_dpbusd_epi32((__m512i)sums, a, w);
#else
  const __m512i signed_like_a = _mm512_mask_sub_epi8(w, _mm512_movepi8_mask(a), _mm512_setzero_si512(), w);
  const __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(a), signed_like_a);
  return sums + (Ints)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
#endif
#elif defined(__AVX2__)
  const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights)), a = _mm256_set1_epi32(four);
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(w, a));
  return sums + (Ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#elif defined(__SSSE3__)
  const __m128i w = _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights)), a = _mm_set1_epi32(four);
  const __m128i pairs = _mm_maddubs_epi16(_mm_abs_epi8(a), _mm_sign_epi8(w, a));
  return sums + (Ints)_mm_madd_epi16(pairs, _mm_set1_epi16(1));
#elif defined(__ARM_NEON)
  const int8x16_t w = vld1q_s8(weights), a = vreinterpretq_s8_s32(vdupq_n_s32(four));
#if defined(__ARM_FEATURE_DOTPROD)
  return (Ints)vdotq_s32((int32x4_t)sums, w, a);
#else
  const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(a)), high = vmull_s8(vget_high_s8(w), vget_high_s8(a));
  return sums + (Ints)vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
#endif
#else
  int8_t bytes[4];
  std::memcpy(bytes, &four, 4);
  for (int lane = 0; lane < kWidth; ++lane)
    for (int byte = 0; byte < 4; ++byte) sums[lane] += bytes[byte] * weights[4 * lane + byte];
  return sums;
#endif
}

// Integers from 0 to 255 as bytes.
static inline void store_bytes(uint8_t* to, Bits values) {
  typedef uint8_t Bytes __attribute__((vector_size(kWidth)));
  const Bytes bytes = __builtin_convertvector(values, Bytes);
  std::memcpy(to, &bytes, sizeof bytes);
}

// The exponential function of numbers from -87 to 88, with a relative error below 2e-7.
static inline Floats exponential_inside(Floats x) {
  const Floats magic = broadcast(12582912.0f);  // 1.5 * 2^23
  const Floats shifted = multiply_add(x, broadcast(1.44269504088896341f), magic), whole = shifted - magic;
  Floats rest = multiply_add(whole, broadcast(-0.693359375f), x);
  rest = multiply_add(whole, broadcast(2.12194440e-4f), rest);
  Floats sum = broadcast(1.9875691500e-4f);  // Cephes, expf
  sum = multiply_add(sum, rest, broadcast(1.3981999507e-3f));
  sum = multiply_add(sum, rest, broadcast(8.3334519073e-3f));
  sum = multiply_add(sum, rest, broadcast(4.1665795894e-2f));
  sum = multiply_add(sum, rest, broadcast(1.6666665459e-1f));
  sum = multiply_add(sum, rest, broadcast(5.0000001201e-1f));
  sum = multiply_add(sum, rest * rest, rest) + 1.0f;
  const Bits power = ((Bits)shifted - (Bits)magic) << 23;
  return (Floats)((Bits)sum + power);
}

// The same of all numbers: zero below -87, and no more than that of 88.
static inline Floats exponential(Floats x) {
  const Floats lowest = broadcast(-87.0f);
  const Ints vanishes = x < lowest;
  return select(vanishes, broadcast(0), exponential_inside(minimum(maximum(x, lowest), broadcast(88.0f))));
}

// tanh(value) * sigmoid(gate), with one division; the error is below 2e-7.
static inline Floats gated(Floats value, Floats gate) {
  value = minimum(maximum(value, broadcast(-9.1f)), broadcast(9.1f));
  gate = maximum(minimum(gate, broadcast(40.0f)), broadcast(-40.0f));
  const Floats grown = exponential_inside(value + value), shrunk = exponential_inside(-gate);
  return (grown - 1.0f) / ((grown + 1.0f) * (shrunk + 1.0f));
}

// The hyperbolic tangent; the error is below 2e-7.
static inline Floats tangent(Floats x) {
  const Floats grown = exponential_inside(maximum(minimum(x, broadcast(9.1f)), broadcast(-9.1f)) * 2.0f);
  return (grown - 1.0f) / (grown + 1.0f);
}

// The natural logarithm of normal numbers above zero; the error is below 2e-7 of it, or of 1.
static inline Floats logarithm(Floats x) {
  const Bits bits = (Bits)x, root = (Bits)broadcast(0.70710678118654752f);
  const Bits shifted = bits - root;  // so that what is left lies between the square roots of a half and of two
  const Floats exponent = as_floats((Ints)shifted >> 23);
  const Floats rest = (Floats)((shifted & 0x007fffffu) + root) - 1.0f;
  Floats sum = broadcast(7.0376836292e-2f);  // Cephes, logf
  sum = multiply_add(sum, rest, broadcast(-1.1514610310e-1f));
  sum = multiply_add(sum, rest, broadcast(1.1676998740e-1f));
  sum = multiply_add(sum, rest, broadcast(-1.2420140846e-1f));
  sum = multiply_add(sum, rest, broadcast(1.4249322787e-1f));
  sum = multiply_add(sum, rest, broadcast(-1.6668057665e-1f));
  sum = multiply_add(sum, rest, broadcast(2.0000714765e-1f));
  sum = multiply_add(sum, rest, broadcast(-2.4999993993e-1f));
  sum = multiply_add(sum, rest, broadcast(3.3333331174e-1f));
  const Floats square = rest * rest;
  sum = multiply_add(sum * rest, square, square * -0.5f);
  sum = multiply_add(exponent, broadcast(-2.12194440e-4f), sum) + rest;
  return multiply_add(exponent, broadcast(0.693359375f), sum);
}

// The inverse hyperbolic sine; the error is below 3e-7 of it, or of 1, for numbers up to 1e19.
static inline Floats inverse_sine(Floats x) {
  const Floats size = absolute(x), value = logarithm(size + square_root(multiply_add(x, x, broadcast(1))));
  return (Floats)((Bits)value | ((Bits)x & 0x80000000u));
}

}  // namespace wavenet

#endif  // WAVENET_VECTOR_H_
