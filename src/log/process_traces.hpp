// SPDX-License-Identifier: MIT
// CPU and memory over time of single processes: of the largest ones of a run.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "log/run_record.hpp"
#include "log/series.hpp"

namespace duct_log {

// A value holds until the next time; the last one is where it ends.
using Points = std::vector<std::pair<double, double>>;  // seconds since the run began, value

struct Trace {
  std::string name;
  std::int64_t pid = 0;
  double start = 0, end = 0;  // seconds since the run began
  std::optional<double> cpu_time;
  std::optional<std::int64_t> peak_rss;
  double most_cpus = 0;  // that it can use at once
  Points cpu;  // %
  Points rss;  // bytes
};

// First all processes, then all reports.
class TraceMaker {
 public:
  // Half of `most` are the processes with the most CPU time, the rest those with the highest memory.
  // `cpus`: of the machine.
  TraceMaker(double start, double end, std::size_t most, std::optional<std::int64_t> cpus, CpuSource source, bool lifetime_cpu)
      : start_(start), end_(end), most_(most), cpus_(cpus), source_(source), lifetime_cpu_(lifetime_cpu) {}
  void add(const Process& process);
  void choose();  // between the two
  void add(const UsageReport& report);
  std::vector<Trace> take();

 private:
  Trace* of(const UsageProcess& process, double time);
  double start_, end_;
  std::size_t most_;
  std::optional<std::int64_t> cpus_;
  CpuSource source_;
  bool lifetime_cpu_;  // plot what ps shows as it is
  std::vector<Trace> by_cpu_, by_rss_, traces_;
};

}  // namespace duct_log
