// Linear prediction and pitch taps, as wavenet_jax/model/prediction.py defines them, and filters from the past, as
// adaptation.py beside it does; sample by sample.

#ifndef WAVENET_PREDICTION_H_
#define WAVENET_PREDICTION_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "draws.h"
#include "products.h"
#include "vector.h"

namespace wavenet {

// The sum of products of whole lines: the same bits for every width of vectors.
static inline float dot_of_lines(const float* left, const float* right, int64_t count) {
  static_assert(kStretch == kLine, "a line is summed like a stretch");
  Floats sums[kLine / kWidth] = {};
  for (int64_t i = 0; i < count; i += kLine)
    for (int v = 0; v < kLine / kWidth; ++v)
      sums[v] = multiply_add(load(left + i + v * kWidth), load(right + i + v * kWidth), sums[v]);
  float lanes[kLine];
  for (int v = 0; v < kLine / kWidth; ++v) store(lanes + v * kWidth, sums[v]);
  return sum_of_line(lanes);
}

// The filters of some rows, each for itself: what is known of samples before they are there.
struct Filters {
  const float* coefficients;  // [rows, order]
  const float* scale;         // [rows]: the residual's standard deviation
  const int32_t* period;      // [rows]: samples of a pitch period, 0 where unvoiced
};

// The newest samples of some rows, each row in one piece: some number of them, behind zeros, and those that came since.
class Lines {
 public:
  Lines(int64_t rows, int64_t kept, int64_t zeros)
      : rows_(rows), kept_(kept), zeros_(zeros), room_(zeros + kept + kAhead), newest_(zeros + kept - 1),
        values_(rows * room_) {}

  float* newest(int64_t row) { return values_.data() + row * room_ + newest_; }

  // From and to [rows, kept].
  void resume(const float* from) {
    for (int64_t row = 0; row < rows_; ++row)
      std::copy(from + row * kept_, from + (row + 1) * kept_, newest(row) + 1 - kept_);
  }
  void leave(float* to) {
    for (int64_t row = 0; row < rows_; ++row) std::copy(newest(row) + 1 - kept_, newest(row) + 1, to + row * kept_);
  }

  // Makes room for one more sample of each row.
  void step() {
    if (++newest_ < room_) return;
    const int64_t moved = zeros_ + kept_;
    for (float* line = values_.data(); line < values_.data() + rows_ * room_; line += room_)
      std::copy(line + room_ - moved, line + room_, line);
    newest_ = moved;
  }

 private:
  static constexpr int64_t kAhead = 1024;  // samples until the past is moved to the front

  int64_t rows_, kept_, zeros_, room_, newest_;
  std::vector<float> values_;
};

// The past of some rows, and what it says of the next sample.
class Prediction {
 public:
  Prediction(int64_t rows, int64_t order, int64_t taps, int64_t memory)
      : rows_(rows), order_(order), taps_(taps), before_(padded(order)), signal_(rows, memory, before_),
        residual_(rows, memory, before_), predicted_(rows), reversed_(rows * before_), unit_(rows), scale_(rows), log_scale_(rows), period_(rows),
        near_(rows * padded(order + taps)), weighing_(padded(order + taps)), now_(padded(input_count())) {}

  // Inputs of the network for each row.
  int64_t input_count() const { return 3 + 2 * taps_; }

  // Takes up the past: [rows, memory], [rows, memory] and [rows].
  void resume(const float* signal, const float* residual, const float* predicted) {
    signal_.resume(signal);
    residual_.resume(residual);
    std::copy(predicted, predicted + rows_, predicted_.begin());
  }

  void leave(float* signal, float* residual, float* predicted) {
    signal_.leave(signal);
    residual_.leave(residual);
    std::copy(predicted_.begin(), predicted_.end(), predicted);
  }

  // The filters from now on.
  void follow(const Filters& filters) {
    for (int64_t row = 0; row < rows_; ++row) {
      const float* coefficients = filters.coefficients + row * order_;
      std::reverse_copy(coefficients, coefficients + order_, reversed_.begin() + (row + 1) * before_ - order_);
      scale_[row] = filters.scale[row];
      unit_[row] = 1 / filters.scale[row];
      log_scale_[row] = std::log(filters.scale[row]);
      period_[row] = filters.period[row];
    }
  }

  // Room for one more sample of each row; to be called before `put`.
  void step() {
    signal_.step();
    residual_.step();
  }

  // The newest sample of a row: predicts the next one, and writes the inputs of the network.
  void put(int64_t row, float sample, float* inputs) {
    float *signal = signal_.newest(row), *residual = residual_.newest(row);
    *signal = sample;
    *residual = sample - predicted_[row];
    const float unit = unit_[row];
    predicted_[row] = dot_of_lines(&reversed_[row * before_], signal + 1 - before_, before_);
    float *now = now_.data(), *near = &near_[row * padded(order_ + taps_)];
    now[0] = sample * unit;
    now[1] = predicted_[row] * unit;
    now[2] = *residual * unit;
    for (int64_t lag = 0; lag < order_; ++lag) near[lag] = residual[-lag] * unit;
    const int64_t first = 1 - std::max<int64_t>(period_[row], taps_) - taps_ / 2;
    for (int64_t tap = 0; tap < taps_; ++tap) {
      const bool voiced = period_[row] > 0;
      now[3 + 2 * tap] = voiced ? signal[first + tap] * unit : 0;
      now[4 + 2 * tap] = near[order_ + tap] = voiced ? residual[first + tap] * unit : 0;
    }
    for (int64_t i = 0; i < input_count(); i += kWidth) store(now + i, inverse_sine(load(now + i)));
    std::copy(now, now + input_count(), inputs);
  }

