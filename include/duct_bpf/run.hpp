// SPDX-License-Identifier: MIT
// The library's one entry: run a command (or attach to a process), account for every descendant, write records.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "duct_bpf/error.hpp"
#include "duct_bpf/profile.hpp"

namespace duct_bpf {

enum class LogLevel { debug = 10, info = 20, warning = 30, error = 40, critical = 50, none = 60 };
enum class Streams { all, none, stdout_only, stderr_only };
enum class OutputView { all, none, stdout_only, stderr_only, spinner, dotter };
enum class SessionMode { new_session, current_session };
// How processes are seen: by programs in the kernel, or by polling /proc, which needs no privilege and misses what
// happens between two samples.
enum class Sampler { bpf, procfs };

// What becomes of the command, with its descendants, if the tracer is killed.
enum class TracerDeath { goes_on, is_killed };

// How the memory of the tree is followed between the samples.
enum class MemoryMethod {
  exact,    // summed up at each change of each process
  fast,     // when a process has changed by a batch of pages: far cheaper, off by little and by how much is said
  sampled,  // not at all: peaks are what samples saw, and what single processes are known to have held
};

// Which records are written.
struct RecordTypes {
  bool system_summary = true;     // info.json
  bool processes_samples = true;  // usage.jsonl
  bool processes_summary = true;  // processes.jsonl
};

struct Options {
  std::vector<std::string> command;     // argv; empty where attach_pid is set
  std::optional<pid_t> attach_pid;      // record this running process and its descendants
  std::optional<double> duration_s;     // of an attached run; none: until the process ends
  std::string output_prefix = ".duct/logs/{datetime}-{pid}_";
  bool clobber = false;
  double sample_interval_s = 1.0;       // 0.001 and up, not above report_interval_s
  double report_interval_s = 60.0;
  double fail_time_s = 3.0;             // 0: keep records always; negative: remove for every failing command
  Streams capture_outputs = Streams::all;
  OutputView outputs = OutputView::all;
  RecordTypes record_types;
  std::string message;
  SessionMode mode = SessionMode::new_session;
  MemoryMethod memory = MemoryMethod::fast;
  bool pss = false;                     // physical memory of each process at each sample (dear: smaps_rollup)
  Sampler sampler = Sampler::bpf;
  TracerDeath on_tracer_death = TracerDeath::goes_on;  // is_killed: neither with attach_pid, current_session nor procfs
  bool wait_all = false;                // stay until the last descendant has ended
  bool pty = false;                     // the command gets a terminal of its own
  std::optional<std::string> user;      // run the command as this user (name or number)
  bool as_invoker = false;              // run the command as the user who called sudo
  std::size_t max_argv_bytes = 32 * 1024;
  std::size_t usage_max_processes = 1000;  // per report; the least are summed in "others"
  double drain_time_s = 1.0;            // at most this long for stragglers at the end
  std::size_t ring_bytes = 2 << 20;     // power of two
  std::size_t ledger_entries = 0;       // processes alive at once; 0: from the kernel's pid_max
  // Once the programs are attached the calling thread gives up, for good, all capabilities that a run does not need. The
  // command is as it would be without us.
  bool renounce_privilege = false;
  std::chrono::steady_clock::time_point launched = std::chrono::steady_clock::now();  // for startup_time
};

// Told what happens while it happens, in the thread that called run(). Every method may be left as it is.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_message(LogLevel, std::string_view) {}
  virtual void on_process_end(const Process&) {}  // also once for each process alive at the end
  virtual void on_sample(const Sample&) {}
  // The live processes at each sample, for those who ask: it costs time in proportion to their number.
  virtual bool wants_live_processes() const { return false; }
  virtual void on_live_processes(const Sample&, const std::vector<LiveProcess>&) {}
};

struct Outcome {
  int exit_status = 0;  // what the program should exit with: the command's own
  Summary summary;
  bool records_kept = true;  // false: removed, as fail_time_s says, or none could be written
};

// Runs options.command under trace. An Error means that the command was not run (code says why); failures to write
// records while it runs are reported through the observer and do not touch the command.
Result<Outcome> run(const Options& options, Observer& observer);

// The execution_summary as named values, in the order of the record; also what a summary format may name.
Fields summary_fields(const Summary& summary);

std::string_view version();

}  // namespace duct_bpf
