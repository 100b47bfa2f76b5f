// SPDX-License-Identifier: MIT
// Capabilities, and giving them up. Linux keeps them for each thread: all of this is about the calling one.
#pragma once

#include <linux/capability.h>

#include <cstdint>
#include <initializer_list>

#include "duct_bpf/error.hpp"

namespace duct_bpf {

struct CapabilitySet {
  std::uint64_t bits = 0;
  constexpr CapabilitySet() = default;
  constexpr CapabilitySet(std::initializer_list<unsigned> numbers) {
    for (unsigned number : numbers) bits |= std::uint64_t{1} << number;
  }
  constexpr bool has(unsigned number) const { return bits >> number & 1; }
  constexpr bool has_all(CapabilitySet others) const { return (bits & others.bits) == others.bits; }
  constexpr CapabilitySet operator|(CapabilitySet other) const { return from(bits | other.bits); }
  constexpr CapabilitySet operator&(CapabilitySet other) const { return from(bits & other.bits); }
  static constexpr CapabilitySet from(std::uint64_t bits) {
    CapabilitySet set;
    set.bits = bits;
    return set;
  }
};

// What of the permitted capabilities loading the programs takes: CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, which stands
// for both. Empty: it is not permitted.
CapabilitySet tracing_capabilities();
// And what of that it takes to go on using them, by their descriptors: nothing since 5.19. Before, where
// kernel.unprivileged_bpf_disabled is set, the kernel asks at every bpf(2).
CapabilitySet capabilities_to_use_bpf();
bool is_permitted(unsigned capability);

// The privilege we have is the program file's (its capabilities, a setuid bit), not the caller's: the caller is not to get
// any of it, nor by it what is not theirs.
bool privilege_is_the_files();

// For main(): rests it, and keeps the caller's other processes from looking into this one (ptrace, /proc/PID/mem and fd).
void guard_privilege_of_file();

// Out of use, and back into use. For a thread that comes to its privileged work later, or not at all.
void rest_capabilities();
void use_capabilities();

// Gives up all but `keep` of what is permitted. What a child would inherit of the caller stays.
Result<void> keep_capabilities(CapabilitySet keep);

// The same for good, and for all that this thread starts from now on: inheritable, ambient and (where we may) bounding
// set, and no program that it executes gives privilege again. After the fork of the command: it would inherit that.
Result<void> renounce_privilege(CapabilitySet keep);

// What the tracer works with while the command runs, in privilege that is the caller's own: signals to processes of
// another user; /proc/PID of processes that are not like us; files in directories of others, and made as `owner_is_other`.
CapabilitySet capabilities_of_a_run(bool owner_is_other);

}  // namespace duct_bpf
