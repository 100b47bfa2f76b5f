// SPDX-License-Identifier: MIT
#include "capture/output_follower.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "capture/os_error.hpp"

namespace duct_bpf {
namespace {

// Others have a turn in the loop after this much.
constexpr std::size_t kTurnBytes = 4 << 20;
constexpr std::size_t kDirectChunk = 256 << 10;
constexpr std::size_t kPipeChunk = 64 << 10;  // what a pipe holds

std::string link_of(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

}  // namespace

Result<void> Downstream::open(EventLoop& loop, int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return os_error("descriptor " + std::to_string(fd), errno, ErrorCode::io);
  fd_ = fd;
  own_.reset();
  if (S_ISSOCK(info.st_mode)) {
    kind_ = Kind::socket;
    chunk_bytes_ = kPipeChunk;
    return {};
  }
  if (S_ISFIFO(info.st_mode) || ::isatty(fd) == 1) {
    // A description of its own, so that O_NONBLOCK is ours alone. Fails where we may not open what we were
    // given (another user's), or where a pipe has no reader any more.
    own_.reset(::open(link_of(fd).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    kind_ = own_ ? Kind::own : Kind::shared;
    chunk_bytes_ = own_ ? kPipeChunk : PIPE_BUF;
    return {};
  }
  if (loop.watch(fd, EPOLLOUT, [](std::uint32_t) {})) {  // some other device that can be waited for
    loop.unwatch(fd);
    kind_ = Kind::shared;
    chunk_bytes_ = PIPE_BUF;
    return {};
  }
  kind_ = Kind::direct;
  chunk_bytes_ = kDirectChunk;
  own_.reset(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!own_) return os_error("cannot create an event descriptor", errno);
  return {};
}

ssize_t Downstream::write(std::string_view bytes) {
  bytes = bytes.substr(0, chunk_bytes_);
  if (kind_ == Kind::shared) {
    // Asked right before the write: another writer, or our other stream, may have used the room the loop saw.
    // A pipe that can be written to takes PIPE_BUF bytes without waiting.
    pollfd room{fd_, POLLOUT, 0};
    if (::poll(&room, 1, 0) != 1 || (room.revents & (POLLOUT | POLLERR | POLLHUP)) == 0) return 0;
  }
  ssize_t done = 0;
  do {
    done = kind_ == Kind::socket ? ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                 : ::write(kind_ == Kind::own ? own_.get() : fd_, bytes.data(), bytes.size());
  } while (done < 0 && errno == EINTR);
  if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
  return done;
}

FileNotifier::~FileNotifier() {
  if (fd_) loop_.unwatch(fd_.get());
}

Result<void> FileNotifier::open() {
  fd_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd_) {
    const int code = errno;
    Error error = os_error("cannot watch log files", code);
    if (code == EMFILE) error.hint = "raise the sysctl fs.inotify.max_user_instances";
    return error;
  }
  return loop_.watch(fd_.get(), EPOLLIN, [this](std::uint32_t) { on_readable(); });
}

Result<int> FileNotifier::add(int fd, std::function<void()> callback) {
  // IN_MASK_CREATE: an error for a file that is watched already, rather than one number for two callbacks.
  const int number = ::inotify_add_watch(fd_.get(), link_of(fd).c_str(), IN_MODIFY | IN_MASK_CREATE);
  if (number < 0) {
    const int code = errno;
    Error error = os_error("cannot watch a log file", code);
    if (code == ENOSPC) error.hint = "raise the sysctl fs.inotify.max_user_watches";
    return error;
  }
  callbacks_[number] = std::move(callback);
  return number;
}

void FileNotifier::remove(int number) {
  if (callbacks_.erase(number) != 0) ::inotify_rm_watch(fd_.get(), number);
}

void FileNotifier::on_readable() {
  alignas(inotify_event) char buffer[4096];
  const ssize_t size = ::read(fd_.get(), buffer, sizeof buffer);
  std::vector<int> changed;
  for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= size;) {
    inotify_event event;
    std::memcpy(&event, buffer + at, sizeof event);
    at += static_cast<ssize_t>(sizeof event + event.len);
    if ((event.mask & IN_Q_OVERFLOW) != 0) {  // some were lost: it may have been any of them
      for (const auto& entry : callbacks_) changed.push_back(entry.first);
    } else if (std::find(changed.begin(), changed.end(), event.wd) == changed.end()) {
      changed.push_back(event.wd);
    }
  }
  for (const int number : changed) {
    const auto found = callbacks_.find(number);
    if (found == callbacks_.end()) continue;  // removed by a callback before
    const auto callback = found->second;      // a copy: it may remove itself
    callback();
  }
}

Result<void> OutputFollower::open(int file_fd, int downstream_fd, FileNotifier* notifier) {
  file_.reset(::open(link_of(file_fd).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file_) return os_error("cannot read a log file back", errno, ErrorCode::io);
  auto opened = downstream_.open(loop_, downstream_fd);
  if (!opened) return opened.error();
  struct stat from {
  }, to{};
  if (::fstat(file_.get(), &from) == 0 && ::fstat(downstream_fd, &to) == 0 && from.st_dev == to.st_dev &&
      from.st_ino == to.st_ino) {
    file_.reset();  // what we copied would itself be copied, until the disk is full
    return Error{ErrorCode::conflict, "our own output is the log file itself", ""};
  }
  buffer_bytes_ = downstream_.chunk_bytes();
  buffer_ = std::make_unique_for_overwrite<char[]>(buffer_bytes_);  // touched only if something is written
  offset_ = file_size();
  notifier_ = notifier;
  if (notifier_ == nullptr) return {};
  auto added = notifier_->add(file_.get(), [this] { poke(); });
  if (!added) return added.error();
  notifier_number_ = *added;
  return {};
}

std::uint64_t OutputFollower::file_size() const {
  struct stat info {};
  return file_ && ::fstat(file_.get(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

void OutputFollower::poke() {
  if (file_ && !waiting_) copy_some();
}

void OutputFollower::copy_some() {
  // Cut by the command: those bytes are gone, and what it writes next comes at the new end.
  offset_ = std::min(offset_, file_size());
  for (std::size_t turn = 0; turn < kTurnBytes;) {
    ssize_t size = 0;
    do size = ::pread(file_.get(), buffer_.get(), buffer_bytes_, static_cast<off_t>(offset_));
    while (size < 0 && errno == EINTR);
    if (size < 0) return end_with(errno);
    if (size == 0) {
      wait_for_room(false);
      return check_drained();
    }
    // What is not taken is not kept: it is read again, from the page cache, when there is room.
    const ssize_t done = downstream_.write({buffer_.get(), static_cast<std::size_t>(size)});
    if (done < 0) return end_with(errno);
    if (done == 0) break;
    offset_ += static_cast<std::uint64_t>(done);
    copied_bytes_ += static_cast<std::uint64_t>(done);
    turn += static_cast<std::size_t>(done);
    if (on_drained_ && offset_ >= end_) return check_drained();
  }
  wait_for_room(true);
}

void OutputFollower::wait_for_room(bool on) {
  if (on == waiting_) return;
  waiting_ = on;
  if (!on) return loop_.unwatch(downstream_.poll_fd());
  auto watched = loop_.watch(downstream_.poll_fd(), EPOLLOUT, [this](std::uint32_t) { copy_some(); });
  if (watched) return;
  waiting_ = false;
  end_with(EIO);
}

void OutputFollower::end_with(int error) {
  error_ = error;
  stop();
  check_drained();
}

void OutputFollower::stop() {
  wait_for_room(false);
  if (notifier_number_ >= 0) notifier_->remove(notifier_number_);
  notifier_number_ = -1;
  file_.reset();
}

void OutputFollower::finish(std::function<void()> on_drained) {
  on_drained_ = std::move(on_drained);
  end_ = file_size();
  if (file_ && !waiting_) return copy_some();
  check_drained();
}

// The last thing its callers do: the callback may destroy this.
void OutputFollower::check_drained() {
  if (!on_drained_ || (file_ && offset_ < std::min(end_, file_size()))) return;
  stop();
  const auto callback = std::exchange(on_drained_, nullptr);
  callback();
}

bool OutputFollower::drained() const { return !file_ || offset_ >= file_size(); }

}  // namespace duct_bpf
