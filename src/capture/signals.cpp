// SPDX-License-Identifier: MIT
#include "capture/signals.hpp"

#include <fstream>
#include <string>

#include "capture/os_error.hpp"
#include "duct_bpf/profile.hpp"

namespace duct_bpf {
namespace {

constexpr int kHandled[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};

}  // namespace

sigset_t current_signal_mask() {
  sigset_t mask;
  sigemptyset(&mask);
  ::sigprocmask(SIG_SETMASK, nullptr, &mask);
  return mask;
}

sigset_t current_ignored_signals() {
  sigset_t ignored;
  sigemptyset(&ignored);
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN)
      sigaddset(&ignored, signal);
  }
  return ignored;
}

Result<void> Signals::open(Callback callback) {
  callback_ = std::move(callback);
  original_mask_ = current_signal_mask();
  original_ignored_ = current_ignored_signals();

  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : kHandled) {
    // A blocked signal is queued even if ignored, and would be reported: leave the ignored ones unblocked.
    if (sigismember(&original_ignored_, signal) == 0) sigaddset(&handled, signal);
  }
  fd_.reset(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) return os_error("cannot create a signal descriptor", errno);
  auto watched = loop_.watch(fd_.get(), EPOLLIN, [this](std::uint32_t) { on_readable(); });
  if (!watched) return watched.error();

  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, &old_pipe_);
  ::sigaction(SIGXFSZ, &action, &old_file_size_);
  action.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &action, &old_child_);
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  active_ = true;
  return {};
}

Signals::~Signals() {
  if (fd_) loop_.unwatch(fd_.get());
  if (!active_) return;
  // What came too late to be read was for a command that is over: it is not to kill us in place of our saying how that ended.
  for (signalfd_siginfo info; ::read(fd_.get(), &info, sizeof info) == sizeof info;) {
  }
  ::sigaction(SIGPIPE, &old_pipe_, nullptr);
  ::sigaction(SIGXFSZ, &old_file_size_, nullptr);
  ::sigaction(SIGCHLD, &old_child_, nullptr);
  ::sigprocmask(SIG_SETMASK, &original_mask_, nullptr);
}

void Signals::on_readable() {
  // One at a time: what is left keeps the descriptor readable, and the callback may stop the loop, or us.
  signalfd_siginfo info;
  if (::read(fd_.get(), &info, sizeof info) == sizeof info) callback_(info);
}

void Signals::stop_self() {
  struct sigaction standard {
  }, old{};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGTSTP, &standard, &old);
  sigset_t stop, mask;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTSTP);
  ::raise(SIGTSTP);  // waits, blocked, for the next line
  ::sigprocmask(SIG_UNBLOCK, &stop, &mask);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::sigaction(SIGTSTP, &old, nullptr);
}

std::optional<SignalSender> sender_of(const signalfd_siginfo& info) {
  if (info.ssi_code > 0) return std::nullopt;
  SignalSender sender;
  sender.uid = info.ssi_uid;
  if (info.ssi_pid != 0) sender.pid = static_cast<pid_t>(info.ssi_pid);
  if (sender.pid) std::getline(std::ifstream("/proc/" + std::to_string(*sender.pid) + "/comm"), sender.comm);
  return sender;
}

SignalDecision SignalRouter::decide(int signal, int code) {
  using Kind = SignalDecision::Kind;
  const bool command_has_it = !own_group_ && code == SI_KERNEL;
  const SignalDecision pass = command_has_it ? SignalDecision{} : SignalDecision{Kind::pass, signal};
  switch (signal) {
    case SIGINT:
      ending_signal_ = signal;
      ++interrupts_;
      if (interrupts_ > 3) return {Kind::give_up, 0};
      if (interrupts_ == 3) return {Kind::kill, SIGKILL};
      return pass;
    case SIGTERM:
    case SIGHUP:
    case SIGQUIT:
      ending_signal_ = signal;
      return pass;
    case SIGTSTP:
      // SIGSTOP, as a group in a session of its own is orphaned and deaf to SIGTSTP.
      return {Kind::stop, command_has_it ? 0 : SIGSTOP};
    case SIGCONT:
      return {Kind::resume, SIGCONT};
    case SIGWINCH:
      return {Kind::resize, 0};
    default:
      return {};
  }
}

void send_to_command(pid_t pid, bool own_group, int signal) {
  if (pid > 1 && signal != 0) ::kill(own_group ? -pid : pid, signal);
}

}  // namespace duct_bpf
