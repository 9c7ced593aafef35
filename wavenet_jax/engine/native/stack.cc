// The dilated gated stack and the output layer over whole signals, forward and backward, for training.
//
// `whole` of wavenet_jax/model/stack.py and `project` of wavenet_jax/model/output.py are the definition. A block of samples
// goes through all layers before the next one, so that what lies between layers stays in the second-level cache. Kept for
// the gradient are the layers' inputs, the gates and their logistic halves, and what both rectifiers give; gradients of
// what the gates and the rectifiers take then have their places.
//
// Sizes: B rows of T samples; L layers of K taps; R residual, H hidden and S skip channels; G = 2 H; E channels between the
// two output projections, O outputs. Channels in memory of our own are padded to whole lines.

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "arguments.h"
#include "tiles.h"
#include "vector.h"
#include "xla/ffi/api/ffi.h"

namespace wavenet {
namespace {

constexpr int64_t kBlock = 16 * 14;  // samples that go through the layers together

struct Shape {
  int64_t B, T, L, K, R, H, S, E, O, F;  // F: pieces of the samples that a bias inside the gates is for
  std::vector<int64_t> dilations;
  bool scaling;

  int64_t residual() const { return padded(R); }
  int64_t hidden() const { return padded(H); }
  int64_t gates() const { return 2 * padded(H); }
  int64_t skip() const { return padded(S); }
  int64_t end() const { return padded(E); }
  int64_t outputs() const { return padded(O); }
  int64_t lag(int64_t layer, int64_t tap) const { return (K - 1 - tap) * dilations[layer]; }
  int64_t blocks() const { return (T + kBlock - 1) / kBlock; }
  float scale() const { return scaling ? 0.70710678118654752f : 1.0f; }
};

// Where the columns of our gates are: a panel is a vector of the one half and the same of the other. -1: padding.
std::vector<int64_t> in_panels(const Shape& shape) {
  std::vector<int64_t> columns(static_cast<size_t>(shape.gates()));
  for (int64_t column = 0; column < shape.gates(); ++column) {
    const int64_t h = column / (2 * kWidth) * kWidth + column % kWidth;
    columns[column] = h < shape.H ? column / kWidth % 2 * shape.H + h : -1;
  }
  return columns;
}

// Where the rows of our gates are: the halves follow one another. -1: padding.
std::vector<int64_t> in_halves(const Shape& shape) {
  std::vector<int64_t> rows(static_cast<size_t>(shape.gates()));
  for (int64_t row = 0; row < shape.gates(); ++row) {
    const int64_t h = row % shape.hidden();
    rows[row] = h < shape.H ? row / shape.hidden() * shape.H + h : -1;
  }
  return rows;
}

// Weights as they come: dilated [L, K, R, G], residual [L - 1, H, R], skip [L, H, S], end [S, E], outputs [E, O].
struct Weights {
  const float *dilated, *residual, *skip, *end, *outputs;

  const float* tap(const Shape& s, int64_t layer, int64_t tap) const {
    return dilated + (layer * s.K + tap) * s.R * 2 * s.H;
  }
  const float* mixing(const Shape& s, int64_t layer) const { return residual + layer * s.H * s.R; }
  const float* combining(const Shape& s, int64_t layer) const { return skip + layer * s.H * s.S; }
};

// What both directions keep between them, with all channels padded.
struct Kept {
  float* inputs;  // [L, B, T, R]
  float* gates;   // [L, B, T, 2 H]: the gates, then their logistic halves; afterwards gradients of pre-activations
  float* sums;    // [B, T, S]: the rectified skip sums; afterwards gradients of the sums
  float* ends;    // [B, T, E]: the rectified channels between the output projections; afterwards gradients before that

  float* input(const Shape& s, int64_t layer, int64_t row, int64_t t) const {
    return inputs + ((layer * s.B + row) * s.T + t) * s.residual();
  }
  float* gate(const Shape& s, int64_t layer, int64_t row, int64_t t) const {
    return gates + ((layer * s.B + row) * s.T + t) * s.gates();
  }
  float* sum(const Shape& s, int64_t row, int64_t t) const { return sums + (row * s.T + t) * s.skip(); }
  float* end(const Shape& s, int64_t row, int64_t t) const { return ends + (row * s.T + t) * s.end(); }
};

using Parts = std::vector<Part>;

// The gates of some rows, from the products of all taps and a bias for each piece of the samples.
struct Gate {
  const Part* parts;
  int part_count;
  const float* bias;  // [F, 2 H], in panels
  int64_t first, each;  // the sample of the first row; samples of a piece
  int64_t hidden;
  float* gates;

