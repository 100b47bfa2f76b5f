// SPDX-License-Identifier: MIT
// Starting the command as if we were not there: same environment, directory, limits, signals and descriptors.
#pragma once

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "capture/fd.hpp"
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
  // Called with the pid while the child waits, so that it can be tracked from its first step; an Error ends
  // it.
  std::function<Result<void>(pid_t)> before_exec;
};

class Command {
 public:
  // Returns once the exec has succeeded. Errors: not_found, not_runnable (nothing was run), usage, system.
  static Result<Command> spawn(const CommandPlan& plan);

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }                   // readable when it has ended
  std::int64_t exec_time_ns() const { return exec_time_ns_; }  // CLOCK_MONOTONIC

  // The wait status. Waits where it has not ended yet; a second call repeats the answer, without `usage`.
  Result<int> reap(rusage* usage = nullptr);

 private:
  Command(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  Fd pidfd_;
  std::int64_t exec_time_ns_ = 0;
  std::optional<int> status_;
};

}  // namespace duct_bpf