  // Moves a mixture of components, whose outputs are followed by weights of residuals, onto the prediction.
  void move(int64_t row, float* outputs, int64_t components, float narrowest) {
    const int64_t count = order_ + taps_;
    std::copy(outputs + 3 * components, outputs + 3 * components + count, weighing_.begin());
    for (int64_t i = 0; i < count; i += kWidth) store(&weighing_[i], tangent(load(&weighing_[i])));
    const float follows = dot_of_lines(weighing_.data(), &near_[row * padded(count)], padded(count));
    const float centre = predicted_[row] + scale_[row] * follows;
    for (int64_t i = components; i < 2 * components; ++i) outputs[i] = centre + scale_[row] * outputs[i];
    for (int64_t i = 2 * components; i < 3 * components; ++i)
      outputs[i] = log_scale_[row] + std::max(narrowest, outputs[i]);
  }

 private:
  int64_t rows_, order_, taps_, before_;  // before: the order, with zeros up to a whole line
  Lines signal_, residual_;
  std::vector<float> predicted_, reversed_, unit_, scale_, log_scale_;
  std::vector<int32_t> period_;
  std::vector<float> near_, weighing_, now_;  // near: residuals that the centre can follow, in units of the scale
};

// How filters follow from the past.
struct Adapting {
  int64_t window_samples, block;
  const float* window;              // [window_samples]: weights, the newest sample's last
  float window_power, noise_power;  // of the window, and what is added to the signal's
  float white_noise;                // share of the signal's power that is added
};

// The filters of some rows from their past, computed anew in each block of samples.
class Adaptation {
 public:
  Adaptation(int64_t rows, int64_t order, const Adapting& how, int32_t phase)
      : rows_(rows), order_(order), how_(how), phase_(phase), signal_(rows, how.window_samples, 0),
        coefficients_(rows * order), power_(rows), scale_(rows), period_(rows),
        weighed_(padded(how.window_samples) + order), autocorrelation_(order + 1), solution_(order), mirrored_(order) {}

  // Takes up [rows, window_samples], [rows, order] and [rows].
  void resume(const float* signal, const float* coefficients, const float* power) {
    signal_.resume(signal);
    std::copy(coefficients, coefficients + rows_ * order_, coefficients_.begin());
    std::copy(power, power + rows_, power_.begin());
  }

  void leave(int32_t* phase, float* signal, float* coefficients, float* power) {
    *phase = phase_;
    signal_.leave(signal);
    std::copy(coefficients_.begin(), coefficients_.end(), coefficients);
    std::copy(power_.begin(), power_.end(), power);
  }

  void step() { signal_.step(); }
  void put(int64_t row, float sample) { *signal_.newest(row) = sample; }

  // After a sample of each row: whether a block begins with it, whose filters are then computed.
  bool begin_block() {
    const bool begins = phase_ == 0;
    if (begins)
      for (int64_t row = 0; row < rows_; ++row) solve(row);
    phase_ = static_cast<int32_t>((phase_ + 1) % how_.block);
    return begins;
  }

  Filters filters() {
    for (int64_t row = 0; row < rows_; ++row) scale_[row] = std::sqrt(power_[row] + how_.noise_power);
    return Filters{coefficients_.data(), scale_.data(), period_.data()};
  }

 private:
  // The best linear prediction of a row (Levinson and Durbin), in float64: small errors grow in it.
  void solve(int64_t row) {
    const int64_t count = how_.window_samples;
    const float* first = signal_.newest(row) + 1 - count;
    for (int64_t i = 0; i < count; ++i) weighed_[i] = first[i] * how_.window[i];  // zeros follow
    for (int64_t lag = 0; lag <= order_; ++lag)
      autocorrelation_[lag] = dot_of_lines(&weighed_[lag], weighed_.data(), padded(count)) / how_.window_power;
    double power = autocorrelation_[0] * (1.0 + how_.white_noise) + how_.noise_power;
    for (int64_t order = 0; order < order_; ++order) {
      double unexpected = autocorrelation_[order + 1];
      for (int64_t k = 0; k < order; ++k) unexpected -= solution_[k] * autocorrelation_[order - k];
      const double reflection = unexpected / power;
      const auto end = solution_.begin() + order;
      std::reverse_copy(solution_.begin(), end, mirrored_.begin());
      std::transform(solution_.begin(), end, mirrored_.begin(), solution_.begin(),
                     [reflection](double own, double other) { return own - reflection * other; });
      solution_[order] = reflection;
      power *= 1 - reflection * reflection;
    }
    for (int64_t k = 0; k < order_; ++k) coefficients_[row * order_ + k] = static_cast<float>(solution_[k]);
    power_[row] = std::max(0.0f, static_cast<float>(power - how_.noise_power));
  }

  int64_t rows_, order_;
  Adapting how_;
  int32_t phase_;
  Lines signal_;
  std::vector<float> coefficients_, power_, scale_;
  std::vector<int32_t> period_;
  std::vector<float> weighed_;
  std::vector<double> autocorrelation_, solution_, mirrored_;
};

}  // namespace wavenet

#endif  // WAVENET_PREDICTION_H_
