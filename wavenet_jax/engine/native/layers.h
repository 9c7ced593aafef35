// A gated stack, step by step, as wavenet_jax/model/stack.py defines it: that of samples, or one of blocks of them.

#ifndef WAVENET_LAYERS_H_
#define WAVENET_LAYERS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pair.h"
#include "products.h"
#include "reader.h"
#include "vector.h"

namespace wavenet {

// The lines that a worker makes of rows of some width.
static inline LineRange share_of(Worker worker, int64_t width) {
  return LineRange{worker.first(width / kLine), worker.last(width / kLine)};
}

// Activations of some rows as a product wants them: floats, and bytes where the matrix has bytes, which each of some
// workers makes for itself.
class Activations {
 public:
  Activations(int64_t rows, int64_t count, bool as_bytes, int workers = 1)
      : rows_(rows),
        count_(count),
        width_(padded(count)),
        values_(rows * width_),
        bytes_(as_bytes ? workers * rows * width_ : 0),
        scales_(as_bytes ? workers * rows : 0) {}

  float* row(int64_t index) { return values_.data() + index * width_; }
  const uint8_t* bytes(int64_t row) const { return bytes_.data() + row * width_; }
  float scale(int64_t row) const { return scales_[row]; }
  int64_t width() const { return width_; }

  // To be called when the floats have changed.
  void quantize(Worker worker = {}) {
    if (bytes_.empty()) return;
    for (int64_t row = 0, place = worker.index() * rows_; row < rows_; ++row, ++place)
      wavenet::quantize(values_.data() + row * width_, width_, bytes_.data() + place * width_, &scales_[place]);
  }

  void rectify(Worker worker = {}) {
    const LineRange lines = share_of(worker, width_);
    for (int64_t row = 0; row < rows_; ++row)
      for (int64_t i = row * width_ + lines.first * kLine; i < row * width_ + lines.last * kLine; i += kWidth)
        store(values_.data() + i, maximum(load(values_.data() + i), broadcast(0)));
  }

  Inputs inputs(Worker worker = {}) const {
    Inputs result;
    result.count = count_;
    result.values = values_.data();
    result.stride = width_;
    if (bytes_.empty()) return result;
    result.bytes = bytes_.data() + worker.index() * rows_ * width_;
    result.bytes_stride = width_;
    result.scales = scales_.data() + worker.index() * rows_;
    return result;
  }

 private:
  int64_t rows_, count_, width_;
  std::vector<float> values_;
  std::vector<uint8_t> bytes_;
  std::vector<float> scales_;
};

// Vectors of floats where they lie in the session, and beside them bytes for the time of a call.
class Kept {
 public:
  Kept(float* values, int64_t vectors, int64_t count, bool as_bytes)
      : values_(values),
        count_(count),
        width_(padded(count)),
        bytes_(as_bytes ? vectors * width_ : 0),
        scales_(as_bytes ? vectors : 0),
        filled_(width_) {
    quantize();
  }

  // To be called when all floats have changed.
  void quantize() {
    for (size_t vector = 0; vector < scales_.size(); ++vector) {
      const float* from = values_ + vector * count_;
      std::copy(from, from + count_, filled_.begin());
      wavenet::quantize(filled_.data(), width_, bytes_.data() + vector * width_, &scales_[vector]);
    }
  }

  // Puts a row of activations, its bytes made, in place of a vector.
  void put(int64_t vector, Activations& from, int64_t row) {
    std::copy(from.row(row), from.row(row) + count_, values_ + vector * count_);
    if (bytes_.empty()) return;
    std::copy(from.bytes(row), from.bytes(row) + width_, bytes_.begin() + vector * width_);
    scales_[vector] = from.scale(row);
  }

  // Rows that are vectors some way apart.
  Inputs inputs(int64_t first, int64_t apart) const {
    Inputs result;
    result.count = count_;
    result.values = values_ + first * count_;
    result.stride = apart * count_;
    if (!bytes_.empty()) {
      result.bytes = bytes_.data() + first * width_;
      result.bytes_stride = apart * width_;
      result.scales = scales_.data() + first;
      result.scales_stride = apart;
    }
    return result;
  }

