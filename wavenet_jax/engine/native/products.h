// Products of a few rows with a packed matrix, whose weights are floats, halves of 16 bits or bytes.
//
// A packed matrix is a row of tiles of about 64 outputs; in a tile, inputs follow one another. Or it is those of its
// blocks, of 16 outputs and 4 inputs, that are not all zeros. Each output is one lane, whose sum runs over the inputs in
// order: the same bits beside however many rows, and whether zeros are left out or not.

#ifndef WAVENET_PRODUCTS_H_
#define WAVENET_PRODUCTS_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "vector.h"

namespace wavenet {

constexpr int64_t kGroup = 4;  // inputs whose bytes lie side by side
constexpr float kFiner = 254;  // how much finer what rounding took from weights is kept, where it is

enum class Format { kFloat32 = 0, kInt8 = 1, kFloat16 = 2, kBfloat16 = 3 };

static inline int64_t bytes_of(Format format) { return format == Format::kFloat32 ? 4 : format == Format::kInt8 ? 1 : 2; }

// Activations of some rows: `count` of each, `stride` apart. In int8 they are bytes that stand for
// (byte - 128) * scale, with a scale for each row.
struct Inputs {
  int64_t count = 0;
  const float* values = nullptr;
  int64_t stride = 0;
  const uint8_t* bytes = nullptr;
  int64_t bytes_stride = 0;
  const float* scales = nullptr;
  int64_t scales_stride = 1;
};

// Rows of floats, `stride` apart; 0: the same for all.
struct Start {
  const float* values;
  int64_t stride;
};

// Some of the lines of 16 outputs that a matrix has, the last one not included.
struct LineRange {
  int64_t first, last;
};

struct Matrix {
  Format format = Format::kFloat32;
  const uint8_t* data = nullptr;
  int64_t bytes = 0;  // of a tile for each output, those of scales and offsets included
  int64_t lines = 0;  // of 16 outputs
  // Where blocks of zeros are left out:
  const int32_t* counts = nullptr;   // [lines][parts]: blocks that are there; null: the matrix is in tiles
  const int32_t* places = nullptr;   // [blocks]: the first input of each, in its part
  const float* scales = nullptr;     // [outputs], of int8
  const int32_t* offsets = nullptr;  // [parts][outputs], of int8
  std::vector<int64_t> starts;       // [lines]: blocks before each line

  // Tiles are as even as they can be, of 64 outputs or of up to 112 where that saves a narrow one; or of all there are.
  int64_t tiles() const { return lines < 8 ? 1 : lines / 4; }
};

template <typename Weight, int kCount, int kVectors>
static __attribute__((noinline)) void float_block(const Weight* weights, int64_t width, const Inputs* parts, int part_count, int64_t row,
                               Start start, float* out, int64_t out_stride) {
  Floats sums[kCount][kVectors];
#pragma GCC unroll 16
  for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) sums[n][v] = load(start.values + (row + n) * start.stride + v * kWidth);
  for (int part = 0; part < part_count; ++part) {
    const float* inputs = parts[part].values + row * parts[part].stride;
    const int64_t stride = parts[part].stride, count = parts[part].count;
    for (int64_t i = 0; i < count; ++i, weights += width) {
      Floats column[kVectors];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) column[v] = load(weights + v * kWidth);
#pragma GCC unroll 16
      for (int n = 0; n < kCount; ++n) {
        const Floats input = broadcast(inputs[n * stride + i]);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[n][v] = multiply_add(column[v], input, sums[n][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) store(out + (row + n) * out_stride + v * kWidth, sums[n][v]);
}

// A tile in int8: the scale of each output, what takes the offset of each part back, then the weights.
template <int kCount, int kVectors>
static __attribute__((noinline)) void byte_block(const uint8_t* tile, int64_t width, int64_t first, const Inputs* parts, int part_count,
                              int64_t row, Start start, float* out, int64_t out_stride) {
  const float* scales = reinterpret_cast<const float*>(tile) + first;
  const int32_t* offsets = reinterpret_cast<const int32_t*>(tile) + width + first;
  const int8_t* weights =
      reinterpret_cast<const int8_t*>(tile) + (1 + part_count) * width * kGroup + first * kGroup;
  Floats totals[kCount][kVectors];
#pragma GCC unroll 16
  for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) totals[n][v] = load(start.values + (row + n) * start.stride + v * kWidth);
  for (int part = 0; part < part_count; ++part, offsets += width) {
    Ints sums[kCount][kVectors];
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sums[n][v] = beginning(offsets + v * kWidth);
    const int64_t stride = parts[part].bytes_stride, groups = (parts[part].count + kGroup - 1) / kGroup;
    const uint8_t* inputs = parts[part].bytes + row * stride;
    for (int64_t group = 0; group < groups; ++group, weights += width * kGroup) {
#pragma GCC unroll 16
      for (int n = 0; n < kCount; ++n) {
        uint32_t four;
        std::memcpy(&four, inputs + n * stride + group * kGroup, sizeof four);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[n][v] = dot(sums[n][v], four, weights + v * kWidth * kGroup);
      }
    }
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n) {
      const Floats scale = broadcast(parts[part].scales[(row + n) * parts[part].scales_stride]);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v)
        totals[n][v] = multiply_add(as_floats(sums[n][v]), scale * load(scales + v * kWidth), totals[n][v]);
    }
  }
#pragma GCC unroll 16
  for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) store(out + (row + n) * out_stride + v * kWidth, totals[n][v]);
}

