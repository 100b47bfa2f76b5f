// SPDX-License-Identifier: MIT
#include "capture/kernel_support.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "capture/fd.hpp"
#include "capture/os_error.hpp"
#include "capture/privilege.hpp"

namespace duct_bpf {
namespace {

constexpr const char* kVmlinuxBtf = "/sys/kernel/btf/vmlinux";

std::string read_line(const char* path) {
  Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
  char buffer[256];
  ssize_t got = fd ? ::read(fd.get(), buffer, sizeof buffer) : 0;
  std::string text(buffer, got > 0 ? got : 0);
  return text.substr(0, text.find('\n'));
}

std::string read_link(const char* path) {
  char target[PATH_MAX];
  ssize_t got = ::readlink(path, target, sizeof target);
  return {target, got > 0 ? static_cast<std::size_t>(got) : 0};
}

// The number behind "Name:" in /proc/self/status; -1: there is none.
long own_status(const char* name) {
  std::FILE* file = std::fopen("/proc/self/status", "re");
  if (!file) return -1;
  long number = -1;
  char line[256];
  while (number < 0 && std::fgets(line, sizeof line, file))
    if (std::strncmp(line, name, std::strlen(name)) == 0) std::sscanf(line + std::strlen(name), ":%ld", &number);
  std::fclose(file);
  return number;
}

std::string kernel_release() {
  utsname names{};
  ::uname(&names);
  return names.release;
}

bool kernel_is_before(int major, int minor) {
  int own_major = 0, own_minor = 0;
  std::sscanf(kernel_release().c_str(), "%d.%d", &own_major, &own_minor);
  return own_major < major || (own_major == major && own_minor < minor);
}

// --- what a run needs ---

// First: inside, a process seems to have every capability, and none of them counts.
Fact user_namespace() {
  std::istringstream map(read_line("/proc/self/uid_map"));
  unsigned long inside = 0, outside = 0, count = 4294967295;
  map >> inside >> outside >> count;
  if (inside == 0 && outside == 0 && count == 4294967295) return {"user namespace", "the machine's", FactState::good, "", ""};
  return {"user namespace", "uid " + std::to_string(inside) + " here is " + std::to_string(outside) + " outside", FactState::bad,
          "this is a user namespace, as in a rootless container: its root may not load BPF programs",
          "run duct-bpf outside of it; or sample without privilege: --sampler procfs"};
}

Fact privilege() {
  CapabilitySet tracing = tracing_capabilities();
  if (tracing.bits) {
    std::string value = ::geteuid() == 0 ? "root" : tracing.has(CAP_BPF) ? "CAP_BPF and CAP_PERFMON" : "CAP_SYS_ADMIN";
    if (!privilege_is_the_files())
      return {"privilege", value, FactState::good, "given up before the command runs, but for signals, /proc and files; the command has it", ""};
    return {"privilege", value + ", of the program's file", FactState::good, "given up before the command runs, which has none of it", ""};
  }
  std::string exe = read_link("/proc/self/exe");
  Fact fact{"privilege", "neither CAP_BPF nor CAP_PERFMON", FactState::bad,
            "tracing needs the privilege to load BPF programs (CAP_BPF and CAP_PERFMON)",
            "sudo duct-bpf ..., or for all users: sudo setcap cap_bpf,cap_perfmon+ep " + exe +
                "; or sample without privilege: --sampler procfs"};
  if (is_permitted(CAP_BPF)) fact.value = "CAP_BPF without CAP_PERFMON";
  if (is_permitted(CAP_PERFMON)) fact.value = "CAP_PERFMON without CAP_BPF";
  if (::getxattr("/proc/self/exe", "security.capability", nullptr, 0) <= 0 || is_permitted(CAP_BPF) || is_permitted(CAP_PERFMON))
    return fact;
  struct statvfs mounted {};
  if (own_status("NoNewPrivs") == 1) {
    fact.meaning += ", and no_new_privs keeps the program's file from giving it";
    fact.mend = "start it where no_new_privs is not set (NoNewPrivileges=no, allowPrivilegeEscalation: true)";
  } else if (::statvfs("/proc/self/exe", &mounted) == 0 && mounted.f_flag & ST_NOSUID) {
    fact.meaning += ", and the mount option nosuid keeps the program's file from giving it";
    fact.mend = "sudo install " + exe + " /usr/local/bin/duct-bpf && sudo setcap cap_bpf,cap_perfmon+ep /usr/local/bin/duct-bpf";
  }
  return fact;
}

Fact kernel() {
  if (!kernel_is_before(5, 10)) return {"kernel", kernel_release(), FactState::good, "5.10 or newer is needed", ""};
  return {"kernel", kernel_release(), FactState::bad, "kernel " + kernel_release() + " is too old: tracing needs 5.10 or newer",
          "boot a newer kernel"};
}

Fact type_data() {
  Fact fact{"type data (BTF)", kVmlinuxBtf, FactState::good, "", ""};
  struct stat st {};
  if (::access(kVmlinuxBtf, R_OK) == 0 && ::stat(kVmlinuxBtf, &st) == 0) {
    fact.value += ", " + std::to_string(st.st_size / 1024) + " KiB";
    return fact;
  }
  fact.value = "none";
  fact.state = FactState::bad;
  fact.meaning = std::string("the kernel offers no BTF (") + kVmlinuxBtf + ")";
  fact.mend = ::access("/sys/kernel", F_OK) == 0
                  ? "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions ship it since 5.10"
                  : "mount -t sysfs sysfs /sys";
  return fact;
}

Fact lockdown() {
  std::string modes = read_line("/sys/kernel/security/lockdown");
  Fact fact{"lockdown", modes.empty() ? "not there" : modes, FactState::good, "", ""};
  if (modes.find("[confidentiality]") == std::string::npos) return fact;
  fact.state = FactState::bad;
  fact.meaning = "kernel lockdown (confidentiality) forbids tracing programs";
  fact.mend = "boot without lockdown=confidentiality";
  return fact;
}

// A command that there is not: who may not use the call is told so before the kernel looks at what for.
Fact bpf_call() {
  constexpr int kNoCommand = 9999;
  char nothing[128] = {};
  use_capabilities();
  ::syscall(SYS_bpf, kNoCommand, nothing, sizeof nothing);
  int error = errno;
  if (privilege_is_the_files()) rest_capabilities();
  bool filter = own_status("Seccomp") == 2;
  Fact fact{"bpf(2)", filter ? "allowed by the seccomp filter" : "no seccomp filter", FactState::good, "", ""};
  if (error == ENOSYS && !filter) {
    fact = {"bpf(2)", "not there", FactState::bad, "the kernel has no bpf system call", "use a kernel built with CONFIG_BPF_SYSCALL=y"};
  } else if (tracing_capabilities().bits && (error == EPERM || error == ENOSYS)) {
    fact = {"bpf(2)", "refused", FactState::bad,
            std::string("the kernel refused to load BPF programs: ") + errno_text(error) +
                (filter ? " (by a seccomp filter)" : " (by a security module)"),
            "in a container: --cap-add BPF --cap-add PERFMON --security-opt seccomp=unconfined"};
  }
  return fact;
}

// A program, a map, an event or a file of the run is one each.
Fact open_files() {
  constexpr rlim_t kNeeded = 80;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  Fact fact{"open files", limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur), FactState::good, "", ""};
  if (limit.rlim_cur >= kNeeded) return fact;
  fact.state = FactState::bad;
  fact.meaning = "the limit on open files is " + fact.value + ", and tracing needs " + std::to_string(kNeeded);
  fact.mend = "ulimit -n 1024";
  return fact;
}

// Before 5.11 maps and programs count against it.
std::vector<Fact> locked_memory() {
  constexpr rlim_t kNeeded = 64 << 20;
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  if (!kernel_is_before(5, 11)) return {};
  std::string value = limit.rlim_max == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_max >> 10) + " KiB";
  if (limit.rlim_max >= kNeeded || is_permitted(CAP_SYS_RESOURCE)) return {{"locked memory", value, FactState::good, "", ""}};
  return {{"locked memory", value, FactState::bad, "the limit on locked memory is too low for BPF maps (before kernel 5.11)",
           "echo '* - memlock unlimited' | sudo tee /etc/security/limits.d/duct-bpf.conf, and log in anew"}};
}

