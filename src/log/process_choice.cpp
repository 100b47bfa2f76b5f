// SPDX-License-Identifier: MIT
#include "log/process_choice.hpp"

#include <algorithm>
#include <numeric>

namespace duct_log {

void ProcessChoice::add(const Process& process) {
  weights_.push_back({static_cast<float>(process.cpu_time.value_or(0)), static_cast<float>(process.peak_rss.value_or(0)),
                      static_cast<float>(process.wall_time.value_or(0)), process.failed(), process.depth == 0});
}

std::vector<bool> ProcessChoice::choose(std::size_t most) const {
  if (count() <= most) return std::vector<bool>(count(), true);
  std::vector<bool> chosen(count(), false);
  std::size_t left = most;
  std::vector<std::size_t> order(count());
  const auto take = [&](std::size_t share, auto&& key) {
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(weights_[a]) > key(weights_[b]); });
    for (const std::size_t i : order) {
      if (share == 0 || left == 0 || !(key(weights_[i]) > 0)) break;
      if (chosen[i]) continue;
      chosen[i] = true;
      --share;
      --left;
    }
  };
  take(1, [](const Weight& weight) { return weight.command ? 1.0F : 0.0F; });
  take(most / 4, [](const Weight& weight) { return weight.failed ? 1.0F : 0.0F; });
  take(most / 4, [](const Weight& weight) { return weight.rss; });
  take(most / 4, [](const Weight& weight) { return weight.wall; });
  take(most, [](const Weight& weight) { return weight.cpu; });
  take(most, [](const Weight&) { return 1.0F; });
  return chosen;
}

}  // namespace duct_log
