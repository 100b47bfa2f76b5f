// SPDX-License-Identifier: MIT
#include "capture/workers.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace duct_bpf {

Workers::Workers(std::size_t most) : callers_cpus_(permitted_cpus()) {
  const std::size_t cpus = static_cast<std::size_t>(std::max(1, CPU_COUNT(&callers_cpus_)));
  const auto parts = dealt_out(callers_cpus_, std::min(cpus, most + 1));
  for (std::size_t i = 1; i < parts.size(); i++) {
    try {
      threads_.push_back(std::make_unique<SideThread>(parts[i], [this] { work(0, true); }));
    } catch (const std::system_error&) {
      break;  // no thread to be had: those that there are do it all
    }
  }
  if (!threads_.empty()) keep_to(parts[0]);
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
  if (least_effort) return;
  dismiss();
  if (threads_.empty()) return;
  threads_.clear();
  keep_to(callers_cpus_);
}

void Workers::dismiss() {
  {
    std::lock_guard lock(mutex_);
    complete_ = true;
  }
  changed_.notify_all();
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
