// SPDX-License-Identifier: MIT
#include "log/ls.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <unordered_set>

#include "duct_bpf/run.hpp"
#include "log/expression.hpp"
#include "log/ls_formats.hpp"

namespace duct_log {
namespace {

constexpr const char* kPrefix = "prefix";
// Known whether or not a record here has them, so that a list of none is no error.
constexpr std::string_view kOtherFields[] = {
    "prefix", "env", "gpu", "cpu_total", "memory_total", "hostname", "uid", "user", "duct_version", "schema_version", "record_version",
    "stdout", "stderr", "usage", "info", "processes", "message", "working_directory", "sampler", "tracer_version", "kernel_release",
    "memory_method", "memory_error_bound", "startup_time", "overhead_cpu", "pss_cpu", "peak_rss_processes", "forks", "execs", "exits",
    "alive_at_end", "lost_forks", "lost_execs", "lost_exits", "lost_argv", "spilled", "exact",
    // con-duct's since its schema 0.2.3
    "os_name", "os_release", "os_version", "arch", "processor", "distro_id", "distro_id_like", "distro_name", "distro_version", "distro_version_id",
    "distro_codename", "distro_variant_id", "distro_pretty_name", "distro_build_id"};

bool is_known(std::string_view name, const std::vector<Json::Object>& records) {
  if (std::find(std::begin(kOtherFields), std::end(kOtherFields), name) != std::end(kOtherFields)) return true;
  for (const auto& field : duct_bpf::summary_fields({})) {
    if (field.first == name) return true;
  }
  return std::any_of(records.begin(), records.end(), [&](const Json::Object& record) {
    return std::any_of(record.begin(), record.end(), [&](const auto& field) { return field.first == name; });
  });
}

Json value_of(const Json::Object& record, std::string_view name) {
  const auto found = std::find_if(record.begin(), record.end(), [&](const auto& field) { return field.first == name; });
  return found != record.end() ? found->second : Json{};
}

std::vector<RunFiles> runs_of(const LsOptions& options, const Console& console, bool& failed) {
  if (options.paths.empty()) {
    auto runs = find_default_runs();
    if (runs.empty()) console.warn("no run at " + default_pattern());
    return runs;
  }
  std::vector<RunFiles> runs;
  std::unordered_set<std::string> seen;  // a run may be named by several of its files
  for (const std::string& path : options.paths) {
    const auto found = find_runs(path);
    failed = failed || !found;
    if (!found) console.warn(found.error().message);
    if (!found) continue;
    for (const RunFiles& files : *found) {
      if (seen.insert(files.prefix).second) runs.push_back(files);
    }
  }
  return runs;
}

// Numbers before text, and what is not there last.
bool sorts_before(const Json& a, const Json& b) {
  const auto x = a.number(), y = b.number();
  if (x && y) return *x < *y;
  if (x || y) return x.has_value();
  const auto s = a.text(), t = b.text();
  if (s && t) return *s < *t;
  return s.has_value() && !t;
}

}  // namespace

Result<int> ls(const LsOptions& options, const Console& console) {
  std::optional<Expression> filter;
  if (!options.filter.empty()) {
    auto parsed = Expression::parse(options.filter);
    if (!parsed) return parsed.error();
    filter = std::move(*parsed);
  }
  bool failed = false;
  std::vector<Json::Object> records;
  for (const RunFiles& files : runs_of(options, console, failed)) {
    const std::string path = files.info.empty() ? files.prefix + "info.json" : files.info;
    auto info = read_info(path);
    if (!info) {
      console.warn(info.error().message + ", skipped");
      continue;
    }
    // Where it is, not where it was written.
    auto& record = records.emplace_back(std::move(info->fields));
    std::erase_if(record, [](const auto& field) { return field.first == kPrefix; });
    record.emplace_back(kPrefix, Json{files.prefix});
  }

  std::vector<std::string> fields = {kPrefix};
  std::copy_if(options.fields.begin(), options.fields.end(), std::back_inserter(fields), [](const std::string& name) { return name != kPrefix; });
  std::vector<std::string> used = fields;
  if (filter) used.insert(used.end(), filter->names().begin(), filter->names().end());
  if (!options.sort.empty()) used.push_back(options.sort);
  for (const std::string& name : used) {
    if (!is_known(name, records))
      return Error{ErrorCode::usage, "no record has a field '" + name + "'", "duct-log pp shows the fields of a record"};
  }

  if (filter) {
    std::erase_if(records, [&](const Json::Object& record) {
      return !filter->holds([&](std::string_view name) { return value_of(record, name); });
    });
  }
  if (!options.sort.empty()) {
    std::stable_sort(records.begin(), records.end(), [&](const Json::Object& a, const Json::Object& b) {
      return sorts_before(value_of(a, options.sort), value_of(b, options.sort));
    });
  }
  if (options.reverse) std::reverse(records.begin(), records.end());
  LsRows rows;
  for (const Json::Object& record : records) {
    auto& row = rows.emplace_back();
    for (const std::string& name : fields) row.push_back(value_of(record, name));
  }
  print_rows(options.format, fields, rows, console);
  return failed ? 1 : kOk;
}

}  // namespace duct_log
