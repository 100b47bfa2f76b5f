// SPDX-License-Identifier: MIT
// The ledger between a made-up tracer and the pure model: each process is handed out once, and what is
// missing is counted.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "fake_tracer.hpp"

using namespace duct_bpf;
using namespace duct_bpf::fake;

namespace {

const auto kAtOnce = [](std::int64_t) { return false; };
using Pids = std::vector<pid_t>;

}  // namespace

TEST_CASE("news become processes, each handed out once with its image and times") {
  Scene scene;
  scene.drain({fork_news(1), exec_news(1, 5, "sh"), fork_news(2, 5), exec_news(2, 6, "cc"), end_news(2, 6),
               fork_news(3, 5)});
  CHECK(scene.pids() == Pids{2});
  CHECK(scene.exe(0) == "cc");
  CHECK(scene.handed_out[0].start_ns == kBootToWall + 2);
  scene.drain({end_news(3, 5), end_news(1, 5)});
  CHECK(scene.pids() == Pids{2, 3, 1});
  CHECK((scene.exe(1) == "sh" && scene.exe(2) == "sh"));
  CHECK(scene.ledger.tree().live().empty());
  CHECK(scene.ledger.tree().images() == 0);
  CHECK(scene.summary().num_processes == 3);
  auto complete = scene.ledger.completeness({.forks = 3, .execs = 2});
  CHECK((complete.forks == 2 && complete.execs == 2 && complete.exits == 3 && complete.alive_at_end == 0));
  CHECK(complete.exact());
}

TEST_CASE("the first exec of the one that is watched is told, and no other") {
  auto at = [](Bytes bytes, std::uint64_t time_ns) {
    abi::news_exec news;
    std::memcpy(&news, bytes.data(), sizeof news);
    news.header.time_ns = time_ns;
    std::memcpy(bytes.data(), &news, sizeof news);
    return bytes;
  };
  Scene scene;
  scene.ledger.watch_exec(2);
  scene.drain({fork_news(1), at(exec_news(1, 5, "sh"), 100), fork_news(2, 5)});
  CHECK_FALSE(scene.ledger.watched_exec_boot_ns());
  scene.drain({at(exec_news(2, 6, "cc"), 200), at(exec_news(2, 7, "ld"), 300)});
  CHECK(scene.ledger.watched_exec_boot_ns() == 200);
}

TEST_CASE("a peak that was told is taken once") {
  Scene scene;
  CHECK_FALSE(scene.ledger.take_peak());
  abi::news_sign peak{};
  peak.header.kind = abi::NEWS_PEAK;
  scene.drain({bytes_of(peak), bytes_of(peak)});
  CHECK_FALSE(scene.ledger.has_exits());
  CHECK(scene.ledger.take_peak());
  CHECK_FALSE(scene.ledger.take_peak());
}

TEST_CASE("holders of the peak are told by ends and by the states of those that live on") {
  auto at_peak = [](Bytes bytes, std::uint64_t number, std::uint64_t rss, ImageId image) {
    abi::news_process news;
    std::memcpy(&news, bytes.data(), sizeof news);
    news.info.tree_peak = number;
    news.info.rss_at_tree_peak = rss;
    news.info.image_at_tree_peak = image;
    return bytes_of(news);
  };
  Scene scene;
  scene.drain({fork_news(1), exec_news(1, 5, "sh"), fork_news(2, 5), exec_news(2, 6, "cc"), exec_news(2, 7, "ld"),
               fork_news(3, 5)});
  scene.drain({at_peak(end_news(3, 5), 8, 500, 5), at_peak(end_news(2, 7), 9, 300, 6)});
  scene.tracer.passes.push_back({{.alive = {1}}, {}});
  scene.tracer.states = {at_peak(state_news(1), 9, 100, 0)};
  scene.ledger.finish(kAtOnce);
  auto holders = scene.ledger.peak_holders().at(9);
  REQUIRE(holders.size() == 2);
  CHECK((holders[0].pid == 2 && holders[0].rss_bytes == 300 && holders[1].pid == 1));
  CHECK(scene.ledger.peak_holders().at(8).empty());
}

