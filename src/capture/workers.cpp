// SPDX-License-Identifier: MIT
#include "capture/workers.hpp"

#include <sched.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace duct_bpf {

Workers::Workers(std::size_t most) {
  // A new thread starts on our CPU and would share it with us for as long as we both take: it is sent elsewhere, once.
  cpu_set_t permitted, elsewhere;
  CPU_ZERO(&permitted);
  ::sched_getaffinity(0, sizeof permitted, &permitted);
  elsewhere = permitted;
  CPU_CLR(::sched_getcpu(), &elsewhere);
  const std::size_t cpus = std::max(1u, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < std::min(cpus - 1, most); i++) {
    try {
      threads_.emplace_back([this, permitted, elsewhere] {
        ::sched_setaffinity(0, sizeof elsewhere, &elsewhere);  // fails where there is no other
        ::sched_setaffinity(0, sizeof permitted, &permitted);
        work(0, true);
      });
    } catch (const std::system_error&) {
      break;  // no thread to be had: those that there are do it all
    }
  }
}

void Workers::add(std::size_t effort, std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back({effort, std::move(task)});
  }
  changed_.notify_all();  // one alone may be a caller who does not take it
}

void Workers::finish(std::size_t least_effort) {
  work(least_effort, false);
  if (least_effort == 0) join();
}

void Workers::join() {
  {
    std::lock_guard lock(mutex_);
    complete_ = true;
  }
  changed_.notify_all();
  threads_.clear();
}

void Workers::work(std::size_t least_effort, bool waits_for_more) {
  std::unique_lock lock(mutex_);
  auto by_effort = [](auto& a, auto& b) { return a.effort < b.effort; };
  auto is_due = [&] {
    return std::any_of(waiting_.begin(), waiting_.end(), [&](auto& each) { return each.effort >= least_effort; });
  };
  auto is_over = [&] { return waits_for_more ? complete_ : under_way_.lower_bound(least_effort) == under_way_.end(); };
  for (;;) {
    changed_.wait(lock, [&] { return is_due() || is_over(); });
    if (!is_due()) return;
    auto longest = std::max_element(waiting_.begin(), waiting_.end(), by_effort);
    Task task = std::move(*longest);
    waiting_.erase(longest);
    auto mark = under_way_.insert(task.effort);
    lock.unlock();
    task.run();
    lock.lock();
    under_way_.erase(mark);
    changed_.notify_all();
  }
}

}  // namespace duct_bpf
