// The inner loop of the sampler as one call of XLA's foreign function interface: T samples of B streams.
//
// `lax.scan` over the model's own steps (wavenet_jax/sampling) is the definition; this is the same network from weights
// that wavenet_jax/engine/packing.py has packed. Every buffer and attribute is checked before anything is read.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"
#include "context.h"
#include "draws.h"
#include "layers.h"
#include "prediction.h"
#include "products.h"
#include "reader.h"
#include "vector.h"
#include "xla/ffi/api/ffi.h"

namespace wavenet {
namespace {

// What the network is, by the names of the attributes.
struct Network : StackSizes {
  std::vector<int64_t> blocks;  // of each matrix in turn: those that are there, or -1 where all are
  int64_t input_taps, end, outputs, levels, table_rows, input_has_values, time_channels;
  int64_t head, components, fine_channels, companded, weight_format, float_ends, most_probable, guided;
  int64_t threads;  // that may work on a call
  int64_t linear_prediction, pitch_taps, memory, window_samples, adaptation_samples;
  float log_scale_floor, narrowest, window_power, noise_power, white_noise;
  ContextSizes contexts;

  int64_t draws() const { return head == 0 ? 1 : 2; }
  Format format() const { return static_cast<Format>(weight_format); }
  bool int8() const { return format() == Format::kInt8; }
  Head kind() const { return static_cast<Head>(head); }
  bool is_mixture() const { return kind() == Head::kLogistic || kind() == Head::kGaussian; }
  bool predicts() const { return linear_prediction > 0; }
  bool adapts() const { return window_samples > 0; }
  bool has_contexts() const { return !contexts.periods.empty(); }
  // Outputs that weigh residuals, after those of the head.
  int64_t gains() const { return predicts() && is_mixture() ? linear_prediction + pitch_taps : 0; }
  // Choices of the largest draw.
  int64_t choices() const { return is_mixture() ? components : head == 1 ? kByte : levels; }
};

// Numbers of samples, of any attribute of several.
std::vector<int64_t> positive(const ffi::Dictionary& attributes, const char* name) {
  std::vector<int64_t> numbers = integers(attributes, name);
  for (const int64_t number : numbers)
    if (number < 1 || number > kMost)
      refuse(std::string(name) + " must be between 1 and " + std::to_string(kMost) + ", got " + std::to_string(number));
  return numbers;
}

Network network_of(const ffi::Dictionary& attributes) {
  Network net;
  net.dilations = positive(attributes, "dilations");
  net.blocks = integers(attributes, "blocks");
  net.contexts.periods = positive(attributes, "context_periods");
  net.contexts.dilations = positive(attributes, "context_dilations");
  if (net.dilations.empty()) refuse("dilations must name at least one layer");
  if (net.has_contexts() && net.contexts.dilations.empty()) refuse("context_dilations must name at least one layer");
  const auto read = [&attributes](const char* name, int64_t least, int64_t most = kMost) {
    return attribute(attributes, name, least, most);
  };
  net.kernel_size = read("kernel_size", 1, 4096);
  net.input_taps = read("input_taps", 1);
  net.residual = read("residual", 1);
  net.hidden = read("hidden", 1);
  net.skip = read("skip", 1);
  net.end = read("end", 1);
  net.outputs = read("outputs", 1);
  net.levels = read("levels", 2);
  net.table_rows = read("table_rows", 0);
  net.input_has_values = read("input_has_values", 0, 1);
  net.time_channels = read("time_channels", 0);
  net.residual_scaling = read("residual_scaling", 0, 1);
  net.head = read("head", 0, 3);
  net.components = read("components", 0);
  net.fine_channels = read("fine_channels", 0);
  net.companded = read("companded", 0, 1);
  net.weight_format = read("weight_format", 0, 3);
  net.float_ends = read("float_ends", 0, 1);
  net.threads = read("threads", 1, 2);
  net.most_probable = read("most_probable", 0, 1);
  net.guided = read("guided", 0, 1);
  net.linear_prediction = read("linear_prediction", 0, 4096);
  net.pitch_taps = read("pitch_taps", 0, 4096);
  net.memory = read("memory", 0);
  net.log_scale_floor = float_attribute(attributes, "log_scale_floor");
  net.narrowest = float_attribute(attributes, "narrowest");
  net.window_samples = read("window_samples", 0);
  net.adaptation_samples = read("adaptation_samples", 1);
  net.window_power = float_attribute(attributes, "window_power");
  net.noise_power = float_attribute(attributes, "noise_power");
  net.white_noise = float_attribute(attributes, "white_noise");
  net.contexts.kernel_size = read("context_kernel_size", 1, 4096);
  net.contexts.residual = read("context_residual", 1);
  net.contexts.hidden = read("context_hidden", 1);
  net.contexts.skip = read("context_skip", 1);
  net.contexts.channels = read("context_channels", 1);
  net.contexts.residual_scaling = net.residual_scaling;
  if (!net.input_has_values && net.table_rows != net.levels) refuse("a network whose input has no values needs a row for each level");
  if (net.kind() == Head::kCategorical && net.outputs != net.levels) refuse("a categorical head has an output for each level");
  if (net.kind() == Head::kCoarseFine && (net.outputs != kByte + net.fine_channels || net.fine_channels < 1 ||
                                          net.levels != kByte * kByte))
    refuse("a head of two bytes has 256 outputs and one for each fine channel, and 65536 levels");
  if (net.is_mixture() && (net.components < 1 || net.outputs != 3 * net.components))
    refuse("a mixture has three outputs for each component");
  if (!net.is_mixture() && net.components != 0) refuse("only a mixture has components");
  if (net.kind() != Head::kCoarseFine && net.fine_channels != 0) refuse("only a head of two bytes has fine channels");
  if (!net.predicts() && (net.pitch_taps != 0 || net.memory != 0))
    refuse("only a network with linear prediction has pitch taps and a memory of samples");
  if (net.memory < net.linear_prediction || net.memory < net.pitch_taps + net.pitch_taps / 2)
    refuse("memory must reach as far back as the linear prediction and the pitch taps");
  if (net.adapts() && (!net.predicts() || net.window_samples < net.linear_prediction))
    refuse("window_samples must hold more than the linear prediction of the network takes");
  return net;
}

struct Weights {
  int64_t residual, hidden, end, outputs, fine;  // padded widths
  const float* input_bias;
  const float* scalars = nullptr;       // [levels]: the value of each code
  const float* values = nullptr;        // [taps][residual]
  const int32_t* row_of = nullptr;      // [levels]: the row of each code, where several share one
  const float* table = nullptr;         // [taps][rows][residual]
  const float* waveform = nullptr;      // [levels]: the sample of each code
  Matrix prediction;                    // of predictions, to the residual stream
  const float* window = nullptr;        // [window_samples]
  const float* companded = nullptr;     // [levels]: what context stacks are told of each code
  std::vector<ContextWeights> contexts;
  Matrix time;                          // of what describes samples, to the gates of all layers
  Matrix from_contexts;                 // of what all context stacks say of each sample, to the same
  StackWeights stack;
  const float* end_bias;
  Matrix end_matrix;
  const float* output_bias;
  Matrix output_matrix;
  const float* fine_table = nullptr;    // [256][fine]
  const float* fine_bias = nullptr;     // [256]
  Matrix fine_matrix;

