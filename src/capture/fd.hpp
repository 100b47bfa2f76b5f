// SPDX-License-Identifier: MIT
// Owning file descriptors.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace duct_bpf {

// Closes what it holds. Closing keeps errno, so that an error path may still report the call that failed.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    const int old = std::exchange(fd_, fd);
    if (old < 0 || old == fd) return;
    const int saved = errno;
    ::close(old);  // not tried again on EINTR: Linux has closed it even then
    errno = saved;
  }

 private:
  int fd_ = -1;
};

}  // namespace duct_bpf
