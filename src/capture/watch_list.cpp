// SPDX-License-Identifier: MIT
#include "capture/watch_list.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace duct_bpf {

WatchList::~WatchList() {
  if (!list_.empty()) ::munmap(list_.data(), list_.size_bytes());
}

bool WatchList::map(int map_fd, std::size_t entries) {
  void* memory = ::mmap(nullptr, entries * sizeof(abi::watched), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (memory == MAP_FAILED) return false;
  list_ = {static_cast<abi::watched*>(memory), entries};
  return true;
}

void WatchList::update(const ProcessTree& tree) {
  if (tree.changes() == changes_seen_) return;
  changes_seen_ = tree.changes();
  std::size_t before = used_;
  for (std::size_t i = 0; i < used_;) {
    if (tree.live().contains(list_[i].key)) {
      i++;
    } else {
      keys_.erase(list_[i].key);
      list_[i] = list_[--used_];
    }
  }
  if (keys_.size() != tree.live().size()) {
    for (auto& [key, entry] : tree.live()) {
      if (used_ == list_.size()) break;  // the ledger has no room for more either
      if (keys_.insert(key).second) list_[used_++] = {.key = key, .leader = 0, .cpu_ns = 0};
    }
  }
  for (std::size_t i = used_; i < before; i++) list_[i] = {};
}

}  // namespace duct_bpf
