// SPDX-License-Identifier: MIT
// The unit of an axis, from how far it goes.
#pragma once

#include <string_view>

namespace duct_log {

inline constexpr double kDefaultMinRatio = 3;
inline constexpr double kBaseUnits = -1;  // a ratio that asks for seconds and bytes as they are

struct AxisUnit {
  std::string_view name;
  double size = 1;  // in seconds, in bytes
};

// The largest unit of which `most` is at least `min_ratio`.
AxisUnit time_unit(double most, double min_ratio);
AxisUnit byte_unit(double most, double min_ratio);

}  // namespace duct_log
