// SPDX-License-Identifier: MIT
// Says on a terminal how far the reading of a long file is, once that has taken a second; nothing is left of it at the end.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace duct_log {

class ReadingProgress {
 public:
  // Silent unless stderr is a terminal, and stdout no pipe (a pager has the screen then).
  ReadingProgress(const std::string& path, std::size_t total_bytes);
  ReadingProgress(const ReadingProgress&) = delete;
  ReadingProgress& operator=(const ReadingProgress&) = delete;
  ~ReadingProgress();
  void add(std::size_t bytes);

 private:
  using Clock = std::chrono::steady_clock;
  std::string name_;
  std::size_t total_bytes_, bytes_ = 0;
  bool wanted_, shown_ = false;
  Clock::time_point next_ = Clock::now() + std::chrono::seconds(1);
};

}  // namespace duct_log
