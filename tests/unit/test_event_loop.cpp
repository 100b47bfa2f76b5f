// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/eventfd.h>
#include <time.h>

#include <catch2/catch.hpp>
#include <memory>

#include "capture/event_loop.hpp"

using namespace duct_bpf;

TEST_CASE("a batch: a callback unwatches the other descriptor whose event is pending") {
  EventLoop loop;
  REQUIRE(loop.open());
  Fd first(::eventfd(1, EFD_CLOEXEC)), second(::eventfd(1, EFD_CLOEXEC));
  int calls = 0;
  const auto only_one = [&](int self, int other) {
    return [&, self, other](std::uint32_t) {
      ++calls;
      loop.unwatch(other);
      loop.unwatch(self);
      loop.stop();
    };
  };
  REQUIRE(loop.watch(first.get(), EPOLLIN, only_one(first.get(), second.get())));
  REQUIRE(loop.watch(second.get(), EPOLLIN, only_one(second.get(), first.get())));
  loop.run();
  auto timer = loop.add_timer(20'000'000, 0, [&](std::uint64_t) { loop.stop(); });
  REQUIRE(timer);
  loop.run();
  CHECK(calls == 1);
}

TEST_CASE("a descriptor number given out again in the same batch does not get its predecessor's event") {
  EventLoop loop;
  REQUIRE(loop.open());
  Fd first(::eventfd(1, EFD_CLOEXEC)), second(::eventfd(1, EFD_CLOEXEC));
  int old_calls = 0, new_calls = 0;
  Fd* fds[] = {&first, &second};
  for (int i = 0; i < 2; ++i) {
    REQUIRE(loop.watch(fds[i]->get(), EPOLLIN, [&, i](std::uint32_t) {
      ++old_calls;
      Fd& other = *fds[1 - i];
      const int number = other.get();
      loop.unwatch(fds[i]->get());
      loop.unwatch(number);
      other.reset();
      other.reset(::eventfd(0, EFD_CLOEXEC));  // never readable
      CHECK(other.get() == number);
      CHECK(loop.watch(number, EPOLLIN, [&](std::uint32_t) { ++new_calls; }));
    }));
  }
  auto timer = loop.add_timer(20'000'000, 0, [&](std::uint64_t) { loop.stop(); });
  REQUIRE(timer);
  loop.run();
  CHECK(old_calls == 1);
  CHECK(new_calls == 0);
}

TEST_CASE("timers: once, again, coalesced, cancelled by themselves") {
  EventLoop loop;
  REQUIRE(loop.open());
  int once = 0, again = 0;
  std::uint64_t missed = 0;
  auto one = loop.add_timer(0, 0, [&](std::uint64_t) { ++once; });
  REQUIRE(one);
  Timer periodic;
  auto made = loop.add_timer(1'000'000, 1'000'000, [&](std::uint64_t) {
    if (++again == 3) periodic = Timer();
  });
  REQUIRE(made);
  periodic = std::move(*made);
  Timer late;
  auto slow = loop.add_timer(1'000'000, 1'000'000, [&](std::uint64_t expirations) {
    missed = std::max(missed, expirations);
    timespec pause{0, 10'000'000};  // a callback that takes ten intervals
    ::nanosleep(&pause, nullptr);
  });
  REQUIRE(slow);
  late = std::move(*slow);
  auto end = loop.add_timer(60'000'000, 0, [&](std::uint64_t) { loop.stop(); });
  REQUIRE(end);
  loop.run();
  CHECK(once == 1);
  CHECK(again == 3);
  CHECK_FALSE(periodic);
  CHECK(missed >= 5);
}

TEST_CASE("a timer that went off can be set again, and one that was set is put off") {
  EventLoop loop;
  REQUIRE(loop.open());
  int times = 0;
  Timer timer;
  auto made = loop.add_timer(1'000'000, 0, [&](std::uint64_t) {
    if (++times < 3) timer.restart(1'000'000);
  });
  REQUIRE(made);
  timer = std::move(*made);
  bool went_off = false;
  auto put_off = loop.add_timer(1'000'000, 0, [&](std::uint64_t) { went_off = true; });
  REQUIRE(put_off);
  put_off->restart(3'600'000'000'000);
  auto end = loop.add_timer(60'000'000, 0, [&](std::uint64_t) { loop.stop(); });
  REQUIRE(end);
  loop.run();
  CHECK(times == 3);
  CHECK_FALSE(went_off);
}

TEST_CASE("what cannot be waited for is an error, and stop() before run() counts") {
  EventLoop loop;
  REQUIRE(loop.open());
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK_FALSE(loop.watch(null.get(), EPOLLIN, [](std::uint32_t) {}));
  loop.stop();
  loop.run();
}
