// SPDX-License-Identifier: MIT
// What the tree used over time, put together from processes and reports: the curves of plot, of the HTML report and the
// counters of a trace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "log/run_record.hpp"

namespace duct_log {

// Each value stands for one step; empty where it is not known. The lists are empty where nothing of them is.
struct Series {
  using Values = std::vector<std::optional<double>>;
  double start = 0;  // epoch at which the first step begins
  double step = 0;   // s
  Values cpu;            // %, mean over the step: of each process its CPU time is spread evenly between the moments at which it is known;
                         // never above 100 x CPUs
  Values cpu_reported;   // %, totals.pcpu of the report: the highest rate between two samples; con-duct: a sum of lifetime averages
  Values rss_at_most;    // bytes: what those alive had at their own peaks, and not more than any sum that was seen
  Values rss_reported;   // bytes: highest sum in the report
  Values rss_mean;       // bytes: mean over the samples of the report
  Values processes;      // alive at once, the most in the step
  double seconds(std::size_t step_number) const { return static_cast<double>(step_number) * step; }  // since `start`
};

// Which numbers the curve of CPU is made of.
enum class CpuSource {
  known,  // CPU times; where the records have none, what ps's averages come to
  ps,     // ps's averages times ages (con-duct's --cpu ps-cpu-timepoint)
};

// What the process had used when it was last seen; empty where that is not known, as by ps's average in the first second: ages
// are whole seconds.
std::optional<double> cpu_seconds(const UsageProcess& process, CpuSource source);

class SeriesMaker {
 public:
  // `ledger`: processes are from a ledger, so their times and peaks are facts and not just what was seen.
  SeriesMaker(const Info& info, bool ledger, CpuSource source = CpuSource::known)
      : summary_(info.summary), cpus_(info.cpu_total), ledger_(ledger), source_(source) {}
  void add(const Process& process);
  void add(const UsageReport& report);
  double start() const;
  double span() const;  // s; above 0
  Series make(std::size_t steps);

 private:
  struct Life {
    std::int64_t pid;
    double start, end, cpu;  // cpu: s; NaN: unknown
    std::int64_t peak_rss;
    double most_cpus;  // that it can use at once
  };
  struct Knot {  // what a process had used at a moment
    std::int64_t pid;
    double time, cpu;
  };
  struct Window {  // a report and the stretch of time it speaks of
    double from, to;
    UsageTotals totals, averages;
  };
  void spread_cpu(Series& series);
  void count_alive(Series& series) const;
  void take_reports(Series& series) const;
  void bound_memory(Series& series) const;

  ExecutionSummary summary_;
  std::optional<std::int64_t> cpus_;
  bool ledger_;
  CpuSource source_;
  std::vector<Life> lives_;
  std::vector<Knot> knots_;
  std::vector<Window> windows_;
  double first_ = std::numeric_limits<double>::infinity();
  double last_ = -std::numeric_limits<double>::infinity();
};

}  // namespace duct_log
