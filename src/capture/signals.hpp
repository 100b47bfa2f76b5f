// SPDX-License-Identifier: MIT
// Signals sent to us: taken off the process (blocked, read from a descriptor), and what each means for the
// command.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include <functional>
#include <optional>

#include "capture/event_loop.hpp"
#include "capture/fd.hpp"
#include "duct_bpf/error.hpp"

namespace duct_bpf {

struct SignalSender;

// As they are now: what a command started now would inherit.
sigset_t current_signal_mask();
sigset_t current_ignored_signals();

// While it lives: INT, TERM, HUP, QUIT, TSTP, CONT and WINCH are blocked and come through the loop; SIGPIPE
// and SIGXFSZ are ignored (what cannot be written is an error, not our end); SIGCHLD is not ignored (else the command's
// exit status would be thrown away). Signals inherited as ignored stay so and are not reported: under nohup a
// hang-up means nothing to us, and nothing to the command. The destructor puts everything back, and drops what was not read.
class Signals {
 public:
  using Callback = std::function<void(const signalfd_siginfo&)>;

  explicit Signals(EventLoop& loop) : loop_(loop) {}
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  Result<void> open(Callback callback);

  // What the command must get: the state before open().
  const sigset_t& original_mask() const { return original_mask_; }
  const sigset_t& original_ignored() const { return original_ignored_; }

  // Stops this process as an unhandled SIGTSTP does; returns once it is continued. In an orphaned process
  // group, where nobody could continue us, the kernel does not stop us and this returns at once; so the
  // caller continues the command after it in any case.
  void stop_self();

 private:
  void on_readable();

  EventLoop& loop_;
  Callback callback_;
  Fd fd_;
  bool active_ = false;
  sigset_t original_mask_{};
  sigset_t original_ignored_{};
  struct sigaction old_pipe_ {};
  struct sigaction old_file_size_ {};
  struct sigaction old_child_ {};
};

// Empty where the kernel sent it (the terminal). Without a name where the sender is gone already.
std::optional<SignalSender> sender_of(const signalfd_siginfo& info);

struct SignalDecision {
  enum class Kind {
    nothing,
    pass,     // on to the command
    kill,     // the command is killed
    give_up,  // we end, whatever the command does
    stop,     // the command, if `signal` says so, and then ourselves
    resume,   // the command goes on
    resize,   // our terminal has another size
  };
  Kind kind = Kind::nothing;
  int signal = 0;  // what to send to the command; 0: nothing, it has it already
};

// Decides what a signal to us means. Pure: sends nothing.
class SignalRouter {
 public:
  // `own_group`: the command leads a process group (and session) of its own; else it shares ours, and what
  // the terminal sends to the foreground group reaches it without us.
  explicit SignalRouter(bool own_group) : own_group_(own_group) {}

  SignalDecision decide(int signal, int code);  // ssi_signo, ssi_code
  // The last signal that asked for the end of the run.
  std::optional<int> ending_signal() const { return ending_signal_; }

 private:
  bool own_group_;
  int interrupts_ = 0;
  std::optional<int> ending_signal_;
};

// To the command's group, or to it alone where it shares ours. Only before it has been reaped: later the
// number may be someone else's. 0 sends nothing.
void send_to_command(pid_t pid, bool own_group, int signal);

}  // namespace duct_bpf
