// SPDX-License-Identifier: MIT
#include "log/lineage.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <unordered_map>

namespace duct_log {

Lineage lineage_of(const std::vector<Birth>& births) {
  Lineage lineage;
  lineage.parent.assign(births.size(), kNoParent);
  lineage.order.resize(births.size());
  std::iota(lineage.order.begin(), lineage.order.end(), std::size_t{0});
  // Sampled starts are ticks, so a parent may have started with its child: the depth tells them apart.
  std::sort(lineage.order.begin(), lineage.order.end(), [&](std::size_t a, std::size_t b) {
    const auto key = [&](std::size_t i) { return std::tuple(births[i].start_time, births[i].depth.value_or(0), births[i].pid, i); };
    return key(a) < key(b);
  });
  // Only those before it in this order can be its parent, so there are no circles, whatever the file says.
  std::unordered_map<std::int64_t, std::size_t> latest;
  latest.reserve(births.size());
  for (const std::size_t i : lineage.order) {
    const auto found = births[i].ppid ? latest.find(*births[i].ppid) : latest.end();
    if (found != latest.end()) lineage.parent[i] = found->second;
    latest[births[i].pid] = i;
  }
  return lineage;
}

}  // namespace duct_log