  template <int kCount, int kVectors>
  void tile(int64_t row, int64_t panel) const {
    static_assert(kVectors == kPanel || kVectors == 1, "a vector of each half");
    if constexpr (kVectors == kPanel) {
      Floats sums[kCount][kVectors];
#pragma GCC unroll 16
      for (int n = 0; n < kCount; ++n) {
        const float* here = bias + ((first + row + n) / each * hidden + panel * kWidth) * 2;
        sums[n][0] = load(here);
        sums[n][1] = load(here + kWidth);
      }
      multiply<kCount, kVectors>(sums, parts, part_count, row, panel);
      float* to = gates + row * 2 * hidden + panel * kWidth;
#pragma GCC unroll 16
      for (int n = 0; n < kCount; ++n, to += 2 * hidden) {
        const Floats value = minimum(maximum(sums[n][0], broadcast(-9.1f)), broadcast(9.1f));
        const Floats gate = maximum(minimum(sums[n][1], broadcast(40.0f)), broadcast(-40.0f));
        const Floats grown = exponential(value + value), shrunk = exponential(-gate);
        const Floats above = grown + 1.0f, both = broadcast(1.0f) / (above * (shrunk + 1.0f));
        store(to, (grown - 1.0f) * both);
        store(to + hidden, above * both);
      }
    }
  }
};

// Gradients of the pre-activations, in place of gates and their logistic halves, from the products that the gradient of
// the gates is the sum of.
struct Ungate {
  const Part* parts;
  int part_count;
  int64_t hidden;
  float* gates;

  template <int kCount, int kVectors>
  void tile(int64_t row, int64_t panel) const {
    Floats sums[kCount][kVectors] = {};
    multiply<kCount, kVectors>(sums, parts, part_count, row, panel);
    float* at = gates + row * 2 * hidden + panel * kPanel * kWidth;
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n, at += 2 * hidden)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) {
        const Floats gated = load(at + v * kWidth), logistic = load(at + hidden + v * kWidth);
        const Floats tangent = gated / logistic;
        store(at + v * kWidth, sums[n][v] * logistic * (1.0f - tangent * tangent));
        store(at + hidden + v * kWidth, sums[n][v] * gated * (1.0f - logistic));
      }
  }
};

// Gradients of what a rectifier takes, in place of what it gave, from the product with the gradients of what followed.
struct Unrectify {
  Part part;
  float* rectified;
  int64_t stride;

  template <int kCount, int kVectors>
  void tile(int64_t row, int64_t panel) const {
    Floats sums[kCount][kVectors] = {};
    multiply<kCount, kVectors>(sums, &part, 1, row, panel);
    float* at = rectified + row * stride + panel * kPanel * kWidth;
#pragma GCC unroll 16
    for (int n = 0; n < kCount; ++n, at += stride)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v)
        store(at + v * kWidth, select(load(at + v * kWidth) > broadcast(0), sums[n][v], broadcast(0)));
  }
};

// Chains of work for as many threads. A chain may wait for those before it, which have begun when it begins.
class Chains {
 public:
  Chains(int64_t count, std::function<void(int64_t)> run) : count_(count), run_(std::move(run)) {}

  // Works on chains until all have begun.
  void work() {
    for (int64_t chain = next_++; chain < count_; chain = next_++) {
      run_(chain);
      ++done_;
    }
  }

  void wait() const {
    while (done_ < count_) std::this_thread::yield();
  }

 private:
  const int64_t count_;
  const std::function<void(int64_t)> run_;
  std::atomic<int64_t> next_{0}, done_{0};
};

// Runs all chains on the threads of the pool and on this one, which does what no other has begun.
void run_chains(ffi::ThreadPool& pool, int64_t count, std::function<void(int64_t)> run) {
  const auto chains = std::make_shared<Chains>(count, std::move(run));
  for (int64_t helper = 1; helper < count; ++helper) pool.Schedule([chains] { chains->work(); });
  chains->work();
  chains->wait();
}

// How the work is cut into chains: groups of rows, and stages of layers, through which blocks follow one another. Results
// depend on it in their last bits, on threads and their timing otherwise not.
struct Plan {
  int64_t groups, stages;
  std::vector<std::atomic<int64_t>> progress;  // blocks that each chain has finished

  Plan(const Shape& shape, int64_t threads)
      : groups(std::gcd(shape.B, std::max<int64_t>(threads, 1))),
        stages(std::min(shape.L, std::max<int64_t>(threads, 1) / groups)),
        progress(static_cast<size_t>(groups * stages)) {}

  int64_t chains() const { return groups * stages; }
  int64_t first_row(const Shape& s, int64_t group) const { return group * (s.B / groups); }
  // A stage has at least one layer; the last one has the output projections, too.
  int64_t first_layer(const Shape& s, int64_t stage) const {
    if (stage == stages) return s.L;
    const int64_t layer = s.H * (2 * s.K * s.R + s.R + s.S), outputs = s.E * (s.S + s.O);
    return std::min(stage * (s.L + outputs / layer) / stages, s.L - (stages - stage));
  }

