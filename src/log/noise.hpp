// SPDX-License-Identifier: MIT
// Whether two sets of measurements differ by more than they scatter.
#pragma once

#include <optional>
#include <vector>

namespace duct_log {

struct Spread {
  std::size_t count = 0;
  double mean = 0, deviation = 0;  // of the sample; 0 of a single one
  double least = 0, most = 0;
};
Spread spread_of(const std::vector<double>& values);

// Welch's test at 95 %. Of a single value the scatter is taken to be the other side's. Empty: both are single, so nothing
// is known of their scatter.
std::optional<bool> differ(const Spread& a, const Spread& b);

}  // namespace duct_log
