// SPDX-License-Identifier: MIT
// When PSS is read and when it counts. The tree is this process, so that there is something to read; what it is said
// to hold, to use and to do is made up.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "capture/peak_watch.hpp"
#include "fake_tracer.hpp"
#include "guarded_loop.hpp"

using namespace duct_bpf;
using namespace duct_bpf::fake;

namespace {

constexpr std::uint64_t kBytes = 128 << 20;  // too much to be read at once, little enough to be read whenever it is to be
constexpr std::uint64_t kMs = 1'000'000;

struct Watched : Scene {
  Watched() {
    REQUIRE(loop.open());
    hold(kBytes);
    tracer.tell_memory = [this] { return tell(); };
    tracer.at_read_live = [this] {
      if (at_look) at_look();
      if (tracer.lives_read + 1 == stop_at_look) loop.stop();
    };
    drain({fork_news(1, 0, 0, ::getpid())});
    process().faults = ~0ULL;  // those so far are not of interest
    be('S');
  }
  LiveEntry& process() { return ledger.tree().live().at(1); }
  void hold(std::uint64_t bytes) {
    memory.bytes = bytes;
    memory.peak_bytes = std::max(memory.peak_bytes, bytes);
  }
  void be(char state, std::uint64_t cpu_ns = 0) { tracer.live = {live_news(1, cpu_ns, kBytes, state)}; }
  // A reading leaves its PSS with the process: who asks next wants to know what the tree has done meanwhile.
  TreeMemory tell() {
    if (process().pss_bytes) {
      readings++;
      last_pss = process().pss_bytes;
      process().pss_bytes.reset();
      hold(std::exchange(after_reading, std::nullopt).value_or(memory.bytes));
      loop.stop();
    }
    return memory;
  }
  bool reads() {
    int before = readings;
    return run_until_stopped(loop) && readings == before + 1;
  }
  bool looks(int times) {
    stop_at_look = tracer.lives_read + times;
    return run_until_stopped(loop) && tracer.lives_read == std::exchange(stop_at_look, 0);
  }
  std::optional<std::uint64_t> noted() const { return summary().peak_pss_bytes; }

  EventLoop loop;
  TreeMemory memory;
  std::optional<std::uint64_t> after_reading;  // what it holds after the next; empty: as much as before
  int readings = 0, stop_at_look = 0;
  std::optional<std::uint64_t> last_pss;
  std::function<void()> at_look;  // before the tree is brought up to date; a look after that may read, or wait
  // However long this process takes to read, which with sanitizers is many milliseconds.
  PeakWatch watch{loop, tracer, ledger, accountant, 500 * static_cast<std::int64_t>(kMs)};
};

// As many page faults as there are pages.
void touch(std::size_t bytes) {
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(at != MAP_FAILED);
  ::madvise(at, bytes, MADV_NOHUGEPAGE);
  for (std::size_t i = 0; i < bytes; i += 4096) static_cast<volatile char*>(at)[i] = 1;
  ::munmap(at, bytes);
}

}  // namespace

TEST_CASE("PSS counts where the tree's memory has changed by no more than 1/64 while it was read") {
  struct Case {
    std::uint64_t after;
    bool counts;
  };
  auto [after, counts] = GENERATE(values<Case>({{kBytes, true},
                                                {kBytes - kBytes / 64, true},
                                                {kBytes - kBytes / 64 - 1, false},
                                                {kBytes + kBytes / 64, true},
                                                {kBytes + kBytes / 63 + 1, false},
                                                {kBytes / 2, false},
                                                {2 * kBytes, false}}));
  CAPTURE(after);
  Watched scene;
  scene.ledger.read_live();
  scene.after_reading = after;
  scene.watch.on_sample(true);
  CHECK(scene.readings == 1);
  CHECK(scene.noted() == (counts ? scene.last_pss : std::nullopt));
  scene.watch.on_sample(true);  // in which it does not change
  CHECK(scene.readings == 2);
  CHECK(scene.noted());
}

TEST_CASE("a plateau whose reading did not count is read again, one that did is not") {
  Watched scene;
  scene.after_reading = kBytes + kBytes / 32;
  scene.watch.on_peak();
  CHECK(scene.readings == 0);
  REQUIRE(scene.reads());
  CHECK_FALSE(scene.noted());
  scene.after_reading = scene.memory.bytes - scene.memory.bytes / 32;  // a change to less is one, too
  REQUIRE(scene.reads());
  CHECK_FALSE(scene.noted());
  scene.after_reading = scene.memory.bytes - scene.memory.bytes / 100;
  REQUIRE(scene.reads());
  CHECK(scene.noted() == scene.last_pss);
  REQUIRE(scene.looks(2));
  CHECK(scene.readings == 3);
}

