// SPDX-License-Identifier: MIT
// What is wrong with single lines of a file: the first few are named, the rest is counted.
#pragma once

#include <cstddef>
#include <string>

#include "log/line_file.hpp"
#include "log/run_record.hpp"

namespace duct_log {

class LineWarnings {
 public:
  LineWarnings(const std::string& path, const Warn& warn) : path_(path), warn_(warn) {}
  LineWarnings(const LineWarnings&) = delete;
  LineWarnings& operator=(const LineWarnings&) = delete;
  ~LineWarnings() {
    if (count_ > kNamed) warn_(path_ + ": " + std::to_string(count_ - kNamed) + " more such lines, skipped");
  }
  // False: nothing can be read from this line, and that has been said.
  bool usable(const Line& line) {
    if (line.too_long) skip(line, "longer than 32 MiB");
    return !line.too_long;
  }
  void skip(const Line& line, const std::string& why) {
    if (++count_ > kNamed) return;
    warn_(path_ + ": line " + std::to_string(line.number) + (line.ended ? ": " + why : ": cut off") + ", skipped");
  }

 private:
  static constexpr std::size_t kNamed = 3;
  const std::string& path_;
  const Warn& warn_;
  std::size_t count_ = 0;
};

}  // namespace duct_log