  Weights(const Network& net, const uint8_t* data, int64_t size)
      : residual(padded(net.residual)),
        hidden(padded(net.hidden)),
        end(padded(net.end)),
        outputs(padded(net.outputs + net.gains())),
        fine(padded(net.fine_channels)) {
    Reader reader(data, size, net.blocks);
    const Format format = net.format(), ends = net.float_ends ? Format::kFloat32 : format;
    input_bias = reader.floats(residual);
    if (net.input_has_values) {
      scalars = reader.floats(net.levels);
      values = reader.floats(net.input_taps, residual);
    }
    if (net.table_rows > 0) {
      if (net.table_rows != net.levels) row_of = reinterpret_cast<const int32_t*>(reader.floats(net.levels));
      table = reader.floats(net.input_taps * net.table_rows, residual);
    }
    if (net.predicts()) {
      waveform = reader.floats(net.levels);
      prediction = reader.matrix(Format::kFloat32, {3 + 2 * net.pitch_taps}, residual);
    }
    if (net.adapts()) window = reader.floats(net.window_samples);
    if (net.has_contexts()) companded = reader.floats(net.levels);
    for (const int64_t period : net.contexts.periods) contexts.emplace_back(net.contexts, period, reader, format);
    if (net.time_channels > 0) time = reader.matrix(format, {net.time_channels}, net.gates());
    if (net.has_contexts())
      from_contexts = reader.matrix(format, std::vector<int64_t>(contexts.size(), net.contexts.channels), net.gates());
    stack = StackWeights(net, reader, format);
    end_bias = reader.floats(end);
    end_matrix = reader.matrix(ends, {net.skip}, end);
    output_bias = reader.floats(outputs);
    output_matrix = ends == Format::kInt8 ? reader.matrix(ends, {net.end, net.end}, outputs)
                                          : reader.matrix(ends, {net.end}, outputs);
    if (net.kind() == Head::kCoarseFine) {
      fine_table = reader.floats(kByte, fine);
      fine_bias = reader.floats(kByte);
      fine_matrix = reader.matrix(Format::kFloat32, {net.fine_channels}, kByte);
    }
    reader.finish();
  }
};

// What a call works on, all of it checked.
struct Call {
  int64_t samples, streams, rows;
  const float* uniforms;  // [T, B, draws]
  const float* temperature;
  int64_t temperature_by_time, temperature_by_stream;  // strides
  Truncation truncation;
  float guidance;
  const float* constant;  // [L, rows, 2 hidden], or null
  int64_t time_samples, filter_samples;  // for which each holds
  const float* time;         // [T / time_samples, rows, D]
  Filters filters;           // of the first filter_samples
  const float *signal, *residual, *predicted;  // [rows, memory] twice, [rows]
  const int32_t* phase;                        // []
  const float *window, *coefficients, *power;  // [rows, window_samples], [rows, order], [rows]
  const int32_t* latest;  // [B]
  const int32_t* given;   // [B, T], or null: codes are drawn
  int32_t* codes;         // [B, T]
  float* nats;            // [B, T], or null
  float* outputs;         // [B, T, outputs], or null
  int32_t* recent;        // [rows, taps - 1]
  StackState stack;
  std::vector<ContextState> contexts;
  float *signal_after, *residual_after, *predicted_after;
  int32_t* phase_after;
  float *window_after, *coefficients_after, *power_after;
};

class Loop {
 public:
  Loop(const Network& net, const Weights& weights, const Call& call)
      : net_(net),
        weights_(weights),
        call_(call),
        latest_(call.latest, call.latest + call.streams),
        stack_(net, weights.stack, call.rows, net.int8(), net.int8() && !net.float_ends, call.stack, static_cast<int>(net.threads)),
        x_(stack_.x()),
        predictions_(call.rows, net.predicts() ? 3 + 2 * net.pitch_taps : 0, false),
        end_(call.rows, net.end, net.int8() && !net.float_ends, static_cast<int>(net.threads)),
        finer_(net.threads * call.rows),
        outputs_(call.rows * weights.outputs),
        time_(call.rows, net.time_channels, net.int8(), static_cast<int>(net.threads)),
        timed_(net.time_channels > 0 ? call.rows * net.gates() : 0),
        values_(net.has_contexts() ? call.rows : 0),
        driven_(net.has_contexts() ? call.rows * net.gates() : 0),
        fine_(kByte, net.fine_channels, false),
        fine_logits_(net.kind() == Head::kCoarseFine ? kByte * kByte : 0),
        guided_(weights.outputs),
        drawing_(net.choices()) {
    for (size_t index = 0; index < call.contexts.size(); ++index)
      contexts_.emplace_back(net.contexts, weights.contexts[index], call.rows, net.int8(), call.contexts[index]);
    if (net.predicts()) {
      prediction_.emplace(call.rows, net.linear_prediction, net.pitch_taps, net.memory);
      prediction_->resume(call.signal, call.residual, call.predicted);
    }
    if (net.adapts()) {
      const Adapting how{net.window_samples, net.adaptation_samples, weights.window,
                         net.window_power,   net.noise_power,        net.white_noise};
      adaptation_.emplace(call.rows, net.linear_prediction, how, *call.phase);
      adaptation_->resume(call.window, call.coefficients, call.power);
      prediction_->follow(adaptation_->filters());
    }
    const int64_t gates = net.gates();
    constant_ = Start{weights.stack.gate_bias, 0};
    if (call.constant != nullptr) {
      biased_.resize(call.rows * gates);
      for (int64_t row = 0; row < call.rows; ++row) {
        float* to = biased_.data() + row * gates;
        std::copy(weights.stack.gate_bias, weights.stack.gate_bias + gates, to);
        for (int64_t layer = 0; layer < net.layers(); ++layer)
          for (int64_t half = 0; half < 2; ++half, to += weights.hidden) {
            const float* from = call.constant + ((layer * call.rows + row) * 2 + half) * net.hidden;
            for (int64_t i = 0; i < net.hidden; ++i) to[i] += from[i];
          }
      }
      constant_ = Start{biased_.data(), gates};
    }
  }

