// SPDX-License-Identifier: MIT
#include "log/humanized.hpp"

#include <algorithm>
#include <iterator>

#include "log/text.hpp"

namespace duct_log {
namespace {

using Form = std::string (*)(std::optional<double>);
struct Row {
  std::string_view name;
  Form form;
};
constexpr Row kRows[] = {
    {"peak_rss", bytes_text},        {"average_rss", bytes_text},    {"peak_vsz", bytes_text},
    {"average_vsz", bytes_text},     {"peak_pss", bytes_text},       {"rss", bytes_text},
    {"vsz", bytes_text},             {"pss", bytes_text},            {"memory_total", bytes_text},
    {"peak_rss_image", bytes_text},  {"peak_rss_max", bytes_text},   {"cgroup_memory_peak", bytes_text},
    {"read_chars", bytes_text},      {"write_chars", bytes_text},    {"read_bytes", bytes_text},
    {"write_bytes", bytes_text},     {"memory_error_bound", bytes_text},
    {"wall_clock_time", duration_text}, {"wall_time", time_text},    {"cpu_time", time_text},
    {"user_time", time_text},        {"system_time", time_text},     {"startup_time", time_text},
    {"overhead_cpu", time_text},     {"pss_cpu", time_text},
    {"start_time", date_text},       {"end_time", date_text},        {"peak_rss_time", date_text},
    {"pmem", percent_text},          {"pcpu", percent_text},         {"pcpu_interval", percent_text},
    {"peak_pmem", percent_text},     {"average_pmem", percent_text}, {"peak_pcpu", percent_text},
    {"average_pcpu", percent_text},
};

}  // namespace

std::optional<std::string> humanized(std::string_view name, const Json& value) {
  const auto number = value.number();
  const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& candidate) { return candidate.name == name; });
  if (!number || row == std::end(kRows)) return std::nullopt;
  return row->form(number);
}

}  // namespace duct_log
