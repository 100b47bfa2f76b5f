// SPDX-License-Identifier: MIT
#include "capture/command_entry.hpp"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>

#include "capture/machine.hpp"
#include "capture/os_error.hpp"

namespace duct_bpf {
namespace {

constexpr int kMostChildren = 100'000;  // that a shell had which has executed us, or that init has inherited

constexpr int kMostTries = 1000;  // a millisecond and some

Error cannot_enter(int error) { return os_error("cannot enter the command into the ledger", error); }

template <typename Counter>
void add_one(Counter& counter) {
  __atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
}

// Until its exec it is a copy of the tracer, whose memory is not its own.
abi::group_slot slot_of(const abi::found_child& found, std::uint64_t start_ns, const KernelSide::Variables& state) {
  abi::group_slot slot{};
#define GAUGE(name, unit, help) slot.info.name = ABI_ABSENT;
#include "metrics.def"
  slot.info.max_threads = 1;
  slot.info.start_ns = start_ns;
  slot.info.pid = found.pid;
  slot.info.pid_ns = found.pid_ns;
  slot.info.ppid = ::getpid();
  slot.info.flags = abi::PROC_BORROWED_MM;
  slot.info.tree_peak = state.memory.peak_number;
  slot.leader = found.leader;
  slot.lender = state.tracer_key;
  slot.peak_rss_before = ABI_ABSENT;
  return slot;
}

}  // namespace

Result<abi::news_fork> enter_command(KernelSide::Variables& state, int groups, pid_t pid, const std::function<int()>& arm) {
  abi::found_child& found = state.command;
  // It waits, or is about to, and then the kernel has brought its CPU time up to date.
  for (int tries = 0; tries == 0 || (found.on_cpu && tries < kMostTries); tries++) {
    found = {};
    found.pid = pid;
    for (int looks = 0; !found.key; looks++) {
      if (looks == kMostChildren) return cannot_enter(ESRCH);
      if (int error = arm()) return cannot_enter(-error);
    }
  }
  const auto now_ns = static_cast<std::uint64_t>(boot_now_ns());
  const abi::group_slot slot = slot_of(found, now_ns - found.cpu_ns, state);
  if (bpf_map_update_elem(groups, &found.key, &slot, BPF_NOEXIST)) return cannot_enter(errno);
  add_one(state.counters.forks);
  add_one(state.counters.live);
  add_one(state.counters.live_threads);
  abi::news_fork news{};
  news.header = {sizeof news, abi::NEWS_FORK, slot.info.start_ns};
  news.key = found.key;
  news.parent_key = state.tracer_key;
  news.start_ns = slot.info.start_ns;
  news.pid = pid;
  news.ppid = slot.info.ppid;
  news.pid_ns = slot.info.pid_ns;
  news.flags = slot.info.flags;
  found = {};
  return news;
}

}  // namespace duct_bpf
