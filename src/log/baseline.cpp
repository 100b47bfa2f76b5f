// SPDX-License-Identifier: MIT
#include "log/baseline.hpp"

#include "log/line_file.hpp"
#include "log/run_metrics.hpp"

namespace duct_log {
namespace {

constexpr const char* kVersion = "1.0";
constexpr std::string_view kMetrics[] = {"wall_clock_time", "cpu_time", "peak_rss", "num_processes"};

std::optional<double> number_in(const Json& object, std::string_view name) {
  const Json* const found = object.find(name);
  return found != nullptr ? found->number() : std::nullopt;
}

}  // namespace

Result<Baseline> read_baseline(const std::string& path) {
  const auto file = read_file(path);
  if (!file) return file.error();
  const auto none = [&](const std::string& why) { return Error{ErrorCode::io, path + ": " + why, "duct-log baseline RUNS > FILE makes one"}; };
  const auto json = parse_json(file->text());
  if (!json) return none(json.error().message);
  const Json* const metrics = json->find("metrics");
  if (json->find("baseline_version") == nullptr || metrics == nullptr || metrics->object() == nullptr) return none("not a baseline");
  Baseline baseline;
  for (const auto& [name, value] : *metrics->object()) {
    const auto mean = number_in(value, "mean"), most = number_in(value, "most"), least = number_in(value, "least");
    if (!mean || !most || !least) return none("its " + name + " has no mean, least and most");
    baseline[name] = {.count = static_cast<std::size_t>(number_in(value, "runs").value_or(1)), .mean = *mean,
                      .deviation = number_in(value, "deviation").value_or(0), .least = *least, .most = *most};
  }
  return baseline;
}

Result<int> baseline(const BaselineOptions& options, const Console& console) {
  std::vector<Run> runs;
  for (const std::string& argument : options.runs.empty() ? std::vector<std::string>{""} : options.runs) {
    auto found = argument.empty() ? Result<std::vector<RunFiles>>(std::vector<RunFiles>{}) : find_runs(argument);
    if (argument.empty()) {
      const auto latest = find_run(argument);
      if (!latest) return latest.error();
      found->push_back(*latest);
    }
    if (!found) return found.error();
    for (const RunFiles& files : *found) {
      if (files.info.empty()) return Error{ErrorCode::not_found, files.prefix + "info.json: not there", {}};
      auto info = read_info(files.info);
      if (!info) return info.error();
      runs.push_back({.files = files, .info = std::move(*info)});
    }
  }
  Json::Object metrics;
  for (const std::string_view name : kMetrics) {
    std::vector<double> values;
    for (const Run& run : runs) {
      if (const auto value = run_metric(name).of(run.info.summary)) values.push_back(*value);
    }
    if (values.empty()) continue;
    const Spread spread = spread_of(values);
    metrics.emplace_back(std::string(name), Json{Json::Object{{"mean", Json{spread.mean}},
                                                 {"deviation", Json{spread.deviation}},
                                                 {"least", Json{spread.least}},
                                                 {"most", Json{spread.most}},
                                                 {"runs", Json{static_cast<std::int64_t>(spread.count)}}}});
  }
  const Json file{Json::Object{{"baseline_version", Json{std::string(kVersion)}},
                               {"command", Json{runs.front().info.command.value_or("")}},
                               {"metrics", Json{std::move(metrics)}}}};
  console.write(json_text(file, 2) + "\n");
  return kOk;
}

}  // namespace duct_log
