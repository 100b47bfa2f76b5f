// SPDX-License-Identifier: MIT
// The numbers of a run that are compared and checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/run_record.hpp"

namespace duct_log {

struct RunMetric {
  std::string_view name;   // its key in execution_summary
  std::string_view label;  // for people
  std::string (*text)(double value);
  std::optional<double> (*of)(const ExecutionSummary& summary);
};

const std::vector<RunMetric>& run_metrics();
const RunMetric& run_metric(std::string_view name);  // one that there is

// How a run was seen: "bpf", "procfs" or "con-duct".
std::string recorder_of(const Info& info);

}  // namespace duct_log