// A block of `vectors`, at most kVectors, of a tile; each number of them is a function of its own.
template <int kCount, int kVectors>
static inline void block_of_rows(int64_t vectors, Format format, const uint8_t* tile, int64_t width, int64_t first,
                                 const Inputs* parts, int part_count, int64_t row, Start start, float* out,
                                 int64_t out_stride) {
  if constexpr (kVectors > kLine / kWidth)
    if (vectors < kVectors)
      return block_of_rows<kCount, kVectors - kLine / kWidth>(vectors, format, tile, width, first, parts, part_count,
                                                              row, start, out, out_stride);
  const Start here{start.values + first, start.stride};
  const auto floats = [&](const auto* weights) {
    float_block<std::decay_t<decltype(*weights)>, kCount, kVectors>(weights + first, width, parts, part_count, row, here,
                                                                    out + first, out_stride);
  };
  if (format == Format::kFloat32)
    floats(reinterpret_cast<const float*>(tile));
  else if (format == Format::kFloat16)
    floats(reinterpret_cast<const Half*>(tile));
  else if (format == Format::kBfloat16)
    floats(reinterpret_cast<const Brain*>(tile));
  else
    byte_block<kCount, kVectors>(tile, width, first, parts, part_count, row, here, out + first, out_stride);
}

// Outputs from `first` to `last` of a tile.
template <int kCount, int kVectors>
static inline void tile_of_rows(Format format, const uint8_t* tile, int64_t width, int64_t first, int64_t last,
                                const Inputs* parts, int part_count, int64_t row, Start start, float* out,
                                int64_t out_stride) {
  for (; first < last; first += kVectors * kWidth)
    block_of_rows<kCount, kVectors>(std::min<int64_t>((last - first) / kWidth, kVectors), format, tile, width, first,
                                    parts, part_count, row, start, out, out_stride);
}

// Some rows times the blocks that are there, of floats or halves.
template <typename Weight, int kCount>
static __attribute__((noinline)) void float_blocks_of_rows(const Matrix& matrix, const Inputs* parts, int part_count, int64_t row,
                                        Start start, float* out, int64_t out_stride, LineRange lines) {
  constexpr int kVectors = kLine / kWidth;
  const int64_t before = matrix.starts[lines.first];
  const Weight* weights = reinterpret_cast<const Weight*>(matrix.data) + before * kLine * kGroup;
  const int32_t *counts = matrix.counts + lines.first * part_count, *places = matrix.places + before;
  for (int64_t first = lines.first * kLine; first < lines.last * kLine; first += kLine) {
    Floats sums[kCount][kVectors];
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v)
        sums[n][v] = load(start.values + (row + n) * start.stride + first + v * kWidth);
    for (int part = 0; part < part_count; ++part) {
      const int64_t stride = parts[part].stride;
      const float* inputs = parts[part].values + row * stride;
      for (int32_t left = *counts++; left > 0; --left) {
        const float* four = inputs + *places++;
#pragma GCC unroll 16
        for (int i = 0; i < kGroup; ++i, weights += kLine)
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v) {
            const Floats column = load(weights + v * kWidth);
#pragma GCC unroll 16
            for (int n = 0; n < kCount; ++n)
              sums[n][v] = multiply_add(column, broadcast(four[n * stride + i]), sums[n][v]);
          }
      }
    }
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) store(out + (row + n) * out_stride + first + v * kWidth, sums[n][v]);
  }
}

