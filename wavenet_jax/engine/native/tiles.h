// Products of many rows, in tiles of a few rows and two vectors of columns whose sums stay in registers.
//
// A matrix is packed into panels of two vectors of columns, so that a panel is read in order and stays in the first-level
// cache while all rows of a block go past it. What becomes of the sums, a tile's work decides: it is a class with
//
//     template <int kCount, int kVectors> void tile(int64_t row, int64_t panel) const;

#ifndef WAVENET_TILES_H_
#define WAVENET_TILES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "vector.h"

namespace wavenet {

#if defined(__AVX512F__) && defined(__AVX512BW__)
constexpr int kTileRows = 14;  // with two vectors each, as many sums as leave registers for what they are made of
#elif defined(__ARM_NEON)
constexpr int kTileRows = 12;
#else
constexpr int kTileRows = 6;
#endif
constexpr int kPanel = 2;  // vectors of a panel

struct alignas(64) Line {
  float values[kLine];
};

// Zeros to begin with, and aligned.
class Memory {
 public:
  explicit Memory(int64_t floats = 0) : lines_(static_cast<size_t>((floats + kLine - 1) / kLine)) {}
  float* data() { return reinterpret_cast<float*>(lines_.data()); }
  const float* data() const { return reinterpret_cast<const float*>(lines_.data()); }

 private:
  std::vector<Line> lines_;
};

// Rows of `count` inputs, `stride` apart, and the panels of the matrix that they are multiplied with.
struct Part {
  const float* rows;
  int64_t stride;
  int64_t count;
  const float* panels;
};

// sums += the products of all parts: of `kCount` rows from `row` on, and the columns of a panel.
template <int kCount, int kVectors>
static inline __attribute__((always_inline)) void multiply(Floats (&sums)[kCount][kVectors], const Part* parts,
                                                           int part_count, int64_t row, int64_t panel) {
  constexpr int kTriples = (kCount + 2) / 3;  // a row's address is one of few pointers and none, one or two strides
  for (int part = 0; part < part_count; ++part) {
    const int64_t count = parts[part].count, stride = parts[part].stride;
    const float* weights = parts[part].panels + panel * count * kPanel * kWidth;
    const float* inputs[kTriples];
#pragma GCC unroll 16
    for (int j = 0; j < kTriples; ++j) inputs[j] = parts[part].rows + (row + 3 * j) * stride;
    for (int64_t i = 0; i < count; ++i, weights += kVectors * kWidth) {
      Floats column[kVectors];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) column[v] = load(weights + v * kWidth);
#pragma GCC unroll 16
      for (int n = 0; n < kCount; ++n) {
        const Floats input = broadcast(inputs[n / 3][(n % 3) * stride]);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[n][v] = multiply_add(column[v], input, sums[n][v]);
      }
#pragma GCC unroll 16
      for (int j = 0; j < kTriples; ++j) ++inputs[j];
    }
  }
}

template <class Work, int kVectors, int kCount>
static __attribute__((noinline)) void one_tile(const Work& work, int64_t row, int64_t panel) {
  work.template tile<kCount, kVectors>(row, panel);
}

template <class Work, int kVectors, int... kCounts>
static inline void rows_of_panel(const Work& work, int64_t rows, int64_t panel,
                                 std::integer_sequence<int, kCounts...>) {
  using Function = void (*)(const Work&, int64_t, int64_t);
  static constexpr Function kTiles[] = {one_tile<Work, kVectors, kCounts + 1>...};
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;  // as even as they can be
  for (int64_t tile = 0, row = 0; tile < tiles; ++tile) {
    const int64_t count = rows / tiles + (tile < rows % tiles ? 1 : 0);
    kTiles[count - 1](work, row, panel);
    row += count;
  }
}

// Does the work for all tiles of some rows and as many vectors of columns.
template <class Work>
static inline void over_tiles(const Work& work, int64_t rows, int64_t vectors) {
  constexpr auto kCounts = std::make_integer_sequence<int, kTileRows>();
  for (int64_t panel = 0; panel < vectors / kPanel; ++panel) rows_of_panel<Work, kPanel>(work, rows, panel, kCounts);
  if (vectors % kPanel != 0) rows_of_panel<Work, 1>(work, rows, vectors / kPanel, kCounts);
}

