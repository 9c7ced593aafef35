// Codes from the head's outputs, as wavenet_jax/model/heads.py defines them, one stream at a time.

#ifndef WAVENET_DRAWS_H_
#define WAVENET_DRAWS_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "products.h"
#include "vector.h"

namespace wavenet {

enum class Head { kCategorical = 0, kCoarseFine = 1, kLogistic = 2, kGaussian = 3 };

constexpr int64_t kByte = 256;
constexpr int64_t kStretch = kLine;  // weights whose sum is one step of a draw

// Which choices a draw keeps; infinities keep all.
struct Truncation {
  float top_k, top_p, min_p;

  bool is_off() const { return std::isinf(top_k) && std::isinf(top_p) && std::isinf(min_p); }
};

struct Mixture {
  int64_t levels, components;
  float log_scale_floor;
  bool companded;  // components live on the axis companded by 255
};

// Working memory of the draws of one call.
struct Drawing {
  std::vector<float> weights, sums;
  std::vector<int32_t> order;
  std::vector<float> sorted;

  explicit Drawing(int64_t choices)
      : weights(rounded_up(choices, kStretch)),
        sums(rounded_up(choices, kStretch) / kStretch),
        order(choices),
        sorted(rounded_up(choices, kStretch)) {}
};

// The greatest logit; what is no number is passed over.
static inline float greatest_of(const float* logits, int64_t choices) {
  const int64_t whole = choices - choices % kWidth;
  Floats most = broadcast(-INFINITY);
  for (int64_t i = 0; i < whole; i += kWidth) most = maximum(load(logits + i), most);
  float greatest = greatest_lane(most);
  for (int64_t i = whole; i < choices; ++i) greatest = logits[i] > greatest ? logits[i] : greatest;
  return greatest;
}

// exp((logits - greatest) / temperature), zeros up to a whole stretch; returns the sums up to each stretch. `logits`
// may be read up to a whole stretch.
static inline void weigh(const float* logits, int64_t choices, float greatest, float temperature, float* weights,
                         float* sums) {
  const int64_t padded = rounded_up(choices, kStretch);
  for (int64_t i = 0; i < padded; i += kWidth) {
    const Floats grown = exponential((load(logits + i) - greatest) / temperature);
    store(weights + i, select(grown >= broadcast(0), grown, broadcast(0)));  // what is no number is never drawn
  }
  std::fill(weights + choices, weights + padded, 0.0f);
  float sum = 0;
  for (int64_t stretch = 0; stretch < padded / kStretch; ++stretch)
    sums[stretch] = sum += sum_of_line(weights + stretch * kStretch);
}

// The first of the running sums, which never fall, that is above the target, or all there is.
static inline int64_t first_beyond(const float* sums, int64_t count, float target) {
  const int64_t whole = count - count % kWidth;
  const float all = sums[count - 1];
  int64_t index = 0;
  for (int64_t i = 0; i < whole; i += kWidth)
    index += count_of((load(sums + i) <= broadcast(target)) & (load(sums + i) < broadcast(all)));
  for (int64_t i = whole; i < count; ++i) index += sums[i] <= target && sums[i] < all;
  return index;
}

// A place drawn in proportion to weights, whole stretches of them, by the sums up to each stretch.
static inline int64_t inverse_cdf(const float* weights, const float* sums, int64_t choices, float uniform) {
  const int64_t stretches = rounded_up(choices, kStretch) / kStretch;
  const float target = uniform * sums[stretches - 1];
  const int64_t stretch = first_beyond(sums, stretches, target);
  const float rest = target - (stretch > 0 ? sums[stretch - 1] : 0.0f);
  float within[kStretch], sum = 0;
  for (int64_t i = 0; i < kStretch; ++i) within[i] = sum += weights[stretch * kStretch + i];
  return std::min(stretch * kStretch + first_beyond(within, kStretch, rest), choices - 1);
}

// A place drawn among those that the truncation keeps; `weights` and `sums` are changed.
static inline int64_t truncated_draw(Drawing& drawing, int64_t choices, float uniform, const Truncation& truncation) {
  float *weights = drawing.weights.data(), *sorted = drawing.sorted.data(), *sums = drawing.sums.data();
  int32_t* order = drawing.order.data();
  std::iota(order, order + choices, 0);
  std::stable_sort(order, order + choices, [weights](int32_t a, int32_t b) { return weights[a] > weights[b]; });
  float total = 0;
  for (int64_t rank = 0; rank < choices; ++rank) total += sorted[rank] = weights[order[rank]];
  // Comparisons that are false for what is no number: then one is kept.
  float kept = static_cast<float>(choices);
  if (!(kept <= truncation.top_k)) kept = truncation.top_k;
  if (!std::isinf(truncation.top_p)) {
    float sum = 0, count = 1;
    for (int64_t rank = 0; rank < choices; ++rank) count += (sum += sorted[rank]) < truncation.top_p * total;
    kept = std::min(kept, count);
  }
  if (!std::isinf(truncation.min_p)) {
    float count = 0;
    for (int64_t rank = 0; rank < choices; ++rank) count += sorted[rank] >= truncation.min_p;
    kept = std::min(kept, count);
  }
  const int64_t last = kept > 1 ? static_cast<int64_t>(kept) - 1 : 0;
  std::fill(sorted + last + 1, sorted + drawing.sorted.size(), 0.0f);
  float sum = 0;
  for (int64_t stretch = 0; stretch < rounded_up(choices, kStretch) / kStretch; ++stretch)
    sums[stretch] = sum += sum_of_line(sorted + stretch * kStretch);
  return order[inverse_cdf(sorted, sums, choices, uniform)];
}

// A place drawn from logits; `nats` gets its log-probability at temperature 1, where that is wanted.
static inline int64_t draw(Drawing& drawing, const float* logits, int64_t choices, float uniform, float temperature,
                           const Truncation& truncation, float* nats) {
  const float greatest = greatest_of(logits, choices);
  float *weights = drawing.weights.data(), *sums = drawing.sums.data();
  const int64_t stretches = rounded_up(choices, kStretch) / kStretch;
  float total = 0;
  if (nats != nullptr && temperature != 1.0f) {
    weigh(logits, choices, greatest, 1.0f, weights, sums);
    total = sums[stretches - 1];
  }
  weigh(logits, choices, greatest, temperature, weights, sums);
  if (temperature == 1.0f) total = sums[stretches - 1];
  const int64_t place = truncation.is_off() ? inverse_cdf(weights, sums, choices, uniform)
                                            : truncated_draw(drawing, choices, uniform, truncation);
  if (nats != nullptr) *nats = (logits[place] - greatest) - std::log(total);
  return place;
}

static inline int64_t argmax(const float* values, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; ++i) best = values[i] > values[best] ? i : best;
  return best;
}

