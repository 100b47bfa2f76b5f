// SPDX-License-Identifier: MIT
// What runs of something cost before: a small JSON file to check later runs against. And duct-log baseline, which writes it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "log/console.hpp"
#include "log/noise.hpp"

namespace duct_log {

// By the name of the metric (run_metrics.hpp).
using Baseline = std::map<std::string, Spread, std::less<>>;

// Error io: cannot be read, or is none.
Result<Baseline> read_baseline(const std::string& path);

struct BaselineOptions {
  std::vector<std::string> runs;  // runs, or directories of them; empty: the latest
};

// Prints the file. Error: one of the runs cannot be read, as a baseline of less than was asked for would be wrong.
Result<int> baseline(const BaselineOptions& options, const Console& console);

}  // namespace duct_log
