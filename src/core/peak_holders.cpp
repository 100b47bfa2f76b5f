// SPDX-License-Identifier: MIT
#include "core/peak_holders.hpp"

#include <algorithm>

#include "core/record.hpp"

namespace duct_bpf {

void PeakHolders::add(std::uint64_t number, std::uint64_t rss_bytes, const Process& process, const Image* image) {
  if (number < number_ || rss_bytes == 0) return;
  if (number > number_) {
    number_ = number;
    holders_.clear();
  }
  if (holders_.size() == kMost && rss_bytes <= holders_.back().rss_bytes) return;
  auto place = std::find_if(holders_.begin(), holders_.end(), [&](auto& other) { return other.rss_bytes < rss_bytes; });
  holders_.insert(place, {process.pid, process.start_ns, command_text(image, process.comm), rss_bytes});
  if (holders_.size() > kMost) holders_.pop_back();
}

std::vector<PeakHolder> PeakHolders::at(std::uint64_t number) const {
  return number == number_ ? holders_ : std::vector<PeakHolder>{};
}

}  // namespace duct_bpf
