// SPDX-License-Identifier: MIT
#include "log/reading_progress.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "log/text.hpp"

namespace duct_log {
namespace {

bool is_pipe(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

}  // namespace

ReadingProgress::ReadingProgress(const std::string& path, std::size_t total_bytes)
    : name_(path.substr(path.rfind('/') + 1)),
      total_bytes_(total_bytes),
      wanted_(isatty(STDERR_FILENO) && !is_pipe(STDOUT_FILENO)) {}

ReadingProgress::~ReadingProgress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void ReadingProgress::add(std::size_t bytes) {
  bytes_ += bytes;
  if (!wanted_ || total_bytes_ == 0) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(200);
  shown_ = true;
  const std::size_t percent = bytes_ < total_bytes_ ? 100 * bytes_ / total_bytes_ : 100;  // it may grow meanwhile
  std::fprintf(stderr, "\rduct-log: reading %s: %zu %%\033[K", escaped(name_).c_str(), percent);
  std::fflush(stderr);
}

}  // namespace duct_log
