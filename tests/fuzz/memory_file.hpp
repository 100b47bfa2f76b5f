// SPDX-License-Identifier: MIT
// A regular file that holds a fuzzer's bytes, for readers that take paths; and what their text has to be.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/utf8.hpp"
#include "log/text.hpp"

namespace duct_bpf::fuzz {

class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : fd_(memfd_create("record", MFD_CLOEXEC)) {
    if (fd_ < 0 || write(fd_, content.data(), content.size()) != static_cast<ssize_t>(content.size())) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(fd_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

inline std::string_view view_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

inline std::size_t lines_of(std::string_view text) { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1; }

// Valid UTF-8 without anything that a terminal may take for more than text; but for line ends.
inline bool is_harmless(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    if (text[0] != '\n' && duct_log::is_unsafe(code_point(text.substr(0, length)))) return false;
    text.remove_prefix(length);
  }
  return true;
}

inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace duct_bpf::fuzz
