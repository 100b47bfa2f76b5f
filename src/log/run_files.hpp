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

// Of the environment: where runs are recorded.
inline constexpr const char* kPrefixVariable = "DUCT_OUTPUT_PREFIX";

// Of the info.json files where duct-bpf would record here, for glob(): prefix_pattern() of kPrefixVariable.
std::string default_pattern();
// The runs of these files, by name.
std::vector<RunFiles> find_default_runs();

// Exactly one. An empty argument: the latest of the default ones. Error usage: several.
duct_bpf::Result<RunFiles> find_run(const std::string& argument);

}  // namespace duct_log
