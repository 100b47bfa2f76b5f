// SPDX-License-Identifier: MIT
// What /proc says of a process, taken apart: stat, status, schedstat. Pure: given the text of a file, never the file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace duct_bpf {

// /proc/PID/stat; the numbers of fields are those of proc(5). Totals are of all threads, also of those that ended.
struct ProcStat {
  pid_t pid = 0, ppid = 0, group = 0, session = 0;
  pid_t foreground_group = 0;  // of its terminal; -1: it has none
  char state = '?';            // of the leader, as ps prints it
  std::string comm;
  std::uint64_t minor_faults = 0, major_faults = 0;
  std::uint64_t user_ticks = 0, system_ticks = 0;
  std::int64_t nice = 0;
  std::uint32_t threads = 0;
  std::uint64_t start_ticks = 0;  // of the boot clock
  std::uint64_t vsz_bytes = 0, rss_pages = 0;
  // Mixes the addresses that an exec chooses anew (code, stack, arguments): another number, another exec. The same 0 for
  // all where we may not look (`readable`), or where there is no memory any more.
  std::uint64_t image_mark = 0;
  bool readable = false;
  int wait_status = 0;  // of a zombie, as wait() reports it; 0 also where we may not look
};

// Empty: not a whole line of stat. The name may hold anything, blanks and parentheses included.
std::optional<ProcStat> parse_proc_stat(std::string_view text);

// /proc/PID/status; what is not there (a zombie has no memory) stays empty.
struct ProcStatus {
  std::optional<std::uint64_t> rss_bytes, peak_rss_bytes, peak_vsz_bytes;
  bool locked = false;  // has pages locked into memory
  std::optional<std::uint32_t> uid;  // real
  pid_t pid_ns = 0;  // its number in its own pid namespace
};
ProcStatus parse_proc_status(std::string_view text);

// /proc/PID/schedstat: of the first thread alone.
struct ProcSchedule {
  std::uint64_t cpu_ns = 0;
  std::uint64_t turns = 0;  // how often it was given a CPU
  bool operator==(const ProcSchedule&) const = default;
};
std::optional<ProcSchedule> parse_proc_schedule(std::string_view text);

}  // namespace duct_bpf
