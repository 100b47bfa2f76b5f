// SPDX-License-Identifier: MIT
// Who held how much at the peak of the tree's memory. Each process tells, when it ends, what it had at the last maximum
// that there had been till then: those that name the last one of the run are the ones. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "duct_bpf/profile.hpp"

namespace duct_bpf {

class PeakHolders {
 public:
  static constexpr std::size_t kMost = 10;

  // `number` counts the maxima: a process that names a lower one than another had ended before.
  // `image` is what it ran then; null: not known.
  void add(std::uint64_t number, std::uint64_t rss_bytes, const Process& process, const Image* image);
  // The largest first; empty if nobody names `number`.
  std::vector<PeakHolder> at(std::uint64_t number) const;

 private:
  std::uint64_t number_ = 0;
  std::vector<PeakHolder> holders_;  // of that maximum, the largest first
};

}  // namespace duct_bpf
