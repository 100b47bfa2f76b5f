// SPDX-License-Identifier: MIT
#include "capture/physical_memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>

#include "capture/fd.hpp"

namespace duct_bpf {
namespace {

std::int64_t thread_cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Of a line "Pss:   1234 kB"; `name` with the newline before it.
std::optional<std::uint64_t> bytes_in(std::string_view rollup, std::string_view name) {
  std::size_t at = rollup.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  at = rollup.find_first_of("0123456789", at);
  std::uint64_t kilobytes = 0;
  if (at == std::string_view::npos ||
      std::from_chars(rollup.data() + at, rollup.data() + rollup.size(), kilobytes).ec != std::errc())
    return std::nullopt;
  return kilobytes * 1024;
}

std::optional<PhysicalMemory::Sums> sums_of(const ProcReader& proc, pid_t pid) {
  Fd file = proc.file(pid, "smaps_rollup");
  char text[4096];
  ssize_t size = file ? ::read(file.get(), text, sizeof text) : -1;
  if (size <= 0) return std::nullopt;
  std::string_view rollup(text, static_cast<std::size_t>(size));
  auto pss = bytes_in(rollup, "\nPss:"), rss = bytes_in(rollup, "\nRss:");
  if (!pss || !rss) return std::nullopt;
  return PhysicalMemory::Sums{*pss, *rss};
}

}  // namespace

PhysicalMemory::PhysicalMemory(std::int64_t free_ns) : has_proc_(bool(proc_.open())), free_ns_(free_ns) {}

std::int64_t PhysicalMemory::price_ns(const Run& run) const {
  return std::max(static_cast<std::int64_t>(run.processes) * kSmallProcessNs, price_ns(run.rss_bytes));
}

std::int64_t PhysicalMemory::earned_ns(const Run& run) {
  return std::min(run.elapsed_ns / 100, static_cast<std::int64_t>(run.cpu_ns / 10));
}

bool PhysicalMemory::may_read(const Run& run) const {
  std::int64_t price = price_ns(run);
  return spent_ns_ + price <= free_ns_ + earned_ns(run) ||
         (spent_ns_ < price / 4 && price <= static_cast<std::int64_t>(run.cpu_ns / 4));
}

bool PhysicalMemory::may_glance(const Run& run) const {
  std::int64_t price = price_ns(run);
  return price <= kGlanceNs && spent_ns_ + price <= (free_ns_ + earned_ns(run)) / 5;
}

std::optional<PhysicalMemory::Sums> PhysicalMemory::read(ProcessTree& tree) {
  if (!has_proc_) return std::nullopt;
  std::int64_t before = thread_cpu_ns();
  Sums sums;
  std::int64_t readings = 0;
  for (auto& [key, entry] : tree.live()) {
    entry.pss_bytes.reset();
    if (!entry.rss_bytes) continue;
    auto reading = sums_of(proc_, entry.pid);
    if (!reading) continue;  // it has ended, or may not be looked at
    readings++;
    entry.pss_bytes = reading->pss_bytes;
    sums.pss_bytes += reading->pss_bytes;
    sums.rss_bytes += reading->rss_bytes;
  }
  std::int64_t cost = thread_cpu_ns() - before;
  spent_ns_ += cost;
  if (sums.rss_bytes >= kTellingBytes) ns_per_byte_ = static_cast<double>(cost) / static_cast<double>(sums.rss_bytes);
  return readings ? std::optional(sums) : std::nullopt;
}

std::optional<std::uint64_t> PhysicalMemory::touched_bytes(ProcessTree& tree) {
  if (!has_proc_ || tree.live().size() > kMostForFaults) return std::nullopt;
  std::int64_t before = thread_cpu_ns();
  for (auto& [key, entry] : tree.live()) {
    auto stat = proc_.stat(entry.pid);
    if (!stat) continue;
    std::uint64_t faults = stat->minor_faults + stat->major_faults;
    touched_bytes_ += (faults - std::min(faults, entry.faults)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    entry.faults = faults;
  }
  spent_ns_ += thread_cpu_ns() - before;
  return touched_bytes_;
}

OwnCgroup::OwnCgroup() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::/") || line.size() == 4) continue;  // not v2's, or the root: the machine
    std::string folder = "/sys/fs/cgroup" + line.substr(3);
    std::ifstream members(folder + "/cgroup.procs");
    long first = 0, second = 0;
    if (members >> first && first == ::getpid() && !(members >> second)) folder_ = folder;
  }
}

std::optional<std::uint64_t> OwnCgroup::memory_peak() const {
  std::uint64_t bytes = 0;
  if (folder_.empty() || !(std::ifstream(folder_ + "/memory.peak") >> bytes)) return std::nullopt;
  return bytes;
}

}  // namespace duct_bpf