  void run() {
    if (net_.threads > 1)
      run_the_faster_way();
    else
      for (int64_t sample = 0; sample < call_.samples; ++sample) make(sample, false);
    if (prediction_.has_value())
      prediction_->leave(call_.signal_after, call_.residual_after, call_.predicted_after);
    if (adaptation_.has_value())
      adaptation_->leave(call_.phase_after, call_.window_after, call_.coefficients_after, call_.power_after);
  }

 private:
  static constexpr int64_t kSamplesOfTrial = 32;

  // By one thread or two, whichever takes less time; see pair.h.
  void run_the_faster_way() {
    Trial trial;
    for (int64_t sample = 0; sample < call_.samples;) {
      const bool as_pair = trial.pair();
      if (as_pair && !pair_.has_value()) pair_.emplace([this](Worker worker) { compute(worker); });
      if (pair_.has_value()) pair_->keep_awake(as_pair);
      const int64_t first = sample, last = std::min(first + kSamplesOfTrial, call_.samples);
      const Trial::Clock::time_point began = Trial::Clock::now();
      do make(sample, as_pair);
      while (++sample < last && !trial.is_lost(began, last - first));
      trial.took(began, sample - first);
    }
  }

  // Makes the next sample; as a pair, where the other thread is there.
  void make(int64_t sample, bool as_pair) {
    enter(sample);
    if (!as_pair || !pair_->work()) compute(Worker());
    move();
    for (int64_t stream = 0; stream < call_.streams; ++stream) choose(sample, stream);
  }

