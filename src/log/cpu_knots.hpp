// SPDX-License-Identifier: MIT
// What a process had used of the CPU at moments of its life, for stretches of even use between them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace duct_log {

// How many CPUs a process can use at once, as far as that is known.
inline double most_cpus(std::optional<std::int64_t> threads, std::optional<std::int64_t> cpus) {
  double most = std::numeric_limits<double>::infinity();
  for (const auto& limit : {threads, cpus}) {
    if (limit.value_or(0) > 0) most = std::min(most, static_cast<double>(*limit));
  }
  return most;
}

// CPU time becomes known late: a running thread's at its next tick, the rest of a process's when it has ended. What would be
// more than its threads can use since the moment before is taken together with the stretch before that.
class CpuKnots {
 public:
  struct Knot {
    double time = 0, used = 0;  // s
  };

  void begin(double start, double most_cpus) {
    most_cpus_ = most_cpus * kTolerance;
    knots_.assign(1, {.time = start, .used = 0});
  }
  // In the order of time; what does not go on from there is left out.
  void add(double time, double used) {
    if (time < knots_.back().time || used < knots_.back().used) return;
    while (knots_.size() > 1 && used - knots_.back().used > most_cpus_ * (time - knots_.back().time)) knots_.pop_back();
    if (time > knots_.back().time) knots_.push_back({time, used});
  }
  // The first is where it began; alone where nothing is known.
  const std::vector<Knot>& knots() const { return knots_; }

 private:
  static constexpr double kTolerance = 1.1;  // a busy thread's ticks are late by more and by less
  std::vector<Knot> knots_;
  double most_cpus_ = 0;
};

}  // namespace duct_log
