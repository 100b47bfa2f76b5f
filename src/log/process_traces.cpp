// SPDX-License-Identifier: MIT
#include "log/process_traces.hpp"

#include <algorithm>

#include "log/cpu_knots.hpp"
#include "log/process_text.hpp"

namespace duct_log {
namespace {

// Keeps `list` sorted and no longer than `most`.
template <typename Less>
void keep(std::vector<Trace>& list, std::size_t most, const Trace& trace, Less&& larger) {
  if (list.size() == most && (most == 0 || !larger(trace, list.back()))) return;
  list.insert(std::upper_bound(list.begin(), list.end(), trace, larger), trace);
  if (list.size() > most) list.pop_back();
}

constexpr double kSeenLate_s = 1;  // a report may name a process so long after its end, its clock being in whole seconds

}  // namespace

void TraceMaker::add(const Process& process) {
  const Trace trace{.name = program_of(process),
                    .pid = process.pid,
                    .start = process.start_time - start_,
                    .end = std::max(process.end_time.value_or(end_), process.start_time) - start_,
                    .cpu_time = process.cpu_time,
                    .peak_rss = process.peak_rss,
                    .most_cpus = most_cpus(process.max_threads, cpus_),
                    .cpu = {},
                    .rss = {}};
  if (trace.cpu_time.value_or(0) > 0)
    keep(by_cpu_, most_, trace, [](const Trace& a, const Trace& b) { return *a.cpu_time > *b.cpu_time; });
  if (trace.peak_rss.value_or(0) > 0)
    keep(by_rss_, most_, trace, [](const Trace& a, const Trace& b) { return *a.peak_rss > *b.peak_rss; });
}

void TraceMaker::choose() {
  const auto take = [&](const std::vector<Trace>& from, std::size_t until) {
    for (const Trace& trace : from) {
      const auto same = [&](const Trace& other) { return other.pid == trace.pid && other.start == trace.start; };
      if (traces_.size() < until && std::none_of(traces_.begin(), traces_.end(), same)) traces_.push_back(trace);
    }
  };
  take(by_cpu_, (most_ + 1) / 2);
  take(by_rss_, most_);
  take(by_cpu_, most_);
}

Trace* TraceMaker::of(const UsageProcess& process, double time) {
  const auto found = std::find_if(traces_.begin(), traces_.end(), [&](const Trace& trace) {
    return trace.pid == process.pid && time >= trace.start && time <= trace.end + kSeenLate_s;
  });
  return found == traces_.end() ? nullptr : &*found;
}

void TraceMaker::add(const UsageReport& report) {
  for (const UsageProcess& process : report.processes) {
    const double time = process.time.value_or(report.time) - start_;
    Trace* const trace = of(process, time);
    if (trace == nullptr) continue;
    if (process.rss) trace->rss.emplace_back(time, *process.rss);
    const auto cpu = lifetime_cpu_ ? process.pcpu : cpu_seconds(process, source_);
    if (cpu) trace->cpu.emplace_back(time, *cpu);
  }
}

std::vector<Trace> TraceMaker::take() {
  for (Trace& trace : traces_) {
    // A report's number stands for the time before it.
    Points rss{{trace.start, trace.rss.empty() ? static_cast<double>(trace.peak_rss.value_or(0)) : trace.rss.front().second}};
    for (std::size_t i = 1; i < trace.rss.size(); ++i) rss.emplace_back(trace.rss[i - 1].first, trace.rss[i].second);
    rss.emplace_back(trace.end, rss.back().second);
    trace.rss = std::move(rss);

    Points cpu;
    double time = trace.start;
    CpuKnots known;
    known.begin(trace.start, trace.most_cpus);
    for (const auto& [next_time, value] : trace.cpu) {
      if (lifetime_cpu_) {
        cpu.emplace_back(time, value);
        time = next_time;
      } else if (next_time <= trace.end && (source_ == CpuSource::ps || value <= trace.cpu_time.value_or(value))) {
        known.add(next_time, value);
      }
    }
    if (!lifetime_cpu_ && source_ == CpuSource::known && trace.cpu_time) known.add(trace.end, *trace.cpu_time);
    for (std::size_t i = 1; i < known.knots().size(); ++i) {
      const auto &from = known.knots()[i - 1], &to = known.knots()[i];
      cpu.emplace_back(from.time, (to.used - from.used) / (to.time - from.time) * 100);
    }
    if (!cpu.empty()) cpu.emplace_back(trace.end, cpu.back().second);
    trace.cpu = std::move(cpu);
  }
  return std::move(traces_);
}

}  // namespace duct_log