static inline float log_sum_exp(Drawing& drawing, const float* logits, int64_t choices) {
  const float greatest = greatest_of(logits, choices);
  weigh(logits, choices, greatest, 1.0f, drawing.weights.data(), drawing.sums.data());
  return greatest + std::log(drawing.sums[rounded_up(choices, kStretch) / kStretch - 1]);
}

// The quantile of the normal distribution, of 0 < p < 1 (Cephes, ndtri).
static inline double normal_quantile(double p) {
  static const double p0[] = {-5.99633501014107895267e1, 9.80010754185999661536e1, -5.66762857469070293439e1,
                              1.39312609387279679503e1, -1.23916583867381258016e0};
  static const double q0[] = {1.0, 1.95448858338141759834e0, 4.67627912898881538453e0, 8.63602421390890590575e1,
                              -2.25462687854119370527e2, 2.00260212380060660359e2, -8.20372256168333339912e1,
                              1.59056225126211695515e1, -1.18331621121330003142e0};
  static const double p1[] = {4.05544892305962419923e0, 3.15251094599893866154e1, 5.71628192246421288162e1,
                              4.40805073893200834700e1, 1.46849561928858024014e1, 2.18663306850790267539e0,
                              -1.40256079171354495875e-1, -3.50424626827848203418e-2, -8.57456785154685413611e-4};
  static const double q1[] = {1.0, 1.57799883256466749731e1, 4.53907635128879210584e1, 4.13172038254672030440e1,
                              1.50425385692907503408e1, 2.50464946208309415979e0, -1.42182922854787788574e-1,
                              -3.80806407691578277194e-2, -9.33259480895457427372e-4};
  static const double p2[] = {3.23774891776946035970e0, 6.91522889068984211695e0, 3.93881025292474443415e0,
                              1.33303460815807542389e0, 2.01485389549179081538e-1, 1.23716634817820021358e-2,
                              3.01581553508235416007e-4, 2.65806974686737550832e-6, 6.23974539184983293730e-9};
  static const double q2[] = {1.0, 6.02427039364742014255e0, 3.67983563856160859403e0, 1.37702099489081330271e0,
                              2.16236993594496635890e-1, 1.34204006088543189037e-2, 3.28014464682127739104e-4,
                              2.89247864745380683936e-6, 6.79019408009981274425e-9};
  const auto polynomial = [](const auto& coefficients, double x) {
    double sum = 0;
    for (const double coefficient : coefficients) sum = sum * x + coefficient;
    return sum;
  };
  const double tail = 0.13533528323661269189;  // exp(-2)
  const double y = p > 1 - tail ? 1 - p : p;
  if (y > tail) {
    const double w = y - 0.5, ww = w * w;
    const double x = (w + w * ww * (polynomial(p0, ww) / polynomial(q0, ww))) * 2.50662827463100050242;
    return p > 1 - tail ? -x : x;
  }
  const double z = std::sqrt(-2 * std::log(y)), inverse = 1 / z;
  const double ratio =
      z < 8 ? polynomial(p1, inverse) / polynomial(q1, inverse) : polynomial(p2, inverse) / polynomial(q2, inverse);
  const double x = z - std::log(z) / z - ratio / z;
  return p > 1 - tail ? x : -x;
}

