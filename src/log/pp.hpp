// SPDX-License-Identifier: MIT
// duct-log pp: a record file as it is, indented.
#pragma once

#include <string>

#include "log/console.hpp"

namespace duct_log {

struct PpOptions {
  std::string path;
  bool humanized = false;  // sizes, times and dates with their units
};

Result<int> pp(const PpOptions& options, const Console& console);

}  // namespace duct_log
