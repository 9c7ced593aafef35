// A second thread that works beside the calling one, in step with it, while that is faster.
//
// Both run the same function, each on its share, and meet wherever one reads what the other has written. They wait for
// each other in a busy loop, which takes some 0.1 µs where both have a core, and milliseconds where another program has
// it. So work begins on both only if the other thread is there, and both ways are timed all along.

#ifndef WAVENET_PAIR_H_
#define WAVENET_PAIR_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace wavenet {

// For tests: all work is done by pairs, however long it takes.
#ifdef WAVENET_ALWAYS_A_PAIR
constexpr bool kAlwaysAPair = true;
#else
constexpr bool kAlwaysAPair = false;
#endif

class Pair;

// One of the threads that do some work: the only one, or the first or second of a pair.
class Worker {
 public:
  Worker() = default;

  int index() const { return index_; }
  bool is_alone() const { return pair_ == nullptr; }
  // Which of some units are its share: from the first to before the last.
  int64_t first(int64_t units) const { return is_alone() ? 0 : units * index_ / 2; }
  int64_t last(int64_t units) const { return is_alone() ? units : units * (index_ + 1) / 2; }
  // Returns when the other one has come as far: what either wrote before, both can read after it.
  inline void meet() const;

 private:
  friend class Pair;
  Worker(int index, Pair* pair) : index_(index), pair_(pair) {}

  int index_ = 0;
  Pair* pair_ = nullptr;
};

class Pair {
 public:
  // Both workers do `work`, which throws nothing; they meet in it equally often, and last of all.
  explicit Pair(std::function<void(Worker)> work) : work_(std::move(work)), thread_([this] { accompany(); }) {}

  ~Pair() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      leaves_ = true;
      awake_.store(false, std::memory_order_relaxed);
    }
    changed_.notify_one();
    thread_.join();
  }

  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  // Has the other thread wait for work in a busy loop, or sleep.
  void keep_awake(bool awake) {
    if (awake_.load(std::memory_order_relaxed) == awake) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      awake_.store(awake, std::memory_order_relaxed);
    }
    changed_.notify_one();
  }

  // Does the work on both threads. Returns false, with nothing done, if the other one is not there.
  bool work() {
    for (int turn = 0; place_.load(std::memory_order_acquire) != kReady; ++turn) {
      if (turn >= kTurns && !kAlwaysAPair) return false;
      wait(turn);
    }
    int ready = kReady;
    if (!place_.compare_exchange_strong(ready, kWorks, std::memory_order_acq_rel)) return false;
    work_(Worker(0, this));
    return true;
  }

 private:
  enum Place { kAway, kReady, kWorks };
  static constexpr int kTurns = 500;  // of a busy loop: some ten microseconds

  struct alignas(128) Meetings {
    std::atomic<uint32_t> count{0};
    uint32_t own = 0;
  };

  friend class Worker;
  void meet(int index) {
    const uint32_t mine = ++meetings_[index].own;
    meetings_[index].count.store(mine, std::memory_order_release);
    const std::atomic<uint32_t>& other = meetings_[1 - index].count;
    for (int turn = 0; static_cast<int32_t>(other.load(std::memory_order_acquire) - mine) < 0; ++turn) wait(turn);
  }

  void accompany() {
    while (true) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return leaves_ || awake_.load(std::memory_order_relaxed); });
        if (leaves_) return;
      }
      while (is_called()) work_(Worker(1, this));
    }
  }

  // Waits for work; returns false when it is time to sleep.
  bool is_called() {
    place_.store(kReady, std::memory_order_release);
    for (int turn = 0; place_.load(std::memory_order_acquire) != kWorks; ++turn) {
      int ready = kReady;
      if (!awake_.load(std::memory_order_relaxed) &&
          place_.compare_exchange_strong(ready, kAway, std::memory_order_acq_rel))
        return false;
      wait(turn);
    }
    return true;
  }

  static void wait(int turn) {
    if (turn < kTurns)
      relax();
    else
      std::this_thread::yield();
  }

  static void relax() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::function<void(Worker)> work_;
  std::array<Meetings, 2> meetings_;
  alignas(128) std::atomic<int> place_{kAway};  // where the other thread is
  alignas(128) std::atomic<bool> awake_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool leaves_ = false;
  std::thread thread_;  // the last one: it uses the others
};

inline void Worker::meet() const {
  if (pair_ != nullptr) pair_->meet(index_);
}

// Which of two ways is the faster one, alone or as a pair. The slower one is tried again so seldom that this costs one
// percent of the time.
class Trial {
 public:
  using Clock = std::chrono::steady_clock;

  bool pair() const { return pair_ || kAlwaysAPair; }

  // Returns whether as many pieces of work as a pair have taken longer than they take alone, so far.
  bool is_lost(Clock::time_point began, int64_t pieces) const {
    return pair_ && !kAlwaysAPair && seconds_since(began) > seconds_[false] * static_cast<double>(pieces);
  }

  // Takes the time of some pieces of work, done in the way that `pair` names.
  void took(Clock::time_point began, int64_t pieces) {
    const double all = seconds_since(began), each = all / static_cast<double>(pieces);
    double& known = seconds_[pair_];
    if (pair_ == best_) {
      known = known == 0 ? each : known + (each - known) / 4;
    } else {
      known = each;
      const double lost = all - seconds_[best_] * static_cast<double>(pieces);
      next_[pair_].store(now() + kRarity * std::max(std::abs(lost), kLeastLost), std::memory_order_relaxed);
      if (lost < 0) best_ = pair_;
    }
    const bool is_due = now() >= next_[!best_].load(std::memory_order_relaxed);
    const double other = seconds_[!best_];
    pair_ = best_ != (is_due || (other > 0 && other < seconds_[best_]));
  }

 private:
  static constexpr double kRarity = 100, kLeastLost = 1e-4;

  static double now() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }
  static double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

  // When each way is tried next, in this call or another, where it is not the best: seconds of the clock.
  static inline std::array<std::atomic<double>, 2> next_{};

  std::array<double, 2> seconds_{};  // of a piece, alone and as a pair
  bool pair_ = false, best_ = false;
};

}  // namespace wavenet

#endif  // WAVENET_PAIR_H_
