// SPDX-License-Identifier: MIT
#include "log/noise.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

namespace duct_log {
namespace {

// Student's t, two-sided, 95 %, for `freedom` degrees; between the rows that of the row before, which is larger.
double critical_t(double freedom) {
  struct Row {
    double freedom, t;
  };
  static constexpr Row kRows[] = {{1, 12.706}, {2, 4.303}, {3, 3.182}, {4, 2.776}, {5, 2.571}, {6, 2.447},  {7, 2.365},   {8, 2.306},
                                  {9, 2.262},  {10, 2.228}, {12, 2.179}, {15, 2.131}, {20, 2.086}, {30, 2.042}, {60, 2.000}, {120, 1.980}};
  double t = kRows[0].t;
  for (const Row& row : kRows) {
    if (freedom >= row.freedom) t = row.t;
  }
  return t;
}

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  Spread spread;
  spread.count = values.size();
  if (values.empty()) return spread;
  spread.mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  spread.least = *std::min_element(values.begin(), values.end());
  spread.most = *std::max_element(values.begin(), values.end());
  if (values.size() < 2) return spread;
  double squares = 0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  return spread;
}

std::optional<bool> differ(const Spread& a, const Spread& b) {
  if (a.count == 0 || b.count == 0 || (a.count < 2 && b.count < 2)) return std::nullopt;
  const double deviation_a = a.count < 2 ? b.deviation : a.deviation;
  const double deviation_b = b.count < 2 ? a.deviation : b.deviation;
  const double part_a = deviation_a * deviation_a / static_cast<double>(a.count);
  const double part_b = deviation_b * deviation_b / static_cast<double>(b.count);
  const double distance = std::abs(a.mean - b.mean);
  if (part_a + part_b == 0) return distance > 0;
  double freedom = static_cast<double>(std::max(a.count, b.count)) - 1;
  if (a.count > 1 && b.count > 1) {
    const double weights = part_a * part_a / static_cast<double>(a.count - 1) + part_b * part_b / static_cast<double>(b.count - 1);
    freedom = (part_a + part_b) * (part_a + part_b) / weights;
  }
  return distance > critical_t(freedom) * std::sqrt(part_a + part_b);
}

}  // namespace duct_log
