// SPDX-License-Identifier: MIT
// Samples and ended processes folded into reports and totals: made-up trees, numbers that can be checked by
// hand.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "core/window.hpp"

using namespace duct_bpf;

namespace {

constexpr std::int64_t kMs = 1'000'000, kSecond = 1000 * kMs;
constexpr std::int64_t kStart = 1'700'000'000 * kSecond;

// Times are ms after the start of the run, CPU times ms.
struct Scene {
  explicit Scene(unsigned cpus = 8, std::size_t max_reported = 1000, std::uint64_t memory = 10'000)
      : accountant({cpus, memory}, max_reported, kStart) {}

  void fork(Key key, std::int64_t at, ImageId image = 0) {
    start[key] = at * kMs;
    tree.on(ForkEvent{.key = key,
                      .image_id = image,
                      .start_boot_ns = static_cast<std::uint64_t>(at * kMs),
                      .pid = static_cast<pid_t>(key)});
  }
  void live(Key key, std::uint64_t cpu, std::uint64_t rss = 0, std::uint64_t vsz = 1,
            std::uint32_t threads = 1, std::uint32_t state = 'R') {
    tree.on(LiveEvent{key, cpu * kMs, rss, vsz, threads, state});
  }
  Process process(Key key, std::int64_t at, std::uint64_t cpu) const {
    Process process;
    process.pid = static_cast<pid_t>(key);
    process.comm = "comm";
    process.exit_code = 0;
    process.start_ns = start.at(key);
    process.end_ns = at * kMs;
    process.usage.cpu_time = cpu * kMs;
    process.usage.user_time = cpu * kMs * 3 / 4;
    process.usage.system_time = cpu * kMs / 4;
    return process;
  }
  void end(Key key, std::int64_t at, std::uint64_t cpu, std::uint64_t peak_rss = 0, int code = 0) {
    Process ended = process(key, at, cpu);
    ended.exit_code = code;
    if (peak_rss) ended.gauges.peak_rss = ended.gauges.peak_rss_image = peak_rss;
    end(key, std::move(ended), false);
  }
  void end(Key key, Process ended, bool left_over) {
    ProcessEvent event;
    event.key = key;
    event.start_boot_ns = static_cast<std::uint64_t>(ended.start_ns);
    event.end_boot_ns = static_cast<std::uint64_t>(ended.end_ns);
    event.final = !left_over;
    event.exited = !left_over;
    event.process = std::move(ended);
    auto known = tree.on(std::move(event));
    if (left_over)
      accountant.left_over(known.process, known.entry);
    else
      accountant.ended(known.process, known.entry);
  }
  Sample sample(std::int64_t at) { return accountant.sample(tree, kStart + at * kMs); }
  Report report(std::int64_t at) { return accountant.report(tree, kStart + at * kMs); }
  Summary summary(std::int64_t end) {
    accountant.finish(kStart + end * kMs);
    Summary summary;
    summary.wall_clock_s = static_cast<double>(end) / 1000;
    accountant.summarize(summary);
    return summary;
  }

  Accountant accountant;
  ProcessTree tree{kStart};
  std::map<Key, std::int64_t> start;
};

const ReportedProcess& row(const Report& report, pid_t pid) {
  auto found =
      std::find_if(report.processes.begin(), report.processes.end(), [&](auto& r) { return r.pid == pid; });
  REQUIRE(found != report.processes.end());
  return *found;
}

}  // namespace

TEST_CASE("totals are maxima of simultaneous sums, averages their means") {
  Scene scene;
  scene.fork(1, 0);
  scene.fork(2, 0);
  scene.live(1, 0, 100, 1000);
  scene.live(2, 0, 10, 5000);
  scene.sample(0);
  scene.live(1, 100, 10, 1000);
  scene.live(2, 0, 100, 2000);
  scene.fork(3, 500);
  scene.live(3, 0, 30, 0);
  Sample sample = scene.sample(1000);
  CHECK((sample.processes == 3 && sample.rss_bytes == 140 && sample.vsz_bytes == 3000));
  CHECK(sample.tree_cpu_ns == 100 * kMs);
  CHECK(sample.cpu_percent == Approx(10));

  Report report = scene.report(1000);
  CHECK(report.num_samples == 2);
  CHECK(row(report, 1).rss_bytes == 100u);
  CHECK(row(report, 2).rss_bytes == 100u);
  CHECK(report.totals.rss_bytes == 140);  // not 100 + 100 + 30
  CHECK(report.totals.vsz_bytes == 6000);
  CHECK(report.totals.pmem == Approx(1.4));
  CHECK(report.totals.pcpu == Approx(10));
  CHECK(report.totals.processes == 3);
  CHECK(report.averages.rss_bytes == Approx(125));
  CHECK(report.averages.vsz_bytes == Approx(4500));
  CHECK(report.averages.pmem == Approx(1.25));
  CHECK(report.averages.pcpu == Approx(5));
  CHECK(report.averages.processes == Approx(2.5));

  // The next window begins from nothing, the run's totals do not.
  scene.live(1, 100, 20, 10);
  scene.live(2, 0, 20, 10);
  scene.live(3, 0, 20, 10);
  scene.sample(2000);
  report = scene.report(2000);
  CHECK(report.num_samples == 1);
  CHECK(report.totals.rss_bytes == 60);
  CHECK(report.averages.rss_bytes == Approx(60));
  CHECK(row(report, 1).rss_bytes == 20u);
  Summary summary = scene.summary(2000);
  CHECK(summary.peak_rss_bytes == 140u);
  CHECK(summary.peak_rss_time_ns == kStart + kSecond);
  CHECK(summary.peak_vsz_bytes == 6000u);
  CHECK(summary.peak_pmem == Approx(1.4));
  CHECK(summary.average_rss_bytes == Approx((110 + 140 + 60) / 3.0));
  CHECK(summary.average_vsz_bytes == Approx((6000 + 3000 + 30) / 3.0));
  CHECK((summary.num_samples == 3 && summary.num_reports == 2));
}

TEST_CASE("pcpu is ps's, since the start of the process; pcpu_interval is the window's") {
  Scene scene;
  scene.fork(1, 0);
  scene.live(1, 0);
  scene.sample(0);
  scene.live(1, 500, 0, 1, 1, 'S');
  scene.sample(1000);
  scene.live(1, 600, 0, 1, 1, 'S');
  scene.sample(2000);
  Report report = scene.report(2000);
  CHECK(row(report, 1).pcpu == Approx(50));  // the highest seen: 500 ms of 1 s
  CHECK(row(report, 1).pcpu_interval == Approx(30));
  CHECK(row(report, 1).cpu_ns == 600u * kMs);
  CHECK(row(report, 1).elapsed_ns == 2 * kSecond);
  CHECK(row(report, 1).time_ns == kStart + 2 * kSecond);
  CHECK(row(report, 1).states == std::vector<std::pair<std::string, std::uint32_t>>{{"R", 1}, {"S", 2}});

  scene.live(1, 1400);
  scene.fork(2, 3500);
  scene.live(2, 250);
  scene.sample(4000);
  report = scene.report(4000);
  CHECK(row(report, 1).pcpu == Approx(35));           // 1400 of 4000
  CHECK(row(report, 1).pcpu_interval == Approx(40));  // 800 of 2000
  CHECK(row(report, 2).pcpu_interval == Approx(50));  // 250 of the 500 it was there
}

TEST_CASE("no rate is more than the machine has, and their sum is the CPU time") {
  std::mt19937 random(3);
  for (unsigned cpus : {1u, 2u, 7u}) {
    Scene scene(cpus);
    double summed = 0;
    std::uint64_t cpu = 0, total = 0;
    Key next = 10;
    std::int64_t at = 0;
    scene.fork(1, 0);
    scene.live(1, 0, 0, 1, 64);
    scene.sample(0);
    for (int i = 0; i < 2000; i++) {
      std::int64_t step = 1 + random() % 200;
      at += step;
      const bool busy = i < 1800;
      // Counted late and in lumps: more than the machine has in one stretch, less in another.
      if (busy && random() % 3 == 0) cpu += random() % (2 * cpus * static_cast<unsigned>(step));
      scene.live(1, cpu, 0, 1, 64);
      if (busy && random() % 4 == 0) {
        std::uint64_t own = random() % 300;
        scene.fork(next, at - 1);
        scene.end(next++, at, own);
        total += own;
      }
      Sample sample = scene.sample(at);
      REQUIRE(sample.cpu_percent <= 100.0 * cpus * 1.000001);
      REQUIRE(sample.tree_cpu_ns == (total + cpu) * kMs);
      summed += sample.cpu_percent / 100 * static_cast<double>(step);
    }
    // A long rest, so that what was carried is used up.
    summed += scene.sample(at + 1'000'000'000).cpu_percent / 100 * 1e9;
    CHECK(summed == Approx(static_cast<double>(total + cpu)).epsilon(1e-6));
    CHECK(*scene.summary(at + 1'000'000'000).peak_pcpu <= 100.0 * cpus * 1.000001);
  }
}

TEST_CASE("one thread is never more than one CPU busy, however late its time is known") {
  Scene scene(8);
  scene.fork(1, 0);
  scene.live(1, 0);
  scene.sample(0);
  CHECK(scene.sample(1000).cpu_percent == 0);
  scene.live(1, 2000);  // both seconds are known only now
  CHECK(scene.sample(2000).cpu_percent == Approx(100));
  CHECK(scene.sample(3000).cpu_percent == Approx(100));
  CHECK(scene.sample(4000).cpu_percent == 0);
}

TEST_CASE("threads that no sample has seen are not more CPUs than they are") {
  Scene scene;
  scene.fork(1, 0);
  scene.end(1, 10, 11);  // a little of it before what counts as its start
  CHECK(scene.summary(10).peak_pcpu == Approx(100));

  Scene several;
  several.fork(1, 0);
  several.fork(2, 0);
  Process threaded = several.process(1, 10, 28);
  threaded.gauges.max_threads = 3;
  several.end(1, threaded, false);
  several.end(2, several.process(2, 10, 9), true);
  CHECK(several.summary(10).peak_pcpu == Approx(370));
}

TEST_CASE("CPU time never runs backwards") {
  Scene scene;
  scene.fork(1, 0);
  scene.live(1, 500);
  scene.sample(0);
  scene.live(1, 900);
  CHECK(scene.sample(1000).cpu_percent == Approx(90));
  scene.end(1, 1500, 880);  // the last word is lower than the last look
  CHECK(scene.sample(2000).cpu_percent == 0);
  scene.fork(2, 2000);
  scene.live(2, 120);
  CHECK(scene.sample(3000).cpu_percent == Approx(10));  // against the highest sum so far
}

TEST_CASE("what lived between two samples is reported with the ledger's numbers") {
  Scene scene;
  scene.fork(1, 0);
  scene.live(1, 0, 50);
  scene.sample(0);
  scene.fork(2, 100);
  auto image = std::make_shared<Image>();
  image->argv = {"brief"};
  scene.tree.on(ExecEvent{2, 7, 0, image});
  Process brief = scene.process(2, 300, 50);
  brief.gauges.peak_rss = 4000;
  brief.gauges.peak_rss_image = 3000;
  brief.gauges.peak_vsz = 9000;
  ProcessEvent event;
  event.key = 2;
  event.image_id = 7;
  event.start_boot_ns = 100 * kMs;
  event.end_boot_ns = 300 * kMs;
  event.final = event.exited = true;
  event.process = brief;
  auto known = scene.tree.on(std::move(event));
  scene.accountant.ended(known.process, known.entry);
  CHECK(scene.accountant.anything_to_report());

  scene.sample(1000);
  Report report = scene.report(1000);
  CHECK(report.processes.size() == 2);
  const ReportedProcess& seen = row(report, 2);
  CHECK((seen.image == image && seen.comm == "comm" && seen.states.empty()));
  CHECK((seen.rss_bytes == 3000u && seen.vsz_bytes == 9000u && !seen.pss_bytes));
  CHECK((seen.cpu_ns == 50u * kMs && seen.elapsed_ns == 200 * kMs && seen.time_ns == kStart + 300 * kMs));
  CHECK(seen.pcpu == Approx(25));
  CHECK(seen.pcpu_interval == Approx(25));
  CHECK(report.totals.rss_bytes == 3000);
  CHECK(report.totals.vsz_bytes == 9000);
  CHECK(report.totals.processes == 1);  // at no sample were there two
  CHECK_FALSE(scene.accountant.anything_to_report());
  CHECK(scene.report(2000).processes.empty());  // said once

  Summary summary = scene.summary(2000);
  CHECK(summary.peak_rss_bytes == 4000u);
  CHECK(summary.peak_rss_time_ns == kStart + 300 * kMs);
  CHECK(summary.peak_vsz_bytes == 9000u);
  CHECK(summary.peak_pmem == Approx(40));
}

TEST_CASE("nothing measured of memory stays unknown, and the peak is at least the largest process") {
  Scene scene;
  scene.fork(1, 0);
  scene.end(1, 10, 5);
  CHECK_FALSE(row(scene.report(10), 1).rss_bytes);
  scene.fork(2, 10);
  scene.live(2, 0, 60);
  scene.sample(20);
  Process alive = scene.process(2, 30, 0);
  alive.gauges.peak_rss = 70;
  scene.end(2, alive, true);
  CHECK(scene.summary(30).peak_rss_bytes == 70u);

  Scene empty;
  Summary nothing = empty.summary(10);
  CHECK_FALSE(
      (nothing.peak_rss_bytes || nothing.peak_rss_time_ns || nothing.peak_vsz_bytes || nothing.peak_pmem));
  CHECK_FALSE((nothing.average_rss_bytes || nothing.average_vsz_bytes || nothing.average_pmem));
}

TEST_CASE("the first sample is too early for a rate: the second covers what was before it") {
  Scene scene;
  scene.fork(1, 0);
  scene.live(1, 40);
  CHECK(scene.sample(1).cpu_percent == 0);
  scene.live(1, 140);
  CHECK(scene.sample(1000).cpu_percent == Approx(14));
  scene.end(1, 2000, 140);
  CHECK(*scene.summary(2000).peak_pcpu == Approx(14));
}

TEST_CASE("the last stretch counts by itself where it is long, with the one before where it is short") {
  auto peak = [](std::int64_t end, std::uint64_t cpu_at_end) {
    Scene scene;
    scene.fork(1, 0);
    scene.live(1, 0);
    scene.sample(0);
    scene.live(1, 50);
    scene.sample(1000);
    scene.live(1, 150);
    scene.sample(2000);
    scene.end(1, end, cpu_at_end);
    return *scene.summary(end).peak_pcpu;
  };
  CHECK(peak(2900, 1050) == Approx(100));
  CHECK(peak(2010, 160) == Approx(100 * 110 / 1010.0));  // 10 ms at 100 % say little
  CHECK(peak(3000, 150) == Approx(10));

  Scene unsampled;  // over before the first sample: one stretch, the whole run
  unsampled.fork(1, 0);
  unsampled.end(1, 100, 80);
  Summary summary = unsampled.summary(200);
  CHECK(*summary.peak_pcpu == Approx(40));
  CHECK(*summary.average_pcpu == Approx(40));
}

TEST_CASE("a peak that a whole stretch showed is not taken back by a short one after it", "") {
  Scene scene;
  scene.fork(1, 0);
  scene.live(1, 0);
  scene.sample(0);
  scene.live(1, 800);
  scene.sample(1000);
  CHECK(scene.report(1000).totals.pcpu == Approx(80));
  scene.end(1, 1400, 800);
  CHECK(*scene.summary(1400).peak_pcpu == Approx(80));  // else info.json contradicts usage.jsonl
}

TEST_CASE("CPU time, counts and failures of the run") {
  Scene scene;
  for (Key key : {1, 2, 3, 4, 5}) scene.fork(key, 0);
  scene.end(1, 100, 10);
  scene.end(2, 100, 20, 0, 1);
  Process killed = scene.process(3, 100, 30);
  killed.exit_code.reset();
  killed.exit_signal = 9;
  scene.end(3, killed, false);
  Process alive = scene.process(4, 100, 40);
  alive.exit_code.reset();
  scene.end(4, alive, true);
  Process unmeasured = scene.process(5, 100, 0);
  unmeasured.usage = {};
  scene.end(5, unmeasured, false);
  CHECK(scene.report(100).processes.size() == 4);  // who lives on is no news
  Summary summary = scene.summary(1000);
  CHECK(summary.num_processes == 5);
  CHECK(summary.num_failed == 2);
  CHECK(summary.cpu_ns == 100u * kMs);
  CHECK(summary.user_ns == 75u * kMs);
  CHECK(summary.system_ns == 25u * kMs);
  CHECK(*summary.average_pcpu == Approx(10));
}

TEST_CASE("what an adopted process had used before is not the run's") {
  Scene scene(8);
  scene.fork(1, 0);
  LiveEntry& entry = scene.tree.live().at(1);
  entry.adopted = true;
  entry.vsz_bytes = 1;
  entry.cpu_ns = entry.cpu_before_ns = entry.window_start_cpu_ns = 5000 * kMs;
  entry.user_before_ns = 3000 * kMs;
  entry.system_before_ns = 2000 * kMs;
  CHECK(scene.sample(0).tree_cpu_ns == 0);
  scene.live(1, 5500);
  Sample sample = scene.sample(1000);
  CHECK(sample.tree_cpu_ns == 500u * kMs);
  CHECK(sample.cpu_percent == Approx(50));
  CHECK(row(scene.report(1000), 1).pcpu_interval == Approx(50));
  Process process = scene.process(1, 2000, 6000);
  process.usage.user_time = 3700 * kMs;
  process.usage.system_time = 2300 * kMs;
  scene.end(1, process, false);
  CHECK(scene.sample(2000).tree_cpu_ns == 1000u * kMs);
  Summary summary = scene.summary(2000);
  CHECK(summary.cpu_ns == 1000u * kMs);
  CHECK(summary.user_ns == 700u * kMs);
  CHECK(summary.system_ns == 300u * kMs);
  CHECK(*summary.peak_pcpu == Approx(50));
}

TEST_CASE("the least are folded into others; counts, CPU time and the largest are kept") {
  for (std::size_t keep : {0u, 1u, 4u, 5u}) {
    Scene scene(8, keep, 1'000'000);
    std::mt19937 random(4);
    std::uint64_t cpu_sum = 0;
    scene.fork(1, 0);
    scene.live(1, 1, 1);
    scene.sample(1);
    for (Key key = 100; key < 400; key++) {
      std::uint64_t cpu = random() % 100;
      std::uint64_t rss = 1 + random() % 1000;
      if (key == 222) cpu = 5000;  // the one that burns, and the one that eats
      if (key == 333) rss = 90'000;
      cpu_sum += cpu;
      scene.fork(key, 2);
      scene.end(key, 3, cpu, rss);
    }
    Report report = scene.report(1000);
    INFO("keep " << keep);
    CHECK(report.processes.size() == keep);
    CHECK(report.processes.size() + report.others == 301);
    std::uint64_t reported = report.others_cpu_ns, largest = report.others_peak_rss_max_bytes;
    for (auto& process : report.processes) {
      reported += process.cpu_ns;
      largest = std::max(largest, process.rss_bytes.value_or(0));
    }
    CHECK(reported == (cpu_sum + 1) * kMs);
    CHECK(largest == 90'000);
    CHECK(report.totals.rss_bytes == 90'000);  // totals always hold all
    if (keep >= 4) {
      row(report, 222);
      row(report, 333);
    }
    CHECK(scene.report(2000).others == 0);
    CHECK(scene.summary(2000).num_processes == 300);
  }
}

TEST_CASE("a process whose end is told after the report of the window it ended in") {
  Scene scene(8);
  scene.fork(1, 0);
  scene.live(1, 10);
  scene.sample(1);
  scene.report(1000);
  scene.end(1, 999, 11);                                   // 1 ms of teardown
  CHECK(row(scene.report(2000), 1).pcpu_interval <= 100);  // one thread: never 8 CPUs
}

TEST_CASE("teardown after the end does not make a thread more than one CPU busy") {
  Scene scene;
  scene.fork(1, 0);
  scene.end(1, 2, 5);  // 5 ms of CPU time, 2 ms of them before its exit
  Report report = scene.report(1000);
  CHECK(row(report, 1).pcpu == Approx(100));
  CHECK(row(report, 1).pcpu_interval == Approx(100));
}

TEST_CASE("a sample of zombies alone is no sample of memory") {
  Scene scene;
  scene.fork(1, 0);
  scene.live(1, 0, 100, 1000);
  scene.sample(0);
  scene.live(1, 0, 0, 0, 1, 'Z');
  CHECK(scene.sample(1000).processes == 1);
  Summary summary = scene.summary(1000);
  CHECK(summary.num_samples == 1);
  CHECK(*summary.average_rss_bytes == Approx(100));
}

TEST_CASE("the peak of an adopted process may be from before the run") {
  Scene scene;
  scene.fork(1, 0);
  scene.live(1, 0, 50);
  scene.sample(0);
  Process process = scene.process(1, 1000, 0);
  process.adopted = true;
  process.gauges.peak_rss = 5000;
  scene.end(1, process, false);
  CHECK(scene.summary(1000).peak_rss_bytes == 50u);
}

TEST_CASE("what events say of the tree's memory counts, and not the samples") {
  Scene scene;
  scene.fork(1, 0);
  scene.fork(2, 0);
  scene.live(1, 0, 500);
  scene.live(2, 0, 500);  // of two moments: never was there so much at once
  scene.sample(0);
  scene.accountant.note_window_peak(600);
  Report report = scene.report(1000);
  CHECK(report.totals.rss_bytes == 600);
  CHECK(report.totals.pmem == Approx(6));
  CHECK(report.averages.rss_bytes == Approx(1000));
  scene.accountant.note_tree_peak(600, kStart + 700 * kMs);
  Summary summary = scene.summary(1000);
  CHECK(summary.peak_rss_bytes == 600u);
  CHECK(summary.peak_rss_time_ns == kStart + 700 * kMs);
  CHECK(summary.peak_pmem == Approx(6));
}

TEST_CASE("a report's maximum is not one of a window before") {
  Scene scene;
  scene.fork(1, 0);
  scene.live(1, 0, 10);
  scene.sample(0);
  scene.accountant.note_window_peak(900);
  CHECK(scene.report(1000).totals.rss_bytes == 900);
  scene.live(1, 0, 20);
  scene.sample(1500);
  scene.end(1, 1900, 0, 900);  // its own peak was in the first window
  scene.accountant.note_window_peak(30);
  Report report = scene.report(2000);
  CHECK(report.totals.rss_bytes == 30);
  CHECK(row(report, 1).rss_bytes == 900u);
  scene.fork(2, 2100);
  scene.end(2, 2200, 0, 40);
  CHECK(scene.report(3000).totals.rss_bytes == 40);  // nothing was noted: what is known all the same
  scene.fork(3, 3100);
  scene.end(3, 3200, 0, 40);
  scene.accountant.note_window_peak(0);
  CHECK(scene.report(4000).totals.rss_bytes == 0);  // what it had, it had given back before
}

TEST_CASE("the peak of the tree is at least that of each process; its moment is the sum's where both agree") {
  auto peak = [](std::uint64_t of_tree, std::uint64_t of_process) {
    Scene scene;
    scene.fork(1, 0);
    scene.end(1, 800, 0, of_process);
    scene.accountant.note_tree_peak(of_tree, kStart + 300 * kMs);
    Summary summary = scene.summary(1000);
    return std::pair(*summary.peak_rss_bytes, (*summary.peak_rss_time_ns - kStart) / kMs);
  };
  CHECK(peak(1600, 800) == std::pair(std::uint64_t{1600}, std::int64_t{300}));
  CHECK(peak(1600, 1700) == std::pair(std::uint64_t{1700}, std::int64_t{300}));
  CHECK(peak(1600, 2000) == std::pair(std::uint64_t{2000}, std::int64_t{800}));
  CHECK(peak(0, 2000) == std::pair(std::uint64_t{2000}, std::int64_t{800}));  // no events
}

TEST_CASE("physical memory that was taken far from the peak says nothing of it") {
  auto pss = [](std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> readings) {
    Scene scene;
    scene.accountant.note_tree_peak(1000, kStart);
    for (auto [bytes, rss] : readings) scene.accountant.note_pss(bytes, rss);
    return scene.summary(1000).peak_pss_bytes;
  };
  CHECK_FALSE(pss({}));
  CHECK_FALSE(pss({{300, 937}}));  // 63 of 1000 are missing
  CHECK(pss({{300, 938}}) == 300u);
  CHECK(pss({{300, 938}, {250, 1000}, {100, 100}}) == 300u);
  CHECK_FALSE(pss({{800, 899}}));
  CHECK(pss({{800, 900}}) == 800u);  // not far off, even if all 100 are nobody else's
  CHECK_FALSE(pss({{900, 100}, {300, 900}}));
}

TEST_CASE("the physical memory of a process in a report is its highest") {
  Scene scene;
  scene.fork(1, 0);
  scene.live(1, 0, 50);
  scene.sample(0);
  CHECK_FALSE(row(scene.report(0), 1).pss_bytes);
  for (std::uint64_t bytes : {20, 40, 30}) {
    scene.tree.live().at(1).pss_bytes = bytes;
    scene.sample(1000);
  }
  CHECK(row(scene.report(1000), 1).pss_bytes == 40u);
}