  void wait(int64_t chain, int64_t blocks) const {
    while (progress[chain].load(std::memory_order_acquire) < blocks) std::this_thread::yield();
  }
  void finish(int64_t chain) { progress[chain].fetch_add(1, std::memory_order_release); }
};

// Copies rows of `count` channels between strides; what a wider stride leaves between them becomes zeros.
void copy_rows(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t count, int64_t rows) {
  for (int64_t row = 0; row < rows; ++row)
    std::fill_n(std::copy_n(from + row * from_stride, count, to + row * to_stride), to_stride - count, 0.0f);
}

Memory padded_rows(const float* from, int64_t count, int64_t rows) {
  Memory memory(rows * padded(count));
  if (from != nullptr) copy_rows(from, count, memory.data(), padded(count), count, rows);
  return memory;
}

class Forward {
 public:
  // x [B, T, R], bias [L, F, B, G], residual_bias [L - 1, R], skip_bias [S], end_bias [E], outputs_bias [O]; the outputs
  // are [B, T, O].
  Forward(const Shape& shape, const Weights& weights, const float* x, const float* bias, const float* residual_bias,
          const float* skip_bias, const float* end_bias, const float* outputs_bias, const Kept& kept, float* outputs,
          int64_t threads)
      : s_(shape),
        plan_(shape, threads),
        x_(x),
        kept_(kept),
        outputs_(outputs),
        residual_bias_(padded_rows(residual_bias, shape.R, shape.L - 1)),
        skip_bias_(padded_rows(skip_bias, shape.S, 1)),
        end_bias_(padded_rows(end_bias, shape.E, 1)),
        outputs_bias_(padded_rows(outputs_bias, shape.O, 1)),
        bias_(shape.L * shape.B * shape.F * shape.gates()),
        ending_(packed(weights.end, shape.S, offsets(shape.S, shape.E), offsets(shape.E, 1))),
        giving_(packed(weights.outputs, shape.E, offsets(shape.E, shape.O), offsets(shape.O, 1))) {
    for (int64_t chain = 0; chain < plan_.chains(); ++chain)
      scratch_.push_back({Memory(kBlock * s_.outputs()), Parts(s_.K)});
    const auto panels = in_panels(s_), taps = offsets(s_.R, 2 * s_.H), mixing = offsets(s_.H, s_.R);
    const auto combining = offsets(s_.H, s_.S), residual = offsets(s_.R, 1), skip = offsets(s_.S, 1);
    for (int64_t l = 0; l < s_.L; ++l) {
      for (int64_t tap = 0; tap < s_.K; ++tap) taps_.push_back(packed(weights.tap(s_, l, tap), s_.R, taps, panels));
      if (l + 1 < s_.L) residual_.push_back(packed(weights.mixing(s_, l), s_.H, mixing, residual));
      combining_.push_back(packed(weights.combining(s_, l), s_.H, combining, skip));
      for (int64_t f = 0; f < s_.F; ++f)
        for (int64_t b = 0; b < s_.B; ++b) {
          const float* from = bias + ((l * s_.F + f) * s_.B + b) * 2 * s_.H;
          float* to = bias_.data() + ((l * s_.B + b) * s_.F + f) * s_.gates();
          for (int64_t column = 0; column < s_.gates(); ++column)
            to[column] = panels[column] < 0 ? 0.0f : from[panels[column]];
        }
    }
  }

  void run(ffi::ThreadPool& pool) {
    run_chains(pool, plan_.chains(), [this](int64_t chain) { run_chain(chain); });
  }

 private:
  struct Scratch {
    Memory outputs;
    Parts parts;
  };

  void run_chain(int64_t chain) {
    const int64_t stage = chain / plan_.groups, group = chain % plan_.groups;
    const int64_t from = plan_.first_layer(s_, stage), to = plan_.first_layer(s_, stage + 1);
    int64_t finished = 0;
    for (int64_t b = plan_.first_row(s_, group); b < plan_.first_row(s_, group + 1); ++b)
      for (int64_t start = 0; start < s_.T; start += kBlock) {
        const int64_t stop = std::min(start + kBlock, s_.T);
        if (stage > 0) plan_.wait(chain - plan_.groups, ++finished);
        block(b, start, stop, from, to, scratch_[chain]);
        plan_.finish(chain);
      }
  }