// --- what changes a run ---

Fact sysctls() {
  auto value = [](const char* name) {
    std::string path = std::string("/proc/sys/") + name, text;
    text = read_line(path.c_str());
    std::replace(path.begin(), path.end(), '/', '.');
    return path.substr(std::strlen("/proc/sys/")) + "=" + (text.empty() ? "?" : text);
  };
  return {"sysctls", value("kernel/unprivileged_bpf_disabled") + " " + value("kernel/perf_event_paranoid") + " " +
                         value("kernel/kptr_restrict"),
          FactState::good, "with the capabilities none of them stands in the way", ""};
}

std::vector<Fact> dear_sysctls() {
  std::vector<Fact> facts;
  if (read_line("/proc/sys/net/core/bpf_jit_enable") == "0")
    facts.push_back({"sysctl", "net.core.bpf_jit_enable=0", FactState::note,
                     "programs are interpreted, which costs the command several times as much",
                     "sudo sysctl net.core.bpf_jit_enable=1"});
  if (read_line("/proc/sys/kernel/bpf_stats_enabled") == "1")
    facts.push_back({"sysctl", "kernel.bpf_stats_enabled=1", FactState::note, "the kernel times every run of a program",
                     "sudo sysctl kernel.bpf_stats_enabled=0"});
  return facts;
}

