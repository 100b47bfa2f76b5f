// SPDX-License-Identifier: MIT
// The command line of duct-bpf, the environment and the .env files, made into Options.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/env_files.hpp"
#include "duct_bpf/error.hpp"
#include "duct_bpf/run.hpp"

namespace duct_bpf {

struct CliOptions {
  Options run;
  LogLevel log_level = LogLevel::info;  // none where quiet
  bool quiet = false;
  bool colors = false;
  std::string summary_format;                 // known to fit summary_fields()
  std::optional<std::string> print_and_exit;  // --help, --version: for stdout, nothing is to be run
  bool doctor = false, json = false;          // nothing is to be run
  // What is to be said once the log level is known: .env files that were left out, deprecated fields.
  std::vector<std::pair<LogLevel, std::string>> notes;
};

// Precedence: command line, environment, .env files (the later file wins), default. An environment variable
// that is empty counts as not set, except those whose value may well be empty (message, output prefix). Error
// usage: "what: why", what being the option or variable at fault.
Result<CliOptions> parse_options(int argc, char** argv, const EnvLookup& env);

}  // namespace duct_bpf
