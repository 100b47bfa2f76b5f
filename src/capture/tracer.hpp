// SPDX-License-Identifier: MIT
// The kernel side, loaded and attached; the only user of libbpf. Hands out bytes (bpf/abi.h messages), which
// src/core/event decodes. (The other one who speaks like that is procfs_sampler.)
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/process_tree.hpp"
#include "duct_bpf/error.hpp"
#include "duct_bpf/run.hpp"

namespace duct_bpf {

struct TracerConfig {
  std::size_t max_argv_bytes = 32 * 1024;
  std::size_t ring_bytes = 2 << 20;
  std::size_t ledger_entries = 0;  // 0: from the kernel's limits on processes
  bool adopts = false;             // adopt_session or adopt_process will be called
  MemoryMethod memory = MemoryMethod::fast;
};

// Resident memory of the tree, as events tell it: the sum over its processes; of one that exits, what it has not given
// back yet.
struct TreeMemory {
  std::uint64_t bytes = 0;  // now
  std::uint64_t highs_bytes = 0;  // sum of the most that each process that lives is known to have had; where memory can rest
  std::uint64_t peak_bytes = 0, peak_boot_ns = 0;
  std::uint64_t peak_number = 0;  // of this maximum: see ProcessEvent::tree_peak
  std::uint64_t error_bound_bytes = 0;
};

// What looks at the processes have found since this was taken before. `alive`: the sum over those that live, `ended`: the largest of those
// that have ended or executed another program.
struct MemoryLooks {
  std::uint64_t highs_bytes = 0;  // sum of the most that each process was known to have had, at its maximum
  std::uint64_t unseen_alive_bytes = 0, unseen_ended_bytes = 0;  // what processes were found to have had beyond that
  std::uint64_t stale_alive_bytes = 0, stale_ended_bytes = 0;    // how much less they were found to have than was known
  std::uint64_t max_live = 0;     // processes at once
};

// Totals of the kernel side; they only grow, `live` and `live_threads` apart.
struct TracerCounts {
  bool counted = true;  // false: found by polling; forks, execs and exits between two looks are not known
  std::uint64_t forks = 0, adopted = 0, execs = 0, exits = 0, live = 0, live_threads = 0, max_live = 0;
  std::uint64_t lost_forks_full = 0;   // the ledger was full
  std::uint64_t lost_forks_busy = 0;   // its bucket was locked
  std::uint64_t lost_fork_news = 0;    // recorded, but known only when it ended
  std::uint64_t lost_numbers = 0;      // recorded, without CPU time and the like
  std::uint64_t lost_ends = 0, lost_argv = 0, spilled = 0;
  std::uint64_t missed_forks = 0, missed_execs = 0, missed_exits = 0;  // runs the kernel skipped
};

struct CommandEntry {
  Key key = 0;                      // 0: not known before it is found
  std::uint64_t start_boot_ns = 0;  // as if it had not waited
};

class Tracer {
 public:
  using Sink = std::function<void(std::span<const std::byte>)>;  // called with one whole message

  // Loads, attaches and arms. An error names what is missing and how to get it.
  static Result<std::unique_ptr<Tracer>> load(const TracerConfig& config);
  virtual ~Tracer() = default;
  // A load would not have to parse the kernel's type data.
  static bool has_cached_types();
  // What libbpf and the kernel's verifier had to say while the last load went on.
  static const std::string& log();

  // `pid`, a child that the calling thread has forked, and which waits for its exec, is the root of the tree.
  virtual Result<CommandEntry> take_command(pid_t pid) = 0;
  // For tracers that do not learn it from the kernel: the command runs; it has ended, and is about to be reaped.
  virtual void command_started(pid_t, const std::vector<std::string>& /*argv*/, const std::string& /*exe*/) {}
  virtual void command_ended() {}
  // Adds what lives already (and its later children); returns how many processes were added.
  virtual Result<std::uint64_t> adopt_session() = 0;
  virtual Result<std::uint64_t> adopt_process(pid_t pid) = 0;

  // SIGKILL to every process of the tree that is alive, adopted ones apart. False: nobody is, or not even that is known. Calls the
  // kernel alone, so that a child of ours may use it after a fork.
  virtual bool kill_all() { return false; }

  // From now on nobody joins the tree: the run is over, what follows is not part of it.
  virtual void close() = 0;

  // Begins with what samples need where that was left for later: on a machine with few CPUs the command would have to wait for it.
  virtual void prepare_samples() {}
  // False: read_live would have to wait for what is still being loaded.
  virtual bool samples_ready() const { return true; }
  // Nothing more is to be heard of the kernel: what it told is still there.
  virtual void detach() {}
  virtual int news_fd() const = 0;                  // readable: drain is worth while
  virtual void drain(const Sink& sink) = 0;         // ring and spill maps
  // NEWS_LIVE of each process of the tree that changed; false: failed.
  virtual bool read_live(const ProcessTree& tree, const Sink& sink) = 0;
  virtual bool read_states(const Sink& sink) = 0;   // NEWS_STATE of each process still there
  // Ends recent exits that are at rest: their last news is in the ring then. True: some are not at rest yet.
  virtual bool end_exits() = 0;
  // The same for all of the ledger; says what is left there.
  struct Left {
    std::vector<std::uint64_t> alive = {}, exiting = {}, adopted = {};  // keys; adopted: of those alive
  };
  virtual Left finish_all() = 0;
  // NEWS_STATE, without numbers, of one that is in the ledger as exiting and was not found by read_states: the kernel let go of it
  // before it was looked at. Counted as such.
  virtual void give_up(std::uint64_t /*key*/, const Sink& /*sink*/) {}
  // From now on the first exit makes news_fd readable at once.
  virtual void want_exits() = 0;
  virtual TracerCounts counts() const = 0;

  // Empty: memory is known from samples alone.
  virtual std::optional<TreeMemory> memory() const { return std::nullopt; }
  // The highest memory of the tree since the call before. Empty: not known.
  virtual std::optional<std::uint64_t> take_window_peak() { return std::nullopt; }
  // The next read_live visits all, and learns what the most is that each has had. False: memory cannot rest here, or not now.
  virtual bool prepare_memory_rest() { return false; }
  // Lets go of the event that tells of memory, or takes it back, which may wait for some milliseconds. Meanwhile memory is looked at when
  // a process is forked, executes or exits, and by read_live. False: it is as before.
  virtual bool rest_memory(bool /*rest*/) { return false; }
  virtual MemoryLooks take_memory_looks() { return {}; }
  // A maximum above this makes news_fd readable, with a PeakEvent, once.
  virtual void want_peak_above(std::uint64_t) {}
};

}  // namespace duct_bpf
