// SPDX-License-Identifier: MIT
// The environment as the caller gave it to us, for the command.
#pragma once

#include <string>
#include <vector>

namespace duct_bpf {

// The entries, "NAME=value" as a rule. Of a program with file capabilities glibc takes LD_*, TMPDIR and others away before
// main(): they are the caller's words to the command as well, which has no privilege that they could abuse.
std::vector<std::string> inherited_environment();

}  // namespace duct_bpf
