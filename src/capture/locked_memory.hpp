// SPDX-License-Identifier: MIT
// Before 5.11 maps and programs count against the limit on locked memory, which is the command's, too.
#pragma once

#include <sys/resource.h>

namespace duct_bpf {

inline rlimit limit_on_locked_memory() {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  return limit;
}

// As high as may be, for as long as this lives; libbpf, which would raise it for good, finds nothing to do or has that undone.
class LockedMemory {
 public:
  LockedMemory() {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY}, highest{before_.rlim_max, before_.rlim_max};
    if (::setrlimit(RLIMIT_MEMLOCK, &unlimited)) ::setrlimit(RLIMIT_MEMLOCK, &highest);
  }
  ~LockedMemory() { ::setrlimit(RLIMIT_MEMLOCK, &before_); }
  LockedMemory(const LockedMemory&) = delete;
  LockedMemory& operator=(const LockedMemory&) = delete;

 private:
  rlimit before_ = limit_on_locked_memory();
};

}  // namespace duct_bpf
