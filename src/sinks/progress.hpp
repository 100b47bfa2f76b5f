// SPDX-License-Identifier: MIT
// --outputs spinner and dotter: a sign of life on stderr in place of the command's output.
#pragma once

#include <cstdint>
#include <string>

#include "duct_bpf/run.hpp"

namespace duct_bpf {

class Progress {
 public:
  // `fd`: where to draw. The spinner draws over its own line, so it needs a terminal; without one it dots.
  Progress(OutputView view, int fd);
  bool active() const { return kind_ != Kind::none; }
  // Called some five times a second. `rss_peak` is the tree's so far.
  void tick(std::int64_t elapsed_ns, std::uint64_t rss_peak_bytes, std::uint64_t processes);
  // Leaves the line clean for what is printed next; also before any message.
  void clear();

 private:
  enum class Kind { none, spinner, dotter };
  void put(const std::string& text);
  Kind kind_ = Kind::none;
  int fd_;
  unsigned frame_ = 0;
  std::int64_t dots_ = 0;
  bool drawn_ = false;
};

}  // namespace duct_bpf
