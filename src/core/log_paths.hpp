// SPDX-License-Identifier: MIT
// The names of the files of a run.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "duct_bpf/error.hpp"

namespace duct_bpf {

// Replaces {datetime} (local time, 2026.01.16T12.01.52), {datetime_filesafe} (the same, deprecated) and
// {pid};
// {{ and }} are braces. Error usage: any other field, or a brace left open.
Result<std::string> expand_prefix(std::string_view prefix, std::int64_t epoch_ns, pid_t pid);

// Whether the prefix names {datetime_filesafe}.
bool uses_deprecated_field(std::string_view prefix);

// A glob() pattern of the prefixes of the runs that belong together: a field in the name of a directory matches anything; the
// last part of the prefix from its first field on does, so that runs beside it that were named otherwise are among them. A
// prefix with a brace left open is taken as it is.
std::string prefix_pattern(std::string_view prefix);

struct LogPaths {
  std::string prefix, stdout_file, stderr_file, usage, info, processes;
};

// The prefix with the name of each file put right behind it: one that ends in '/' is a directory.
LogPaths log_paths(std::string prefix);

}  // namespace duct_bpf
