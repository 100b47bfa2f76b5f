// SPDX-License-Identifier: MIT
// Records as text: the one place that knows JSON. con-duct's keys keep con-duct's meaning; the rest is in
// docs/records.md. Every function returns whole lines and never throws; text that is not UTF-8 is made valid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/log_paths.hpp"
#include "core/window.hpp"
#include "duct_bpf/run.hpp"

namespace duct_bpf {

// What info.json says of the machine and the run besides the summary.
struct RunInfo {
  std::vector<std::string> command;
  unsigned cpu_total = 0;
  std::uint64_t memory_total_bytes = 0;
  std::string hostname;
  std::uint32_t uid = 0;
  std::string user;
  std::vector<std::pair<std::string, std::string>> environment;  // PBS_, SLURM_, OSG only
  LogPaths paths;
  std::string message;
  std::string sampler;  // "bpf" or "procfs"
  std::string kernel_release;
};

std::string join_argv(const std::vector<std::string>& argv);
// How ps would show it: argv, or [comm] where there is none.
std::string command_text(const Image* image, const std::string& comm);
// ISO 8601 local time with offset and microseconds.
std::string iso_time(std::int64_t epoch_ns);
// [[DD-]HH:]MM:SS, as ps prints ETIME.
std::string elapsed_text(std::int64_t ns);

void append_process_line(std::string& out, const Process& process);  // processes.jsonl
std::string usage_line(const Report& report, const Machine& machine);  // usage.jsonl
std::string info_text(const RunInfo& info, const Summary& summary);  // info.json

}  // namespace duct_bpf