  // Takes the newest codes, and all that describes the next sample.
  void enter(int64_t sample) {
    const int64_t rows_each = net_.guided ? 2 : 1;
    for (int64_t row = 0; row < call_.rows; ++row) embed(row, latest_[row / rows_each]);
    if (prediction_.has_value()) predict(sample);
    is_described_ = net_.time_channels > 0 && sample % call_.time_samples == 0;
    if (is_described_) {
      const float* from = call_.time + sample / call_.time_samples * call_.rows * net_.time_channels;
      for (int64_t row = 0; row < call_.rows; ++row, from += net_.time_channels)
        std::copy(from, from + net_.time_channels, time_.row(row));
    }
    if (contexts_.empty()) return;
    for (int64_t row = 0; row < call_.rows; ++row) values_[row] = weights_.companded[latest_[row / rows_each]];
    parts_.clear();
    for (Context& context : contexts_) parts_.push_back(context.step(values_));
  }

  // From the residual stream to the outputs: the share of a worker.
  void compute(Worker worker) {
    if (is_described_) describe(worker);
    const Start described = timed_.empty() ? constant_ : Start{timed_.data(), net_.gates()};
    stack_.step(contexts_.empty() ? described : in_context(described, worker), worker);
    project(worker);
    worker.meet();
  }

  void embed(int64_t row, int32_t code) {
    const int64_t width = weights_.residual, taps = net_.input_taps;
    float* x = x_.row(row);
    std::copy(weights_.input_bias, weights_.input_bias + width, x);
    int32_t* recent = call_.recent + row * (taps - 1);
    // The code of a tap plus one, the furthest first; zero is the silence before the signal.
    const auto tap_of = [&](int64_t tap) { return tap < taps - 1 ? recent[tap] : code + 1; };
    if (weights_.values != nullptr)
      for (int64_t tap = 0; tap < taps; ++tap) {
        const Floats value = broadcast(tap_of(tap) > 0 ? weights_.scalars[tap_of(tap) - 1] : 0.0f);
        const float* kernel = weights_.values + tap * width;
        for (int64_t i = 0; i < width; i += kWidth) store(x + i, multiply_add(load(kernel + i), value, load(x + i)));
      }
    if (weights_.table != nullptr) {
      add_row(taps - 1, code, x);
      for (int64_t tap = 0; tap < taps - 1; ++tap)
        if (recent[tap] > 0) add_row(tap, recent[tap] - 1, x);
    }
    if (taps > 1) {
      std::copy(recent + 1, recent + taps - 1, recent);
      recent[taps - 2] = code + 1;
    }
  }

  void add_row(int64_t tap, int32_t code, float* x) const {
    const int64_t last = net_.table_rows - 1;
    const int64_t row = weights_.row_of == nullptr ? code : std::clamp<int64_t>(weights_.row_of[code], 0, last);
    const float* entry = weights_.table + (tap * net_.table_rows + row) * weights_.residual;
    for (int64_t i = 0; i < weights_.residual; i += kWidth) store(x + i, load(x + i) + load(entry + i));
  }

  // What the latest samples say of the next ones, into the residual stream.
  void predict(int64_t sample) {
    const int64_t rows = call_.rows;
    const auto latest = [this](int64_t row) { return weights_.waveform[latest_[row / (net_.guided ? 2 : 1)]]; };
    if (adaptation_.has_value()) {
      adaptation_->step();
      for (int64_t row = 0; row < rows; ++row) adaptation_->put(row, latest(row));
      if (adaptation_->begin_block()) prediction_->follow(adaptation_->filters());
    } else if (sample % call_.filter_samples == 0) {
      const int64_t first = sample / call_.filter_samples * rows;
      prediction_->follow(Filters{call_.filters.coefficients + first * net_.linear_prediction,
                                  call_.filters.scale + first, call_.filters.period + first});
    }
    prediction_->step();
    for (int64_t row = 0; row < rows; ++row) prediction_->put(row, latest(row), predictions_.row(row));
    const Inputs predictions = predictions_.inputs();
    product(weights_.prediction, &predictions, 1, rows, Start{x_.row(0), x_.width()}, x_.row(0), x_.width());
  }

