// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "capture/pty.hpp"
#include "spawn.hpp"

using namespace duct_bpf;

namespace {

// Runs argv on a terminal of its own to its end; what it printed.
struct Session {
  explicit Session(PtyOptions options) {
    ::signal(SIGPIPE, SIG_IGN);
    options.sink = [this](std::string_view bytes) { printed += bytes; };
    REQUIRE(loop.open());
    auto opened = pty.open(std::move(options));
    if (!opened) FAIL(opened.error().message);
  }
  ~Session() { ::signal(SIGPIPE, SIG_DFL); }
  void start(std::vector<std::string> argv) {
    CommandPlan plan;
    plan.argv = std::move(argv);
    plan.pty_slave = pty.slave();
    auto spawned = spawn(plan);
    if (!spawned) FAIL(spawned.error().message);
    command = std::make_unique<Command>(std::move(*spawned));
    REQUIRE(pty.start());
    REQUIRE(loop.watch(command->pidfd(), EPOLLIN, [this](std::uint32_t) {
      loop.unwatch(command->pidfd());
      auto reaped = command->reap();
      status = reaped ? *reaped : -1;
      pty.finish([this] { loop.stop(); });
    }));
  }
  void run_to_end() {
    auto limit = loop.add_timer(20'000'000'000, 0, [this](std::uint64_t) { loop.stop(); });
    REQUIRE(limit);
    loop.run();
  }
  void run_for(std::uint64_t ns) {
    auto timer = loop.add_timer(ns, 0, [this](std::uint64_t) { loop.stop(); });
    REQUIRE(timer);
    loop.run();
  }
  EventLoop loop;
  Pty pty{loop};
  std::unique_ptr<Command> command;
  std::string printed;
  int status = -1;
};

// A terminal that plays ours.
struct Terminal {
  Terminal() {
    int master_fd = -1, slave_fd = -1;
    winsize size{33, 77, 0, 0};
    REQUIRE(::openpty(&master_fd, &slave_fd, nullptr, nullptr, &size) == 0);
    master.reset(master_fd);
    slave.reset(slave_fd);
    for (const int fd : {master_fd, slave_fd}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  tcflag_t local_modes() const {
    termios modes{};
    ::tcgetattr(slave.get(), &modes);
    return modes.c_lflag;
  }
  void type(const std::string& keys) {
    REQUIRE(::write(master.get(), keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
  }
  Fd master, slave;
};

Fd input_of(const std::string& text) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(ends[1]);
  return Fd(ends[0]);
}

}  // namespace

TEST_CASE("size, echo, raw mode and resizing with a terminal of ours") {
  Terminal ours;
  const tcflag_t before = ours.local_modes();
  {
    Session session({ours.slave.get(), -1, std::nullopt, nullptr});
    session.start({"sh", "-c",
                   ": </dev/tty && echo controls; stty size; trap 'stty size; exit 5' WINCH; echo ready; "
                   "while :; do read line; "
                   "echo got:$line; done"});
    CHECK((ours.local_modes() & (ECHO | ICANON | ISIG)) == 0);
    ours.type("typed\n");
    for (int i = 0; i < 200 && session.printed.find("got:typed") == std::string::npos; ++i)
      session.run_for(10'000'000);
    CHECK(session.printed.find("controls\r\n") != std::string::npos);
    CHECK(session.printed.find("33 77\r\n") != std::string::npos);
    CHECK(session.printed.find("typed\r\n") <
          session.printed.find("got:typed\r\n"));  // echoed by its terminal
    session.pty.suspend();
    CHECK(ours.local_modes() == before);
    session.pty.resume();
    CHECK((ours.local_modes() & ECHO) == 0);
    winsize size{44, 88, 0, 0};
    REQUIRE(::ioctl(ours.slave.get(), TIOCSWINSZ, &size) == 0);
    session.pty.resize();
    ours.type("\n");  // some shells run a trap only once their read returns
    session.run_to_end();
    CHECK(session.printed.find("44 88\r\n") != std::string::npos);
    CHECK(WEXITSTATUS(session.status) == 5);
  }
  CHECK(ours.local_modes() == before);
}

TEST_CASE("the interrupt key is a signal in the command's terminal") {
  Terminal ours;
  Session session({ours.slave.get(), -1, std::nullopt, nullptr});
  session.start({"sleep", "100"});
  ours.type("\x03");
  session.run_to_end();
  CHECK(WTERMSIG(session.status) == SIGINT);
}

TEST_CASE("input that is no terminal: passed on, not echoed, ended once") {
  for (const std::string text : {"", "whole line\n", "no end of line"}) {
    INFO(text);
    Fd input = input_of(text);
    Session session({input.get(), -1, std::nullopt, nullptr});
    session.start({"cat"});
    session.run_to_end();
    const std::string shown = text.ends_with('\n') ? text.substr(0, text.size() - 1) + "\r\n" : text;
    CHECK(session.printed == shown);
    CHECK(session.status == 0);
  }
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));  // cannot be waited for
  Session session({null.get(), -1, std::nullopt, nullptr});
  session.start({"cat"});
  session.run_to_end();
  CHECK(session.status == 0);
}

TEST_CASE("much output: all of it, also through a reader that is slow, and without one") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  Fd reader(ends[0]), writer(ends[1]);
  ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
  Session session({-1, writer.get(), std::nullopt, nullptr});
  session.start({"sh", "-c", "stty -opost; seq 100000; echo end"});
  session.run_for(100'000'000);
  CHECK(session.status == -1);  // it waits for the reader, as on any terminal
  std::string got;
  SECTION("slow") {
    auto timer = session.loop.add_timer(1'000'000, 1'000'000, [&](std::uint64_t) {
      char buffer[1 << 16];
      const ssize_t size = ::read(reader.get(), buffer, sizeof buffer);
      got.append(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
    });
    REQUIRE(timer);
    session.run_to_end();
    CHECK(session.status == 0);
    // The end of the run leaves what fits into the pipe.
    char rest[1 << 16];
    for (ssize_t size = 0; (size = ::read(reader.get(), rest, sizeof rest)) > 0;) {
      got.append(rest, static_cast<std::size_t>(size));
    }
    CHECK(got.size() == session.printed.size());
    CHECK((got == session.printed));
  }
  SECTION("gone") {
    reader.reset();
    session.run_to_end();
    CHECK(session.pty.output_error() == EPIPE);
  }
  CHECK(session.printed.size() == 588895 + 4);
  CHECK(session.printed.ends_with("100000\nend\n"));
}

TEST_CASE("a descendant that keeps the terminal and prints for ever does not hold up the end") {
  Session session({-1, -1, std::nullopt, nullptr});
  session.start(
      {"sh", "-c", "trap '' HUP; (trap '' HUP; while echo noise; do :; done) 2>/dev/null & exit 3"});
  session.run_to_end();
  CHECK(WEXITSTATUS(session.status) == 3);
}
