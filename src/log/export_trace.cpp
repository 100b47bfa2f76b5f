// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "log/export.hpp"
#include "log/json_object.hpp"
#include "log/known_processes.hpp"
#include "log/process_text.hpp"
#include "log/series.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kCounterSteps = 2000;
constexpr std::int64_t kNoPid = 1;  // of a run whose command is not known

constexpr const char* kArguments[] = {
    "cmd", "exe", "pid", "ppid", "depth", "num_execs", "exit_code", "exit_signal", "core_dumped", "oom_killed", "killed_by", "alive", "adopted", "cpu_time", "user_time", "system_time",
    "peak_rss", "minor_faults", "major_faults", "voluntary_switches", "involuntary_switches", "read_chars", "write_chars", "read_bytes", "write_bytes",
    "max_threads", "uid", "sid"};

// Of an adopted process, what it lived before the recording is left out.
double micros(double seconds) { return std::max(std::round(seconds * 1e6), 0.0); }

// One event a line; members that all have come first.
class TraceWriter {
 public:
  TraceWriter(const Write& write, std::int64_t group) : write_(write), group_(group) {}

  // `fill` adds what else the event has.
  template <typename Fill>
  void event(const char* phase, std::string_view name, Fill&& fill) {
    text_ = first_ ? "\n" : ",\n";
    first_ = false;
    {
      JsonObject event(text_);
      event.add("ph", std::string_view(phase));
      event.add("name", name);
      event.add("pid", group_);
      fill(event);
    }
    write_(text_);
  }

  void name(const char* what, std::int64_t tid, const char* key, const auto& value) {
    event("M", what, [&](JsonObject& event) {
      event.add("tid", tid);
      event.add("ts", 0);
      JsonObject(event.key("args")).add(key, value);
    });
  }

  // A value is written where it changes.
  void counter(const char* name, const Series& series, const Series::Values& values) {
    std::optional<double> before;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i]) continue;
      const double value = std::round(*values[i] * 100) / 100;
      if (value == before) continue;
      before = value;
      event("C", name, [&](JsonObject& event) {
        event.add("ts", micros(series.seconds(i)));
        JsonObject(event.key("args")).add("value", value);
      });
    }
  }

 private:
  const Write& write_;
  std::int64_t group_;
  std::string text_;
  bool first_ = true;
};

// Numbers of tracks: the pid; where that was used before in the run, a number that no pid can be. A track is one process's,
// because its name is.
class Tracks {
 public:
  std::int64_t number(std::int64_t pid) {
    if (pid <= 0 || pid >= kPidLimit || used_[static_cast<std::size_t>(pid)]) return next_++;
    used_[static_cast<std::size_t>(pid)] = true;
    return pid;
  }

 private:
  static constexpr std::int64_t kPidLimit = 4 << 20;  // PID_MAX_LIMIT of the kernel
  std::vector<bool> used_ = std::vector<bool>(kPidLimit);
  std::int64_t next_ = kPidLimit;
};

void write_process(TraceWriter& trace, const Process& process, double start, double end, std::int64_t place, std::int64_t track) {
  const std::string program = program_of(process);
  trace.name("thread_name", track, "name", fmt::format("{} {}", program, process.pid));
  trace.name("thread_sort_index", track, "sort_index", place);
  const double from = micros(process.start_time - start), to = micros(process.end_time.value_or(end) - start);
  trace.event("X", program, [&](JsonObject& event) {
    event.add("cat", std::string_view(process.failed() ? "process,failed" : "process"));
    event.add("tid", track);
    event.add("ts", from);
    event.add("dur", std::max(to - from, 0.0));
    if (process.failed()) event.add("cname", std::string_view("terrible"));
    JsonObject arguments(event.key("args"));
    for (const char* const name : kArguments) {
      const Json value = process_field(process, name);
      if (!value.is_null()) arguments.key(name) += json_text(value);
    }
  });
}

}  // namespace

Result<void> export_trace(const Run& run, const Write& write, const Warn& warn) {
  const ExecutionSummary& summary = run.info.summary;
  const bool ledger = !run.files.processes.empty(), reports = !run.files.usage.empty();
  if (!ledger && !reports) return Error{ErrorCode::not_found, run.files.prefix + ": neither processes.jsonl nor usage.jsonl is there", {}};
  SeriesMaker maker(run.info, ledger && run.info.tracer && run.info.tracer->sampler == "bpf");
  std::optional<Process> command;  // the first process
  std::vector<double> starts;
  auto read = for_each_known_process(run.files, warn, [&](const Process& process) {
    maker.add(process);
    starts.push_back(process.start_time);
    if (process.depth == 0 || !command || (command->depth != 0 && process.start_time < command->start_time)) command = process;
  });
  if (!read) return read.error();
  const Warn said_already = [](const std::string&) {};
  if (reports) {
    if (const auto seen = for_each_report(run.files, warn, [&](const UsageReport& report) { maker.add(report); }); !seen) return seen.error();
  }
  const double start = maker.start(), end = start + maker.span();
  const Series series = maker.make(kCounterSteps);

  std::string head = "{\"displayTimeUnit\": \"ms\", \"otherData\": ";
  {
    JsonObject other(head);
    other.add("command", run.info.command);
    other.add("start_time", fmt::format("{:.6f}", start));
    other.add("recorded_by", fmt::format("{} {}", run.info.tracer ? "duct-bpf" : "con-duct", run.info.duct_version.value_or("")));
    other.add("hostname", run.info.hostname);
  }
  write(head + ",\n\"traceEvents\": [");
  TraceWriter trace(write, command ? command->pid : kNoPid);
  trace.name("process_name", command ? command->pid : kNoPid, "name", run.info.command.value_or(run.files.prefix));
  trace.counter("CPU (%)", series, series.cpu.empty() ? series.cpu_reported : series.cpu);
  if (!series.rss_reported.empty()) trace.counter("Memory (bytes), highest of each report", series, series.rss_reported);
  if (!series.rss_at_most.empty()) trace.counter("Memory (bytes), at most", series, series.rss_at_most);
  trace.counter("Processes", series, series.processes);
  if (summary.peak_rss && summary.peak_rss_time) {
    trace.event("i", "peak of memory: " + bytes_text(summary.peak_rss), [&](JsonObject& event) {
      event.add("tid", command ? command->pid : kNoPid);
      event.add("ts", micros(*summary.peak_rss_time - start));
      event.add("s", std::string_view("p"));
    });
  }
  std::sort(starts.begin(), starts.end());
  Tracks tracks;
  read = for_each_known_process(run.files, said_already, [&](const Process& process) {
    const auto place = std::lower_bound(starts.begin(), starts.end(), process.start_time) - starts.begin();
    write_process(trace, process, start, end, place, tracks.number(process.pid));
  });
  if (!read) return read.error();
  write("\n]}\n");
  return {};
}

}  // namespace duct_log
