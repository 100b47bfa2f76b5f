// SPDX-License-Identifier: MIT
// Sums by program: how many processes, what they cost.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "log/run_record.hpp"

namespace duct_log {

struct ProgramTotals {
  std::string name;
  std::size_t count = 0;
  std::optional<std::size_t> failed;  // of those whose end is known
  std::optional<double> cpu_time;
  double wall_time = 0;
  std::optional<std::int64_t> peak_rss;  // of the largest one
};

class ProgramTable {
 public:
  void add(const Process& process);
  // Those with the most CPU time, in order; the rest is left out.
  std::vector<ProgramTotals> largest(std::size_t most) const;

 private:
  std::unordered_map<std::string, std::size_t> numbers_;
  std::vector<ProgramTotals> programs_;
};

}  // namespace duct_log
