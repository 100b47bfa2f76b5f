// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <numeric>

#include "log/process_choice.hpp"
#include "log/series.hpp"

namespace {

using duct_log::Info;
using duct_log::Process;
using duct_log::Series;
using duct_log::SeriesMaker;
using duct_log::UsageProcess;
using duct_log::UsageReport;

constexpr double kStart = 1'000'000;

Info info_of(double span, std::int64_t cpus) {
  Info info;
  info.cpu_total = cpus;
  info.summary.start_time = kStart;
  info.summary.end_time = kStart + span;
  return info;
}

Process process(std::int64_t pid, double start, double end, double cpu, std::int64_t rss = 0) {
  Process made;
  made.pid = pid;
  made.start_time = kStart + start;
  made.end_time = kStart + end;
  made.wall_time = end - start;
  made.cpu_time = cpu;
  made.peak_rss = rss;
  return made;
}

UsageReport report(double time, std::vector<UsageProcess> processes) {
  UsageReport made;
  made.time = kStart + time;
  made.processes = std::move(processes);
  return made;
}

UsageProcess used(std::int64_t pid, double time, double cpu) {
  UsageProcess made;
  made.pid = pid;
  made.time = kStart + time;
  made.cpu_time = cpu;
  return made;
}

double cpu_seconds(const Series& series) {
  return std::accumulate(series.cpu.begin(), series.cpu.end(), 0.0, [](double sum, const auto& rate) { return sum + rate.value_or(0); }) / 100 * series.step;
}

}  // namespace

TEST_CASE("CPU time is spread over a life and nothing of it is lost") {
  SeriesMaker maker(info_of(10, 4), true);
  maker.add(process(1, 2, 7, 2.5));
  maker.add(process(2, 0, 10, 10));
  maker.add(process(3, 3.3, 3.31, 0.01));
  const Series series = maker.make(10);
  REQUIRE(series.step == Approx(1));
  CHECK(*series.cpu[0] == Approx(100));
  CHECK(*series.cpu[2] == Approx(150));
  CHECK(*series.cpu[3] == Approx(151));
  CHECK(*series.cpu[7] == Approx(100));
  CHECK(cpu_seconds(series) == Approx(12.51));
}

TEST_CASE("where a report knows how much CPU time a process had used, the curve does too") {
  SeriesMaker maker(info_of(10, 4), true);
  maker.add(process(1, 0, 10, 5));
  maker.add(report(8, {used(1, 8, 1)}));
  const Series series = maker.make(10);
  CHECK(*series.cpu[3] == Approx(12.5));
  CHECK(*series.cpu[9] == Approx(200));
  CHECK(cpu_seconds(series) == Approx(5));
}

TEST_CASE("a report of another process with the same pid, or of one that is not listed, is not taken") {
  SeriesMaker maker(info_of(10, 4), true);
  maker.add(process(1, 0, 2, 1));
  maker.add(process(1, 6, 10, 2));
  maker.add(report(3, {used(1, 1, 0.9), used(99, 3, 50)}));
  const Series series = maker.make(10);
  CHECK(*series.cpu[0] == Approx(90));
  CHECK(*series.cpu[1] == Approx(10));
  CHECK(*series.cpu[4] == Approx(0).margin(1e-6));
  CHECK(*series.cpu[8] == Approx(50));
}

TEST_CASE("no step has more CPU time than the CPUs give, and the sum stays") {
  SeriesMaker maker(info_of(10, 2), true);
  for (int pid = 1; pid <= 5; ++pid) maker.add(process(pid, 4, 6, 1));  // 2.5 CPUs in steps 4 and 5
  const Series series = maker.make(10);
  for (const auto& rate : series.cpu) CHECK(*rate <= 200 + 1e-6);
  CHECK(*series.cpu[6] == Approx(100));
  CHECK(cpu_seconds(series) == Approx(5));
}