TEST_CASE("news that was spilled and comes late loses no process") {
  Scene scene;
  scene.drain({fork_news(1), exec_news(1, 5, "sh")});
  scene.drain({exec_news(2, 6, "cc"), end_news(2, 6)});  // the fork is still in the spill map
  CHECK(scene.pids() == Pids{2});
  scene.drain({end_news(3, 5)});
  CHECK(scene.exe(1) == "sh");  // shared with its parent, who is known
  scene.drain({end_news(1, 5)});
  CHECK(scene.ledger.completeness({.forks = 3, .spilled = 3}).exact());
  CHECK(scene.ledger.completeness({.forks = 3, .spilled = 3}).spilled == 3);
}

TEST_CASE("damaged news are passed over") {
  Scene scene;
  Bytes cut = fork_news(1);
  cut.resize(40);
  Bytes unknown = fork_news(1);
  unknown[4] = std::byte{99};
  scene.drain({{}, cut, unknown, fork_news(2), end_news(2)});
  CHECK(scene.pids() == Pids{2});
  CHECK(scene.ledger.malformed() == 3);
  CHECK(scene.ledger.completeness({.forks = 2}).lost_exits == 1);
}

TEST_CASE("read_live brings the tree up to date, and says when it could not") {
  Scene scene;
  scene.drain({fork_news(1), fork_news(2)});
  scene.tracer.live = {live_news(1, 7, 100), live_news(2, 8, 200), live_news(99, 1, 1)};
  CHECK(scene.ledger.read_live());
  auto live = scene.ledger.live_processes();
  REQUIRE(live.size() == 2);
  std::sort(live.begin(), live.end(), [](auto& a, auto& b) { return a.pid < b.pid; });
  CHECK((live[0].pid == 1 && live[0].cpu_ns == 7 && live[0].rss_bytes == 100 && live[0].state == "S"));
  CHECK((live[1].pid == 2 && live[0].id != live[1].id && live[0].start_ns == kBootToWall + 1));
  scene.tracer.live_readable = false;
  CHECK_FALSE(scene.ledger.read_live());
}

TEST_CASE("a sweep hands out who is at rest, says whether others are not, and listens for exits again first") {
  Scene scene;
  CHECK_FALSE(scene.ledger.has_exits());
  scene.drain({fork_news(1), fork_news(2), exit_news(), end_news(1)});
  CHECK(scene.ledger.has_exits());
  scene.tracer.not_at_rest = true;
  CHECK(scene.ledger.sweep());
  CHECK((scene.tracer.exits_wanted == 1 && scene.tracer.ends_asked == 1));
  CHECK(scene.pids() == Pids{1});
  CHECK_FALSE(scene.ledger.has_exits());
  scene.tracer.not_at_rest = false;
  scene.tracer.at_rest = {end_news(2), exit_news()};  // somebody exits while we look
  CHECK_FALSE(scene.ledger.sweep());
  CHECK(scene.pids() == Pids{1, 2});
  CHECK(scene.ledger.has_exits());
}

TEST_CASE("a sweep that is not to listen leaves exits silent, and the ledger says how many have ended") {
  Scene scene;
  scene.drain({fork_news(1), fork_news(2), end_news(1)});
  CHECK(scene.ledger.ended() == 1);
  scene.tracer.at_rest = {end_news(2)};
  CHECK_FALSE(scene.ledger.sweep(false));
  CHECK((scene.tracer.exits_wanted == 0 && scene.tracer.ends_asked == 1));
  CHECK(scene.ledger.ended() == 2);
}

TEST_CASE("finish takes what is at rest and asks for no more where all is told") {
  Scene scene;
  scene.drain({fork_news(1)});
  scene.tracer.passes = {{{}, {end_news(1)}}};
  scene.ledger.finish([](std::int64_t) { return true; });
  CHECK(scene.pids() == Pids{1});
  CHECK(scene.tracer.states_read == 0);
}

