// Context stacks, as wavenet_jax/model/context.py defines them: gated stacks that step once in a period of samples, and
// say something of each sample of the period that follows.

#ifndef WAVENET_CONTEXT_H_
#define WAVENET_CONTEXT_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "layers.h"
#include "products.h"
#include "reader.h"
#include "vector.h"

namespace wavenet {

// Of all context stacks, which differ in their periods alone.
struct ContextSizes : StackSizes {
  std::vector<int64_t> periods;
  int64_t channels;  // of each, for a sample
};

struct ContextWeights {
  int64_t period;
  const float* input_bias;  // [padded residual]
  Matrix input;             // of a block of values, to the slow stream
  StackWeights stack;
  const float* output_bias;  // [padded period * channels]
  Matrix output;

  ContextWeights(const ContextSizes& sizes, int64_t period, Reader& reader, Format format) : period(period) {
    input_bias = reader.floats(padded(sizes.residual));
    input = reader.matrix(Format::kFloat32, {period}, sizes.residual);
    stack = StackWeights(sizes, reader, format);
    output_bias = reader.floats(padded(period * sizes.channels));
    output = reader.matrix(format, {sizes.skip}, period * sizes.channels);
  }
};

// As it lies in the session.
struct ContextState {
  int32_t* phase;  // []: samples since the block began
  float* block;    // [rows, period]: the newest values, each at its place
  float* output;   // [rows, period, channels]: what is said of the samples of this block
  StackState stack;
};

// One context stack, for some rows.
class Context {
 public:
  Context(const ContextSizes& sizes, const ContextWeights& weights, int64_t rows, bool as_bytes, ContextState state)
      : weights_(weights),
        rows_(rows),
        count_(weights.period * sizes.channels),
        state_(state),
        stack_(sizes, weights.stack, rows, as_bytes, as_bytes, state.stack),
        made_(rows * padded(count_)),
        outputs_(state.output, rows * weights.period, sizes.channels, as_bytes) {}

  // What is said of the next sample; `latest [rows]`: the values of the one before.
  Inputs step(const std::vector<float>& latest) {
    const int64_t period = weights_.period, phase = *state_.phase;
    if (phase == 0) begin_block();
    for (int64_t row = 0; row < rows_; ++row) state_.block[row * period + phase] = latest[row];
    *state_.phase = static_cast<int32_t>(phase + 1 < period ? phase + 1 : 0);
    return outputs_.inputs(phase, period);
  }

 private:
  void begin_block() {
    Inputs block;
    block.count = block.stride = weights_.period;
    block.values = state_.block;
    product(weights_.input, &block, 1, rows_, Start{weights_.input_bias, 0}, stack_.x().row(0), stack_.x().width());
    stack_.step(Start{weights_.stack.gate_bias, 0});
    stack_.skip().rectify();
    stack_.skip().quantize();
    const Inputs sums = stack_.skip().inputs();
    const int64_t width = padded(count_);
    product(weights_.output, &sums, 1, rows_, Start{weights_.output_bias, 0}, made_.data(), width);
    for (int64_t row = 0; row < rows_; ++row)
      std::copy(made_.data() + row * width, made_.data() + row * width + count_, state_.output + row * count_);
    outputs_.quantize();
  }

  const ContextWeights& weights_;
  int64_t rows_, count_;  // count: outputs of a block
  ContextState state_;
  GatedStack stack_;
  std::vector<float> made_;  // [rows][padded count]
  Kept outputs_;
};

}  // namespace wavenet

#endif  // WAVENET_CONTEXT_H_
