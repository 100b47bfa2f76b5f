// SPDX-License-Identifier: MIT
// duct-log check: whether a run keeps to its limits; a gate for CI.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "log/console.hpp"

namespace duct_log {

struct CheckOptions {
  std::string run;                                      // empty: the latest
  std::vector<std::pair<std::string, double>> limits;   // the name of a metric (run_metrics.hpp), and the most it may be
  bool no_failed = false;                               // neither the command nor a process below it may fail
  bool exact = false;                                   // nothing may have been lost
  std::string baseline;                                 // a file; empty: none
  double tolerance_percent = 10;                        // above the baseline's mean
};

// kDoesNotHold where something does not hold, or cannot be told from the record. Error usage: nothing to check.
Result<int> check(const CheckOptions& options, const Console& console);

}  // namespace duct_log
