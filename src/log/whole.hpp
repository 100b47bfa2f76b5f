// SPDX-License-Identifier: MIT
// Numbers of records as indices: a cast of one that does not fit is undefined, and records may hold any.
#pragma once

#include <cstddef>

namespace duct_log {

// Rounded down, from 0 to `most`; 0 of what is no number.
inline std::size_t whole(double value, std::size_t most) {
  if (!(value > 0)) return 0;
  return value < static_cast<double>(most) ? static_cast<std::size_t>(value) : most;
}

}  // namespace duct_log
