// SPDX-License-Identifier: MIT
// Takes the tree's physical memory (PSS) while its resident memory is near its peak, as often as the cost allows.
#pragma once

#include <cstdint>
#include <optional>

#include "capture/event_loop.hpp"
#include "capture/ledger.hpp"
#include "capture/physical_memory.hpp"
#include "capture/tracer.hpp"

namespace duct_bpf {

class PeakWatch {
 public:
  // From now on the tracer tells of maxima. All of them have to outlive this.
  // `free_ns`: as of PhysicalMemory.
  PeakWatch(EventLoop& loop, Tracer& tracer, Ledger& ledger, Accountant& accountant, std::int64_t free_ns = PhysicalMemory::kFreeNs);

  void on_peak();                // the ledger has seen a PeakEvent
  void on_sample(bool always);   // before a sample is taken; `always`: whatever it costs
  void stop() { timer_.cancel(); }
  double cpu_seconds() const { return physical_.cpu_seconds(); }

 private:
  void look_later();
  void look();
  std::int64_t settle_ns(std::uint64_t bytes) const;
  bool near_peak() const;
  bool has_news(std::optional<std::uint64_t> touched, std::uint64_t tree_cpu_ns) const;  // since the last reading
  bool is_starved();  // the tree would go on, but has hardly had a CPU since it was last seen to have had one
  PhysicalMemory::Run run(std::uint64_t tree_cpu_ns) const;
  bool read();  // false: the tree has changed meanwhile, so that the sum is of no one moment

  EventLoop& loop_;
  Tracer& tracer_;
  Ledger& ledger_;
  Accountant& accountant_;
  PhysicalMemory physical_;
  Timer timer_;
  std::int64_t start_ns_, delay_ns_ = 0;
  std::uint64_t bytes_before_ = 0, touched_before_ = 0;  // as of the last look
  std::uint64_t cpu_before_ns_ = 0;
  std::uint64_t bytes_read_ = 0, touched_read_ = 0, cpu_read_ns_ = 0;  // as of the last reading
  int waits_ = 0;  // in a row
};

}  // namespace duct_bpf
