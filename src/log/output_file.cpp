// SPDX-License-Identifier: MIT
#include "log/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace duct_log {
namespace {

constexpr std::size_t kBufferBytes = 1 << 18;

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  const bool in_place = stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
  target_ = in_place ? path_ : path_ + ".part-" + std::to_string(getpid());
  fd_ = open(target_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (in_place ? 0 : O_EXCL), 0666);
  if (fd_ < 0) failure_ = errno;
}

OutputFile::~OutputFile() {
  if (fd_ < 0) return;
  close(fd_);
  if (target_ != path_) unlink(target_.c_str());
}

void OutputFile::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) flush();
}

void OutputFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && failure_ == 0) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0)
      rest.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      failure_ = errno;
  }
  buffer_.clear();
}

duct_bpf::Result<void> OutputFile::finish() {
  flush();
  if (failure_ == 0) {
    if (close(fd_) != 0 || (target_ != path_ && std::rename(target_.c_str(), path_.c_str()) != 0)) {
      failure_ = errno;
      if (target_ != path_) unlink(target_.c_str());
    }
    fd_ = -1;
  }
  if (failure_ == 0) return {};
  return duct_bpf::Error{duct_bpf::ErrorCode::io, path_ + ": cannot be written: " + std::strerror(failure_), {}};
}

duct_bpf::Result<void> write_file(const std::string& path, std::string_view text) {
  OutputFile file(path);
  file.write(text);
  return file.finish();
}

}  // namespace duct_log
