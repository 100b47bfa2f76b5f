// SPDX-License-Identifier: MIT
// Where a subcommand with -o puts its result.
#pragma once

#include <string>
#include <string_view>

#include "duct_bpf/error.hpp"

namespace duct_log {

// Written beside and put in place whole by finish(), so a reader never sees half of it; what is no regular file
// (/dev/stdout, a pipe) is written into.
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();  // without finish(): as if it had never been
  void write(std::string_view text);  // a failure is told by finish()
  duct_bpf::Result<void> finish();    // Error io

 private:
  void flush();
  std::string path_, target_, buffer_;
  int fd_ = -1;
  int failure_ = 0;  // errno
};

duct_bpf::Result<void> write_file(const std::string& path, std::string_view text);

}  // namespace duct_log