  // What describes the samples from now on, projected into all gates.
  void describe(Worker worker) {
    time_.quantize(worker);
    const Inputs inputs = time_.inputs(worker);
    const LineRange lines = share_of(worker, net_.gates());
    product(weights_.time, &inputs, 1, call_.rows, constant_, timed_.data(), net_.gates(), lines);
    worker.meet();
  }

  // What the context stacks say of the next sample, projected into all gates, on top of what describes it.
  Start in_context(Start described, Worker worker) {
    const int64_t gates = net_.gates();
    product(weights_.from_contexts, parts_.data(), static_cast<int>(parts_.size()), call_.rows, described,
            driven_.data(), gates, share_of(worker, gates));
    worker.meet();
    return Start{driven_.data(), gates};
  }

  void project(Worker worker) {
    const int64_t rows = call_.rows;
    Activations& skip = stack_.skip();
    skip.rectify(worker);
    worker.meet();
    skip.quantize(worker);
    const Inputs sums = skip.inputs(worker);
    product(weights_.end_matrix, &sums, 1, rows, Start{weights_.end_bias, 0}, end_.row(0), end_.width(),
            share_of(worker, end_.width()));
    end_.rectify(worker);
    worker.meet();
    end_.quantize(worker);
    const Inputs ends = end_.inputs(worker);
    Inputs parts[2] = {ends, ends};  // in int8, once more for what rounding took from the weights
    int count = 1;
    if (weights_.output_matrix.format == Format::kInt8) {
      float* finer = finer_.data() + worker.index() * rows;
      for (int64_t row = 0; row < rows; ++row) finer[row] = ends.scales[row] / kFiner;
      parts[1].scales = finer;
      count = 2;
    }
    product(weights_.output_matrix, parts, count, rows, Start{weights_.output_bias, 0}, outputs_.data(), weights_.outputs,
            share_of(worker, weights_.outputs));
  }

  // What the head reads, moved by the prediction.
  void move() {
    if (net_.gains() == 0) return;
    for (int64_t row = 0; row < call_.rows; ++row)
      prediction_->move(row, outputs_.data() + row * weights_.outputs, net_.components, net_.narrowest);
  }

  void choose(int64_t sample, int64_t stream) {
    const float* outputs = outputs_.data() + (net_.guided ? 2 : 1) * stream * weights_.outputs;
    if (net_.guided) {
      const float* without = outputs + weights_.outputs;
      for (int64_t i = 0; i < weights_.outputs; i += kWidth) {
        const Floats apart = load(outputs + i) - load(without + i);
        store(guided_.data() + i, load(without + i) + apart * call_.guidance);
      }
      outputs = guided_.data();
    }
    const int64_t place = stream * call_.samples + sample;
    if (call_.outputs != nullptr) std::copy(outputs, outputs + net_.outputs, call_.outputs + place * net_.outputs);
    if (call_.given != nullptr) {
      latest_[stream] = call_.codes[place] = call_.given[place];
      return;
    }
    const float* uniforms = call_.uniforms + (sample * call_.streams + stream) * net_.draws();
    const float temperature = call_.temperature[sample * call_.temperature_by_time + stream * call_.temperature_by_stream];
    float* nats = call_.nats == nullptr ? nullptr : call_.nats + place;
    const int32_t code = code_of(outputs, uniforms, temperature, nats);
    latest_[stream] = call_.codes[place] = code;
  }

  int32_t code_of(const float* outputs, const float* uniforms, float temperature, float* nats) {
    if (net_.is_mixture()) {
      const Mixture mixture{net_.levels, net_.components, net_.log_scale_floor, net_.companded != 0};
      return net_.most_probable ? mode_of_mixture(net_.kind(), mixture, outputs)
                                : draw_mixture(drawing_, net_.kind(), mixture, outputs, uniforms, temperature);
    }
    if (net_.kind() == Head::kCategorical) {
      if (!net_.most_probable)
        return static_cast<int32_t>(
            draw(drawing_, outputs, net_.levels, uniforms[0], temperature, call_.truncation, nats));
      const int64_t best = argmax(outputs, net_.levels);
      if (nats != nullptr) *nats = outputs[best] - log_sum_exp(drawing_, outputs, net_.levels);
      return static_cast<int32_t>(best);
    }
    if (net_.most_probable) return mode_of_two_bytes(outputs, nats);
    float coarse = 0, fine = 0;
    const int64_t high = draw(drawing_, outputs, kByte, uniforms[0], temperature, call_.truncation, nats ? &coarse : nullptr);
    fine_logits(outputs, high, 1);
    const int64_t low =
        draw(drawing_, fine_logits_.data(), kByte, uniforms[1], temperature, call_.truncation, nats ? &fine : nullptr);
    if (nats != nullptr) *nats = coarse + fine;
    return static_cast<int32_t>(kByte * high + low);
  }

