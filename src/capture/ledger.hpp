// SPDX-License-Identifier: MIT
// Between the tracer's bytes and the pure model: decodes news, keeps the tree, hands out each process once.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <unordered_set>
#include <vector>

#include "capture/tracer.hpp"
#include "core/peak_holders.hpp"
#include "core/process_tree.hpp"
#include "core/window.hpp"

namespace duct_bpf {

class LedgerListener {
 public:
  virtual ~LedgerListener() = default;
  virtual void on_process_end(const Process&) = 0;  // once for each process, those alive at the end too
};

class Ledger {
 public:
  Ledger(Tracer& tracer, std::int64_t boot_to_wall_ns, Accountant& accountant, LedgerListener& listener)
      : tracer_(tracer), accountant_(accountant), listener_(listener), tree_(boot_to_wall_ns) {}

  void drain();
  bool read_live();  // brings the tree up to date; false: errno says why not
  // There were exits since the last sweep(), which ends those that are at rest; to be called a few milliseconds after
  // an exit, and again while it says that some are not. Not to `listen`: exits from here on tell nothing, and it has to be
  // called again in any case.
  bool has_exits() const { return has_exits_; }
  bool sweep(bool listen = true);
  std::uint64_t ended() const { return ended_; }  // processes handed out so far
  // There was a PeakEvent since this was asked before.
  bool take_peak() { return std::exchange(has_peak_, false); }
  // When the process of this key first executes a program, on the boot clock. Empty: it has not yet, as far as is known.
  void watch_exec(Key key) { watched_ = key; }
  std::optional<std::uint64_t> watched_exec_boot_ns() const { return exec_boot_ns_; }
  // After the tracer has adopted processes: what they run, and what they had used before.
  void take_adopted();
  // The end of a run. Takes what is at rest, waits for what is still in its exit for as long as `may_wait(now)` (not at
  // all when nothing is missing), then records the rest as it is.
  void finish(const std::function<bool(std::int64_t now_ns)>& may_wait);

  ProcessTree& tree() { return tree_; }
  const PeakHolders& peak_holders() const { return peak_holders_; }
  std::vector<LiveProcess> live_processes() const;
  Completeness completeness(const TracerCounts& counts) const;
  std::uint64_t malformed() const { return malformed_; }  // messages that made no sense: a bug

 private:
  void on_message(std::span<const std::byte> message);
  void hand_out(ProcessEvent event);
  void record_left(Tracer::Left left);

  Tracer& tracer_;
  Accountant& accountant_;
  LedgerListener& listener_;
  ProcessTree tree_;
  Key watched_ = 0;
  std::optional<std::uint64_t> exec_boot_ns_;
  std::vector<Key> adopted_;
  std::vector<ProcessEvent> states_;
  std::unordered_set<Key> ended_meanwhile_;  // since the states at the end of the run were read
  bool reading_states_ = false;
  bool has_exits_ = false, has_peak_ = false;
  PeakHolders peak_holders_;
  std::uint64_t ended_ = 0, alive_ = 0, malformed_ = 0, missing_images_ = 0, never_there_ = 0;
};

}  // namespace duct_bpf
