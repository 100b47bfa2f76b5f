// SPDX-License-Identifier: MIT
// Starting the command as if we were not there: same environment, directory, limits, signals and descriptors.
#pragma once

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/fd.hpp"
#include "capture/locked_memory.hpp"
#include "capture/signals.hpp"
#include "capture/user.hpp"
#include "duct_bpf/error.hpp"

namespace duct_bpf {

// The file that `word` means: itself where it has a slash, else the first one in PATH that can be executed.
// Errors: not_found, not_runnable, with the texts of a shell.
Result<std::string> find_command(const std::string& word);

struct CommandPlan {
  std::vector<std::string> argv;
  std::string path;  // the file to execute; empty: find_command(argv[0])
  // What becomes 0, 1 and 2; stays the caller's. -1: as we have it.
  int stdin_fd = -1, stdout_fd = -1, stderr_fd = -1;
  bool new_session = true;
  int pty_slave = -1;  // becomes 0, 1, 2 and the controlling terminal; implies new_session
  std::optional<Credentials> user;
  std::vector<std::string> env_remove;  // names
  // What we inherited, from before we changed anything (Signals keeps both).
  sigset_t original_mask = current_signal_mask();
  sigset_t original_ignored = current_ignored_signals();
  rlimit locked_memory = limit_on_locked_memory();  // before programs were loaded, for which it may be raised
};

class Command {
 public:
  // A child that makes itself ready and waits, so that it can be tracked from its first step. Errors: not_found, not_runnable, usage,
  // system.
  static Result<Command> prepare(const CommandPlan& plan);
  Command(Command&&) = default;
  Command& operator=(Command&&) = delete;
  ~Command();  // one that was not started is over, and has run nothing

  // Whether the child is over, and was not reaped yet: somebody has killed it, or start() will say what failed.
  bool has_ended() const;
  // Returns once the exec has succeeded. Errors: not_found, not_runnable, system; nothing was run. Once.
  Result<void> start();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }                   // readable when it has ended
  std::int64_t exec_time_ns() const { return exec_time_ns_; }  // CLOCK_MONOTONIC

  // The wait status. Waits where it has not ended yet; a second call repeats the answer, without `usage`.
  Result<int> reap(rusage* usage = nullptr);

 private:
  Command(pid_t pid, Fd channel, const CommandPlan& plan, std::string path)
      : pid_(pid), channel_(std::move(channel)), path_(std::move(path)), user_(plan.user ? plan.user->name : "") {}
  pid_t pid_ = -1;
  Fd channel_;  // to the child that waits; none: it has been started
  Fd pidfd_;
  std::string path_, user_;  // to explain a failure
  std::int64_t exec_time_ns_ = 0;
  std::optional<int> status_;
};

}  // namespace duct_bpf