TEST_CASE("alive at once is the most in a step, and one that came and went within a step is there") {
  SeriesMaker maker(info_of(10, 4), true);
  maker.add(process(1, 0, 10, 0));
  maker.add(process(2, 3.2, 3.4, 0));
  maker.add(process(3, 3.4, 3.6, 0));  // the one before is gone then
  maker.add(process(4, 5.5, 5.5, 0));  // seen once
  const Series series = maker.make(10);
  CHECK(*series.processes[0] == 1);
  CHECK(*series.processes[3] == 2);
  CHECK(*series.processes[4] == 1);
  CHECK(*series.processes[5] == 2);
}

TEST_CASE("memory is at most what those alive had at their peaks, and never above the tree's peak") {
  Info info = info_of(10, 4);
  info.summary.peak_rss = 250;
  SeriesMaker maker(info, true);
  maker.add(process(1, 0, 10, 0, 100));
  maker.add(process(2, 2, 8, 0, 200));
  const Series series = maker.make(10);
  CHECK(*series.rss_at_most[1] == 100);
  CHECK(*series.rss_at_most[5] == 250);
  CHECK(*series.rss_at_most[9] == 100);
  CHECK(series.rss_reported.empty());
}

TEST_CASE("of sampled processes no bound of the memory is known") {
  SeriesMaker maker(info_of(10, 4), false);
  maker.add(process(1, 0, 10, 1, 100));
  CHECK(maker.make(10).rss_at_most.empty());
}

TEST_CASE("a report's numbers stand for the time since the one before") {
  SeriesMaker maker(info_of(10, 4), false);
  for (int i = 1; i <= 5; ++i) {
    UsageReport made = report(2 * i - 0.001, {});
    made.totals.rss = 100 * i;
    made.averages.rss = 50 * i;
    made.totals.pcpu = 10 * i;
    maker.add(made);
  }
  const Series series = maker.make(10);
  CHECK(*series.rss_reported[0] == 100);
  CHECK(*series.rss_reported[4] == 300);
  CHECK(*series.rss_mean[4] == 150);
  CHECK(*series.cpu_reported[9] == 50);
  CHECK(series.cpu.empty());
}

TEST_CASE("without an info.json the time is that of the processes") {
  SeriesMaker maker(Info{}, true);
  maker.add(process(1, 3, 5, 1));
  CHECK(maker.start() == Approx(kStart + 3));
  CHECK(maker.span() == Approx(2));
  SeriesMaker empty(Info{}, true);
  CHECK(empty.span() > 0);
  CHECK(empty.make(10).cpu.empty());
}

TEST_CASE("of too many processes those that matter are chosen") {
  duct_log::ProcessChoice choice;
  for (int i = 0; i < 1000; ++i) {
    Process made = process(i, 0, 1, 0.001 * i, 1000 - i);
    made.depth = i == 500 ? 0 : 1;
    made.exit_code = i == 300 ? 1 : 0;
    choice.add(made);
  }
  const auto all = choice.choose(1000);
  CHECK(std::count(all.begin(), all.end(), true) == 1000);
  const auto some = choice.choose(100);
  CHECK(std::count(some.begin(), some.end(), true) == 100);
  for (const std::size_t expected : {500U, 300U, 999U, 0U}) CHECK(some[expected]);
}

TEST_CASE("what became known late is no burst") {
  // A busy thread, looked at a moment before its end; one of two threads may be a burst of 200 %.
  for (const std::int64_t threads : {1, 2}) {
    SeriesMaker maker(info_of(10, 4), true);
    Process busy = process(1, 0, 5, 4.5);
    busy.max_threads = threads;
    maker.add(busy);
    maker.add(report(2, {used(1, 2, 2.0)}));
    maker.add(report(4.75, {used(1, 4.75, 4.0)}));
    const Series series = maker.make(100);
    CHECK(cpu_seconds(series) == Approx(4.5));
    CHECK(*series.cpu[10] == Approx(100));
    CHECK(*series.cpu[49] == Approx(threads == 1 ? 100 * 2.5 / 3 : 200));
  }
}
