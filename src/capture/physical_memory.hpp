// SPDX-License-Identifier: MIT
// Physical memory of the tree: PSS, in which a page shared by n processes counts 1/n for each. The kernel tells it in
// /proc/PID/smaps_rollup alone, by walking all pages of the process: 30 us for a small one, milliseconds for a large one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "capture/proc_reader.hpp"
#include "core/process_tree.hpp"

namespace duct_bpf {

class PhysicalMemory {
 public:
  static constexpr std::int64_t kFreeNs = 20'000'000;
  // `free_ns`: of CPU time, that all readings may take in any case.
  explicit PhysicalMemory(std::int64_t free_ns = kFreeNs);
  // What a reading is weighed against.
  struct Run {
    std::size_t processes = 0;
    std::uint64_t rss_bytes = 0;
    std::int64_t elapsed_ns = 0;
    std::uint64_t cpu_ns = 0;  // that the tree has used
  };
  // What the pages of a tree of so much will cost.
  std::int64_t price_ns(std::uint64_t rss_bytes) const {
    return static_cast<std::int64_t>(1.25 * ns_per_byte_ * static_cast<double>(rss_bytes));  // or rather less
  }
  std::int64_t price_ns(const Run& run) const;
  // False where all readings with one more, at the price of the last, would take more than `free_ns` and beyond that 1 % of
  // the time or a tenth of the tree's CPU time. The first that is worth while may take a quarter of that CPU time.
  bool may_read(const Run& run) const;
  bool has_earned(const Run& run) const { return spent_ns_ + price_ns(run) <= earned_ns(run); }  // without what is free
  // The same of one that is made on the off-chance: it has to cost less than a millisecond, and leave most of what all may
  // cost to better moments.
  bool may_glance(const Run& run) const;
  struct Sums {
    std::uint64_t pss_bytes = 0, rss_bytes = 0;
  };
  // PSS of every process of the tree, kept in its entry; returns the sums over those that could be read, RSS as it was in the same
  // moment. Those of which the last sample saw no memory (zombies, the children of a vfork) are left out. Empty: no process could be read.
  std::optional<Sums> read(ProcessTree& tree);
  // What the tree's processes have mapped by page faults so far, as far as was looked; grows only. Empty: not looked, they
  // are too many.
  std::optional<std::uint64_t> touched_bytes(ProcessTree& tree);
  std::uint64_t touched_bytes_before() const { return touched_bytes_; }  // what the last call said
  double cpu_seconds() const { return static_cast<double>(spent_ns_) / 1e9; }

 private:
  static std::int64_t earned_ns(const Run& run);
  static constexpr std::int64_t kGlanceNs = 1'000'000, kSmallProcessNs = 40'000;
  static constexpr std::size_t kMostForFaults = 100;  // 10 us each
  ProcReader proc_;
  bool has_proc_;
  std::int64_t free_ns_, spent_ns_ = 0;
  std::uint64_t touched_bytes_ = 0;
  static constexpr std::uint64_t kTellingBytes = 64 << 20;  // below, the files of /proc cost more than the pages
  double ns_per_byte_ = 0.011;  // of the last reading
};

// The memory controller's own peak of the cgroup (v2) that this process is in, page cache and kernel memory included.
class OwnCgroup {
 public:
  // To be made before the run. Is there only where the cgroup holds this process and nobody else.
  OwnCgroup();
  std::optional<std::uint64_t> memory_peak() const;  // bytes

 private:
  std::string folder_;  // empty: none that covers just us
};

}  // namespace duct_bpf
