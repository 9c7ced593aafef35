// The limit of a sampler of one stream on one core: products with matrices of a network's shapes, one after the other,
// and nothing else. Whatever reads these weights once for each sample takes at least as long.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "vector.h"

namespace {

using wavenet::Floats;
using wavenet::Ints;
using wavenet::kAlone;
using wavenet::kWidth;

constexpr int64_t kLine = 16;

enum Format { kFloat32, kFloat16, kInt8 };

#if defined(__F16C__) || defined(__AVX512F__)
Floats widened(const uint16_t* from) {
#if defined(__AVX512F__) && defined(__AVX512BW__)
  return (Floats)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#else
  return (Floats)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#endif
}
#else
Floats widened(const uint16_t*) { return Floats{}; }
#endif

// sums[kColumns] += inputs * weights, of one tile.
template <Format kFormat, int kColumns>
void tile(const uint8_t* weights, const float* inputs, const uint8_t* bytes, int64_t count, float* sums) {
  constexpr int kSums = kColumns / kWidth < kAlone ? kColumns / kWidth : kAlone;
  for (int64_t first = 0; first < kColumns; first += kSums * kWidth) {
    if (kFormat == kInt8) {
      Ints totals[kSums] = {};
      for (int64_t i = 0; i + 4 <= count; i += 4) {
        uint32_t four;
        std::memcpy(&four, bytes + i, sizeof four);
#pragma GCC unroll 16
        for (int v = 0; v < kSums; ++v)
          totals[v] = wavenet::dot(totals[v], four,
                                   reinterpret_cast<const int8_t*>(weights) + i * kColumns + (first + v * kWidth) * 4);
      }
      for (int v = 0; v < kSums; ++v)
        wavenet::store(sums + first + v * kWidth, wavenet::as_floats(totals[v]) * 1e-9f);
      continue;
    }
    Floats totals[kSums] = {};
    for (int64_t i = 0; i < count; ++i) {
      const Floats input = wavenet::broadcast(inputs[i]);
#pragma GCC unroll 16
      for (int v = 0; v < kSums; ++v) {
        const int64_t at = i * kColumns + first + v * kWidth;
        const Floats column = kFormat == kFloat32 ? wavenet::load(reinterpret_cast<const float*>(weights) + at)
                                                  : widened(reinterpret_cast<const uint16_t*>(weights) + at);
        totals[v] = wavenet::multiply_add(column, input, totals[v]);
      }
    }
    for (int v = 0; v < kSums; ++v) wavenet::store(sums + first + v * kWidth, totals[v] * 1e-9f);
  }
}

int64_t filled(int64_t columns) { return (columns + kLine - 1) / kLine * kLine; }

template <Format kFormat>
double seconds(const int64_t* shapes, int64_t matrices, int64_t steps) {
  constexpr int64_t kBytes = kFormat == kFloat32 ? 4 : kFormat == kFloat16 ? 2 : 1;
  int64_t size = 0, widest = kLine;
  for (int64_t m = 0; m < matrices; ++m) {
    const int64_t inputs = shapes[2 * m], columns = filled(shapes[2 * m + 1]);
    size += inputs * columns * kBytes;
    widest = inputs > widest ? inputs : columns > widest ? columns : widest;
  }
  void* block = nullptr;
  if (posix_memalign(&block, 64, size) != 0) return -1;
  uint8_t* weights = static_cast<uint8_t*>(block);
  std::memset(weights, 0, size);  // its own memory, not one page of zeros for all
  std::vector<float> inputs(widest, 0.5f), sums(widest);
  std::vector<uint8_t> bytes(widest, 64);
  const auto began = std::chrono::steady_clock::now();
  for (int64_t step = 0; step < steps; ++step) {
    const uint8_t* at = weights;
    for (int64_t m = 0; m < matrices; ++m)
      for (int64_t out = 0, left = filled(shapes[2 * m + 1]), columns; left > 0; out += columns, left -= columns) {
        columns = left >= 64 ? 64 : left >= 32 ? 32 : kLine;
        const auto next = columns == 64 ? tile<kFormat, 64> : columns == 32 ? tile<kFormat, 32> : tile<kFormat, kLine>;
        next(at, inputs.data(), bytes.data(), shapes[2 * m], sums.data() + out);
        at += shapes[2 * m] * columns * kBytes;
      }
    inputs[step % widest] += sums[step % widest];
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
  std::free(block);
  return taken.count();
}

}  // namespace

// Seconds of some steps through matrices of shapes [inputs, outputs]; negative: this library cannot tell.
extern "C" __attribute__((visibility("default"))) double wavenet_floor(int64_t format, const int64_t* shapes,
                                                                       int64_t matrices, int64_t steps) {
#if !defined(__F16C__) && !defined(__AVX512F__)
  if (format == kFloat16) return -1;
#endif
  if (format == kFloat32) return seconds<kFloat32>(shapes, matrices, steps);
  return format == kFloat16 ? seconds<kFloat16>(shapes, matrices, steps) : seconds<kInt8>(shapes, matrices, steps);
}
