// SPDX-License-Identifier: MIT
#include "log/report_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>

#include "log/json_object.hpp"
#include "log/known_processes.hpp"
#include "log/process_choice.hpp"
#include "log/process_columns.hpp"
#include "log/program_totals.hpp"
#include "log/series.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kSteps = 2000;         // of the curves: about a screen's pixels
constexpr std::size_t kMaxPrograms = 2000;   // in the table of programs

void add_run(JsonObject& data, const Run& run, double start, double span) {
  const Info& info = run.info;
  const ExecutionSummary& summary = info.summary;
  JsonObject to(data.key("run"));
  to.add("command", info.command);
  to.add("message", info.message);
  to.add("working_directory", info.working_directory);
  to.add("hostname", info.hostname);
  to.add("user", info.user);
  to.add("logs_prefix", run.files.prefix);
  to.add("cpu_total", info.cpu_total);
  to.add("memory_total", info.memory_total);
  to.add("exit_code", summary.exit_code);
  to.add("exit_signal", summary.exit_signal);
  to.add("termination", summary.termination);
  to.add("wall_clock_time", summary.wall_clock_time);
  to.add("start_time", start);
  to.add("end_time", summary.end_time);
  to.add("span", microseconds(span));
  to.add("cpu_time", summary.cpu_time);
  to.add("user_time", summary.user_time);
  to.add("system_time", summary.system_time);
  to.add("peak_pcpu", summary.peak_pcpu);
  to.add("average_pcpu", summary.average_pcpu);
  to.add("peak_rss", summary.peak_rss);
  if (summary.peak_rss_time) to.add("peak_rss_offset", microseconds(*summary.peak_rss_time - start));
  to.add("average_rss", summary.average_rss);
  to.add("peak_pss", summary.peak_pss);
  to.add("peak_vsz", summary.peak_vsz);
  to.add("cgroup_memory_peak", summary.cgroup_memory_peak);
  to.add("num_processes", summary.num_processes);
  to.add("max_processes", summary.max_processes);
  to.add("num_failed", summary.num_failed);
  to.add("num_execs", summary.num_execs);
  to.add("num_samples", summary.num_samples);
  to.add("recorder", fmt::format("{} {}", info.tracer ? "duct-bpf" : "con-duct", info.duct_version.value_or("")));
  if (info.tracer) {
    to.add("sampler", info.tracer->sampler);
    to.add("kernel_release", info.tracer->kernel_release);
    to.add("memory_method", info.tracer->memory_method);
    to.add("memory_error_bound", info.tracer->memory_error_bound);
    to.add("startup_time", info.tracer->startup_time);
    to.add("overhead_cpu", info.tracer->overhead_cpu);
  }
  std::string& out = to.key("env");
  Json::Object environment;
  for (const auto& field : info.fields) {
    const auto begins = [&](std::string_view with) { return field.first.starts_with(with); };
    if (field.second.text() && (begins("PBS_") || begins("SLURM_") || begins("OSG"))) environment.push_back(field);
  }
  append_list(out, environment, [&](const auto& field) {
    out += '[';
    append_json_string(out, field.first);
    out += ',';
    append_json_string(out, *field.second.text());
    out += ']';
  });
}

void add_completeness(JsonObject& data, const std::optional<Completeness>& completeness) {
  if (!completeness) return;
  JsonObject to(data.key("completeness"));
  to.add("forks", completeness->forks);
  to.add("execs", completeness->execs);
  to.add("exits", completeness->exits);
  to.add("alive_at_end", completeness->alive_at_end);
  to.add("lost_forks", completeness->lost_forks);
  to.add("lost_execs", completeness->lost_execs);
  to.add("lost_exits", completeness->lost_exits);
  to.add("lost_argv", completeness->lost_argv);
  to.add("spilled", completeness->spilled);
  to.add("exact", completeness->exact);
}

void add_holders(JsonObject& data, const std::vector<PeakHolder>& holders) {
  std::string& out = data.key("holders");
  append_list(out, holders, [&](const PeakHolder& holder) {
    JsonObject to(out);
    to.add("pid", holder.pid);
    to.add("rss", holder.rss);
    to.add("cmd", holder.cmd);
  });
}