  void block(int64_t b, int64_t start, int64_t stop, int64_t from, int64_t to, Scratch& scratch) {
    const int64_t rows = stop - start, stride = s_.skip();
    float* sums = kept_.sum(s_, b, start);
    if (from == 0) copy_rows(x_ + (b * s_.T + start) * s_.R, s_.R, kept_.input(s_, 0, b, start), s_.residual(), s_.R, rows);
    for (int64_t l = from; l < to; ++l) {
      gates(l, b, start, stop, scratch.parts);
      const float* gated = kept_.gate(s_, l, b, start);
      if (l + 1 < s_.L) {
        const Part part{gated, s_.gates(), s_.H, residual_[l].data()};
        const Product product{&part,
                              1,
                              kept_.input(s_, l, b, start),
                              s_.residual(),
                              residual_bias_.data() + l * s_.residual(),
                              s_.scale(),
                              kept_.input(s_, l + 1, b, start),
                              s_.residual()};
        over_tiles(product, rows, s_.residual() / kWidth);
      }
      const Part part{gated, s_.gates(), s_.H, combining_[l].data()};
      const float* before = l == 0 ? skip_bias_.data() : sums;
      const int64_t before_stride = l == 0 ? 0 : stride;
      if (l + 1 < s_.L)
        over_tiles(Product{&part, 1, before, before_stride, nullptr, 1.0f, sums, stride}, rows, stride / kWidth);
      else
        over_tiles(Rectified{&part, 1, before, before_stride, nullptr, 1.0f, sums, stride}, rows, stride / kWidth);
    }
    if (to == s_.L) project(b, start, rows, scratch.outputs.data());
  }

  // The rectified skip sums of a block, through both output projections.
  void project(int64_t b, int64_t start, int64_t rows, float* scratch) const {
    const int64_t wide = s_.end(), stride = s_.outputs();
    float *ends = kept_.end(s_, b, start), *to = outputs_ + (b * s_.T + start) * s_.O;
    float* outputs = s_.O == stride ? to : scratch;
    const Part sums{kept_.sum(s_, b, start), s_.skip(), s_.S, ending_.data()}, part{ends, wide, s_.E, giving_.data()};
    over_tiles(Rectified{&sums, 1, end_bias_.data(), 0, nullptr, 1.0f, ends, wide}, rows, wide / kWidth);
    over_tiles(Product{&part, 1, outputs_bias_.data(), 0, nullptr, 1.0f, outputs, stride}, rows, stride / kWidth);
    if (outputs != to) copy_rows(outputs, stride, to, s_.O, s_.O, rows);
  }

  // Piece by piece of the block: where a tap reads silence, it adds nothing.
  void gates(int64_t l, int64_t b, int64_t start, int64_t stop, Parts& parts) {
    for (int64_t t = start; t < stop;) {
      int64_t until = stop;
      int count = 0;
      for (int64_t tap = 0; tap < s_.K; ++tap) {
        const int64_t lag = s_.lag(l, tap);
        if (lag <= t)
          parts[count++] = {kept_.input(s_, l, b, t - lag), s_.residual(), s_.R, taps_[l * s_.K + tap].data()};
        else
          until = std::min(until, lag);
      }
      const float* bias = bias_.data() + (l * s_.B + b) * s_.F * s_.gates();
      const Gate gate{parts.data(), count, bias, t, s_.T / s_.F, s_.hidden(), kept_.gate(s_, l, b, t)};
      over_tiles(gate, until - t, s_.gates() / kWidth);
      t = until;
    }
  }

  const Shape& s_;
  Plan plan_;
  const float* x_;
  Kept kept_;
  float* outputs_;
  Memory residual_bias_, skip_bias_, end_bias_, outputs_bias_, bias_, ending_, giving_;
  std::vector<Memory> taps_, residual_, combining_;
  std::vector<Scratch> scratch_;
};

// Gradients of all weights of a group of rows, with padded columns.
struct Gradients {
  Memory dilated, residual, residual_bias, skip, skip_bias, end, end_bias, outputs, outputs_bias;

  explicit Gradients(const Shape& s)
      : dilated(s.L * s.K * s.R * s.gates()),
        residual((s.L - 1) * s.H * s.residual()),
        residual_bias((s.L - 1) * s.residual()),
        skip(s.L * s.H * s.skip()),
        skip_bias(s.skip()),
        end(s.S * s.end()),
        end_bias(s.end()),
        outputs(s.E * s.outputs()),
        outputs_bias(s.outputs()) {}
};

// Where the gradients of all weights go.
struct Results {
  float *dilated, *residual, *residual_bias, *skip, *skip_bias, *end, *end_bias, *outputs, *outputs_bias;
};

