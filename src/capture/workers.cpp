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
        work();
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
  changed_.notify_one();
}

void Workers::finish() {
  {
    std::lock_guard lock(mutex_);
    complete_ = true;
  }
  changed_.notify_all();
  work();
  threads_.clear();
}

void Workers::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return complete_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    auto longest = std::max_element(waiting_.begin(), waiting_.end(), [](auto& a, auto& b) { return a.effort < b.effort; });
    auto task = std::move(longest->run);
    waiting_.erase(longest);
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace duct_bpf