TEST_CASE("finish waits for exits under way while it may, and hands out those alive as they are") {
  Scene scene;
  scene.drain({fork_news(1), fork_news(2), fork_news(3), fork_news(4)});
  scene.tracer.passes = {{{{3}, {2, 4}}, {end_news(1)}}, {{{3}, {4}}, {end_news(2)}}, {{{3}, {4}}, {}}, {{{3}, {4}}, {}}};
  // 3 is visited twice, its second word counts; 4 is a zombie.
  scene.tracer.states = {state_news(3, 0, 10), state_news(4, abi::PROC_EXITED, 30), state_news(3, 0, 20)};
  int asked = 0;
  scene.ledger.finish([&](std::int64_t now) {
    CHECK(now > 0);
    return ++asked < 3;
  });
  CHECK(asked == 3);
  CHECK(scene.pids() == Pids{1, 2, 3, 4});
  CHECK(scene.handed_out[2].alive);
  CHECK(scene.handed_out[2].usage.cpu_time == 20u);
  CHECK_FALSE(scene.handed_out[2].exit_code);
  CHECK_FALSE(scene.handed_out[3].alive);
  CHECK(scene.handed_out[3].exit_code == 0);
  auto complete = scene.ledger.completeness({.forks = 4});
  CHECK((complete.exits == 3 && complete.alive_at_end == 1 && complete.lost_exits == 0 && complete.exact()));
  CHECK(scene.summary().num_processes == 4);
  CHECK(scene.summary().cpu_ns == 10 + 10 + 20 + 30);
}

TEST_CASE("who exited and is not to be found any more is handed out without numbers") {
  Scene scene;
  scene.drain({fork_news(1), fork_news(2)});
  scene.tracer.passes = {{{{}, {1, 2}}, {}}};
  scene.tracer.states = {state_news(2, abi::PROC_EXITED, 30)};  // a zombie
  scene.ledger.finish(kAtOnce);
  CHECK(scene.tracer.given_up == std::vector<std::uint64_t>{1});
  CHECK(scene.pids() == Pids{1, 2});
  CHECK(scene.handed_out[0].exit_code == 0);
  CHECK_FALSE(scene.handed_out[0].usage.cpu_time);
  CHECK(scene.handed_out[1].usage.cpu_time == 30u);
  auto complete = scene.ledger.completeness({.forks = 2, .lost_numbers = 1});
  CHECK((complete.exits == 2 && complete.lost_exits == 1));
}

TEST_CASE("who ends while the states are read is handed out once, with its final numbers") {
  Scene scene;
  scene.drain({fork_news(1), fork_news(2, 0, abi::PROC_ADOPTED), fork_news(3)});
  Tracer::Left left;
  left.alive = {1, 2, 3};
  left.adopted = {2};
  scene.tracer.passes = {{left, {}}};
  scene.tracer.states = {state_news(1, 0, 5), state_news(3, 0, 7)};
  scene.tracer.after_states = {{end_news(1), end_news(2)}};
  scene.tracer.counted.forks = 3;
  scene.ledger.finish(kAtOnce);
  CHECK(scene.pids() == Pids{1, 2, 3});
  CHECK(scene.handed_out[0].usage.cpu_time == 10u);
  CHECK(scene.handed_out[2].alive);
  auto complete = scene.ledger.completeness(scene.tracer.counted);
  CHECK((complete.exits == 2 && complete.alive_at_end == 1 && complete.exact()));
}

