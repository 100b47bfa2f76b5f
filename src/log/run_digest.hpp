// SPDX-License-Identifier: MIT
// What is worth saying of a run's processes, gathered in one pass and little memory, however many there are.
#pragma once

#include <vector>

#include "log/known_processes.hpp"

namespace duct_log {

struct RunDigest {
  ProcessSource source = ProcessSource::ledger;
  std::size_t processes = 0;
  std::size_t failed = 0;
  std::size_t failed_below = 0;       // of these, not the command itself
  std::size_t alive = 0;
  double cpu_time = 0;
  std::int64_t largest_peak_rss = 0;  // of a single process
  std::vector<Process> by_cpu, by_memory;  // the most, in order
  std::vector<Process> failures;           // the first that ended, the command itself left out
};

// `count`: of each list, at most.
Result<RunDigest> digest(const RunFiles& files, std::size_t count, const Warn& warn);

}  // namespace duct_log
