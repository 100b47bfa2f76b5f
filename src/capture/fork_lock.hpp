// SPDX-License-Identifier: MIT
// libbpf and the C++ library open files that are not close-on-exec. In a thread beside the one that forks the command, that would have them.
#pragma once

#include <mutex>

namespace duct_bpf {

// Held by the one while such a file may be open, and by the other for the fork.
inline std::mutex& fork_lock() {
  static std::mutex lock;
  return lock;
}

}  // namespace duct_bpf
