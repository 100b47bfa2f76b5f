// SPDX-License-Identifier: MIT
#include "log/run_metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "log/text.hpp"

namespace duct_log {
namespace {

std::string count(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15 ? count_text(static_cast<std::int64_t>(value)) : fmt::format("{:.1f}", value);
}
std::string bytes(double value) { return value < 0 ? "-" + bytes_text(-value) : bytes_text(value); }
std::string time(double value) { return time_text(value); }
std::string percent(double value) { return percent_text(value); }

template <auto member>
std::optional<double> get(const ExecutionSummary& summary) {
  const auto& value = summary.*member;
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

}  // namespace

const std::vector<RunMetric>& run_metrics() {
  using S = ExecutionSummary;
  static const std::vector<RunMetric> metrics = {
      {"exit_code", "exit code", count, get<&S::exit_code>},
      {"wall_clock_time", "wall clock", time, get<&S::wall_clock_time>},
      {"cpu_time", "CPU time", time, get<&S::cpu_time>},
      {"user_time", "  user", time, get<&S::user_time>},
      {"system_time", "  system", time, get<&S::system_time>},
      {"average_pcpu", "average CPU", percent, get<&S::average_pcpu>},
      {"peak_pcpu", "peak CPU", percent, get<&S::peak_pcpu>},
      {"peak_rss", "peak memory (RSS)", bytes, get<&S::peak_rss>},
      {"peak_pss", "peak memory (PSS)", bytes, get<&S::peak_pss>},
      {"average_rss", "average memory", bytes, get<&S::average_rss>},
      {"num_processes", "processes", count, get<&S::num_processes>},
      {"max_processes", "  at once", count, get<&S::max_processes>},
      {"num_execs", "execs", count, get<&S::num_execs>},
      {"num_failed", "failed", count, get<&S::num_failed>},
  };
  return metrics;
}

const RunMetric& run_metric(std::string_view name) {
  return *std::find_if(run_metrics().begin(), run_metrics().end(), [&](const RunMetric& metric) { return metric.name == name; });
}

std::string recorder_of(const Info& info) {
  if (info.tracer) return info.tracer->sampler.value_or("bpf");
  return "con-duct";
}

}  // namespace duct_log
