// SPDX-License-Identifier: MIT
#include "capture/privilege.hpp"

#include <linux/bpf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "capture/fd.hpp"
#include "capture/os_error.hpp"

namespace duct_bpf {
namespace {

struct Sets {
  CapabilitySet effective, permitted, inheritable;
};

Sets get_sets() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data)) return {};
  auto both = [](std::uint32_t low, std::uint32_t high) { return CapabilitySet::from(low | std::uint64_t{high} << 32); };
  return {both(data[0].effective, data[1].effective), both(data[0].permitted, data[1].permitted),
          both(data[0].inheritable, data[1].inheritable)};
}

bool set_sets(const Sets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (int half = 0; half < 2; half++) {
    data[half].effective = static_cast<std::uint32_t>(sets.effective.bits >> 32 * half);
    data[half].permitted = static_cast<std::uint32_t>(sets.permitted.bits >> 32 * half);
    data[half].inheritable = static_cast<std::uint32_t>(sets.inheritable.bits >> 32 * half);
  }
  return ::syscall(SYS_capset, &header, data) == 0;
}

Error cannot_give_up() { return os_error("cannot give up privilege", errno); }

}  // namespace

CapabilitySet tracing_capabilities() {
  constexpr CapabilitySet both{CAP_BPF, CAP_PERFMON};
  CapabilitySet permitted = get_sets().permitted;
  return permitted.has_all(both) ? both : permitted & CapabilitySet{CAP_SYS_ADMIN};
}

CapabilitySet capabilities_to_use_bpf() {
  Sets before = get_sets();
  rest_capabilities();
  bpf_attr lookup{};
  lookup.map_fd = ~0u;  // no such descriptor, which is found out only by who may ask
  bool refused = ::syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &lookup, sizeof lookup) && errno == EPERM;
  set_sets(before);
  return refused ? tracing_capabilities() & CapabilitySet{CAP_BPF, CAP_SYS_ADMIN} : CapabilitySet{};
}

bool is_permitted(unsigned capability) { return get_sets().permitted.has(capability); }

bool privilege_is_the_files() { return ::getauxval(AT_SECURE) != 0; }

void guard_privilege_of_file() {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  rest_capabilities();
}

void rest_capabilities() {
  Sets sets = get_sets();
  sets.effective = {};
  set_sets(sets);
}

void use_capabilities() {
  Sets sets = get_sets();
  sets.effective = sets.permitted;
  set_sets(sets);
}

Result<void> keep_capabilities(CapabilitySet keep) {
  Sets sets = get_sets();
  sets.effective = sets.permitted = sets.permitted & keep;
  if (!set_sets(sets)) return cannot_give_up();
  return {};
}

Result<void> renounce_privilege(CapabilitySet keep) {
  Sets sets = get_sets();
  if (sets.effective.has(CAP_SETPCAP)) {
    // As far as the kernel knows capabilities: beyond, it says EINVAL.
    for (unsigned number = 0; number < 64; number++)
      if (!keep.has(number) && ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) && errno == EINVAL) break;
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);  // of the inheritable ones, which go as well
  sets.effective = sets.permitted = sets.permitted & keep;
  sets.inheritable = {};
  if (!set_sets(sets) || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return cannot_give_up();
  return {};
}

CapabilitySet capabilities_of_a_run(bool owner_is_other) {
  CapabilitySet set{CAP_KILL, CAP_SYS_PTRACE, CAP_DAC_OVERRIDE, CAP_FOWNER};
  return owner_is_other ? set | CapabilitySet{CAP_CHOWN, CAP_SETUID, CAP_SETGID} : set;
}

}  // namespace duct_bpf