class Backward {
 public:
  // The gradient of the outputs [B, T, O] becomes those of x [B, T, R] and bias [L, F, B, G].
  Backward(const Shape& shape, const Weights& weights, const Kept& kept, const float* outputs, float* x, float* bias,
           int64_t threads)
      : s_(shape),
        plan_(shape, threads),
        kept_(kept),
        outputs_(outputs),
        x_(x),
        bias_(bias),
        between_((plan_.stages - 1) * shape.B * shape.T * shape.residual()),
        ending_(packed(weights.end, shape.E, offsets(shape.E, 1), offsets(shape.S, shape.E))),
        giving_(packed(weights.outputs, shape.O, offsets(shape.O, 1), offsets(shape.E, shape.O))) {
    const auto halves = in_halves(s_), taps = offsets(s_.R, 2 * s_.H), mixing = offsets(s_.H, s_.R);
    const auto combining = offsets(s_.H, s_.S), residual = offsets(s_.R, 1), skip = offsets(s_.S, 1);
    for (int64_t l = 0; l < s_.L; ++l) {
      for (int64_t tap = 0; tap < s_.K; ++tap) taps_.push_back(packed(weights.tap(s_, l, tap), s_.gates(), halves, taps));
      if (l + 1 < s_.L) residual_.push_back(packed(weights.mixing(s_, l), s_.R, residual, mixing));
      combining_.push_back(packed(weights.combining(s_, l), s_.S, skip, combining));
    }
    for (int64_t group = 0; group < plan_.groups; ++group) gradients_.emplace_back(s_);
    for (int64_t chain = 0; chain < plan_.chains(); ++chain)
      scratch_.push_back({Memory(kBlock * s_.residual()), Memory(kBlock * s_.outputs()),
                          Memory(s_.L * s_.F * s_.gates()), Parts(s_.K)});
  }

  void run(ffi::ThreadPool& pool) {
    run_chains(pool, plan_.chains(), [this](int64_t chain) { run_chain(chain); });
  }

