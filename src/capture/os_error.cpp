// SPDX-License-Identifier: MIT
#include "capture/os_error.hpp"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>

namespace duct_bpf {
namespace {

// As `ulimit` shows it: memory and files in units of 1,024 bytes.
std::string limit_text(decltype(RLIMIT_NOFILE) resource, rlim_t unit) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY) return "unlimited";
  return std::to_string(limit.rlim_cur / unit);
}

}  // namespace

std::string errno_text(int error) {
  char buffer[128];
  return ::strerror_r(error, buffer, sizeof buffer);
}

std::string limit_hint(int error) {
  switch (error) {
    case EMFILE:
      return "raise the limit on open files, which is " + limit_text(RLIMIT_NOFILE, 1) + ": ulimit -n 1024";
    case EAGAIN:  // of fork and threads; elsewhere it is no failure
      return "the limit on processes of this user (ulimit -u: " + limit_text(RLIMIT_NPROC, 1) +
             ") or of this container or session (pids.max) is reached";
    case ENOMEM:
      return "raise the limit on memory, of this session (ulimit -v: " + limit_text(RLIMIT_AS, 1024) + ") or of this container or job";
    case EFBIG:
      return "raise the limit on the size of files (ulimit -f: " + limit_text(RLIMIT_FSIZE, 1024) + "): ulimit -f unlimited";
    default:
      return "";
  }
}

Error os_error(const std::string& what, int error, ErrorCode code) {
  return Error{code, what + ": " + errno_text(error), limit_hint(error)};
}

}  // namespace duct_bpf
