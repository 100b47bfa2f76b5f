// SPDX-License-Identifier: MIT
// The command line of duct-log, made into the subcommand to run.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "duct_bpf/error.hpp"
#include "log/console.hpp"

namespace duct_log {

struct LogCommand {
  std::function<Result<int>(const Console&)> run;
  std::optional<bool> colors;     // empty: where stdout is a terminal and NO_COLOR does not say otherwise
  bool pager = true;
  std::string print_and_exit;     // --help, --version: for stdout, nothing is to be run
};

Result<LogCommand> parse_log_options(int argc, const char* const* argv);

}  // namespace duct_log
