// SPDX-License-Identifier: MIT
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <vector>

#include "capture/signals.hpp"

using namespace duct_bpf;
using Kind = SignalDecision::Kind;

TEST_CASE("interrupts: two passed, the third kills, the fourth ends us") {
  SignalRouter router(true);
  for (int i = 0; i < 2; ++i) {
    const auto decision = router.decide(SIGINT, SI_KERNEL);
    CHECK(decision.kind == Kind::pass);
    CHECK(decision.signal == SIGINT);
  }
  const auto third = router.decide(SIGINT, SI_USER);
  CHECK(third.kind == Kind::kill);
  CHECK(third.signal == SIGKILL);
  CHECK(router.decide(SIGINT, SI_USER).kind == Kind::give_up);
  CHECK(router.ending_signal() == SIGINT);
}

TEST_CASE("in a shared group, what the terminal sent is not sent twice") {
  SignalRouter router(false);
  CHECK(router.decide(SIGINT, SI_KERNEL).kind == Kind::nothing);
  CHECK(router.decide(SIGINT, SI_USER).kind == Kind::pass);
  CHECK(router.decide(SIGINT, SI_KERNEL).kind == Kind::kill);  // counted all the same
  CHECK(router.decide(SIGQUIT, SI_KERNEL).kind == Kind::nothing);
  const auto stop = router.decide(SIGTSTP, SI_KERNEL);
  CHECK(stop.kind == Kind::stop);
  CHECK(stop.signal == 0);
  CHECK(router.decide(SIGTSTP, SI_USER).signal == SIGSTOP);
}

TEST_CASE("the other signals") {
  SignalRouter router(true);
  CHECK_FALSE(router.ending_signal());
  CHECK(router.decide(SIGWINCH, SI_KERNEL).kind == Kind::resize);
  CHECK(router.decide(SIGTSTP, SI_KERNEL).signal == SIGSTOP);
  CHECK(router.decide(SIGCONT, SI_USER).signal == SIGCONT);
  CHECK_FALSE(router.ending_signal());
  for (const int signal : {SIGTERM, SIGHUP, SIGQUIT}) {
    CHECK(router.decide(signal, SI_USER).signal == signal);
    CHECK(router.ending_signal() == signal);
  }
}

TEST_CASE("signals come through the loop, ignored ones stay ignored, all is put back") {
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGCHLD, SIG_IGN);
  const sigset_t before = current_signal_mask();
  {
    EventLoop loop;
    REQUIRE(loop.open());
    std::vector<std::uint32_t> seen;
    Signals signals(loop);
    REQUIRE(signals.open([&](const signalfd_siginfo& info) {
      seen.push_back(info.ssi_signo);
      CHECK(info.ssi_code == SI_USER);
      loop.stop();
    }));
    ::kill(::getpid(), SIGHUP);
    ::kill(::getpid(), SIGTERM);
    loop.run();
    CHECK(seen == std::vector<std::uint32_t>{SIGTERM});

    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    ::close(ends[0]);
    CHECK(::write(ends[1], "x", 1) == -1);  // and we are still here
    ::close(ends[1]);
    CHECK(sigismember(&signals.original_ignored(), SIGCHLD) == 1);
    CHECK(sigismember(&signals.original_ignored(), SIGPIPE) == 0);
    const sigset_t now = current_ignored_signals();
    CHECK(sigismember(&now, SIGCHLD) == 0);
    CHECK(sigismember(&now, SIGPIPE) == 1);
  }
  const sigset_t after = current_signal_mask();
  const sigset_t ignored = current_ignored_signals();
  CHECK(sigismember(&after, SIGTERM) == sigismember(&before, SIGTERM));
  CHECK(sigismember(&ignored, SIGPIPE) == 0);
  CHECK(sigismember(&ignored, SIGCHLD) == 1);
  ::signal(SIGHUP, SIG_DFL);
  ::signal(SIGCHLD, SIG_DFL);
}

TEST_CASE("stop_self stops where somebody can continue us, and only there") {
  const bool orphaned = GENERATE(false, true);
  EventLoop loop;
  Signals signals(loop);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(10);
    orphaned ? ::setsid() : ::setpgid(0, 0);
    if (!loop.open() || !signals.open([](const signalfd_siginfo&) {})) ::_exit(1);
    signals.stop_self();
    ::_exit(7);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, WUNTRACED) == child);
  if (!orphaned) {
    CHECK(WIFSTOPPED(status));
    ::kill(child, SIGCONT);
    REQUIRE(::waitpid(child, &status, 0) == child);
  }
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
}

TEST_CASE("what nobody has read when it is over is dropped") {
  EventLoop loop;
  REQUIRE(loop.open());
  {
    Signals signals(loop);
    REQUIRE(signals.open([](const signalfd_siginfo&) {}));
    ::kill(::getpid(), SIGTERM);
    ::kill(::getpid(), SIGINT);
  }
  sigset_t pending;
  ::sigpending(&pending);
  CHECK(sigismember(&pending, SIGTERM) == 0);
  CHECK(sigismember(&pending, SIGINT) == 0);
}
