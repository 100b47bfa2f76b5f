// SPDX-License-Identifier: MIT
// Which files belong to a run, from what a user names: one of its files, its prefix, or a directory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "duct_bpf/error.hpp"

namespace duct_log {

// Empty: there is no such file.
struct RunFiles {
  std::string prefix;
  std::string info, usage, processes, stdout_file, stderr_file;
};

// The runs that `argument` names: one for a file or a prefix; for a directory all whose info.json is in it, by name.
// Error not_found: nothing there is of a run.
duct_bpf::Result<std::vector<RunFiles>> find_runs(const std::string& argument);

// The runs under the output prefix that duct-bpf would use here (DUCT_OUTPUT_PREFIX, with fields as wildcards), by name.
std::vector<RunFiles> find_default_runs();

// Exactly one. An empty argument: the latest of the default ones. Error usage: several.
duct_bpf::Result<RunFiles> find_run(const std::string& argument);

}  // namespace duct_log
