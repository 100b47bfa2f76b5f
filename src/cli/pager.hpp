// SPDX-License-Identifier: MIT
// What goes to stdout, through the user's pager where that is a terminal.
#pragma once

#include <sys/types.h>

#include <string_view>

namespace duct_log {

class Output {
 public:
  // With `page`: starts $PAGER (where that is not set less, if it is there) in front of stdout, if that is a terminal.
  explicit Output(bool page);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { finish(); }

  void write(std::string_view text);
  // Writes what is left, and waits for the pager to be closed. False: not all could be written; that the reader went away
  // (a closed pager, head) is fine.
  bool finish();

 private:
  int fd_;
  pid_t pager_ = -1;
  int failure_ = 0;  // errno
};

}  // namespace duct_log