TEST_CASE("who joined or ended after the ledger was looked through is not lost") {
  Scene scene;
  scene.drain({fork_news(1), fork_news(2), fork_news(3)});
  scene.tracer.counted.forks = 4;
  // 2 ends, and is reaped, before it is come to; so does 3, which is not at rest yet; 4 was being forked.
  scene.tracer.passes = {{{{1, 2, 3}, {}}, {}}, {{{1, 4}, {3}}, {fork_news(4), end_news(2)}}, {{{1, 4}, {}}, {end_news(3)}}};
  scene.tracer.states = {state_news(1, 0, 5)};
  scene.tracer.later_states = {{state_news(1, 0, 6), state_news(4, 0, 7)}};
  scene.ledger.finish(kAtOnce);
  CHECK(scene.tracer.states_read == 2);
  CHECK(scene.pids() == Pids{2, 3, 1, 4});
  CHECK(scene.tracer.given_up.empty());
  CHECK(scene.handed_out[2].usage.cpu_time == 6u);
  CHECK((scene.handed_out[2].alive && scene.handed_out[3].alive));
  auto complete = scene.ledger.completeness(scene.tracer.counted);
  CHECK((complete.exits == 2 && complete.alive_at_end == 2 && complete.exact()));
}

TEST_CASE("who was adopted on the way out is not looked for for long, and was never there") {
  Scene scene;
  scene.drain({fork_news(1), fork_news(2, 0, abi::PROC_ADOPTED)});
  scene.tracer.counted.forks = scene.tracer.counted.adopted = 1;
  Tracer::Left left;
  left.alive = {1, 2};
  left.adopted = {2};
  scene.tracer.passes.assign(20, {left, {}});
  scene.tracer.states = {state_news(1, 0, 5)};
  scene.ledger.finish(kAtOnce);
  CHECK(scene.tracer.states_read == 3);
  CHECK(scene.pids() == Pids{1});
  CHECK(scene.ledger.completeness(scene.tracer.counted).exact());
}

TEST_CASE("an end on its way is waited for, even where there is no time left") {
  Scene scene;
  scene.drain({fork_news(1)});
  scene.tracer.passes = {{{{}, {1}}, {}}};
  scene.tracer.after_states = {{}, {}, {end_news(1)}};
  scene.ledger.finish(kAtOnce);
  CHECK(scene.tracer.given_up.empty());
  CHECK(scene.pids() == Pids{1});
  CHECK(scene.handed_out[0].usage.cpu_time == 10u);
}

TEST_CASE("the image of an exec under way is waited for, but not one that was lost") {
  Scene scene;
  scene.drain({fork_news(1)});
  abi::news_process state{};
  state.header.kind = abi::NEWS_STATE;
  state.key = state.info.start_ns = 1;
  state.info.pid = 1;
  state.info.image_id = 5;
  state.info.num_execs = 1;
  Tracer::Left left;
  left.alive = {1};
  scene.tracer.passes = {{left, {}}};
  scene.tracer.states = {bytes_of(state)};
  scene.tracer.counted.forks = scene.tracer.counted.execs = 1;
  SECTION("under way") {
    scene.tracer.after_states = {{}, {}, {exec_news(1, 5, "/bin/x")}};
    scene.ledger.finish(kAtOnce);
    CHECK(scene.exe(0) == "/bin/x");
    CHECK(scene.tracer.looks == 3);
    CHECK(scene.ledger.completeness(scene.tracer.counted).exact());
  }
  SECTION("lost") {
    scene.tracer.counted.lost_argv = 1;
    scene.ledger.finish(kAtOnce);
    CHECK(scene.tracer.looks == 2);
    CHECK(scene.ledger.completeness(scene.tracer.counted).lost_argv == 1);
  }
}

TEST_CASE("finish waits for a record between the ledger and the ring") {
  Scene scene;
  scene.tracer.counted.forks = 2;
  scene.drain({fork_news(1), fork_news(2), end_news(1)});
  scene.tracer.passes = {{{}, {}}, {{}, {end_news(2)}}};
  int asked = 0;
  scene.ledger.finish([&](std::int64_t) { return ++asked < 10; });
  CHECK(asked == 1);
  CHECK(scene.pids() == Pids{1, 2});
}

