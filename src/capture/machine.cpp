// SPDX-License-Identifier: MIT
#include "capture/machine.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <climits>
#include <ctime>
#include <fstream>
#include <limits>
#include <string_view>

#include "capture/fd.hpp"
#include "capture/fork_lock.hpp"
#include "capture/user_database.hpp"
#include "core/event.hpp"

namespace duct_bpf {
namespace {

constexpr std::int64_t kCloseNs = 10'000;

std::int64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Machine machine_facts() {
  Machine machine;
  machine.cpus = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  machine.memory_bytes =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return machine;
}

std::int64_t wall_now_ns() { return clock_ns(CLOCK_REALTIME); }
std::int64_t monotonic_now_ns() { return clock_ns(CLOCK_MONOTONIC); }
std::uint64_t boot_now_ns() { return static_cast<std::uint64_t>(clock_ns(CLOCK_BOOTTIME)); }

std::int64_t boot_to_wall_ns() {
  // The boot clock between two looks at the wall clock: the offset is off by half their distance at most. That may be milliseconds
  // where we were preempted in between, so the closest of some attempts counts.
  std::int64_t offset = 0, closest = std::numeric_limits<std::int64_t>::max();
  for (int attempt = 0; attempt < 10 && closest > kCloseNs; attempt++) {
    std::int64_t before = wall_now_ns(), boot = clock_ns(CLOCK_BOOTTIME), after = wall_now_ns();
    if (after < before || after - before >= closest) continue;  // the clock was set; no better
    closest = after - before;
    offset = before + closest / 2 - boot;
  }
  return offset;
}

std::string host_name() {
  utsname names{};
  ::uname(&names);
  return names.nodename;
}

std::string kernel_release() {
  utsname names{};
  ::uname(&names);
  return names.release;
}

std::string user_name(uid_t uid) {
  if (const auto user = look_up_uid(uid)) return user->name;
  return std::to_string(uid);
}

std::string working_directory() {
  char path[PATH_MAX];
  return ::getcwd(path, sizeof path) ? path : "";
}

std::vector<std::pair<std::string, std::string>> job_environment() {
  std::vector<std::pair<std::string, std::string>> found;
  for (char** each = environ; *each; each++) {
    std::string_view variable = *each;
    std::size_t equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    for (std::string_view prefix : {"PBS_", "SLURM_", "OSG"})
      if (variable.starts_with(prefix)) found.emplace_back(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return found;
}

std::shared_ptr<const Image> running_image(pid_t pid) {
  std::string folder = "/proc/" + std::to_string(pid);
  Fd fd(::open((folder + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return nullptr;
  std::string area;
  char buffer[4096];
  ssize_t got;
  while ((got = ::read(fd.get(), buffer, sizeof buffer)) > 0) area.append(buffer, got);
  if (area.empty()) return nullptr;  // a zombie or a kernel thread
  auto image = std::make_shared<Image>();
  image->argv = split_argv(area);
  char path[PATH_MAX];
  got = ::readlink((folder + "/exe").c_str(), path, sizeof path);
  if (got > 0) image->exe.assign(path, got);
  return image;
}

bool proc_hides_processes() {
  std::lock_guard no_fork(fork_lock());
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::size_t type = line.find(" - proc "), option = line.find("hidepid=");
    if (type == std::string::npos || option == std::string::npos || line.find(" /proc ") == std::string::npos) continue;
    std::string_view value = std::string_view(line).substr(option + 8);
    return !value.starts_with("0") && !value.starts_with("off");
  }
  return false;
}

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace duct_bpf
