// SPDX-License-Identifier: MIT
// In a storm of small processes the event that tells of memory costs more than all else. It is let go there, for as long as looks at
// the processes show that the tree's memory cannot have passed the maximum that is known.
#pragma once

#include <cstdint>

#include "capture/ledger.hpp"
#include "capture/tracer.hpp"

namespace duct_bpf {

class MemoryRest {
 public:
  MemoryRest(Tracer& tracer, Ledger& ledger) : tracer_(tracer), ledger_(ledger) {}

  // After each look of ExitSweep: `storm` is what it says of the time since the one before.
  void on_sweep(bool storm);
  void on_sample();
  void finish();  // the last look, before the run is closed
  // What the maximum may be off by because it rested, beside what it may be off in any case.
  std::uint64_t error_bytes(const TreeMemory& memory) const;

 private:
  static constexpr int kFirstCalm = 5;      // looks of a storm, 20 ms apart, before the event is let go
  static constexpr int kLongestCalm = 500;  // after it was wanted back again and again
  static constexpr std::uint64_t kMostLive = 64, kMostBytes = 64 << 20;

  bool is_small() const;
  void begin();
  void end();
  bool look();  // false: there may have been a higher maximum than is known

  Tracer& tracer_;
  Ledger& ledger_;
  bool resting_ = false, wanted_back_ = false;
  int calm_ = 0, calm_wanted_ = kFirstCalm;
  MemoryLooks before_;                          // what the look before found
  std::uint64_t since_ns_ = 0, before_ns_ = 0;  // boot clock: when the last two looks began
  std::uint64_t highest_possible_ = 0;
  std::uint64_t peak_number_ = 0, peak_error_ = 0;  // of the maximum, where looks have found it
};

}  // namespace duct_bpf