// Where the rows or the columns of a matrix lie, `stride` apart and padded to whole lines; -1: padding.
static inline std::vector<int64_t> offsets(int64_t count, int64_t stride) {
  std::vector<int64_t> result(static_cast<size_t>(padded(count)), -1);
  for (int64_t index = 0; index < count; ++index) result[index] = index * stride;
  return result;
}

// The panels of a matrix of `inputs` rows, of which a weight is where its row and its column are; zeros for padding.
static inline Memory packed(const float* from, int64_t inputs, const std::vector<int64_t>& rows,
                            const std::vector<int64_t>& columns) {
  const int64_t width = static_cast<int64_t>(columns.size());
  Memory memory(inputs * width);
  float* to = memory.data();
  for (int64_t first = 0; first < width; first += kPanel * kWidth) {
    const int64_t count = std::min<int64_t>(kPanel * kWidth, width - first);
    const int64_t* places = columns.data() + first;
    for (int64_t input = 0; input < inputs; ++input, to += count) {
      if (rows[input] < 0) continue;
      const float* row = from + rows[input];
      for (int64_t column = 0; column < count; ++column) to[column] = places[column] < 0 ? 0.0f : row[places[column]];
    }
  }
  return memory;
}

// out = (start + bias + parts) * scale, in rows of padded width; `start` may be `out`, and of stride 0. Rectified, it is
// that where it is above zero, and zero elsewhere.
template <bool kRectified = false>
struct ProductOf {
  const Part* parts;
  int part_count;
  const float* start;
  int64_t start_stride;
  const float* bias;  // none: null
  float scale;
  float* out;
  int64_t out_stride;

  template <int kCount, int kVectors>
  void tile(int64_t row, int64_t panel) const {
    const int64_t column = panel * kPanel * kWidth;
    Floats sums[kCount][kVectors];
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sums[n][v] = load(start + (row + n) * start_stride + column + v * kWidth);
    multiply<kCount, kVectors>(sums, parts, part_count, row, panel);
    const Floats factor = broadcast(scale);
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      const Floats more = bias == nullptr ? broadcast(0) : load(bias + column + v * kWidth);
#pragma GCC unroll 16
      for (int n = 0; n < kCount; ++n) {
        const Floats value = (sums[n][v] + more) * factor;
        store(out + (row + n) * out_stride + column + v * kWidth, kRectified ? maximum(broadcast(0), value) : value);
      }
    }
  }
};
using Product = ProductOf<>;
using Rectified = ProductOf<true>;

// out += the transposed left rows times the right rows, over `length` of them: rows of `out` are columns of the left.
struct Outer {
  const float* left;
  int64_t left_stride;
  const float* right;
  int64_t right_stride;
  int64_t length;
  float* out;
  int64_t out_stride;

  template <int kCount, int kVectors>
  void tile(int64_t row, int64_t panel) const {
    const int64_t column = panel * kPanel * kWidth;
    Floats sums[kCount][kVectors];
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sums[n][v] = load(out + (row + n) * out_stride + column + v * kWidth);
    const float *l = left + row, *r = right + column;
    for (int64_t t = 0; t < length; ++t, l += left_stride, r += right_stride) {
      Floats values[kVectors];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) values[v] = load(r + v * kWidth);
#pragma GCC unroll 16
      for (int n = 0; n < kCount; ++n) {
        const Floats factor = broadcast(l[n]);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[n][v] = multiply_add(values[v], factor, sums[n][v]);
      }
    }
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) store(out + (row + n) * out_stride + column + v * kWidth, sums[n][v]);
  }
};

// out += the sum of the rows, of padded width.
static inline void add_rows(const float* rows, int64_t stride, int64_t length, int64_t width, float* out) {
  for (int64_t column = 0; column < width; column += kWidth) {
    Floats sum = load(out + column);
    for (int64_t t = 0; t < length; ++t) sum += load(rows + t * stride + column);
    store(out + column, sum);
  }
}

}  // namespace wavenet

#endif  // WAVENET_TILES_H_
