// SPDX-License-Identifier: MIT
#include "capture/memory_rest.hpp"

#include <algorithm>
#include <utility>

#include "capture/machine.hpp"

namespace duct_bpf {

void MemoryRest::on_sweep(bool storm) {
  if (resting_) {
    if (!look()) {
      calm_wanted_ = std::min(2 * calm_wanted_, kLongestCalm);
      end();
    } else if (!storm || !is_small()) {
      end();
    }
    return;
  }
  calm_ = storm ? calm_ + 1 : 0;
  if (calm_ >= calm_wanted_ && is_small()) begin();
}

void MemoryRest::on_sample() {
  if (!wanted_back_) return;
  look();
  end();
}

void MemoryRest::finish() {
  if (resting_) look();
}

std::uint64_t MemoryRest::error_bytes(const TreeMemory& memory) const {
  const std::uint64_t missed = highest_possible_ - std::min(highest_possible_, memory.peak_bytes);
  return std::max(missed, memory.peak_number == peak_number_ ? peak_error_ : 0);
}

// A look visits each process, and where there are threads each task of the machine. And it is not worth it to be unsure of much memory.
bool MemoryRest::is_small() const {
  const TracerCounts counts = tracer_.counts();
  auto memory = tracer_.memory();
  return counts.live <= kMostLive && counts.live_threads <= counts.live && memory && memory->highs_bytes <= kMostBytes &&
         tracer_.samples_ready();
}

void MemoryRest::begin() {
  calm_ = 0;
  if (!tracer_.prepare_memory_rest()) return;
  ledger_.read_live();
  auto memory = tracer_.memory();
  if (!memory || !tracer_.rest_memory(true)) return;
  tracer_.take_memory_looks();
  before_ = {};
  since_ns_ = before_ns_ = boot_now_ns();
  if (memory->peak_number != peak_number_) peak_error_ = 0;  // events have told of another
  peak_number_ = memory->peak_number;
  resting_ = true;
  if (!look()) end();
}

void MemoryRest::end() {
  wanted_back_ = !tracer_.rest_memory(false);
  if (wanted_back_) return;  // looks go on, and are what the error is worked out from
  look();                    // what has grown until the event came back
  resting_ = false;
}

// A process that was forked after the drain is found by the next look, so it is all since the look before the last one that is spoken
// of. At no moment of that time has the tree had more than
//  - what was known of each process that lived (`highs`),
//  - what those that still live were found to have had beyond that,
//  - and what those that have ended were: at most as many as lived at once, without those that were there all the time.
// Where looks have found a new maximum, some of it was given back before by processes that had not been looked at.
bool MemoryRest::look() {
  const std::uint64_t began_ns = boot_now_ns();
  ledger_.drain();
  ledger_.read_live();
  const MemoryLooks now = tracer_.take_memory_looks();
  const auto& live = ledger_.tree().live();
  const std::int64_t from_ns = ledger_.tree().wall_ns(before_ns_);
  const std::uint64_t most_live = std::max(now.max_live, before_.max_live);
  const auto lasting = std::count_if(live.begin(), live.end(), [&](auto& each) { return each.second.start_ns < from_ns; });
  const std::uint64_t ended = most_live - std::min(most_live, static_cast<std::uint64_t>(lasting));
  auto all = [&](std::uint64_t MemoryLooks::*of_alive, std::uint64_t MemoryLooks::*of_ended) {
    return now.*of_alive + before_.*of_alive + ended * std::max(now.*of_ended, before_.*of_ended);
  };
  const std::uint64_t unseen = all(&MemoryLooks::unseen_alive_bytes, &MemoryLooks::unseen_ended_bytes);
  const std::uint64_t stale = all(&MemoryLooks::stale_alive_bytes, &MemoryLooks::stale_ended_bytes);
  const std::uint64_t possible = std::max(now.highs_bytes, before_.highs_bytes) + unseen;
  before_ = now;
  before_ns_ = std::exchange(since_ns_, began_ns);
  auto memory = tracer_.memory();
  if (!memory) return false;
  if (std::exchange(peak_number_, memory->peak_number) != memory->peak_number) peak_error_ = stale;
  if (possible <= memory->peak_bytes + memory->error_bound_bytes) return true;
  highest_possible_ = std::max(highest_possible_, possible);
  return false;
}

}  // namespace duct_bpf
