// SPDX-License-Identifier: MIT
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "capture/workers.hpp"

using duct_bpf::dealt_out;
using duct_bpf::permitted_cpus;
using duct_bpf::Workers;

TEST_CASE("without threads the caller does all, the longest first", "[workers]") {
  Workers workers(0);
  CHECK(workers.threads() == 0);
  std::vector<int> done;
  for (int effort : {2, 5, 1, 4}) workers.add(static_cast<std::size_t>(effort), [&done, effort] { done.push_back(effort); });
  CHECK(done.empty());
  workers.finish();
  CHECK(done == std::vector<int>{5, 4, 2, 1});
  workers.add(3, [&done] { done.push_back(3); });
  workers.finish();
  CHECK(done.back() == 3);
}

TEST_CASE("all tasks are done, once, when finish() returns", "[workers]") {
  std::vector<std::atomic<int>> runs(1000);
  Workers workers(3);
  for (auto& each : runs) workers.add(1, [&each] { each++; });
  workers.finish();
  for (auto& each : runs) REQUIRE(each == 1);
  CHECK(workers.threads() == 0);
}

TEST_CASE("what is added is begun at once, beside the caller", "[workers]") {
  Workers workers(1);
  if (!workers.threads()) return;  // one CPU
  std::promise<std::thread::id> begun;
  workers.add(1, [&begun] { begun.set_value(std::this_thread::get_id()); });
  CHECK(begun.get_future().get() != std::this_thread::get_id());
}

TEST_CASE("what was given is done where nobody asks for it", "[workers]") {
  std::atomic<int> runs = 0;
  { Workers workers(0), others(2); for (auto* each : {&workers, &others}) each->add(1, [&runs] { runs++; }); }
  CHECK(runs == 2);
}

TEST_CASE("small tasks may be left to the threads", "[workers]") {
  std::atomic<int> small = 0, large = 0;
  std::promise<void> go;
  Workers workers(1);
  workers.add(0, [&, gone = go.get_future().share()] {
    if (workers.threads()) gone.wait();
    small++;
  });
  for (int i = 0; i < 2; i++) workers.add(1, [&] { large++; });
  workers.finish(1);
  CHECK(large == 2);
  CHECK(small == 0);
  go.set_value();
  workers.finish();
  CHECK(small == 1);
}

TEST_CASE("a task that is under way is waited for", "[workers]") {
  std::atomic<bool> done = false;
  std::promise<void> begun;
  Workers workers(1);
  workers.add(5, [&] {
    begun.set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    done = true;
  });
  if (workers.threads()) begun.get_future().wait();
  workers.finish(1);
  CHECK(done);
}

TEST_CASE("threads that are dismissed do what there is, and end", "[workers]") {
  std::atomic<int> done = 0;
  Workers workers(1);
  workers.add(1, [&] { done++; });
  workers.dismiss();
  workers.finish();
  CHECK(done == 1);
  CHECK(workers.threads() == 0);
}

TEST_CASE("threads keep to CPUs of their own, and the caller is free again", "[workers]") {
  const cpu_set_t before = permitted_cpus();
  Workers workers(1);
  const cpu_set_t ours = permitted_cpus();
  if (workers.threads()) {
    std::promise<cpu_set_t> told;
    workers.add(1, [&] { told.set_value(permitted_cpus()); });
    const cpu_set_t theirs = told.get_future().get();  // by a thread: we do nothing until it has
    cpu_set_t shared;
    CPU_AND(&shared, &theirs, &ours);
    CHECK(CPU_COUNT(&shared) == 0);
    CHECK(CPU_COUNT(&theirs) + CPU_COUNT(&ours) == CPU_COUNT(&before));
  }
  workers.finish();
  const cpu_set_t after = permitted_cpus();
  CHECK(CPU_EQUAL(&before, &after));
}

TEST_CASE("CPUs are dealt out", "[workers]") {
  const cpu_set_t permitted = permitted_cpus();
  for (std::size_t count : {1, 2, 3, 100}) {
    const auto parts = dealt_out(permitted, count);
    REQUIRE(parts.size() == count);
    CHECK(CPU_COUNT(&parts[0]) > 0);
    int all = 0;
    for (const cpu_set_t& each : parts) all += CPU_COUNT(&each);
    CHECK(all == CPU_COUNT(&permitted));
  }
}
