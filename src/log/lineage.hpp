// SPDX-License-Identifier: MIT
// Who forked whom.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace duct_log {

struct Birth {
  std::int64_t pid = 0;
  std::optional<std::int64_t> ppid;
  double start_time = 0;
  std::optional<std::int64_t> depth;
};

inline constexpr std::size_t kNoParent = static_cast<std::size_t>(-1);

struct Lineage {
  std::vector<std::size_t> parent;  // of each of `births`; kNoParent: not among them
  std::vector<std::size_t> order;   // all of them, parents before children, by start
};

// A pid may have been used again: the parent is the last one with that pid that had started by then.
Lineage lineage_of(const std::vector<Birth>& births);

}  // namespace duct_log
