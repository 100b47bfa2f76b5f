// SPDX-License-Identifier: MIT
// When exits are looked at. That a look comes no later than it should is told by the order of events alone: each look
// sets an alarm, and of some looks at least one has to come before it.
#include <algorithm>
#include <catch2/catch.hpp>

#include "capture/exit_sweep.hpp"
#include "capture/machine.hpp"
#include "fake_tracer.hpp"
#include "guarded_loop.hpp"

using namespace duct_bpf;
using namespace duct_bpf::fake;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kNever = 3'600'000 * kMs;

struct Sweeps : Scene {
  Sweeps() {
    REQUIRE(loop.open());
    auto made = loop.add_timer(kNever, 0, [this](std::uint64_t) { alarmed = true; });
    REQUIRE(made);
    alarm = std::move(*made);
    for (Key key = 1; key <= 100; key++) tracer.news.push_back(fork_news(key));
    ledger.drain();
  }
  // So many end by themselves: the next drain tells.
  void end(int processes) {
    while (processes--) tracer.news.push_back(end_news(next_to_end++));
  }
  void exit_and_tell() {
    drain({exit_news()});
    news_ns = monotonic_now_ns();
    sweep.on_news();
  }
  void looked() {
    std::int64_t now = monotonic_now_ns();
    looks.push_back({now - (looks.empty() ? news_ns : look_ns), !alarmed});
    look_ns = now;
    alarmed = false;
    alarm.restart(static_cast<std::uint64_t>(alarm_ns));
    if (at_look) at_look();
    if (--looks_to_go == 0) loop.stop();
  }
  bool look(int times = 1) {
    looks_to_go = times;
    return run_until_stopped(loop);
  }
  // That is, in a time in which one would have come.
  bool looks_no_more() {
    looks_to_go = 1;
    auto end = loop.add_timer(200 * kMs, 0, [this](std::uint64_t) { loop.stop(); });
    loop.run();
    return looks_to_go == 1;
  }
  bool any_in_time(std::size_t from) const {
    auto first = looks.begin() + static_cast<std::ptrdiff_t>(from);
    return std::any_of(first, looks.end(), [](auto& each) { return each.in_time; });
  }

  struct Look {
    std::int64_t distance_ns;  // to the one before, or the news that brought it
    bool in_time;              // before the alarm
  };
  EventLoop loop;
  Timer alarm;
  std::int64_t alarm_ns = kNever, look_ns = 0, news_ns = 0;
  bool alarmed = false;
  std::vector<Look> looks;
  std::function<void()> at_look;
  int looks_to_go = 0;
  Key next_to_end = 1;
  ExitSweep sweep{loop, ledger, [this](bool) { looked(); }};
};

}  // namespace

TEST_CASE("an exit is looked at once, 5 ms later, and the next is to tell of itself") {
  Sweeps scene;
  scene.sweep.on_news();  // of something else
  CHECK(scene.looks_no_more());
  scene.tracer.at_rest = {end_news(1)};
  scene.exit_and_tell();
  REQUIRE(scene.look());
  CHECK(scene.looks[0].distance_ns >= 5 * kMs);
  CHECK((scene.tracer.exits_wanted == 1 && scene.tracer.ends_asked == 1));
  CHECK(scene.pids() == std::vector<pid_t>{1});
  CHECK(scene.looks_no_more());
  scene.exit_and_tell();
  REQUIRE(scene.look());
  CHECK((scene.tracer.exits_wanted == 2 && scene.tracer.ends_asked == 2));
}

