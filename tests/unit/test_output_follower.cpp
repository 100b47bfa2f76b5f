// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "capture/output_follower.hpp"

using namespace duct_bpf;

namespace {

Fd temp_file(int flags = 0) {
  char name[] = "/tmp/duct_test_XXXXXX";
  Fd fd(::mkostemp(name, O_CLOEXEC | flags));
  ::unlink(name);
  return fd;
}

void append(const Fd& fd, const std::string& text) {
  REQUIRE(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

std::string read_now(int fd) {
  ::fcntl(fd, F_SETFL, O_NONBLOCK);  // the reader's end alone
  char buffer[1 << 16];
  const ssize_t size = ::read(fd, buffer, sizeof buffer);
  return std::string(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
}

// Bytes that differ wherever a chunk might be lost, doubled or moved.
std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint64_t x = 88172645463325252u;
  for (char& byte : bytes) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    byte = static_cast<char>(x);
  }
  return bytes;
}

struct Bench {
  Bench() {
    ::signal(SIGPIPE, SIG_IGN);
    REQUIRE(loop.open());
    REQUIRE(notifier.open());
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  ~Bench() { ::signal(SIGPIPE, SIG_DFL); }
  void run_for(std::uint64_t ns) {
    auto timer = loop.add_timer(ns, 0, [this](std::uint64_t) { loop.stop(); });
    REQUIRE(timer);
    loop.run();
  }
  int ends[2];
  EventLoop loop;
  FileNotifier notifier{loop};
  Fd reader, writer;
  Fd log = temp_file(O_APPEND);
};

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

TEST_CASE("what is appended arrives, what was there before does not, a cut file goes on at its new end") {
  Bench bench;
  append(bench.log, "before ");
  OutputFollower follower(bench.loop);
  REQUIRE(follower.open(bench.log.get(), bench.writer.get(), &bench.notifier));
  append(bench.log, "one ");
  bench.run_for(10'000'000);
  CHECK(follower.drained());
  CHECK(read_now(bench.reader.get()) == "one ");
  REQUIRE(::ftruncate(bench.log.get(), 0) == 0);
  bench.run_for(10'000'000);
  append(bench.log, "two");
  bench.run_for(10'000'000);
  CHECK(read_now(bench.reader.get()) == "two");
  CHECK((::fcntl(bench.writer.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("100 MB into a file are exact") {
  Bench bench;
  const std::string bytes = pattern(100 << 20);
  Fd out = temp_file();
  OutputFollower follower(bench.loop);
  REQUIRE(follower.open(bench.log.get(), out.get(), &bench.notifier));
  append(bench.log, bytes.substr(0, 1 << 20));
  bench.run_for(1'000'000);
  append(bench.log, bytes.substr(1 << 20));
  bool done = false;
  follower.finish([&] {
    done = true;
    bench.loop.stop();
  });
  if (!done) bench.loop.run();
  CHECK(follower.copied_bytes() == bytes.size());
  std::string copy(bytes.size(), '\0');
  REQUIRE(::pread(out.get(), copy.data(), copy.size(), 0) == static_cast<ssize_t>(copy.size()));
  CHECK((copy == bytes));
}

TEST_CASE("a reader that is slow makes nobody wait and gets every byte", "[slow]") {
  Bench bench;
  const bool socket = GENERATE(false, true);
  if (socket) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bench.ends) == 0);
    bench.reader.reset(bench.ends[0]);
    bench.writer.reset(bench.ends[1]);
  }
  const std::string bytes = pattern(1 << 20);
  OutputFollower follower(bench.loop);
  REQUIRE(follower.open(bench.log.get(), bench.writer.get(), &bench.notifier));
  append(bench.log, bytes);
  const double before = cpu_seconds();
  bench.run_for(200'000'000);  // nobody reads
  CHECK(cpu_seconds() - before < 0.1);
  CHECK_FALSE(follower.drained());
  CHECK(follower.copied_bytes() > 0);
  CHECK(follower.copied_bytes() < bytes.size());

  bool done = false;
  follower.finish([&] { done = true; });
  CHECK_FALSE(done);
  std::string got;
  auto timer = bench.loop.add_timer(1'000'000, 1'000'000, [&](std::uint64_t) {
    got += read_now(bench.reader.get());
    if (got.size() >= bytes.size()) bench.loop.stop();
  });
  REQUIRE(timer);
  bench.loop.run();
  CHECK(done);
  CHECK((got == bytes));
}

TEST_CASE("a reader that has gone ends the copying, at once or later") {
  Bench bench;
  const bool early = GENERATE(true, false);
  if (early) bench.reader.reset();
  OutputFollower follower(bench.loop);
  REQUIRE(follower.open(bench.log.get(), bench.writer.get(), &bench.notifier));
  append(bench.log, std::string(1 << 20, 'x'));
  bench.run_for(10'000'000);
  bench.reader.reset();
  bench.run_for(10'000'000);
  CHECK(follower.error() == EPIPE);
  CHECK(follower.drained());
  append(bench.log, "more");
  bench.run_for(10'000'000);
  bool done = false;
  follower.finish([&] { done = true; });
  CHECK(done);
}

TEST_CASE("without a notifier poke() moves bytes, /dev/null takes them, our own log file is refused") {
  Bench bench;
  Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  OutputFollower follower(bench.loop);
  REQUIRE(follower.open(bench.log.get(), null.get(), nullptr));
  append(bench.log, "bytes");
  follower.poke();
  CHECK(follower.copied_bytes() == 5);
  OutputFollower endless(bench.loop);
  auto refused = endless.open(bench.log.get(), bench.log.get(), &bench.notifier);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::conflict);
}

TEST_CASE("the callback of finish() may destroy the follower") {
  Bench bench;
  auto follower = std::make_unique<OutputFollower>(bench.loop);
  REQUIRE(follower->open(bench.log.get(), bench.writer.get(), &bench.notifier));
  append(bench.log, std::string(200'000, 'x'));
  follower->finish([&] { follower.reset(); });
  std::size_t got = 0;
  auto timer = bench.loop.add_timer(1'000'000, 1'000'000, [&](std::uint64_t) {
    got += read_now(bench.reader.get()).size();
    if (!follower) bench.loop.stop();
  });
  REQUIRE(timer);
  bench.loop.run();
  CHECK(got + 65536 >= 200'000);
}