  // Adds up the groups, in their order.
  void collect(const Results& to) const {
    const auto add = [this](Memory Gradients::*of, float* to, int64_t rows, int64_t count, int64_t width, auto place) {
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < count; ++i) {
          float sum = 0;
          for (const Gradients& group : gradients_) sum += (group.*of).data()[row * width + place(i)];
          to[row * count + i] = sum;
        }
    };
    const auto same = [](int64_t i) { return i; };
    const auto halves = [this](int64_t g) { return g < s_.H ? g : s_.hidden() + g - s_.H; };
    add(&Gradients::dilated, to.dilated, s_.L * s_.K * s_.R, 2 * s_.H, s_.gates(), halves);
    add(&Gradients::residual, to.residual, (s_.L - 1) * s_.H, s_.R, s_.residual(), same);
    add(&Gradients::residual_bias, to.residual_bias, s_.L - 1, s_.R, s_.residual(), same);
    add(&Gradients::skip, to.skip, s_.L * s_.H, s_.S, s_.skip(), same);
    add(&Gradients::skip_bias, to.skip_bias, 1, s_.S, s_.skip(), same);
    add(&Gradients::end, to.end, s_.S, s_.E, s_.end(), same);
    add(&Gradients::end_bias, to.end_bias, 1, s_.E, s_.end(), same);
    add(&Gradients::outputs, to.outputs, s_.E, s_.O, s_.outputs(), same);
    add(&Gradients::outputs_bias, to.outputs_bias, 1, s_.O, s_.outputs(), same);
  }

 private:
  struct Scratch {
    Memory stream, outputs, pieces;  // gradients: of the residual stream, of the outputs, of the bias [L, F, 2 H]
    Parts parts;
  };

  // Blocks of a chain, the last of each row first.
  void run_chain(int64_t chain) {
    const int64_t stage = plan_.stages - 1 - chain / plan_.groups, group = chain % plan_.groups;
    const int64_t from = plan_.first_layer(s_, stage), to = plan_.first_layer(s_, stage + 1);
    Scratch& scratch = scratch_[chain];
    float* pieces = scratch.pieces.data();
    int64_t finished = 0;
    for (int64_t b = plan_.first_row(s_, group); b < plan_.first_row(s_, group + 1); ++b) {
      std::fill_n(pieces, s_.L * s_.F * s_.gates(), 0.0f);
      for (int64_t index = s_.blocks() - 1; index >= 0; --index) {
        const int64_t start = index * kBlock, stop = std::min(start + kBlock, s_.T);
        if (stage + 1 < plan_.stages) plan_.wait(chain - plan_.groups, ++finished);
        block(b, start, stop, stage, from, to, gradients_[group], scratch);
        plan_.finish(chain);
      }
      for (int64_t l = from; l < to; ++l)
        for (int64_t f = 0; f < s_.F; ++f)
          for (int64_t half = 0; half < 2; ++half)
            std::copy_n(pieces + (l * s_.F + f) * s_.gates() + half * s_.hidden(), s_.H,
                        bias_ + ((l * s_.F + f) * s_.B + b) * 2 * s_.H + half * s_.H);
    }
  }

  void block(int64_t b, int64_t start, int64_t stop, int64_t stage, int64_t from, int64_t to, Gradients& gradients,
             Scratch& scratch) {
    float *stream = scratch.stream.data(), *pieces = scratch.pieces.data();
    const int64_t rows = stop - start, residual = s_.residual(), wide = s_.skip(), gates = s_.gates();
    const float* skip = kept_.sum(s_, b, start);
    if (to < s_.L)
      std::copy_n(between(stage, b, start), rows * residual, stream);
    else {
      unproject(b, start, rows, gradients, scratch.outputs.data());
      std::fill_n(stream, rows * residual, 0.0f);
    }
    for (int64_t l = to - 1; l >= from; --l) {
      float* gated = kept_.gate(s_, l, b, start);
      Part parts[2] = {{skip, wide, s_.S, combining_[l].data()}, {}};
      over_tiles(Outer{gated, gates, skip, wide, rows, gradients.skip.data() + l * s_.H * wide, wide}, s_.H, wide / kWidth);
      if (l + 1 < s_.L) {
        if (s_.scaling)
          for (int64_t i = 0; i < rows * residual; ++i) stream[i] *= s_.scale();
        add_rows(stream, residual, rows, residual, gradients.residual_bias.data() + l * residual);
        float* mixing = gradients.residual.data() + l * s_.H * residual;
        over_tiles(Outer{gated, gates, stream, residual, rows, mixing, residual}, s_.H, residual / kWidth);
        parts[1] = {stream, residual, s_.R, residual_[l].data()};
      }
      over_tiles(Ungate{parts, l + 1 < s_.L ? 2 : 1, s_.hidden(), gated}, rows, s_.hidden() / kWidth);
      add_pieces(start, stop, gated, pieces + l * s_.F * gates);
      for (int64_t tap = 0; tap < s_.K; ++tap) {
        const int64_t lag = s_.lag(l, tap), first = std::max(start, lag);
        if (first >= stop) continue;
        float* dilated = gradients.dilated.data() + (l * s_.K + tap) * s_.R * gates;
        over_tiles(Outer{kept_.input(s_, l, b, first - lag), residual, kept_.gate(s_, l, b, first), gates, stop - first,
                         dilated, gates},
                   s_.R, gates / kWidth);
      }
      to_inputs(l, b, start, stop, stream, scratch.parts);
    }
    if (from > 0)
      std::copy_n(stream, rows * residual, between(stage - 1, b, start));
    else
      copy_rows(stream, residual, x_ + (b * s_.T + start) * s_.R, s_.R, s_.R, rows);
  }

  // Gradients of the output projections of a block, and of its skip sums.
  void unproject(int64_t b, int64_t start, int64_t rows, Gradients& gradients, float* scratch) const {
    const int64_t skip = s_.skip(), end = s_.end(), stride = s_.outputs();
    float *sums = kept_.sum(s_, b, start), *ends = kept_.end(s_, b, start);
    const float* outputs = outputs_ + (b * s_.T + start) * s_.O;
    if (s_.O != stride) {
      copy_rows(outputs, s_.O, scratch, stride, s_.O, rows);
      outputs = scratch;
    }
    add_rows(outputs, stride, rows, stride, gradients.outputs_bias.data());
    over_tiles(Outer{ends, end, outputs, stride, rows, gradients.outputs.data(), stride}, s_.E, stride / kWidth);
    over_tiles(Unrectify{{outputs, stride, s_.O, giving_.data()}, ends, end}, rows, end / kWidth);
    add_rows(ends, end, rows, end, gradients.end_bias.data());
    over_tiles(Outer{sums, skip, ends, end, rows, gradients.end.data(), end}, s_.S, end / kWidth);
    over_tiles(Unrectify{{ends, end, s_.E, ending_.data()}, sums, skip}, rows, skip / kWidth);
    add_rows(sums, skip, rows, skip, gradients.skip_bias.data());
  }

  // Adds the gradients of pre-activations, the rows from `start` on, to those of the bias of their pieces [F, 2 H].
  void add_pieces(int64_t start, int64_t stop, const float* gradient, float* pieces) const {
    const int64_t each = s_.T / s_.F, gates = s_.gates();
    for (int64_t t = start; t < stop;) {
      const int64_t f = t / each, until = std::min(stop, (f + 1) * each);
      add_rows(gradient + (t - start) * gates, gates, until - t, gates, pieces + f * gates);
      t = until;
    }
  }

  // Adds what the taps of later samples give to the gradient of a layer's inputs.
  void to_inputs(int64_t l, int64_t b, int64_t start, int64_t stop, float* stream, Parts& parts) {
    for (int64_t t = start; t < stop;) {
      int64_t until = stop;
      int count = 0;
      for (int64_t tap = 0; tap < s_.K; ++tap) {
        const int64_t lag = s_.lag(l, tap);
        if (t + lag >= s_.T) continue;
        parts[count++] = {kept_.gate(s_, l, b, t + lag), s_.gates(), s_.gates(), taps_[l * s_.K + tap].data()};
        until = std::min(until, s_.T - lag);
      }
      float* here = stream + (t - start) * s_.residual();
      over_tiles(Product{parts.data(), count, here, s_.residual(), nullptr, 1.0f, here, s_.residual()}, until - t,
                 s_.residual() / kWidth);
      t = until;
    }
  }

  // The gradient of the stream between a stage and the next.
  float* between(int64_t stage, int64_t b, int64_t t) {
    return between_.data() + ((stage * s_.B + b) * s_.T + t) * s_.residual();
  }

  const Shape& s_;
  Plan plan_;
  Kept kept_;
  const float* outputs_;
  float *x_, *bias_;
  Memory between_, ending_, giving_;
  std::vector<Memory> taps_, residual_, combining_;
  std::vector<Gradients> gradients_;
  std::vector<Scratch> scratch_;
};