  // The logits of the low byte after each of some high bytes.
  void fine_logits(const float* outputs, int64_t first, int64_t count) {
    for (int64_t index = 0; index < count; ++index)
      for (int64_t i = 0; i < net_.fine_channels; ++i) {
        const float sum = outputs[kByte + i] + weights_.fine_table[(first + index) * weights_.fine + i];
        fine_.row(index)[i] = sum > 0 ? sum : 0;
      }
    const Inputs inputs = fine_.inputs();
    product(weights_.fine_matrix, &inputs, 1, count, Start{weights_.fine_bias, 0}, fine_logits_.data(), kByte);
  }

  int32_t mode_of_two_bytes(const float* outputs, float* nats) {
    const float whole = log_sum_exp(drawing_, outputs, kByte);
    fine_logits(outputs, 0, kByte);
    float best = 0;
    int64_t code = 0;
    for (int64_t high = 0; high < kByte; ++high) {
      const float* logits = fine_logits_.data() + high * kByte;
      const int64_t low = argmax(logits, kByte);
      const float value = outputs[high] - whole + (logits[low] - log_sum_exp(drawing_, logits, kByte));
      if (high == 0 || value > best) best = value, code = kByte * high + low;
    }
    if (nats != nullptr) *nats = best;
    return static_cast<int32_t>(code);
  }

  const Network& net_;
  const Weights& weights_;
  const Call& call_;
  std::vector<int32_t> latest_;
  std::optional<Prediction> prediction_;
  std::optional<Adaptation> adaptation_;
  GatedStack stack_;
  Activations& x_;  // of the stack
  Activations predictions_, end_;
  std::vector<float> finer_;  // of each worker: the scale of each row of `end_`, for what rounding took from the weights
  std::vector<float> outputs_;
  Activations time_;
  std::vector<float> timed_;  // [rows][layers][2 * hidden]: what time adds inside the gates, and all that is constant
  std::vector<Context> contexts_;
  std::vector<float> values_;  // [rows]: the companded value of the latest sample
  std::vector<Inputs> parts_;
  std::vector<float> driven_;  // [rows][layers][2 * hidden]: `timed_`, and what the context stacks add
  Activations fine_;
  std::vector<float> fine_logits_, guided_, biased_;
  Start constant_;  // in place of `timed_` where nothing changes with time
  Drawing drawing_;
  bool is_described_ = false;  // anew by the next sample
  std::optional<Pair> pair_;   // the last one: its thread uses the others
};

// State in an argument and in the result that takes its place.
template <typename T>
struct Passed {
  const T* before;
  T* after;
  int64_t count;

  void copy() const {
    if (count > 0 && before != after) std::copy(before, before + count, after);
  }
};

template <typename T>
Passed<T> passed(const std::optional<ffi::AnyBuffer>& argument, const std::optional<ffi::AnyBuffer>& result,
                 ffi::DataType type, const std::string& name, const std::vector<int64_t>& shape) {
  const T* before = checked<const T>(argument, type, name.c_str(), shape);
  T* after = checked<T>(result, type, (name + " after").c_str(), shape);
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return {before, after, count};
}

void check_positions(const StackSizes& sizes, const Passed<int32_t>& positions, const char* name) {
  if (sizes.kernel_size == 1) return;
  for (int64_t layer = 0; layer < sizes.layers(); ++layer)
    if (positions.before[layer] < 0 || positions.before[layer] >= (sizes.kernel_size - 1) * sizes.dilations[layer])
      refuse(std::string(name) + " has places outside of their rings");
}

// The state of a context stack, in five arguments and as many results.
struct PassedContext {
  Passed<int32_t> phase, positions;
  Passed<float> block, output, queues;

  ContextState state() const {
    return {phase.after, block.after, output.after, StackState{positions.after, queues.after}};
  }

