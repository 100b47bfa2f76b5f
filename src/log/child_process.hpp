// SPDX-License-Identifier: MIT
// Runs another program on a text and takes what it prints.
#pragma once

#include <string>
#include <vector>

#include "duct_bpf/error.hpp"

namespace duct_log {

struct ChildOutput {
  int status = 0;  // as a shell says it
  std::string out, err;
};

// `argv[0]` is sought in PATH; no shell is in between. Its locale is C.UTF-8. Error not_found: there is no such program.
duct_bpf::Result<ChildOutput> run_child(const std::vector<std::string>& argv, const std::string& input);

}  // namespace duct_log
