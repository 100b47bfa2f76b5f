// SPDX-License-Identifier: MIT
#include "capture/guard.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/os_error.hpp"

namespace duct_bpf {
namespace {

constexpr int kMostRounds = 10'000;  // of a millisecond: who cannot be killed (another user's, asleep in the kernel) is left

// One byte; false: the other end is gone.
bool hear(int channel) {
  char byte = 0;
  ssize_t got = 0;
  do got = ::recv(channel, &byte, 1, 0);
  while (got < 0 && errno == EINTR);
  return got > 0;
}

// In the child. What was started by a terminal or a job system as one group must not be ended as one.
[[noreturn]] void watch(int channel, Tracer& tracer) {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::prctl(PR_SET_NAME, "duct-bpf-guard");
  ::setsid();
  const char apart = 1;
  ::send(channel, &apart, 1, MSG_NOSIGNAL);
  // Whoever reads our output must not have to wait for us.
  const int nothing = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2 && nothing >= 0; fd++) ::dup2(nothing, fd);

  const bool well = hear(channel);
  for (int round = 0; !well && round < kMostRounds && tracer.kill_all(); round++) ::usleep(1000);
  ::_exit(0);
}

}  // namespace

Result<void> Guard::start(Tracer& tracer) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return os_error("cannot make a channel to the guard", errno);
  channel_.reset(pair[0]);
  Fd theirs(pair[1]);
  pid_ = ::fork();
  if (pid_ < 0) return os_error("cannot fork", errno);
  if (pid_ == 0) {
    ::close(channel_.release());
    watch(theirs.get(), tracer);
  }
  theirs.reset();
  // Until it is apart, who ends our group ends it with us, and nobody is left to end the command.
  if (!hear(channel_.get())) return Error{ErrorCode::system, "the guard ended at once", ""};
  return {};
}

void Guard::dismiss() {
  if (pid_ <= 0) return;
  const char well = 1;
  ::send(channel_.get(), &well, 1, MSG_NOSIGNAL);
  channel_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace duct_bpf
