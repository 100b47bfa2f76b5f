// SPDX-License-Identifier: MIT
#include "capture/proc_reader.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "capture/os_error.hpp"

namespace duct_bpf {
namespace {

struct Path {
  char text[48];
  Path(pid_t pid, const char* name) {
    char* at = std::to_chars(text, text + 16, pid).ptr;
    *at++ = '/';
    std::strcpy(at, name);
  }
};

}  // namespace

Result<void> ProcReader::open() {
  proc_.reset(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  char self[16];
  ssize_t got = proc_ ? ::readlinkat(proc_.get(), "self", self, sizeof self) : -1;
  if (got < 0) return Error{ErrorCode::system, "cannot look into /proc: " + errno_text(errno), "mount -t proc proc /proc"};
  if (std::string_view(self, static_cast<std::size_t>(got)) != std::to_string(::getpid()))
    return Error{ErrorCode::system, "/proc is that of another pid namespace", "mount -t proc proc /proc"};
  loadavg_.reset(::openat(proc_.get(), "loadavg", O_RDONLY | O_CLOEXEC));
  return {};
}

Fd ProcReader::file(pid_t pid, const char* name) const {
  return Fd(::openat(proc_.get(), Path(pid, name).text, O_RDONLY | O_CLOEXEC));
}

std::string_view ProcReader::text(pid_t pid, const char* name) {
  Fd opened = file(pid, name);
  ssize_t got = opened ? ::read(opened.get(), text_, sizeof text_) : -1;
  return {text_, got > 0 ? static_cast<std::size_t>(got) : 0};
}

std::optional<ProcStat> ProcReader::stat(pid_t pid) { return parse_proc_stat(text(pid, "stat")); }

std::string ProcReader::arguments(pid_t pid, std::size_t enough) {
  std::string words;
  Fd opened = file(pid, "cmdline");
  ssize_t got = 0;
  while (opened && words.size() <= enough && (got = ::read(opened.get(), text_, sizeof text_)) > 0)
    words.append(text_, static_cast<std::size_t>(got));
  return words;
}

std::string ProcReader::program(pid_t pid) const {
  char target[PATH_MAX];
  ssize_t got = ::readlinkat(proc_.get(), Path(pid, "exe").text, target, sizeof target);
  return {target, got > 0 ? static_cast<std::size_t>(got) : 0};
}

pid_t ProcReader::newest_pid() const {
  char line[128];
  ssize_t got = loadavg_ ? ::pread(loadavg_.get(), line, sizeof line, 0) : -1;
  std::string_view words(line, got > 0 ? static_cast<std::size_t>(got) : 0);
  pid_t pid = 0;
  if (std::size_t blank = words.rfind(' '); blank != std::string_view::npos)
    std::from_chars(words.data() + blank + 1, words.data() + words.size(), pid);
  return pid;
}

bool ProcReader::seek(Place place) {
  entries_at_ = entries_bytes_ = 0;
  return ::lseek(proc_.get(), place, SEEK_SET) == place;
}

long ProcReader::next(Entry& entry) {
  if (entries_at_ >= entries_bytes_) {
    entries_at_ = 0;
    entries_bytes_ = ::syscall(SYS_getdents64, proc_.get(), entries_, sizeof entries_);
    if (entries_bytes_ <= 0) return entries_bytes_;
  }
  auto* found = reinterpret_cast<const dirent64*>(entries_ + entries_at_);
  entries_at_ += found->d_reclen;
  entry = {.pid = 0, .next = found->d_off};
  std::from_chars(found->d_name, found->d_name + std::strlen(found->d_name), entry.pid);
  return 1;
}

std::size_t FileLimit::raise(std::size_t wanted) {
  if (::getrlimit(RLIMIT_NOFILE, &before_)) return 0;
  rlimit limit = before_;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted);
  if (limit.rlim_cur <= before_.rlim_cur) return before_.rlim_cur;
  raised_ = ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
  return raised_ ? limit.rlim_cur : before_.rlim_cur;
}

FileLimit::~FileLimit() {
  if (raised_) ::setrlimit(RLIMIT_NOFILE, &before_);
}

}  // namespace duct_bpf
