// SPDX-License-Identifier: MIT
#include "capture/kernel_support.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "capture/fd.hpp"

namespace duct_bpf {
namespace {

bool have_capability(unsigned number) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data)) return false;
  return data[number / 32].effective >> (number % 32) & 1;
}

std::string read_line(const char* path) {
  Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
  char buffer[256];
  ssize_t got = fd ? ::read(fd.get(), buffer, sizeof buffer) : 0;
  std::string text(buffer, got > 0 ? got : 0);
  return text.substr(0, text.find('\n'));
}

// The verifier's reason is its last line but for statistics; libbpf's own lines say less.
std::string reason_in(const std::string& log) {
  std::string reason;
  std::size_t at = 0;
  while (at < log.size()) {
    std::size_t end = std::min(log.find('\n', at), log.size());
    std::string line = log.substr(at, end - at);
    if (!line.empty() && !line.starts_with("processed ") && !line.starts_with("libbpf:")) reason = line;
    at = end + 1;
  }
  return reason;
}

}  // namespace

Error explain_load_failure(int failure, const std::string& log) {
  constexpr unsigned kCapPerfmon = 38, kCapBpf = 39, kCapSysAdmin = 21;
  utsname names{};
  ::uname(&names);
  int major = 0, minor = 0;
  std::sscanf(names.release, "%d.%d", &major, &minor);

  bool admin = have_capability(kCapSysAdmin);
  if (!admin && !(have_capability(kCapBpf) && have_capability(kCapPerfmon)))
    return {ErrorCode::no_bpf, "tracing needs the privilege to load BPF programs (CAP_BPF and CAP_PERFMON)",
            "run it as root: sudo duct-bpf ..."};
  if (major < 5 || (major == 5 && minor < 10))
    return {ErrorCode::no_bpf, std::string("kernel ") + names.release + " is too old: tracing needs 5.10 or newer",
            "boot a newer kernel"};
  if (::access("/sys/kernel/btf/vmlinux", R_OK))
    return {ErrorCode::no_bpf, "the kernel offers no BTF (/sys/kernel/btf/vmlinux)",
            "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount sysfs where it is missing"};
  if (failure == ENOSYS)
    return {ErrorCode::no_bpf, "the kernel has no bpf system call", "use a kernel built with CONFIG_BPF_SYSCALL=y"};
  std::string lockdown = read_line("/sys/kernel/security/lockdown");
  if (failure == EPERM && lockdown.find("[confidentiality]") != std::string::npos)
    return {ErrorCode::no_bpf, "kernel lockdown (confidentiality) forbids tracing programs",
            "boot without lockdown=confidentiality"};
  if (failure == EPERM)
    return {ErrorCode::no_bpf, "the kernel refused to load BPF programs: " + errno_text(failure),
            "in a container: allow the bpf and perf_event_open calls and add CAP_BPF, CAP_PERFMON"};
  std::string detail = reason_in(log);
  return {ErrorCode::no_bpf,
          "BPF programs cannot be loaded on kernel " + std::string(names.release) + ": " + errno_text(failure) +
              (detail.empty() ? "" : " (" + detail + ")"),
          "--log-level DEBUG shows the kernel's own words"};
}

}  // namespace duct_bpf
