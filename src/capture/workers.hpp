// SPDX-License-Identifier: MIT
// A few threads that do what they are given side by side, the longest first, so that none is left with it at the end.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "capture/side_thread.hpp"

namespace duct_bpf {

class Workers {
 public:
  // One thread for each CPU but the caller's, `most` at most; fewer, or none, where the machine gives no more. They have the
  // capabilities that the caller has now. Until finish(), of the same thread, they and the caller keep to CPUs of their own.
  explicit Workers(std::size_t most);
  ~Workers() { finish(); }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  std::size_t threads() const { return threads_.size(); }
  const cpu_set_t& callers_cpus() const { return callers_cpus_; }  // before and after
  // `effort`: in any unit, beside that of other tasks.
  void add(std::size_t effort, std::function<void()> task);
  // The caller does its part of the tasks with at least this effort. Returns when these are done; with 0, when all is done and the
  // threads have ended: what is added later waits for the next call.
  void finish(std::size_t least_effort = 0);
  // Nothing will be added before the next finish(): the threads may end, which takes a while, when all is done.
  void dismiss();

 private:
  struct Task {
    std::size_t effort;
    std::function<void()> run;
  };
  void work(std::size_t least_effort, bool waits_for_more);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Task> waiting_;
  std::multiset<std::size_t> under_way_;  // efforts
  bool complete_ = false;
  cpu_set_t callers_cpus_;
  std::vector<std::unique_ptr<SideThread>> threads_;
};

}  // namespace duct_bpf