TEST_CASE("an image whose news never came counts as arguments lost") {
  Scene scene;
  abi::news_process end{};
  end.header.kind = abi::NEWS_END;
  end.key = end.info.start_ns = 1;
  end.info.pid = 1;
  end.info.image_id = 5;
  end.info.flags = abi::PROC_EXITED;
  end.info.num_execs = 1;
  scene.drain({fork_news(1), bytes_of(end)});
  CHECK_FALSE(scene.handed_out.at(0).image);
  auto complete = scene.ledger.completeness({.forks = 1, .execs = 1});
  CHECK((complete.lost_argv == 1 && complete.lost_exits == 0));
  CHECK_FALSE(complete.exact());
  CHECK(scene.ledger.completeness({.forks = 1, .lost_argv = 3}).lost_argv == 3);
}

TEST_CASE("who lives on is not waited for") {
  Scene scene;
  scene.drain({fork_news(1)});
  scene.tracer.passes = {{{{1}, {}}, {}}};
  scene.tracer.states = {state_news(1)};
  scene.ledger.finish([](std::int64_t) {
    FAIL("asked to wait");
    return true;
  });
  CHECK(scene.pids() == Pids{1});
}

TEST_CASE("what is missing is counted, each loss under its name") {
  Scene scene;
  scene.drain({fork_news(1), fork_news(2), end_news(1)});
  scene.ledger.finish(kAtOnce);  // 2 never came out
  auto complete = scene.ledger.completeness({.forks = 2, .adopted = 1});
  CHECK((complete.forks == 2 && complete.exits == 1 && complete.lost_exits == 2));
  CHECK_FALSE(complete.exact());

  complete = scene.ledger.completeness({.forks = 1,
                                        .execs = 9,
                                        .lost_forks_full = 1,
                                        .lost_forks_busy = 20,
                                        .lost_fork_news = 5000,
                                        .lost_argv = 300,
                                        .missed_forks = 400,
                                        .missed_execs = 7});
  CHECK((complete.lost_forks == 5421 && complete.lost_execs == 7 && complete.lost_argv == 300 &&
         complete.execs == 9));
  CHECK((complete.forks == 0 && complete.lost_exits == 0));
  CHECK(complete.lost() == 5428);
  CHECK_FALSE(complete.exact());
  CHECK(scene.ledger.completeness({.forks = 1}).exact());
  scene.drain({end_news(9)});
  CHECK_FALSE(scene.ledger.completeness({.forks = 1}).exact());  // one came out that never went in
}

TEST_CASE("adopted processes show what they run, and their earlier CPU time is set aside") {
  Scene scene;
  scene.tracer.news = {fork_news(1, 5, abi::PROC_ADOPTED, ::getpid()), fork_news(2, 5),
                       fork_news(3, 6, abi::PROC_ADOPTED, 999'999'999)};
  scene.tracer.states = {state_news(1, abi::PROC_ADOPTED, 500, ::getpid()), state_news(2, 0, 70)};
  scene.ledger.take_adopted();
  auto& live = scene.ledger.tree().live();
  REQUIRE((live.contains(1) && live.contains(2) && live.contains(3)));
  REQUIRE(live.at(1).image);
  CHECK(live.at(1).image == live.at(2).image);
  CHECK(live.at(1).image->exe.find("/") == 0);
  CHECK_FALSE(live.at(1).image->argv.empty());
  CHECK_FALSE(live.at(3).image);  // no such process
  CHECK((live.at(1).cpu_before_ns == 500 && live.at(1).user_before_ns == 500));
  CHECK(live.at(2).cpu_before_ns == 0);  // forked since: all of it counts
  CHECK(scene.handed_out.empty());
  scene.tracer.states = {state_news(1, abi::PROC_ADOPTED, 600, ::getpid()), state_news(2, 0, 80)};
  scene.tracer.passes = {{{{1, 2}, {}}, {}}};
  scene.ledger.finish(kAtOnce);
  CHECK(scene.handed_out.size() == 2);
  CHECK(scene.summary().cpu_ns == 100 + 80);
}
