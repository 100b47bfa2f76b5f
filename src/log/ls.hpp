// SPDX-License-Identifier: MIT
// duct-log ls: many runs, a line each; con-duct's `ls` with csv, a table and --sort.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "log/console.hpp"

namespace duct_log {

enum class LsFormat { table, summaries, json, json_pp, yaml, csv };

struct LsOptions {
  std::vector<std::string> paths;  // empty: the default runs
  std::vector<std::string> fields = {"command", "exit_code", "wall_clock_time", "peak_rss"};
  LsFormat format = LsFormat::table;
  std::string filter;              // an expression; empty: all
  std::string sort;                // a field; empty: by name of the file
  bool reverse = false;
};

// Error usage: the filter, or a field that no record has. Files that cannot be read are warned of and skipped.
Result<int> ls(const LsOptions& options, const Console& console);

}  // namespace duct_log
