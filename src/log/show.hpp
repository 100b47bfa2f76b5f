// SPDX-License-Identifier: MIT
// duct-log show: one run on one screen.
#pragma once

#include <string>

#include "log/console.hpp"
#include "log/known_processes.hpp"

namespace duct_log {

struct ShowOptions {
  std::string run;        // empty: the latest
  std::size_t count = 5;  // rows of each list
};

Result<int> show(const ShowOptions& options, const Console& console);

}  // namespace duct_log