using Buffers = std::function<std::optional<ffi::AnyBuffer>(size_t)>;

template <class Remaining>
Buffers buffers_of(const Remaining& remaining) {
  return [&remaining](size_t index) -> std::optional<ffi::AnyBuffer> {
    auto buffer = remaining.template get<ffi::AnyBuffer>(index);
    if (!buffer.has_value()) return std::nullopt;
    if constexpr (std::is_same_v<Remaining, ffi::RemainingRets>)
      return **buffer;
    else
      return *buffer;
  };
}

// Sizes of a call, from the shapes of its weights and the attributes; the rest must fit.
Shape shape_of(const Buffers& argument, const ffi::Dictionary& attributes, int64_t rows, int64_t samples, int64_t pieces) {
  Shape s;
  s.B = rows, s.T = samples, s.F = pieces;
  s.L = size_of(argument(0), "dilated", 4, 0), s.K = size_of(argument(0), "dilated", 4, 1);
  s.R = size_of(argument(0), "dilated", 4, 2), s.H = size_of(argument(0), "dilated", 4, 3) / 2;
  s.S = size_of(argument(2), "skip", 3, 2);
  s.E = size_of(argument(4), "outputs", 2, 0), s.O = size_of(argument(4), "outputs", 2, 1);
  for (const int64_t size : {s.B, s.T, s.F, s.L, s.K, s.R, s.H, s.S, s.E, s.O})
    if (size < 1 || size > kMost) refuse("sizes must be between 1 and " + std::to_string(kMost));
  if (s.T % s.F != 0) refuse("bias must be of equal parts of the samples");
  const auto dilations = attributes.get<ffi::Span<const int64_t>>("dilations");
  if (!dilations.has_value()) refuse("needs an attribute dilations, an array of integers");
  s.dilations.assign(dilations->begin(), dilations->end());
  if (static_cast<int64_t>(s.dilations.size()) != s.L) refuse("dilations must name one for each layer");
  for (const int64_t dilation : s.dilations)
    if (dilation < 1 || dilation > kMost) refuse("dilations must be positive, got " + std::to_string(dilation));
  s.scaling = attribute(attributes, "residual_scaling", 0, 1) != 0;
  return s;
}

Weights weights_of(const Buffers& argument, const Shape& s) {
  return {checked<const float>(argument(0), ffi::F32, "dilated", {s.L, s.K, s.R, 2 * s.H}),
          checked<const float>(argument(1), ffi::F32, "residual", {s.L - 1, s.H, s.R}),
          checked<const float>(argument(2), ffi::F32, "skip", {s.L, s.H, s.S}),
          checked<const float>(argument(3), ffi::F32, "end", {s.S, s.E}),
          checked<const float>(argument(4), ffi::F32, "outputs", {s.E, s.O})};
}

void check_counts(size_t arguments, size_t takes, size_t results, size_t gives) {
  if (arguments != takes || results != gives)
    refuse("takes " + std::to_string(takes) + " arrays and gives " + std::to_string(gives));
}

void forward(ffi::ThreadPool& pool, const ffi::RemainingArgs& arguments, const ffi::RemainingRets& results,
             const ffi::Dictionary& attributes) {
  check_counts(arguments.size(), 11, results.size(), 5);
  const Buffers argument = buffers_of(arguments), result = buffers_of(results);
  const Shape s = shape_of(argument, attributes, size_of(argument(5), "x", 3, 0), size_of(argument(5), "x", 3, 1),
                           size_of(argument(6), "bias", 4, 1));
  const Weights weights = weights_of(argument, s);
  const auto* x = checked<const float>(argument(5), ffi::F32, "x", {s.B, s.T, s.R});
  const auto* bias = checked<const float>(argument(6), ffi::F32, "bias", {s.L, s.F, s.B, 2 * s.H});
  const auto* residual_bias = checked<const float>(argument(7), ffi::F32, "residual_bias", {s.L - 1, s.R});
  const auto* skip_bias = checked<const float>(argument(8), ffi::F32, "skip_bias", {s.S});
  const auto* end_bias = checked<const float>(argument(9), ffi::F32, "end_bias", {s.E});
  const auto* outputs_bias = checked<const float>(argument(10), ffi::F32, "outputs_bias", {s.O});
  auto* outputs = checked<float>(result(0), ffi::F32, "outputs", {s.B, s.T, s.O});
  const Kept kept{checked<float>(result(1), ffi::F32, "inputs", {s.L, s.B, s.T, s.residual()}),
                  checked<float>(result(2), ffi::F32, "gates", {s.L, s.B, s.T, s.gates()}),
                  checked<float>(result(3), ffi::F32, "sums", {s.B, s.T, s.skip()}),
                  checked<float>(result(4), ffi::F32, "ends", {s.B, s.T, s.end()})};
  Forward(s, weights, x, bias, residual_bias, skip_bias, end_bias, outputs_bias, kept, outputs, pool.num_threads()).run(pool);
}

