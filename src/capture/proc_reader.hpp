// SPDX-License-Identifier: MIT
// Reads /proc with as few system calls as it takes: everything is opened below one descriptor, and read at once.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "capture/fd.hpp"
#include "core/proc_files.hpp"
#include "duct_bpf/error.hpp"

namespace duct_bpf {

class ProcReader {
 public:
  Result<void> open();  // Error: /proc is not there, or is that of another pid namespace

  Fd file(pid_t pid, const char* name) const;  // none: there is no such process, or it may not be looked at
  std::optional<ProcStat> stat(pid_t pid);
  ProcStatus status(pid_t pid) { return parse_proc_status(text(pid, "status")); }
  std::optional<ProcSchedule> schedule(pid_t pid) { return parse_proc_schedule(text(pid, "schedstat")); }
  std::string arguments(pid_t pid, std::size_t enough);  // cmdline; ends a little after so many bytes
  std::string program(pid_t pid) const;                  // what exe links to
  // The pid that was handed out last, in our pid namespace; 0: not known.
  pid_t newest_pid() const;

  // Lists processes by rising pid, from a place (0: the first) on. `visit(pid)` says whether to go on. Afterwards `place` is
  // that of the last process with a pid up to `newest`. False: errno says why not.
  using Place = std::int64_t;
  template <typename Visit>
  bool list(Place& place, pid_t newest, Visit&& visit) {
    if (!seek(place)) return false;
    Place here = place;
    for (Entry entry;;) {
      long got = next(entry);
      if (got <= 0) return got == 0;
      if (entry.pid && entry.pid <= newest) place = here;
      if (entry.pid && !visit(entry.pid)) return true;
      here = entry.next;
    }
  }

 private:
  std::string_view text(pid_t pid, const char* name);  // valid until the next call
  struct Entry {
    pid_t pid = 0;   // 0: not a process
    Place next = 0;  // of the entry behind it
  };
  bool seek(Place place);
  long next(Entry& entry);  // 0: the end; -1: errno

  Fd proc_, loadavg_;
  char text_[8192];
  alignas(8) char entries_[32768];
  long entries_at_ = 0, entries_bytes_ = 0;
};

// Lets this process hold many files open while it lives.
class FileLimit {
 public:
  FileLimit() = default;
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;
  ~FileLimit();
  std::size_t raise(std::size_t wanted);  // what the limit is then

 private:
  rlimit before_{};
  bool raised_ = false;
};

}  // namespace duct_bpf
