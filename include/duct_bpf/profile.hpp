// SPDX-License-Identifier: MIT
// What a run is found to have cost: processes, samples of the live tree, and the summary.
// Times are nanoseconds since the epoch (the boot clock turned into wall time once, at the start of the run)
// unless a name says otherwise; sizes are bytes. An empty optional was not measured.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "duct_bpf/metrics.hpp"

namespace duct_bpf {

// One field of a record as a name and a value; what the summary format and info.json are filled from.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;
using Fields = std::vector<std::pair<std::string, Value>>;

// One exec: what a process became. Processes forked from it without an exec of their own share it.
struct Image {
  std::string exe;                // file name given to exec
  std::vector<std::string> argv;  // raw bytes, as the kernel had them
  bool argv_truncated = false;    // cut at Options::max_argv_bytes
};

// Who sent the signal that ended a process.
struct SignalSender {
  std::optional<pid_t> pid;  // none: it is not in the tracer's pid namespace
  std::uint32_t uid = 0;     // real
  std::string comm;          // empty: not known
};

// A process that has ended, or that was alive when the run was over.
struct Process {
  pid_t pid = 0;               // as the tracer's pid namespace numbers it
  pid_t ppid = 0;              // the process that forked it (not the one it was handed to later)
  std::optional<pid_t> pid_ns; // its number in its own pid namespace, where that is another one
  std::optional<std::uint32_t> depth;  // 0 = the command
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;     // of those alive at the end: when they were last looked at
  bool alive = false;
  bool adopted = false;        // lived before tracing began: totals include what it used before
  std::shared_ptr<const Image> image;  // null where neither it nor an ancestor was seen to exec
  std::string comm;            // task->comm, the kernel's short name
  std::optional<std::uint32_t> num_execs;
  std::optional<int> exit_code;
  std::optional<int> exit_signal;
  bool core_dumped = false;
  std::optional<SignalSender> killed_by;  // of exit_signal; itself, if pid is its own. None: the kernel, or not known
  bool oom_victim = false;                // the kernel killed it because memory ran out
  std::optional<std::uint32_t> uid;
  std::optional<pid_t> sid;
  std::optional<std::uint64_t> cgroup_id;
  Usage usage;
  Gauges gauges;
};

// One look at the live tree.
struct LiveProcess {
  std::uint64_t id = 0;        // unique within the run, stable over the life of the process
  pid_t pid = 0;
  std::int64_t start_ns = 0;
  std::string state;           // as ps prints STAT; what follows is as of this sample
  std::uint64_t cpu_ns = 0;    // since it started
  std::uint64_t rss_bytes = 0;
  std::uint64_t vsz_bytes = 0;
  std::optional<std::uint64_t> pss_bytes;
};
struct Sample {
  std::int64_t time_ns = 0;
  std::uint64_t processes = 0;
  std::uint64_t rss_bytes = 0;      // sum over processes: shared pages count once for each
  std::uint64_t vsz_bytes = 0;
  std::uint64_t tree_cpu_ns = 0;    // of all processes so far, the ended ones included
  double cpu_percent = 0;           // of one CPU: true rate since the sample before; never above 100 x CPUs
};

struct Completeness {
  bool counted = true;       // false: seen by looking now and then; of the rest only alive_at_end is known
  std::uint64_t forks = 0;   // processes forked in the tree, or adopted; the command itself not counted
  std::uint64_t execs = 0;       // by any process of the tree
  std::uint64_t exits = 0;       // whose last record came
  std::uint64_t alive_at_end = 0;
  std::uint64_t lost_forks = 0;  // processes that are not recorded, nor are their descendants
  std::uint64_t lost_execs = 0;  // the process is recorded with its image before
  std::uint64_t lost_exits = 0;  // processes of which no record came, or one without numbers
  std::uint64_t lost_argv = 0;   // images without their arguments
  std::uint64_t spilled = 0;  // found the ring full and were collected from the spill map: late, not lost
  std::uint64_t lost() const { return lost_forks + lost_execs + lost_exits; }
  bool exact() const { return counted && lost() + lost_argv == 0 && forks + 1 == exits + alive_at_end; }
};

// Who held how much when the tree's memory was highest.
struct PeakHolder {
  pid_t pid = 0;
  std::int64_t start_ns = 0;
  std::string command;
  std::uint64_t rss_bytes = 0;
};

struct Summary {
  std::string command;         // argv joined by blanks
  std::string logs_prefix;
  std::string working_directory;
  std::optional<int> exit_code;  // as a shell says it: 128+n for signal n; none: still alive (attached runs)
  std::optional<int> exit_signal;
  std::string termination;     // exit, signal, timeout, oom, interrupted
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  double wall_clock_s = 0;     // from the monotonic clock
  std::uint64_t num_samples = 0;
  std::uint64_t num_reports = 0;
  std::optional<std::uint64_t> peak_rss_bytes, peak_vsz_bytes, peak_pss_bytes;
  std::optional<double> average_rss_bytes, average_vsz_bytes;
  std::optional<double> peak_pmem, average_pmem, peak_pcpu, average_pcpu;  // % of all memory; % of one CPU, from the ledger
  std::optional<std::int64_t> peak_rss_time_ns;  // of the tree: the highest sum at one time, by memory_method
  std::uint64_t num_processes = 0;   // that were recorded, the command among them
  std::uint64_t num_failed = 0;      // ended with a code other than 0, or by a signal
  std::uint64_t num_killed = 0;      // by another process,
  std::uint64_t num_oom_killed = 0;  // by the kernel, as memory ran out;
  std::string killed, oom_killed;    // and who, in words
  std::uint64_t max_processes = 0;   // alive at once
  std::uint64_t cpu_ns = 0, user_ns = 0, system_ns = 0;  // of the whole tree, as the kernel has counted it
  Completeness completeness;
  std::vector<PeakHolder> peak_holders;  // the largest, in order
  std::optional<std::uint64_t> cgroup_memory_peak_bytes;  // the kernel's own, page cache and the tracer included
  std::string memory_method;   // exact, fast, sampled
  std::optional<std::uint64_t> memory_error_bound_bytes;
  double startup_s = 0;        // from launch to the command's exec
  double overhead_cpu_s = 0;   // what the tracer itself used,
  double pss_cpu_s = 0;        // and how much of it for physical memory
};

}  // namespace duct_bpf
