// SPDX-License-Identifier: MIT
// duct-log by: the processes of a run put together by what they are; the tax of short-lived ones.
#pragma once

#include <string>

#include "log/console.hpp"

namespace duct_log {

enum class ByKey { program, words, uid, depth };
enum class BySort { cpu, count, memory, failed };

struct ByOptions {
  std::string run;  // empty: the latest
  ByKey key = ByKey::program;
  std::size_t words = 2;         // of the command line, for ByKey::words
  std::string filter;            // an expression over a process
  BySort sort = BySort::cpu;
  std::size_t rows = 20;         // 0: all
  double short_lived_s = 0.1;    // a process that lived no longer is short-lived
};

// Error usage: the filter.
Result<int> by(const ByOptions& options, const Console& console);

}  // namespace duct_log
