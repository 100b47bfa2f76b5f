// SPDX-License-Identifier: MIT
// The list that a sample goes along: the tree's live processes, close together in memory that the kernel side reads.
// Along the ledger itself it would have to visit all of a hash made for the most processes that there can be.
#pragma once

#include <cstddef>
#include <span>
#include <unordered_set>

#include "abi.h"
#include "core/process_tree.hpp"

namespace duct_bpf {

class WatchList {
 public:
  WatchList() = default;
  WatchList(const WatchList&) = delete;
  WatchList& operator=(const WatchList&) = delete;
  ~WatchList();

  // A BPF array of `entries` of abi::watched. False: errno says why not.
  bool map(int map_fd, std::size_t entries);
  bool is_mapped() const { return !list_.empty(); }
  // Takes out those that have ended and adds those that are new. What the kernel side noted of the others stays. Not while
  // a pass goes on.
  void update(const ProcessTree& tree);
  std::span<const abi::watched> list() const { return list_.first(used_); }

 private:
  std::span<abi::watched> list_;
  std::size_t used_ = 0;
  std::unordered_set<Key> keys_;  // of the list
  std::uint64_t changes_seen_ = 0;
};

}  // namespace duct_bpf