// What the forward call kept, as a result that takes its place: a copy where it has a place of its own.
float* replaced(const Buffers& argument, size_t from, const Buffers& result, size_t to, const char* name,
                const std::vector<int64_t>& shape) {
  const auto* kept = checked<const float>(argument(from), ffi::F32, name, shape);
  auto* gradient = checked<float>(result(to), ffi::F32, name, shape);
  if (gradient != kept)
    std::copy_n(kept, std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()), gradient);
  return gradient;
}

void backward(ffi::ThreadPool& pool, const ffi::RemainingArgs& arguments, const ffi::RemainingRets& results,
              const ffi::Dictionary& attributes) {
  check_counts(arguments.size(), 10, results.size(), 14);
  const Buffers argument = buffers_of(arguments), result = buffers_of(results);
  const Shape s = shape_of(argument, attributes, size_of(argument(9), "outputs gradient", 3, 0),
                           size_of(argument(9), "outputs gradient", 3, 1), size_of(result(1), "bias gradient", 4, 1));
  const Weights weights = weights_of(argument, s);
  auto* inputs = const_cast<float*>(
      checked<const float>(argument(5), ffi::F32, "inputs", {s.L, s.B, s.T, s.residual()}));
  const auto* outputs = checked<const float>(argument(9), ffi::F32, "outputs gradient", {s.B, s.T, s.O});
  auto* x = checked<float>(result(0), ffi::F32, "x gradient", {s.B, s.T, s.R});
  auto* bias = checked<float>(result(1), ffi::F32, "bias gradient", {s.L, s.F, s.B, 2 * s.H});
  Results gradients;
  gradients.dilated = checked<float>(result(2), ffi::F32, "dilated gradient", {s.L, s.K, s.R, 2 * s.H});
  gradients.residual = checked<float>(result(3), ffi::F32, "residual gradient", {s.L - 1, s.H, s.R});
  gradients.skip = checked<float>(result(4), ffi::F32, "skip kernel gradient", {s.L, s.H, s.S});
  gradients.end = checked<float>(result(5), ffi::F32, "end kernel gradient", {s.S, s.E});
  gradients.outputs = checked<float>(result(6), ffi::F32, "outputs kernel gradient", {s.E, s.O});
  gradients.residual_bias = checked<float>(result(7), ffi::F32, "residual_bias gradient", {s.L - 1, s.R});
  gradients.skip_bias = checked<float>(result(8), ffi::F32, "skip_bias gradient", {s.S});
  gradients.end_bias = checked<float>(result(9), ffi::F32, "end_bias gradient", {s.E});
  gradients.outputs_bias = checked<float>(result(10), ffi::F32, "outputs_bias gradient", {s.O});
  const Kept kept{inputs, replaced(argument, 6, result, 11, "gates", {s.L, s.B, s.T, s.gates()}),
                  replaced(argument, 7, result, 12, "sums", {s.B, s.T, s.skip()}),
                  replaced(argument, 8, result, 13, "ends", {s.B, s.T, s.end()})};
  Backward work(s, weights, kept, outputs, x, bias, pool.num_threads());
  work.run(pool);
  work.collect(gradients);
}

template <auto kFunction>
ffi::Error guarded(ffi::ThreadPool pool, ffi::RemainingArgs arguments, ffi::RemainingRets results,
                   ffi::Dictionary attributes) {
  try {
    kFunction(pool, arguments, results, attributes);
    return ffi::Error::Success();
  } catch (const Refused& refused) {
    return ffi::Error::InvalidArgument("wavenet stack: " + refused.message);
  } catch (const std::exception& error) {  // memory
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, std::string("wavenet stack: ") + error.what());
  }
}

}  // namespace
}  // namespace wavenet

#define WAVENET_HANDLER(name, function)                                                                       \
  extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* name(XLA_FFI_CallFrame* call_frame);        \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(                                                                              \
      name, wavenet::guarded<wavenet::function>,                                                              \
      xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().RemainingArgs().RemainingRets().Attrs())

WAVENET_HANDLER(wavenet_stack_forward, forward);
WAVENET_HANDLER(wavenet_stack_backward, backward);
