// SPDX-License-Identifier: MIT
// The records of a run as they are read: ours and con-duct's (schema 0.2.0 and up). What is absent, null or of another
// type than it should be is empty. Times are seconds, epochs seconds since 1970, sizes bytes. Nothing here is trusted: text
// has to go through escaped() (text.hpp) before it is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "duct_bpf/error.hpp"
#include "log/json.hpp"
#include "log/run_files.hpp"

namespace duct_log {

// Told what was wrong with a file, one line each, when reading goes on nevertheless.
using Warn = std::function<void(const std::string&)>;

struct PeakHolder {
  std::int64_t pid = 0;
  std::optional<double> start_time;
  std::string cmd;
  std::optional<std::int64_t> rss;
};

struct ExecutionSummary {
  std::optional<std::int64_t> exit_code, exit_signal;
  std::optional<double> wall_clock_time, start_time, end_time;
  std::optional<double> peak_rss, average_rss, peak_vsz, average_vsz, peak_pss;
  std::optional<double> peak_pmem, average_pmem, peak_pcpu, average_pcpu;
  std::optional<double> cpu_time, user_time, system_time, peak_rss_time, cgroup_memory_peak;
  std::optional<std::int64_t> num_samples, num_reports, num_processes, num_execs, num_failed, max_processes;
  std::optional<std::string> termination;
  std::vector<PeakHolder> peak_rss_processes;
};

struct Completeness {
  std::optional<std::int64_t> forks, execs, exits, alive_at_end, lost_forks, lost_execs, lost_exits, lost_argv, spilled;
  std::optional<bool> exact;
};

struct Tracer {
  std::optional<std::string> sampler;  // "bpf", "procfs"; empty: con-duct's
  std::optional<std::string> kernel_release, memory_method;
  std::optional<double> memory_error_bound, startup_time, overhead_cpu;
};

struct Info {
  std::optional<std::string> command, working_directory, message, duct_version, schema_version, record_version;
  std::optional<std::string> hostname, user;
  std::optional<std::int64_t> cpu_total;
  std::optional<double> memory_total;
  ExecutionSummary summary;
  std::optional<Tracer> tracer;              // ours only
  std::optional<Completeness> completeness;  // ours only
  Json::Object fields;  // all of info.json, nested objects flattened by leaf name as con-duct has it (the later one wins)
};

struct KilledBy {
  std::int64_t pid = 0;
  std::string comm;
  std::optional<std::int64_t> uid;
};

// A line of processes.jsonl. (pid, start_time) is unique.
struct Process {
  std::int64_t pid = 0;
  std::optional<std::int64_t> ppid, pid_ns, depth, uid, sid, cgroup_id, num_execs, exit_code, exit_signal, max_threads;
  double start_time = 0;
  std::optional<double> end_time;  // empty: alive when the run was over
  std::optional<double> wall_time;
  bool alive = false, adopted = false, argv_truncated = false, core_dumped = false;
  bool oom_killed = false;  // by the kernel, as memory ran out
  std::string cmd, exe, comm;
  std::vector<std::string> argv;
  std::optional<double> cpu_time, user_time, system_time;
  std::optional<std::int64_t> peak_rss, peak_rss_image, peak_vsz;
  std::optional<std::int64_t> minor_faults, major_faults, voluntary_switches, involuntary_switches;
  std::optional<std::int64_t> read_chars, write_chars, read_bytes, write_bytes;
  std::optional<KilledBy> killed_by;
  bool failed() const { return exit_code.value_or(0) != 0 || exit_signal.has_value(); }
};

// A process in a report (a line of usage.jsonl).
struct UsageProcess {
  std::int64_t pid = 0;
  std::string key;  // "PID", or "PID#2" where the pid was used twice in the report
  std::optional<double> pcpu, pmem, rss, vsz, pcpu_interval, cpu_time, pss;
  std::optional<double> time;    // epoch: when it was last seen
  std::optional<double> age;     // s: its etime
  std::string cmd;
};
struct UsageTotals {
  std::optional<double> pmem, pcpu, rss, vsz, pcpu_interval, processes;
};
struct UsageReport {
  double time = 0;  // epoch of its timestamp
  std::int64_t num_samples = 0;
  std::vector<UsageProcess> processes;
  std::optional<std::int64_t> others_count;
  UsageTotals totals, averages;
};

struct Run {
  RunFiles files;
  Info info;  // of a run that was cut off before its end: all empty
};

// Error io: cannot be read, is empty or no info.json of a schema that is known (0.2.0 and up).
Result<Info> read_info(const std::string& path);

// Finds the run (find_run()) and reads its info.json. Where that is empty or missing but other records are there: a warning.
Result<Run> load_run(const std::string& argument, const Warn& warn);
Result<Run> load_run(const RunFiles& files, const Warn& warn);

// In the order of the file. What is lent is valid for the call. Lines that cannot be read are skipped with a warning. Error
// not_found: the run has no such file; io: it cannot be read.
Result<void> for_each_process(const RunFiles& files, const Warn& warn, const std::function<void(const Process&)>& take);
Result<void> for_each_report(const RunFiles& files, const Warn& warn, const std::function<void(UsageReport&)>& take);
Result<std::vector<Process>> read_processes(const RunFiles& files, const Warn& warn);
Result<std::vector<UsageReport>> read_reports(const RunFiles& files, const Warn& warn);

}  // namespace duct_log