 private:
  float* values_;
  int64_t count_, width_;
  std::vector<uint8_t> bytes_;
  std::vector<float> scales_;
  std::vector<float> filled_;  // one vector, up to a whole line
};

struct StackSizes {
  std::vector<int64_t> dilations;
  int64_t kernel_size, residual, hidden, skip, residual_scaling;

  int64_t layers() const { return static_cast<int64_t>(dilations.size()); }
  // Of the rings of all layers.
  int64_t slots() const {
    int64_t result = 0;
    for (const int64_t dilation : dilations) result += (kernel_size - 1) * dilation;
    return result;
  }
  // Of all layers; the halves of a gate are padded by themselves.
  int64_t gates() const { return layers() * 2 * padded(hidden); }
};

struct Layer {
  Matrix gate;  // of past inputs, and of the current one, to [2 * padded hidden]
  const float* residual_bias = nullptr;  // [padded residual]; not in the last layer
  Matrix residual;
  Matrix skip;
};

struct StackWeights {
  const float* gate_bias = nullptr;  // [layers][2 * padded hidden]
  std::vector<Layer> layers;
  const float* skip_bias = nullptr;  // [padded skip]

  StackWeights() = default;
  StackWeights(const StackSizes& sizes, Reader& reader, Format format) {
    const int64_t residual = padded(sizes.residual), hidden = padded(sizes.hidden), skip = padded(sizes.skip);
    gate_bias = reader.floats(sizes.layers(), 2 * hidden);
    const std::vector<int64_t> gate_inputs(sizes.kernel_size, sizes.residual);
    for (int64_t layer = 0; layer < sizes.layers(); ++layer) {
      Layer weights;
      weights.gate = reader.matrix(format, gate_inputs, 2 * hidden);
      if (layer + 1 < sizes.layers()) {
        weights.residual_bias = reader.floats(residual);
        weights.residual = reader.matrix(format, {sizes.hidden}, residual);
      }
      weights.skip = reader.matrix(format, {sizes.hidden}, skip);
      layers.push_back(weights);
    }
    skip_bias = reader.floats(skip);
  }
};

// As it lies in the session.
struct StackState {
  int32_t* positions;  // [layers]
  float* queues;       // [slots, rows, residual]
};

// The rings of past inputs.
class Rings {
 public:
  Rings(const StackSizes& sizes, int64_t rows, bool as_bytes, StackState state)
      : rows_(rows), taps_(sizes.kernel_size - 1), dilations_(sizes.dilations), positions_(state.positions),
        kept_(state.queues, sizes.slots() * rows, sizes.residual, as_bytes) {
    int64_t offset = 0;
    for (const int64_t dilation : dilations_) {
      offsets_.push_back(offset);
      offset += taps_ * dilation;
    }
  }

  // The input of a layer (K - 1 - tap) * dilation samples ago.
  Inputs past(int64_t layer, int64_t tap) const {
    const int64_t size = taps_ * dilations_[layer];
    const int64_t place = positions_[layer] + tap * dilations_[layer];  // below twice the size
    return kept_.inputs((offsets_[layer] + (place < size ? place : place - size)) * rows_, 1);
  }

  // Puts the current input of a layer in place of the oldest.
  void push(int64_t layer, Activations& current) {
    if (taps_ == 0) return;
    const int64_t first = (offsets_[layer] + positions_[layer]) * rows_;
    for (int64_t row = 0; row < rows_; ++row) kept_.put(first + row, current, row);
    if (++positions_[layer] == taps_ * dilations_[layer]) positions_[layer] = 0;
  }

 private:
  int64_t rows_, taps_;
  std::vector<int64_t> dilations_, offsets_;
  int32_t* positions_;
  Kept kept_;
};

// All layers, for some rows.
class GatedStack {
 public:
  // `as_bytes`: in int8; `skip_as_bytes`: what reads the sums of skips is, too; `workers`: of a step, at most.
  GatedStack(const StackSizes& sizes, const StackWeights& weights, int64_t rows, bool as_bytes, bool skip_as_bytes,
             StackState state, int workers = 1)
      : sizes_(sizes),
        weights_(weights),
        rows_(rows),
        rings_(sizes, rows, as_bytes, state),
        x_(workers, Activations(rows, sizes.residual, as_bytes)),
        gate_(rows * 2 * padded(sizes.hidden)),
        gated_(2, Activations(rows, sizes.hidden, as_bytes, workers)),
        skip_(rows, sizes.skip, skip_as_bytes, workers),
        out_(workers, std::vector<float>(rows * padded(sizes.residual))),
        parts_(workers, std::vector<Inputs>(sizes.kernel_size)) {}

