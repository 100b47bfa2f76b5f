// SPDX-License-Identifier: MIT
// duct-log tree: who started whom, and what it cost.
#pragma once

#include <string>

#include "log/console.hpp"

namespace duct_log {

struct TreeOptions {
  std::string run;           // empty: the latest
  std::string filter;        // an expression over a process: show those and their ancestors
  bool collapse = true;      // equal siblings are one row
  std::size_t rows = 200;    // most, 0: all; those with the most CPU below them are shown
  std::optional<std::size_t> depth;  // not deeper
};

// Error usage: the filter.
Result<int> tree(const TreeOptions& options, const Console& console);

}  // namespace duct_log
