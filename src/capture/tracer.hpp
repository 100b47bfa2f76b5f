// SPDX-License-Identifier: MIT
// The kernel side, loaded and attached; the only user of libbpf. Hands out bytes (bpf/abi.h messages), which
// src/core/event decodes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "duct_bpf/error.hpp"

namespace duct_bpf {

struct TracerConfig {
  std::size_t max_argv_bytes = 32 * 1024;
  std::size_t ring_bytes = 2 << 20;
  std::size_t ledger_entries = 0;  // 0: from the kernel's limits on processes
  bool adopts = false;             // adopt_session or adopt_process will be called
};

// Totals of the kernel side; they only grow, `live` apart.
struct TracerCounts {
  std::uint64_t forks = 0, adopted = 0, execs = 0, exits = 0, live = 0, max_live = 0;
  std::uint64_t lost_forks_full = 0;   // the ledger was full
  std::uint64_t lost_forks_busy = 0;   // its bucket was locked
  std::uint64_t lost_fork_news = 0;    // recorded, but known only when it ended
  std::uint64_t lost_ends = 0, lost_argv = 0, spilled = 0;
  std::uint64_t missed_forks = 0, missed_execs = 0, missed_exits = 0;  // runs the kernel skipped
};

class Tracer {
 public:
  using Sink = std::function<void(std::span<const std::byte>)>;  // called with one whole message

  // Loads, attaches and arms. An error names what is missing and how to get it.
  static Result<std::unique_ptr<Tracer>> load(const TracerConfig& config);
  virtual ~Tracer() = default;
  // What libbpf and the kernel's verifier had to say while the last load went on.
  static const std::string& log();

  // The next child that this process forks is the root of the tree.
  virtual void expect_command() = 0;
  // Adds what lives already (and its later children); returns how many processes were added.
  virtual Result<std::uint64_t> adopt_session() = 0;
  virtual Result<std::uint64_t> adopt_process(pid_t pid) = 0;

  // From now on nobody joins the tree: the run is over, what follows is not part of it.
  virtual void close() = 0;

  virtual int news_fd() const = 0;                  // readable: drain is worth while
  virtual void drain(const Sink& sink) = 0;         // ring and spill maps
  virtual bool read_live(const Sink& sink) = 0;     // NEWS_LIVE of each process that changed; false: failed
  virtual bool read_states(const Sink& sink) = 0;   // NEWS_STATE of each process still there
  // Ends recent exits that are at rest: their last news is in the ring then. True: some are not at rest yet.
  virtual bool end_exits() = 0;
  // The same for all of the ledger; counts what is left there.
  struct Left {
    std::size_t alive = 0, exiting = 0;
    std::vector<std::uint64_t> adopted = {};  // keys of those alive that were adopted
  };
  virtual Left finish_all() = 0;
  // From now on the first exit makes news_fd readable at once.
  virtual void want_exits() = 0;
  virtual TracerCounts counts() const = 0;
};

}  // namespace duct_bpf