  Activations& x() { return x_[0]; }     // what enters; used up by a step
  Activations& skip() { return skip_; }  // the sums of skips after a step, as floats; each worker has made its share

  // `start`: what is added inside all gates, [rows][layers][2 * padded hidden].
  void step(Start start, Worker worker = {}) {
    const int64_t rows = rows_, hidden = padded(sizes_.hidden), residual = padded(sizes_.residual);
    const Floats scale = broadcast(sizes_.residual_scaling ? 0.70710678118654752f : 1.0f);
    // The residual stream is computed by both: so they meet once in a layer.
    Activations& x = x_[worker.index()];
    std::vector<float>& out = out_[worker.index()];
    std::vector<Inputs>& parts = parts_[worker.index()];
    if (worker.index() > 0) std::copy(x_[0].row(0), x_[0].row(rows), x.row(0));
    x.quantize();
    for (int64_t layer = 0; layer < sizes_.layers(); ++layer) {
      const Layer& weights = weights_.layers[layer];
      Activations& gated = gated_[layer % 2];  // a worker may be a layer ahead
      for (int64_t tap = 0; tap < sizes_.kernel_size - 1; ++tap) parts[tap] = rings_.past(layer, tap);
      parts.back() = x.inputs();
      gate(weights.gate, parts, Start{start.values + layer * 2 * hidden, start.stride}, gated, worker);
      worker.meet();
      if (worker.index() == 0) rings_.push(layer, x);  // over what both have read
      gated.quantize(worker);
      const Inputs gates = gated.inputs(worker);
      if (layer + 1 < sizes_.layers()) {
        product(weights.residual, &gates, 1, rows, Start{weights.residual_bias, 0}, out.data(), residual);
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t i = 0; i < residual; i += kWidth)
            store(x.row(row) + i, (load(x.row(row) + i) + load(out.data() + row * residual + i)) * scale);
        x.quantize();  // while the sums of skips, for which nothing waits, are computed
      }
      const Start before = layer == 0 ? Start{weights_.skip_bias, 0} : Start{skip_.row(0), skip_.width()};
      product(weights.skip, &gates, 1, rows, before, skip_.row(0), skip_.width(), share_of(worker, skip_.width()));
    }
  }

 private:
  void gate(const Matrix& matrix, const std::vector<Inputs>& parts, Start start, Activations& gated, Worker worker) {
    const int64_t hidden = padded(sizes_.hidden), lines = hidden / kLine;
    const LineRange units = share_of(worker, hidden);
    const auto multiply = [&](LineRange lines) {
      product(matrix, parts.data(), static_cast<int>(parts.size()), rows_, start, gate_.data(), 2 * hidden, lines);
    };
    if (worker.is_alone()) {
      multiply(LineRange{0, 2 * lines});
    } else {
      multiply(units);
      multiply(LineRange{lines + units.first, lines + units.last});
    }
    for (int64_t row = 0; row < rows_; ++row) {
      const float* from = gate_.data() + row * 2 * hidden;
      for (int64_t i = units.first * kLine; i < units.last * kLine; i += kWidth)
        store(gated.row(row) + i, wavenet::gated(load(from + i), load(from + hidden + i)));
    }
  }

  const StackSizes& sizes_;
  const StackWeights& weights_;
  int64_t rows_;
  Rings rings_;
  std::vector<Activations> x_;  // of each worker
  std::vector<float> gate_;
  std::vector<Activations> gated_;  // of layers in turn
  Activations skip_;
  std::vector<std::vector<float>> out_;     // of each worker
  std::vector<std::vector<Inputs>> parts_;  // of each worker
};

}  // namespace wavenet

#endif  // WAVENET_LAYERS_H_
