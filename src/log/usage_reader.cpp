// SPDX-License-Identifier: MIT
// usage.jsonl (and usage.json, as con-duct named it before 0.20): one report a line.
#include <charconv>

#include "log/line_warnings.hpp"
#include "log/record_time.hpp"
#include "log/run_record.hpp"

namespace duct_log {
namespace {

std::optional<double> number_in(const Json& object, std::string_view name) {
  const Json* const found = object.find(name);
  return found != nullptr ? found->number() : std::nullopt;
}

std::string text_in(const Json& object, std::string_view name) {
  const Json* const found = object.find(name);
  return found != nullptr ? found->text().value_or("") : "";
}

UsageTotals totals_in(const Json& report, std::string_view name) {
  const Json* const found = report.find(name);
  if (found == nullptr) return {};
  return {.pmem = number_in(*found, "pmem"),
          .pcpu = number_in(*found, "pcpu"),
          .rss = number_in(*found, "rss"),
          .vsz = number_in(*found, "vsz"),
          .pcpu_interval = number_in(*found, "pcpu_interval"),
          .processes = number_in(*found, "processes")};
}

std::optional<UsageProcess> process_of(const std::string& key, const Json& json) {
  UsageProcess process;
  const char* const end = key.data() + key.size();
  const auto [behind, failure] = std::from_chars(key.data(), end, process.pid);
  if (failure != std::errc() || (behind != end && *behind != '#') || json.object() == nullptr) return std::nullopt;
  process.key = key;
  process.pcpu = number_in(json, "pcpu");
  process.pmem = number_in(json, "pmem");
  process.rss = number_in(json, "rss");
  process.vsz = number_in(json, "vsz");
  process.pcpu_interval = number_in(json, "pcpu_interval");
  process.cpu_time = number_in(json, "cpu_time");
  process.pss = number_in(json, "pss");
  process.time = parse_iso_time(text_in(json, "timestamp"));
  process.age = parse_etime(text_in(json, "etime"));
  process.cmd = text_in(json, "cmd");
  return process;
}

// Empty: no report.
std::optional<UsageReport> report_of(const Json& json) {
  const auto time = parse_iso_time(text_in(json, "timestamp"));
  const Json* const processes = json.find("processes");
  if (!time || processes == nullptr || processes->object() == nullptr) return std::nullopt;
  UsageReport report;
  report.time = *time;
  if (const Json* const samples = json.find("num_samples")) report.num_samples = samples->integer().value_or(0);
  for (const auto& [key, value] : *processes->object()) {
    if (auto process = process_of(key, value)) report.processes.push_back(std::move(*process));
  }
  if (const Json* const others = json.find("others")) {
    const Json* const count = others->find("count");
    report.others_count = count != nullptr ? count->integer() : std::nullopt;
  }
  report.totals = totals_in(json, "totals");
  report.averages = totals_in(json, "averages");
  return report;
}

}  // namespace

Result<void> for_each_report(const RunFiles& files, const Warn& warn, const std::function<void(UsageReport&)>& take) {
  if (files.usage.empty()) return Error{ErrorCode::not_found, files.prefix + "usage.jsonl: not there", "record without -t, or with processes-samples"};
  LineWarnings warnings(files.usage, warn);
  return for_each_line(files.usage, [&](const Line& line) {
    if (!warnings.usable(line)) return;
    const auto json = parse_json(line.text);
    if (!json) return warnings.skip(line, json.error().message);
    auto report = report_of(*json);
    if (!report) return warnings.skip(line, "not a report");
    take(*report);
  });
}

Result<std::vector<UsageReport>> read_reports(const RunFiles& files, const Warn& warn) {
  std::vector<UsageReport> reports;
  const auto read = for_each_report(files, warn, [&](UsageReport& report) { reports.push_back(std::move(report)); });
  if (!read) return read.error();
  return reports;
}

}  // namespace duct_log
