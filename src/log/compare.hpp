// SPDX-License-Identifier: MIT
// duct-log compare: two runs, or two sets of repeated runs, side by side.
#pragma once

#include <string>

#include "log/console.hpp"

namespace duct_log {

struct CompareOptions {
  std::string a, b;
  std::size_t rows = 15;  // programs that differ
};

Result<int> compare(const CompareOptions& options, const Console& console);

}  // namespace duct_log