TEST_CASE("what is too many to be asked for page faults is read again where it has used CPU time for them") {
  Watched scene;
  for (Key key = 2; key <= 101; key++) {
    scene.drain({fork_news(key)});
    scene.tracer.live.push_back(live_news(key, 0, 0, 'S'));
  }
  REQUIRE_FALSE(PhysicalMemory().touched_bytes(scene.ledger.tree()));
  scene.watch.on_peak();
  REQUIRE(scene.reads());
  std::uint64_t pages = kBytes / 128 / 4096;
  SECTION("it sleeps") {
    scene.be('S', 90 * pages);
    REQUIRE(scene.looks(2));
    CHECK(scene.readings == 1);
  }
  SECTION("it runs") {
    scene.be('S', 110 * pages);
    CHECK(scene.reads());
  }
}

TEST_CASE("a small tree is read at its peak at once, if it holds still") {
  constexpr std::uint64_t kSmall = 16 << 20;
  bool still = GENERATE(true, false);
  Watched scene;
  scene.hold(kSmall);
  scene.memory.peak_bytes = kSmall;
  scene.after_reading = still ? kSmall : kSmall + kSmall / 32;
  scene.watch.on_peak();
  CHECK(scene.readings == 1);
  CHECK(scene.noted().has_value() == still);
}

TEST_CASE("a tree that sleeps, or runs, is read at the first look at its plateau") {
  Watched scene;
  SECTION("it sleeps") {}
  SECTION("it runs") {
    scene.at_look = [&] { scene.be('R', 5 * kMs); };
  }
  scene.watch.on_peak();
  REQUIRE(scene.reads());
  CHECK(scene.tracer.lives_read == 1);
  CHECK(scene.noted() == scene.last_pss);
}

TEST_CASE("a tree that would run and gets no CPU is waited for until it has had one") {
  Watched scene;
  std::uint64_t cpu_ns = 0;
  SECTION("a little each time") {
    scene.at_look = [&] { scene.be('R', cpu_ns += kMs); };
  }
  SECTION("enough in the end") {
    scene.at_look = [&] { scene.be('R', scene.tracer.lives_read == 2 ? 5 * kMs : 0); };
  }
  SECTION("and sleeps then") {
    scene.at_look = [&] { scene.be(scene.tracer.lives_read == 2 ? 'S' : 'R'); };
  }
  scene.watch.on_peak();
  REQUIRE(scene.reads());
  CHECK(scene.tracer.lives_read == 3);
}

TEST_CASE("a tree that gets no CPU is read after eight looks that waited for it") {
  Watched scene;
  scene.be('R');
  SECTION("all of it") {}
  SECTION("one of its processes") {
    scene.drain({fork_news(2, 0, 0, 999'999'999)});  // no such process: nothing of it is read
    scene.tracer.live = {live_news(1, 0, kBytes), live_news(2, 0, kBytes, 'R')};
  }
  scene.watch.on_peak();
  REQUIRE(scene.reads());
  CHECK(scene.tracer.lives_read == 9);
  CHECK(scene.noted() == scene.last_pss);
}

TEST_CASE("a tree that had a CPU and gets it no more is waited for, too") {
  Watched scene;
  scene.be('R', 5 * kMs);
  scene.after_reading = kBytes + kBytes / 32;
  scene.watch.on_peak();
  REQUIRE(scene.reads());
  CHECK(scene.tracer.lives_read == 1);
  REQUIRE(scene.reads());
  CHECK(scene.tracer.lives_read == 1 + 9);
}

TEST_CASE("each reading, and each peak, may be waited for anew") {
  Watched scene;
  scene.be('R');
  scene.watch.on_peak();
  SECTION("a peak") {
    REQUIRE(scene.looks(5));
    scene.watch.on_peak();
    REQUIRE(scene.reads());
    CHECK(scene.tracer.lives_read == 5 + 9);
  }
  SECTION("a reading that did not count") {
    scene.after_reading = kBytes + kBytes / 32;
    REQUIRE(scene.reads());
    REQUIRE(scene.reads());
    CHECK(scene.tracer.lives_read == 9 + 9);
  }
}

TEST_CASE("a tree that is written to without end is waited for no longer than one without a CPU") {
  Watched scene;
  scene.process().faults = 0;
  scene.at_look = [] { touch(kBytes / 64); };
  scene.watch.on_peak();
  REQUIRE(scene.reads());
  CHECK(scene.tracer.lives_read == 9);
}