  void copy() const {
    phase.copy();
    positions.copy();
    block.copy();
    output.copy();
    queues.copy();
  }
};

void advance(ffi::RemainingArgs& arguments, ffi::RemainingRets& results, const ffi::Dictionary& attributes) {
  const Network net = network_of(attributes);
  constexpr size_t kArguments = 22, kResults = 13, kContext = 5;  // the last: of each context stack, in both
  const size_t of_contexts = kContext * net.contexts.periods.size();
  if (arguments.size() != kArguments + of_contexts || results.size() != kResults + of_contexts)
    refuse("takes " + std::to_string(kArguments + of_contexts) + " arrays and gives " +
           std::to_string(kResults + of_contexts));
  const auto argument = [&arguments](size_t index) -> std::optional<ffi::AnyBuffer> {
    const auto buffer = arguments.get<ffi::AnyBuffer>(index);
    return buffer.has_value() ? std::optional(*buffer) : std::nullopt;
  };
  const auto result = [&results](size_t index) -> std::optional<ffi::AnyBuffer> {
    auto buffer = results.get<ffi::AnyBuffer>(index);
    return buffer.has_value() ? std::optional(**buffer) : std::nullopt;
  };
  const int64_t slots = net.slots();
  Call call;
  call.samples = size_of(argument(1), "uniforms", 3, 0);
  call.streams = size_of(argument(1), "uniforms", 3, 1);
  call.rows = (net.guided ? 2 : 1) * call.streams;
  const int64_t T = call.samples, B = call.streams, rows = call.rows;
  if (T < 1 || B < 1 || T > std::numeric_limits<int32_t>::max() || B > kMost)
    refuse("uniforms must be of at least one sample of one stream");

  const int64_t size = size_of(argument(0), "packed", 1, 0);
  const uint8_t* packed = checked<const uint8_t>(argument(0), ffi::U8, "packed", {size});
  if (reinterpret_cast<std::uintptr_t>(packed) % alignof(float) != 0) refuse("packed is not aligned");
  call.uniforms = checked<const float>(argument(1), ffi::F32, "uniforms", {T, B, net.draws()});
  const bool by_time = size_of(argument(2), "temperature", 2, 0) != 1;
  const bool by_stream = size_of(argument(2), "temperature", 2, 1) != 1;
  call.temperature =
      checked<const float>(argument(2), ffi::F32, "temperature", {by_time ? T : 1, by_stream ? B : 1});
  call.temperature_by_stream = by_stream ? 1 : 0;
  call.temperature_by_time = by_time ? (by_stream ? B : 1) : 0;
  const float* truncation = checked<const float>(argument(3), ffi::F32, "truncation", {3});
  call.truncation = Truncation{truncation[0], truncation[1], truncation[2]};
  call.guidance = *checked<const float>(argument(4), ffi::F32, "guidance", {});
  const bool has_constant = size_of(argument(5), "constant", 3, 0) != 0;
  const float* constant = checked<const float>(argument(5), ffi::F32, "constant",
                                               {has_constant ? net.layers() : 0, rows, 2 * net.hidden});
  call.constant = has_constant ? constant : nullptr;
  // The samples that each of some pieces is of.
  const auto samples_of = [T](int64_t pieces, bool any, const char* name) {
    if (any ? pieces < 1 || T % pieces != 0 : pieces != 0)
      refuse(std::string(name) + " must be of equal parts of the samples" + (any ? "" : ", and is not of this network"));
    return any ? T / pieces : T;
  };
  const int64_t pieces = size_of(argument(6), "time", 3, 0), filters = size_of(argument(7), "coefficients", 3, 0);
  call.time_samples = samples_of(pieces, net.time_channels > 0, "time");
  call.filter_samples = samples_of(filters, net.predicts() && !net.adapts(), "coefficients");
  call.time = checked<const float>(argument(6), ffi::F32, "time", {pieces, rows, net.time_channels});
  call.filters.coefficients =
      checked<const float>(argument(7), ffi::F32, "coefficients", {filters, rows, net.linear_prediction});
  call.filters.scale = checked<const float>(argument(8), ffi::F32, "scale", {filters, rows});
  call.filters.period = checked<const int32_t>(argument(9), ffi::S32, "period", {filters, rows});
  call.latest = checked<const int32_t>(argument(10), ffi::S32, "latest", {B});
  const bool is_given = size_of(argument(11), "given", 2, 1) != 0;
  const int32_t* given = checked<const int32_t>(argument(11), ffi::S32, "given", {B, is_given ? T : 0});
  call.given = is_given ? given : nullptr;
  const auto recent = passed<int32_t>(argument(12), result(3), ffi::S32, "recent", {rows, net.input_taps - 1});
  const auto positions = passed<int32_t>(argument(13), result(4), ffi::S32, "position", {net.layers()});
  const auto queues = passed<float>(argument(14), result(5), ffi::F32, "queues", {slots, rows, net.residual});
  const int64_t predicting = net.predicts() ? rows : 0;
  call.signal = checked<const float>(argument(15), ffi::F32, "signal", {predicting, net.memory});
  call.residual = checked<const float>(argument(16), ffi::F32, "residual", {predicting, net.memory});
  call.predicted = checked<const float>(argument(17), ffi::F32, "predicted", {predicting});
  const int64_t adapting = net.adapts() ? rows : 0, order = net.adapts() ? net.linear_prediction : 0;
  call.phase = checked<const int32_t>(argument(18), ffi::S32, "phase", {});
  call.window = checked<const float>(argument(19), ffi::F32, "window", {adapting, net.window_samples});
  call.coefficients = checked<const float>(argument(20), ffi::F32, "adapted coefficients", {adapting, order});
  call.power = checked<const float>(argument(21), ffi::F32, "power", {adapting});
  const ContextSizes& slow = net.contexts;
  std::vector<PassedContext> contexts;
  for (const int64_t period : slow.periods) {
    const size_t from = kArguments + kContext * contexts.size(), to = kResults + kContext * contexts.size();
    PassedContext context;
    context.phase = passed<int32_t>(argument(from), result(to), ffi::S32, "context phase", {});
    context.block = passed<float>(argument(from + 1), result(to + 1), ffi::F32, "context block", {rows, period});
    context.output =
        passed<float>(argument(from + 2), result(to + 2), ffi::F32, "context output", {rows, period, slow.channels});
    context.positions =
        passed<int32_t>(argument(from + 3), result(to + 3), ffi::S32, "context position", {slow.layers()});
    context.queues = passed<float>(argument(from + 4), result(to + 4), ffi::F32, "context queues",
                                   {slow.slots(), rows, slow.residual});
    contexts.push_back(context);
  }

  call.codes = checked<int32_t>(result(0), ffi::S32, "codes", {B, T});
  const bool scored = size_of(result(1), "nats", 2, 1) != 0;
  float* nats = checked<float>(result(1), ffi::F32, "nats", {B, scored ? T : 0});
  if (scored && net.is_mixture()) refuse("nats of a mixture follow from its outputs; ask for those");
  if (scored && is_given) refuse("nats of given codes follow from the outputs; ask for those");
  call.nats = scored ? nats : nullptr;
  const bool shown = size_of(result(2), "outputs", 3, 1) != 0;
  float* outputs = checked<float>(result(2), ffi::F32, "outputs", {B, shown ? T : 0, net.outputs});
  call.outputs = shown ? outputs : nullptr;
  call.recent = recent.after;
  call.stack = StackState{positions.after, queues.after};
  for (const PassedContext& context : contexts) call.contexts.push_back(context.state());
  call.signal_after = checked<float>(result(6), ffi::F32, "signal after", {predicting, net.memory});
  call.residual_after = checked<float>(result(7), ffi::F32, "residual after", {predicting, net.memory});
  call.predicted_after = checked<float>(result(8), ffi::F32, "predicted after", {predicting});
  call.phase_after = checked<int32_t>(result(9), ffi::S32, "phase after", {});
  call.window_after = checked<float>(result(10), ffi::F32, "window after", {adapting, net.window_samples});
  call.coefficients_after = checked<float>(result(11), ffi::F32, "adapted coefficients after", {adapting, order});
  call.power_after = checked<float>(result(12), ffi::F32, "power after", {adapting});

  for (int64_t stream = 0; stream < B; ++stream)
    if (call.latest[stream] < 0 || call.latest[stream] >= net.levels) refuse("latest has codes that are no level");
  if (is_given)
    for (int64_t i = 0; i < B * T; ++i)
      if (given[i] < 0 || given[i] >= net.levels) refuse("given has codes that are no level");
  for (int64_t i = 0; i < recent.count; ++i)
    if (recent.before[i] < 0 || recent.before[i] > net.levels) refuse("recent has codes that are no level");
  check_positions(net, positions, "position");
  for (size_t index = 0; index < contexts.size(); ++index) {
    if (*contexts[index].phase.before < 0 || *contexts[index].phase.before >= slow.periods[index])
      refuse("context phase is a place outside of a block");
    check_positions(slow, contexts[index].positions, "context position");
  }
  for (int64_t i = 0; i < filters * rows; ++i)
    if (call.filters.period[i] < 0 || call.filters.period[i] > net.memory - net.pitch_taps / 2)
      refuse("period reaches further back than the memory");
  if (*call.phase < 0 || *call.phase >= net.adaptation_samples) refuse("phase is a place outside of a block");
  const Weights weights(net, packed, size);

  recent.copy();
  positions.copy();
  queues.copy();
  for (const PassedContext& context : contexts) context.copy();
  *call.phase_after = *call.phase;
  Loop(net, weights, call).run();
}

ffi::Error checked_advance(ffi::RemainingArgs arguments, ffi::RemainingRets results, ffi::Dictionary attributes) {
  try {
    advance(arguments, results, attributes);
    return ffi::Error::Success();
  } catch (const Refused& refused) {
    return ffi::Error::InvalidArgument("wavenet engine: " + refused.message);
  } catch (const std::exception& error) {  // memory
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, std::string("wavenet engine: ") + error.what());
  }
}

}  // namespace
}  // namespace wavenet

extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* wavenet_engine_advance(XLA_FFI_CallFrame* call_frame);

XLA_FFI_DEFINE_HANDLER_SYMBOL(wavenet_engine_advance, wavenet::checked_advance,
                              xla::ffi::Ffi::Bind().RemainingArgs().RemainingRets().Attrs());
