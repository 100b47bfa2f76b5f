// SPDX-License-Identifier: MIT
// Reads a record file in bounded memory, whatever it is: never waits for a FIFO, never maps (a file that is cut while it is
// read must not be a signal).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "duct_bpf/error.hpp"

namespace duct_log {

inline constexpr std::size_t kMaxLineBytes = 32 << 20;

struct Line {
  std::size_t number = 0;      // from 1
  std::string_view text;       // without its end; padded for parse_json(), and lent for the call
  bool too_long = false;       // longer than kMaxLineBytes; its text is not there
  bool ended = true;           // false: the file's last line, and no line end behind it
};

// Calls `take` for each line that is not blank. Error io: the file cannot be opened or read, or is no regular file.
duct_bpf::Result<void> for_each_line(const std::string& path, const std::function<void(const Line&)>& take);

// The whole of a file of kMaxLineBytes at most, padded for parse_json(): `text` is a view into `buffer`.
struct FileText {
  std::string buffer;
  std::size_t size = 0;
  std::string_view text() const { return std::string_view(buffer).substr(0, size); }
};
duct_bpf::Result<FileText> read_file(const std::string& path);

}  // namespace duct_log
