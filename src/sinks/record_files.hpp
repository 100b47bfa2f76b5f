// SPDX-License-Identifier: MIT
// The files of a run. A reader that tails them never sees half a line; a disk that is full costs records, which are
// counted and said once per file, and nothing else.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/fd.hpp"
#include "capture/user.hpp"
#include "core/log_paths.hpp"
#include "duct_bpf/run.hpp"

namespace duct_bpf {

// A file that grows by whole lines.
class LineFile {
 public:
  using Report = std::function<void(const std::string& problem)>;

  LineFile() = default;
  LineFile(Fd fd, std::string path, Report report)
      : fd_(std::move(fd)), path_(std::move(path)), report_(std::move(report)) {}

  // `lines` ends with a line feed, or is empty. Kept until flush() or until there are 256 KiB.
  void append(std::string_view lines);
  // One write for all that is kept. What does not fit on the disk is taken back to the last whole line and dropped.
  void flush();
  std::string& buffer() { return buffer_; }  // to append to without a copy; call append("") after
  std::uint64_t lost_lines() const { return lost_lines_; }
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  Fd fd_;
  std::string path_, buffer_;
  Report report_;
  std::uint64_t lost_lines_ = 0;
};

class RecordFiles {
 public:
  // Files that are there already and would be written; the caller makes an error of them unless it may overwrite.
  static std::vector<std::string> conflicts(const LogPaths& paths);

  // Makes directories and files, as `owner` where that is allowed, else as ourselves and gives them to `owner`.
  // After an error nothing that was made is left. Problems later on go to `report`, one line each.
  Result<void> create(const LogPaths& paths, const Options& options, std::optional<Owner> owner, LineFile::Report report);

  int stdout_fd() const { return stdout_.get(); }  // -1: not captured
  int stderr_fd() const { return stderr_.get(); }
  LineFile& usage() { return usage_; }
  LineFile& processes() { return processes_; }
  void flush();
  // Whole or not at all: written beside and renamed.
  void write_info(std::string_view text);
  // Takes away what create() made: files, and directories if they are empty again.
  void remove();
  bool wanted_info() const { return info_wanted_; }

 private:
  Result<Fd> open_new(const std::string& path);
  Result<void> make_directories(const std::string& path);

  std::optional<Owner> owner_;
  LogPaths paths_;
  LineFile::Report report_;
  bool clobber_ = false, info_wanted_ = false;
  Fd stdout_, stderr_;
  LineFile usage_, processes_;
  std::vector<std::string> made_files_, made_directories_;
};

}  // namespace duct_bpf