// Some rows times the blocks that are there, of bytes.
template <int kCount>
static __attribute__((noinline)) void byte_blocks_of_rows(const Matrix& matrix, const Inputs* parts, int part_count, int64_t row,
                                       Start start, float* out, int64_t out_stride, LineRange lines) {
  constexpr int kVectors = kLine / kWidth;
  const int64_t before = matrix.starts[lines.first];
  const int8_t* weights = reinterpret_cast<const int8_t*>(matrix.data) + before * kLine * kGroup;
  const int32_t *counts = matrix.counts + lines.first * part_count, *places = matrix.places + before;
  for (int64_t first = lines.first * kLine; first < lines.last * kLine; first += kLine) {
    Floats totals[kCount][kVectors];
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v)
        totals[n][v] = load(start.values + (row + n) * start.stride + first + v * kWidth);
    for (int part = 0; part < part_count; ++part) {
      const int32_t* offsets = matrix.offsets + part * matrix.lines * kLine + first;
      Ints sums[kCount][kVectors];
#pragma GCC unroll 16
      for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[n][v] = beginning(offsets + v * kWidth);
      const int64_t stride = parts[part].bytes_stride;
      const uint8_t* inputs = parts[part].bytes + row * stride;
      for (int32_t left = *counts++; left > 0; --left, weights += kLine * kGroup) {
        const uint8_t* place = inputs + *places++;
#pragma GCC unroll 16
        for (int n = 0; n < kCount; ++n) {
          uint32_t four;
          std::memcpy(&four, place + n * stride, sizeof four);
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v) sums[n][v] = dot(sums[n][v], four, weights + v * kWidth * kGroup);
        }
      }
#pragma GCC unroll 16
      for (int n = 0; n < kCount; ++n) {
        const Floats scale = broadcast(parts[part].scales[(row + n) * parts[part].scales_stride]);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v)
          totals[n][v] = multiply_add(as_floats(sums[n][v]), scale * load(matrix.scales + first + v * kWidth), totals[n][v]);
      }
    }
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) store(out + (row + n) * out_stride + first + v * kWidth, totals[n][v]);
  }
}

template <int kCount>
static inline void blocks_of_rows(const Matrix& matrix, const Inputs* parts, int part_count, int64_t row, Start start,
                                  float* out, int64_t out_stride, LineRange lines) {
  const auto run = matrix.format == Format::kFloat32   ? float_blocks_of_rows<float, kCount>
                   : matrix.format == Format::kFloat16  ? float_blocks_of_rows<Half, kCount>
                   : matrix.format == Format::kBfloat16 ? float_blocks_of_rows<Brain, kCount>
                                                        : byte_blocks_of_rows<kCount>;
  run(matrix, parts, part_count, row, start, out, out_stride, lines);
}

// out = start + inputs * matrix, for all rows and some lines of 16 outputs; `start` may be `out` itself. Each tile is
// read once for all rows.
static inline void product(const Matrix& matrix, const Inputs* parts, int part_count, int64_t rows, Start start,
                           float* out, int64_t out_stride, LineRange lines) {
  if (lines.first == lines.last) return;
  if (matrix.counts != nullptr) {
    int64_t row = 0;
    for (; row + kRows <= rows; row += kRows)
      blocks_of_rows<kRows>(matrix, parts, part_count, row, start, out, out_stride, lines);
    for (; row < rows; ++row) blocks_of_rows<1>(matrix, parts, part_count, row, start, out, out_stride, lines);
    return;
  }
  const uint8_t* tile = matrix.data;
  const int64_t tiles = matrix.tiles();
  int64_t first = lines.first * kLine, last = lines.last * kLine;  // from where the tile begins
  for (int64_t index = 0; index < tiles && last > 0; ++index) {
    const int64_t width = kLine * (matrix.lines / tiles + (index < matrix.lines % tiles ? 1 : 0));
    const int64_t from = std::max<int64_t>(first, 0), to = std::min(last, width);
    int64_t row = 0;
    for (; row + kRows <= rows; row += kRows)
      tile_of_rows<kRows, kTogether>(matrix.format, tile, width, from, to, parts, part_count, row, start, out, out_stride);
    for (; row < rows; ++row)
      tile_of_rows<1, kAlone>(matrix.format, tile, width, from, to, parts, part_count, row, start, out, out_stride);
    tile += matrix.bytes * width;
    start.values += width;
    out += width;
    first -= width, last -= width;
  }
}

static inline void product(const Matrix& matrix, const Inputs* parts, int part_count, int64_t rows, Start start,
                           float* out, int64_t out_stride) {
  product(matrix, parts, part_count, rows, start, out, out_stride, LineRange{0, matrix.lines});
}

// Bytes for one row of `count` values, padded to whole vectors, and what they are multiples of: 255 steps around an
// offset of 128.
static inline void quantize(const float* values, int64_t count, uint8_t* bytes, float* scale) {
  Floats most = broadcast(0);
  for (int64_t i = 0; i < count; i += kWidth) most = maximum(most, absolute(load(values + i)));
  const float greatest = greatest_lane(most);
  // Numbers too small for a reciprocal count as zeros.
  const float inverse = greatest > 1e-30f && greatest < 1e30f ? 127.0f / greatest : 0.0f;
  *scale = inverse > 0 ? greatest / 127.0f : 0.0f;
  const Floats magic = broadcast(12582912.0f), factor = broadcast(inverse);  // 1.5 * 2^23: its last bits are the integer
  for (int64_t i = 0; i < count; i += kWidth)
    store_bytes(bytes + i, ((Bits)multiply_add(load(values + i), factor, magic) + 128u) & 255u);
}

}  // namespace wavenet

#endif  // WAVENET_PRODUCTS_H_
