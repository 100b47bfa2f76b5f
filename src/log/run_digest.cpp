// SPDX-License-Identifier: MIT
#include "log/run_digest.hpp"

#include <algorithm>

namespace duct_log {
namespace {

// Keeps `list` the `count` that come first in the order of `before`.
template <typename Before>
void keep(std::vector<Process>& list, const Process& process, std::size_t count, Before&& before) {
  if (list.size() == count && (count == 0 || !before(process, list.back()))) return;
  if (list.size() == count) list.pop_back();
  list.insert(std::upper_bound(list.begin(), list.end(), process, before), process);
}

bool more_cpu(const Process& a, const Process& b) { return a.cpu_time.value_or(0) > b.cpu_time.value_or(0); }
bool more_memory(const Process& a, const Process& b) { return a.peak_rss.value_or(0) > b.peak_rss.value_or(0); }
bool ended_before(const Process& a, const Process& b) { return a.end_time.value_or(1e300) < b.end_time.value_or(1e300); }

}  // namespace

Result<RunDigest> digest(const RunFiles& files, std::size_t count, const Warn& warn) {
  RunDigest digest;
  const auto source = for_each_known_process(files, warn, [&](const Process& process) {
    ++digest.processes;
    digest.alive += process.alive ? 1 : 0;
    digest.cpu_time += process.cpu_time.value_or(0);
    digest.largest_peak_rss = std::max(digest.largest_peak_rss, process.peak_rss.value_or(0));
    keep(digest.by_cpu, process, count, more_cpu);
    keep(digest.by_memory, process, count, more_memory);
    if (!process.failed()) return;
    ++digest.failed;
    if (process.depth == 0) return;
    ++digest.failed_below;
    keep(digest.failures, process, count, ended_before);
  });
  if (!source) return source.error();
  digest.source = *source;
  return digest;
}

}  // namespace duct_log
