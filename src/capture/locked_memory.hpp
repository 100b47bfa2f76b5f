// SPDX-License-Identifier: MIT
// Before 5.11 maps and programs count against the limit on locked memory, which is the command's, too.
#pragma once

#include <sys/resource.h>

namespace duct_bpf {

// As high as may be, for as long as this lives; libbpf, which would raise it for good, finds nothing to do or has that undone.
class LockedMemory {
 public:
  LockedMemory() {
    ::getrlimit(RLIMIT_MEMLOCK, &before_);
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY}, highest{before_.rlim_max, before_.rlim_max};
    if (::setrlimit(RLIMIT_MEMLOCK, &unlimited)) ::setrlimit(RLIMIT_MEMLOCK, &highest);
  }
  ~LockedMemory() { ::setrlimit(RLIMIT_MEMLOCK, &before_); }
  LockedMemory(const LockedMemory&) = delete;
  LockedMemory& operator=(const LockedMemory&) = delete;

 private:
  rlimit before_{};
};

}  // namespace duct_bpf
