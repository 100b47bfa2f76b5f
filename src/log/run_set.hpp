// SPDX-License-Identifier: MIT
// Repeated runs of one thing, put together.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "log/noise.hpp"
#include "log/run_metrics.hpp"

namespace duct_log {

struct ProgramCount {
  double count = 0;     // processes of it, mean over the runs
  std::optional<double> cpu_time;  // of them, mean over the runs; empty: of none it is known
};

struct RunSet {
  std::string name;        // as the user named it
  std::vector<Run> runs;   // one at least
  std::map<std::string, ProgramCount> programs;
  double processes = 0;    // that are known of, mean over the runs
  bool has_processes = false;  // false: no run has a record of them
  bool sampled = false;    // processes are known from samples alone

  const Info& info() const { return runs.front().info; }
  std::vector<double> values(const RunMetric& metric) const;  // of those runs that have it
};

// The run, or all those in the directory, that `argument` names. Those that cannot be read are skipped with a warning; Error
// where none is left. `with_processes` false: only info.json is read.
Result<RunSet> load_run_set(const std::string& argument, bool with_processes, const Warn& warn);

}  // namespace duct_log
