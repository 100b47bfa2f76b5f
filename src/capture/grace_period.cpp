// SPDX-License-Identifier: MIT
#include "capture/grace_period.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "capture/fd.hpp"

namespace duct_bpf {
namespace {

bool kernel_never_hurries() {
  const Fd file(::open("/sys/kernel/rcu_normal", O_RDONLY | O_CLOEXEC));
  char value = '0';
  return ::read(file.get(), &value, 1) == 1 && value == '1';
}

// Which may kill for a call that it does not know.
bool calls_are_filtered() { return ::prctl(PR_GET_SECCOMP) != 0; }

}  // namespace

void hurry_grace_periods() {
  if (calls_are_filtered() || kernel_never_hurries()) return;
  for (int i = 0; i < 2; i++) const Fd mount(::open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

}  // namespace duct_bpf
