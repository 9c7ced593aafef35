// The packed weights of wavenet_jax/engine/packing.py, read back in the order in which they lie there.

#ifndef WAVENET_READER_H_
#define WAVENET_READER_H_

#include <cstdint>
#include <vector>

#include "arguments.h"
#include "products.h"
#include "vector.h"

namespace wavenet {

// The packed weights, section by section, each of whole 64 bytes.
class Reader {
 public:
  Reader(const uint8_t* data, int64_t size, const std::vector<int64_t>& blocks)
      : data_(data), left_(size), blocks_(blocks) {}

  const uint8_t* bytes(int64_t count, int64_t each) {
    if (each > 0 && count > (left_ + each) / each) refuse("packed is too short for this network");
    const int64_t size = rounded_up(count * each, 4 * kLine);
    if (size > left_) refuse("packed is too short for this network");
    const uint8_t* here = data_;
    data_ += size;
    left_ -= size;
    return here;
  }

  const float* floats(int64_t count, int64_t each = 1) {
    if (count == 0) return reinterpret_cast<const float*>(data_);  // of a matrix that is all zeros, maybe the last one
    if (each > left_ || count > left_) refuse("packed is too short for this network");
    return reinterpret_cast<const float*>(bytes(count, 4 * each));
  }

  Matrix matrix(Format format, const std::vector<int64_t>& inputs, int64_t outputs) {
    Matrix result;
    result.format = format;
    result.lines = padded(outputs) / kLine;
    if (read_ == blocks_.size()) refuse("blocks must name each matrix");
    const int64_t blocks = blocks_[read_++];
    if (blocks >= 0) {
      read_blocks(result, inputs, blocks);
      return result;
    }
    const bool whole = format != Format::kInt8;
    if (!whole) result.bytes = 4 * (1 + static_cast<int64_t>(inputs.size()));
    for (const int64_t count : inputs) result.bytes += (whole ? count : rounded_up(count, kGroup)) * bytes_of(format);
    result.data = bytes(padded(outputs), result.bytes);
    return result;
  }

  void finish() const {
    if (left_ != 0) refuse("packed is too long for this network");
    if (read_ != blocks_.size()) refuse("blocks must name each matrix, and no more");
  }

 private:
  void read_blocks(Matrix& matrix, const std::vector<int64_t>& inputs, int64_t blocks) {
    const int64_t parts = static_cast<int64_t>(inputs.size()), outputs = matrix.lines * kLine;
    for (const int64_t count : inputs)
      if (count % kGroup != 0) refuse("a matrix of blocks needs inputs in fours");
    matrix.counts = reinterpret_cast<const int32_t*>(floats(matrix.lines, parts));
    matrix.places = reinterpret_cast<const int32_t*>(floats(blocks));
    if (matrix.format == Format::kInt8) {
      matrix.scales = floats(outputs);
      matrix.offsets = reinterpret_cast<const int32_t*>(floats(outputs, parts));
    }
    matrix.data = bytes(blocks, kLine * kGroup * bytes_of(matrix.format));
    int64_t place = 0;
    for (int64_t run = 0; run < matrix.lines * parts; ++run) {
      if (run % parts == 0) matrix.starts.push_back(place);
      const int64_t count = matrix.counts[run], end = inputs[run % parts];
      if (count < 0 || count > blocks - place) refuse("packed has counts of blocks that are not there");
      for (const int64_t last = place + count; place < last; ++place)
        if (matrix.places[place] < 0 || matrix.places[place] > end - kGroup) refuse("packed has blocks out of place");
    }
    if (place != blocks) refuse("packed has blocks that are not counted");
  }

  const uint8_t* data_;
  int64_t left_;
  const std::vector<int64_t>& blocks_;
  size_t read_ = 0;
};

}  // namespace wavenet

#endif  // WAVENET_READER_H_