void add_series(JsonObject& data, const Series& series, bool lifetime_cpu) {
  JsonObject to(data.key("series"));
  to.add("lifetime_cpu", lifetime_cpu);
  std::string& out = to.key("time");
  out += '[';
  for (std::size_t i = 0; i < kSteps; ++i) {
    if (i > 0) out += ',';
    out += json_number(microseconds(series.seconds(i)));
  }
  out += ']';
  const auto values = [&](std::string_view name, const Series::Values& from, double precision) {
    if (from.empty()) return;
    std::string& text = to.key(name);
    append_list(text, from, [&](const std::optional<double>& value) {
      text += value ? json_number(std::round(*value * precision) / precision) : "null";
    });
  };
  values("cpu", series.cpu, 100);
  values("cpu_reported", series.cpu_reported, 100);
  values("rss_bound", series.rss_at_most, 1);
  values("rss_reported", series.rss_reported, 1);
  values("rss_mean", series.rss_mean, 1);
  values("processes", series.processes, 1);
}

void add_programs(JsonObject& data, const std::vector<ProgramTotals>& programs) {
  std::string& out = data.key("programs");
  append_list(out, programs, [&](const ProgramTotals& program) {
    JsonObject to(out);
    to.add("name", program.name);
    to.add("count", program.count);
    if (program.cpu_time) to.add("cpu_time", microseconds(*program.cpu_time));
    to.add("wall_time", microseconds(program.wall_time));
    to.add("peak_rss", program.peak_rss);
    to.add("failed", program.failed);
  });
}

// No markup can begin in text that has no "<"; in JSON that can only be within strings.
std::string without_markup(std::string_view json) {
  std::string safe;
  safe.reserve(json.size() + json.size() / 64);
  for (const char c : json) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

}  // namespace

Result<std::string> report_data(const Run& run, std::size_t max_processes, const Warn& warn) {
  const bool ledger = !run.files.processes.empty(), reports = !run.files.usage.empty();
  const bool sampled = !run.info.tracer || run.info.tracer->sampler != "bpf";
  SeriesMaker maker(run.info, ledger && !sampled);
  if (reports) {
    const auto read = for_each_report(run.files, warn, [&](const UsageReport& report) { maker.add(report); });
    if (!read) return read.error();
  }
  ProcessChoice choice;
  ProgramTable programs;
  const auto for_each = [&](const Warn& told, const std::function<void(const Process&)>& take) -> Result<void> {
    if (!ledger && !reports) return {};
    const auto read = for_each_known_process(run.files, told, take);
    return read ? Result<void>() : read.error();
  };
  auto read = for_each(warn, [&](const Process& process) {
    maker.add(process);
    choice.add(process);
    programs.add(process);
  });
  if (!read) return read.error();
  const std::size_t count = choice.count();
  const std::vector<bool> chosen = choice.choose(max_processes);
  const double start = maker.start(), span = maker.span();
  ProcessColumns columns(start, start + span);
  std::size_t number = 0;
  const Warn said_already = [](const std::string&) {};
  read = for_each(said_already, [&](const Process& process) {
    if (number < chosen.size() && chosen[number]) columns.add(process);
    ++number;
  });
  if (!read) return read.error();

  std::vector<std::string> notes;
  if (columns.count() < count) {
    notes.push_back(fmt::format("The timeline and the table show {} of {} processes: those with the most CPU time, memory and duration, and those that failed. Curves and sums by program are of all.",
                                count_text(columns.count()), count_text(count)));
  }
  if (!ledger && run.info.tracer)
    notes.push_back("These records hold no processes.jsonl: processes are shown as the reports saw them.");
  if (!run.info.command) notes.push_back("There is no info.json: the run is not over, or was cut off before its end.");
  std::string json;
  {
    JsonObject data(json);
    add_run(data, run, start, span);
    add_completeness(data, run.info.completeness);
    add_holders(data, run.info.summary.peak_rss_processes);
    add_series(data, maker.make(kSteps), !run.info.tracer);
    add_programs(data, programs.largest(kMaxPrograms));
    append_list(data.key("notes"), notes, [&](const std::string& note) { append_json_string(json, note); });
    columns.finish(data);
  }
  return without_markup(json);
}

}  // namespace duct_log