Fact pid_namespace() {
  constexpr const char* kInitial = "pid:[4026531836]";  // PROC_PID_INIT_INO
  Fact fact{"pid namespace", "the machine's", FactState::good, "", ""};
  if (std::string self = read_link("/proc/self"); self != std::to_string(::getpid())) {
    fact.value = self.empty() ? "/proc is not mounted" : "/proc is that of another one";
    fact.state = FactState::note;
    fact.meaning = "every process is recorded, without PSS, and what was running before without its arguments";
    if (self.empty()) fact.meaning += "; what the command prints is captured, but not shown";
    fact.mend = "mount -t proc proc /proc";
  } else if (read_link("/proc/self/ns/pid") != kInitial) {
    fact.value = "one of its own";
    fact.meaning = "processes are found by task, not by number: all of the tree are seen, with their pids in here";
  }
  return fact;
}

Fact container() {
  std::string kind = read_line("/run/systemd/container");
  if (kind.empty() && ::access("/run/.containerenv", F_OK) == 0) kind = "podman";
  if (kind.empty() && ::access("/.dockerenv", F_OK) == 0) kind = "docker";
  if (kind.empty() && ::access("/var/run/secrets/kubernetes.io", F_OK) == 0) kind = "kubernetes";
  return {"container", kind.empty() ? "none that is known" : kind, FactState::good, "", ""};
}

// The verifier's reason is its last line but for statistics; libbpf's own lines say less.
std::string reason_in(const std::string& log) {
  std::string reason;
  std::size_t at = 0;
  while (at < log.size()) {
    std::size_t end = std::min(log.find('\n', at), log.size());
    std::string line = log.substr(at, end - at);
    bool words = !line.empty() && !line.starts_with("processed ") && !line.starts_with("libbpf:") && !line.starts_with("--");
    if (words) reason = line;
    at = end + 1;
  }
  return reason;
}

}  // namespace

std::vector<Fact> required_facts() {
  std::vector<Fact> facts{user_namespace(), privilege(), kernel(), type_data(), lockdown(), bpf_call(), open_files()};
  for (Fact& fact : locked_memory()) facts.push_back(std::move(fact));
  return facts;
}

std::vector<Fact> other_facts() {
  std::vector<Fact> facts{sysctls(), pid_namespace(), container()};
  for (Fact& fact : dear_sysctls()) facts.push_back(std::move(fact));
  return facts;
}

Result<void> check_limits() {
  Fact files = open_files();
  if (files.state == FactState::bad) return Error{ErrorCode::no_bpf, files.meaning, files.mend};
  return {};
}

Error explain_load_failure(int failure, const std::string& log) {
  for (const Fact& fact : required_facts())
    if (fact.state == FactState::bad) return {ErrorCode::no_bpf, fact.meaning, fact.mend};
  std::string detail = reason_in(log);
  Error error = os_error("BPF programs cannot be loaded on kernel " + kernel_release(), failure, ErrorCode::no_bpf);
  if (!detail.empty()) error.message += " (" + detail + ")";
  if (error.hint.empty()) error.hint = "duct-bpf --doctor looks for the cause; --log-level DEBUG shows the kernel's own words";
  return error;
}

}  // namespace duct_bpf