TEST_CASE("after a storm of ends no exit is to tell of itself, and the next look comes without news after 20 ms") {
  Sweeps scene;
  scene.end(10);
  scene.exit_and_tell();
  scene.end(6);  // the look itself finds these
  REQUIRE(scene.look());
  CHECK((scene.tracer.exits_wanted == 0 && scene.tracer.ends_asked == 1));
  SECTION("where it is over, exits tell again") {
    REQUIRE(scene.look());
    CHECK((scene.tracer.exits_wanted == 1 && scene.tracer.ends_asked == 2));
    CHECK(scene.looks_no_more());
  }
  SECTION("where it goes on, they do not") {
    scene.end(16);
    REQUIRE(scene.look());
    CHECK((scene.tracer.exits_wanted == 0 && scene.tracer.ends_asked == 2));
  }
  SECTION("news of an exit that was under way bring it no sooner") {
    scene.exit_and_tell();
    REQUIRE(scene.look());
    CHECK((scene.tracer.exits_wanted == 1 && scene.tracer.ends_asked == 2));
  }
  CHECK(scene.looks[1].distance_ns >= 20 * kMs);
}

TEST_CASE("the looks of a storm are 20 ms apart, whatever they find") {
  Sweeps scene;
  scene.alarm_ns = 90 * kMs;
  scene.tracer.not_at_rest = true;
  scene.at_look = [&] {
    scene.end(16);
    scene.tracer.at_rest = {exit_news()};
  };
  scene.at_look();
  scene.exit_and_tell();
  REQUIRE(scene.look(6));
  CHECK(scene.tracer.exits_wanted == 0);
  for (std::size_t i = 1; i < 6; i++) CHECK(scene.looks[i].distance_ns >= 20 * kMs);
  CHECK(scene.any_in_time(1));
}

TEST_CASE("fewer ends are no storm, nor are many that the look before has ended") {
  Sweeps scene;
  scene.end(3);  // in 5 ms: as 12 in 20
  scene.tracer.at_rest = {exit_news()};
  for (Key key = 50; key < 70; key++) scene.tracer.at_rest.push_back(end_news(key));
  scene.exit_and_tell();
  REQUIRE(scene.look());
  CHECK(scene.ledger.ended() == 23);
  CHECK(scene.tracer.exits_wanted == 1);
  scene.end(3);
  REQUIRE(scene.look());
  CHECK(scene.tracer.exits_wanted == 2);
  CHECK(scene.looks_no_more());
}

TEST_CASE("a storm is told by its rate") {
  Sweeps scene;
  scene.end(3);
  scene.exit_and_tell();
  scene.end(1);  // the fourth in 5 ms
  REQUIRE(scene.look());
  CHECK(scene.tracer.exits_wanted == 0);
  scene.end(15);
  REQUIRE(scene.look());
  CHECK(scene.looks[1].distance_ns >= 20 * kMs);
  CHECK(scene.tracer.exits_wanted == 1);
  CHECK(scene.looks_no_more());
}

TEST_CASE("those who take their time to exit are looked at ever more seldom, down to each 100 ms") {
  Sweeps scene;
  scene.alarm_ns = 190 * kMs;
  scene.tracer.not_at_rest = true;
  scene.exit_and_tell();
  REQUIRE(scene.look(10));
  std::int64_t expected = 5 * kMs;
  for (auto& look : scene.looks) {
    CHECK(look.distance_ns >= expected);
    expected = std::min(2 * expected, 100 * kMs);
  }
  CHECK(scene.any_in_time(6));
  CHECK(scene.tracer.exits_wanted == 10);
  scene.tracer.not_at_rest = false;
  REQUIRE(scene.look());
  CHECK(scene.looks_no_more());
}

TEST_CASE("an exit during a look brings the next after 5 ms, however long others take") {
  Sweeps scene;
  scene.alarm_ns = 90 * kMs;
  scene.tracer.not_at_rest = true;
  scene.exit_and_tell();
  REQUIRE(scene.look(5));  // now it would be 100 ms
  scene.at_look = [&] { scene.tracer.at_rest = {exit_news()}; };
  scene.at_look();
  REQUIRE(scene.look(6));
  for (auto& look : scene.looks) CHECK(look.distance_ns >= 5 * kMs);
  CHECK(scene.any_in_time(6));
  scene.at_look = nullptr;
  scene.tracer.at_rest.clear();
  scene.tracer.not_at_rest = false;
  REQUIRE(scene.look(1));  // of the last of these exits
  CHECK(scene.looks_no_more());
}
