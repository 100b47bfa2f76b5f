// SPDX-License-Identifier: MIT
#include "log/axis_unit.hpp"

#include <span>

namespace duct_log {
namespace {

constexpr AxisUnit kTimeUnits[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
constexpr AxisUnit kByteUnits[] = {{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"PB", 1e15}};

AxisUnit largest(std::span<const AxisUnit> units, double most, double min_ratio) {
  AxisUnit unit = units.front();
  if (min_ratio == kBaseUnits) return unit;
  for (const AxisUnit& candidate : units) {
    if (most / candidate.size >= min_ratio) unit = candidate;
  }
  return unit;
}

}  // namespace

AxisUnit time_unit(double most, double min_ratio) { return largest(kTimeUnits, most, min_ratio); }
AxisUnit byte_unit(double most, double min_ratio) { return largest(kByteUnits, most, min_ratio); }

}  // namespace duct_log