static inline int32_t nearest_code(const Mixture& mixture, float value) {
  if (mixture.companded) {
    const float magnitude = std::expm1(std::fabs(value) * 5.545177444479562f) / 255.0f;  // log(256)
    value = value > 0 ? magnitude : value < 0 ? -magnitude : value;
  }
  const float levels = static_cast<float>(mixture.levels);
  const float code = std::floor(value * ((levels - 1) / 2) + static_cast<float>(mixture.levels % 2) / 2) +
                     static_cast<float>(mixture.levels / 2);
  if (!(code > 0)) return 0;  // also what is no number
  return code < levels - 1 ? static_cast<int32_t>(code) : static_cast<int32_t>(mixture.levels - 1);
}

static inline int32_t draw_mixture(Drawing& drawing, Head head, const Mixture& mixture, const float* outputs,
                                   const float* uniforms, float temperature) {
  const Truncation off{INFINITY, INFINITY, INFINITY};
  const int64_t component = draw(drawing, outputs, mixture.components, uniforms[0], temperature, off, nullptr);
  const float mean = outputs[mixture.components + component];
  const float log_scale = std::max(mixture.log_scale_floor, outputs[2 * mixture.components + component]);
  const float least = 5.9604644775390625e-8f;  // 2^-24
  float uniform = uniforms[1] + least;
  if (!(uniform > least)) uniform = least;
  if (uniform > 1 - least) uniform = 1 - least;
  const float quantile = head == Head::kLogistic ? std::log(uniform / (1 - uniform))
                                                 : static_cast<float>(normal_quantile(uniform));
  return nearest_code(mixture, mean + std::exp(log_scale) * temperature * quantile);
}

// log(1 + exp(x))
static inline double softplus(double x) { return x > 30 ? x : std::log1p(std::exp(x)); }

// Logarithm of the mass between two edges, in scales.
static inline double log_mass(Head head, double lower, double upper, bool first, bool last) {
  if (first && last) return 0;
  if (head == Head::kLogistic) {
    const double below = last ? 0 : -softplus(-upper), above = first ? 0 : -softplus(lower);
    return below + above + (first || last ? 0 : std::log(-std::expm1(lower - upper)));
  }
  const double root = 0.70710678118654752440;
  if (first) return std::log(std::erfc(-upper * root) / 2);
  if (last) return std::log(std::erfc(lower * root) / 2);
  const double near = lower + upper > 0 ? lower : -upper, far = lower + upper > 0 ? upper : -lower;
  const double mass = (std::erfc(near * root) - std::erfc(far * root)) / 2;
  if (mass > 1e-9) return std::log(mass);
  const double centre = (near + far) / 2;  // narrow, or far out: the density in the middle
  return std::log(far - near) - 0.91893853320467274178 - centre * centre / 2;
}

static inline int32_t mode_of_mixture(Head head, const Mixture& mixture, const float* outputs) {
  const int64_t count = mixture.components, levels = mixture.levels;
  const float *logits = outputs, *means = outputs + count, *log_scales = outputs + 2 * count;
  const auto edge = [&](int64_t code) {
    const double value = (2.0 * static_cast<double>(code) - static_cast<double>(levels)) / static_cast<double>(levels - 1);
    if (!mixture.companded) return value;
    return std::copysign(std::log1p(255 * std::fabs(value)) / std::log1p(255.0), value);
  };
  int32_t best_code = 0;
  double best = -INFINITY;
  const float greatest = greatest_of(logits, count);
  for (int64_t candidate = 0; candidate < count; ++candidate) {
    const int32_t code = nearest_code(mixture, means[candidate]);
    double total = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double scale = std::exp(static_cast<double>(std::max(mixture.log_scale_floor, log_scales[i])));
      const double lower = (edge(code) - means[i]) / scale, upper = (edge(code + 1) - means[i]) / scale;
      total += std::exp(logits[i] - greatest + log_mass(head, lower, upper, code == 0, code == levels - 1));
    }
    if (candidate == 0 || total > best) best = total, best_code = code;
  }
  return best_code;
}

}  // namespace wavenet

#endif  // WAVENET_DRAWS_H_
