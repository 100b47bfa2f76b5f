// SPDX-License-Identifier: MIT
// info.json, and what belongs to a run.
#include "log/run_record.hpp"

#include <array>
#include <charconv>
#include <unordered_map>

#include "log/line_file.hpp"

namespace duct_log {
namespace {

using Version = std::array<unsigned, 3>;
constexpr Version kOldestSchema = {0, 2, 0};

std::optional<Version> version_of(const std::string& text) {
  Version version{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < version.size(); ++i) {
    const auto [behind, failure] = std::from_chars(at, end, version[i]);
    if (failure != std::errc()) return std::nullopt;
    at = behind;
    if (i + 1 < version.size() && (at == end || *at++ != '.')) return std::nullopt;
  }
  return version;
}

// As con-duct flattens: lists stay as they are. `places`: of the fields, by name.
void flatten(const Json::Object& object, Json::Object& fields, std::unordered_map<std::string_view, std::size_t>& places) {
  for (const auto& [name, value] : object) {
    if (const Json::Object* const inner = value.object()) {
      flatten(*inner, fields, places);
      continue;
    }
    const auto [known, is_new] = places.try_emplace(name, fields.size());
    if (is_new)
      fields.emplace_back(name, value);
    else
      fields[known->second].second = value;
  }
}

const Json kNothing;

const Json& member(const Json& object, std::string_view name) {
  const Json* const found = object.find(name);
  return found != nullptr ? *found : kNothing;
}

ExecutionSummary summary_of(const Json& json) {
  ExecutionSummary summary;
  const auto number = [&](std::string_view name) { return member(json, name).number(); };
  const auto whole = [&](std::string_view name) { return member(json, name).integer(); };
  summary.exit_code = whole("exit_code");
  summary.exit_signal = whole("exit_signal");
  summary.wall_clock_time = number("wall_clock_time");
  summary.start_time = number("start_time");
  summary.end_time = number("end_time");
  summary.peak_rss = number("peak_rss");
  summary.average_rss = number("average_rss");
  summary.peak_vsz = number("peak_vsz");
  summary.average_vsz = number("average_vsz");
  summary.peak_pss = number("peak_pss");
  summary.peak_pmem = number("peak_pmem");
  summary.average_pmem = number("average_pmem");
  summary.peak_pcpu = number("peak_pcpu");
  summary.average_pcpu = number("average_pcpu");
  summary.cpu_time = number("cpu_time");
  summary.user_time = number("user_time");
  summary.system_time = number("system_time");
  summary.peak_rss_time = number("peak_rss_time");
  summary.cgroup_memory_peak = number("cgroup_memory_peak");
  summary.num_samples = whole("num_samples");
  summary.num_reports = whole("num_reports");
  summary.num_processes = whole("num_processes");
  summary.num_execs = whole("num_execs");
  summary.num_failed = whole("num_failed");
  summary.max_processes = whole("max_processes");
  summary.termination = member(json, "termination").text();
  const Json::List* const holders = member(json, "peak_rss_processes").list();
  for (const Json& holder : holders != nullptr ? *holders : Json::List{}) {
    summary.peak_rss_processes.push_back({.pid = member(holder, "pid").integer().value_or(0),
                                          .start_time = member(holder, "start_time").number(),
                                          .cmd = member(holder, "cmd").text().value_or(""),
                                          .rss = member(holder, "rss").integer()});
  }
  return summary;
}

Completeness completeness_of(const Json& json) {
  const auto whole = [&](std::string_view name) { return member(json, name).integer(); };
  return {.forks = whole("forks"),
          .execs = whole("execs"),
          .exits = whole("exits"),
          .alive_at_end = whole("alive_at_end"),
          .lost_forks = whole("lost_forks"),
          .lost_execs = whole("lost_execs"),
          .lost_exits = whole("lost_exits"),
          .lost_argv = whole("lost_argv"),
          .spilled = whole("spilled"),
          .exact = member(json, "exact").flag()};
}

Tracer tracer_of(const Json& json) {
  return {.sampler = member(json, "sampler").text(),
          .kernel_release = member(json, "kernel_release").text(),
          .memory_method = member(json, "memory_method").text(),
          .memory_error_bound = member(json, "memory_error_bound").number(),
          .startup_time = member(json, "startup_time").number(),
          .overhead_cpu = member(json, "overhead_cpu").number()};
}

Info info_of(const Json& json) {
  Info info;
  info.command = member(json, "command").text();
  info.working_directory = member(json, "working_directory").text();
  info.message = member(json, "message").text();
  info.duct_version = member(json, "duct_version").text();
  info.schema_version = member(json, "schema_version").text();
  info.record_version = member(json, "record_version").text();
  const Json& system = member(json, "system");
  info.hostname = member(system, "hostname").text();
  info.user = member(system, "user").text();
  info.cpu_total = member(system, "cpu_total").integer();
  info.memory_total = member(system, "memory_total").number();
  info.summary = summary_of(member(json, "execution_summary"));
  if (const Json* const tracer = json.find("tracer")) info.tracer = tracer_of(*tracer);
  if (const Json* const complete = json.find("completeness")) info.completeness = completeness_of(*complete);
  std::unordered_map<std::string_view, std::size_t> places;
  flatten(*json.object(), info.fields, places);
  return info;
}

}  // namespace

Result<Info> read_info(const std::string& path) {
  const auto wrong = [&](const std::string& why, std::string hint = {}) {
    return Error{ErrorCode::io, path + ": " + why, std::move(hint)};
  };
  const auto file = read_file(path);
  if (!file) return file.error();
  if (file->size == 0) return wrong("empty", "the run is not over, or was cut off before its end");
  const auto json = parse_json(file->text());
  if (!json) return wrong(json.error().message);
  if (json->object() == nullptr || json->find("schema_version") == nullptr || json->find("execution_summary") == nullptr)
    return wrong("not the info.json of a run");
  const auto schema = version_of(member(*json, "schema_version").text().value_or(""));
  if (!schema) return wrong("its schema_version is none");
  if (*schema < kOldestSchema) return wrong("of a schema older than 0.2.0");
  return info_of(*json);
}

Result<Run> load_run(const RunFiles& files, const Warn& warn) {
  Run run{.files = files, .info = {}};
  const bool others = !files.processes.empty() || !files.usage.empty();
  auto info = files.info.empty() ? Result<Info>(Error{ErrorCode::not_found, files.prefix + "info.json: not there", {}})
                                 : read_info(files.info);
  if (info) {
    run.info = std::move(*info);
  } else if (others) {
    warn(info.error().message + (info.error().hint.empty() ? "" : " (" + info.error().hint + ")"));
  } else {
    return info.error();
  }
  return run;
}

Result<Run> load_run(const std::string& argument, const Warn& warn) {
  const auto files = find_run(argument);
  if (!files) return files.error();
  return load_run(*files, warn);
}

}  // namespace duct_log
