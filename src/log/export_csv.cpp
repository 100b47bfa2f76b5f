// SPDX-License-Identifier: MIT
#include "log/csv.hpp"
#include "log/export.hpp"
#include "log/known_processes.hpp"
#include "log/process_text.hpp"

namespace duct_log {
namespace {

// In the order of docs/records.md; arguments are in cmd.
constexpr const char* kProcessColumns[] = {
    "pid", "ppid", "start_time", "end_time", "wall_time", "cmd", "exe", "comm", "num_execs", "exit_code", "exit_signal", "core_dumped",
    "oom_killed", "killed_by", "alive", "adopted", "cpu_time", "user_time", "system_time", "peak_rss", "peak_rss_image", "peak_vsz", "minor_faults", "major_faults",
    "voluntary_switches", "involuntary_switches", "read_chars", "write_chars", "read_bytes", "write_bytes", "max_threads", "uid", "sid", "depth"};

// A line of the file, field by field.
class CsvLine {
 public:
  void add(const Json& value) {
    if (!first_) text_ += ',';
    first_ = false;
    text_ += csv_text(value);
  }
  template <typename T>
  void add(const std::optional<T>& value) {
    add(value ? Json{*value} : Json{});
  }
  std::string text() const { return text_ + "\n"; }

 private:
  std::string text_;
  bool first_ = true;
};

Result<void> write_processes(const Run& run, const Write& write, const Warn& warn) {
  CsvLine head;
  for (const char* const name : kProcessColumns) head.add(Json{std::string(name)});
  write(head.text());
  const auto read = for_each_known_process(run.files, warn, [&](const Process& process) {
    CsvLine line;
    for (const char* const name : kProcessColumns) line.add(process_field(process, name));
    write(line.text());
  });
  return read ? Result<void>() : read.error();
}

Result<void> write_reports(const Run& run, const Write& write, const Warn& warn) {
  const std::pair<const char*, std::optional<double> UsageTotals::*> kNumbers[] = {
      {"pcpu", &UsageTotals::pcpu}, {"pmem", &UsageTotals::pmem}, {"rss", &UsageTotals::rss}, {"vsz", &UsageTotals::vsz}, {"processes", &UsageTotals::processes}};
  std::string head = "time,num_samples";
  for (const char* const which : {"total_", "average_"}) {
    for (const auto& [name, member] : kNumbers) head.append(",").append(which).append(name);
  }
  write(head + "\n");
  return for_each_report(run.files, warn, [&](const UsageReport& report) {
    CsvLine line;
    line.add(Json{report.time});
    line.add(Json{report.num_samples});
    for (const UsageTotals* const totals : {&report.totals, &report.averages}) {
      for (const auto& [name, member] : kNumbers) line.add(totals->*member);
    }
    write(line.text());
  });
}

Result<void> write_samples(const Run& run, const Write& write, const Warn& warn) {
  write("report_time,pid,time,age,pcpu,pcpu_interval,cpu_time,pmem,rss,vsz,pss,cmd\n");
  return for_each_report(run.files, warn, [&](const UsageReport& report) {
    for (const UsageProcess& process : report.processes) {
      CsvLine line;
      line.add(Json{report.time});
      line.add(Json{process.pid});
      for (const auto& value : {process.time, process.age, process.pcpu, process.pcpu_interval, process.cpu_time, process.pmem, process.rss, process.vsz, process.pss})
        line.add(value);
      line.add(Json{process.cmd});
      write(line.text());
    }
  });
}

}  // namespace

Result<void> export_csv(const Run& run, ExportRows rows, const Write& write, const Warn& warn) {
  switch (rows) {
    case ExportRows::processes:
      return write_processes(run, write, warn);
    case ExportRows::reports:
      return write_reports(run, write, warn);
    case ExportRows::samples:
      return write_samples(run, write, warn);
  }
  return {};
}

}  // namespace duct_log
