// SPDX-License-Identifier: MIT
// The command writes straight into its log file; what it appends there is copied on to our own stdout or
// stderr. A reader that is slow, stuck or gone costs the command nothing and never makes the loop wait.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "capture/event_loop.hpp"
#include "capture/fd.hpp"
#include "duct_bpf/error.hpp"

namespace duct_bpf {

// A descriptor of ours that others share (so its flags are not ours to change), written to without waiting.
// SIGPIPE must be ignored while one is in use.
class Downstream {
 public:
  // `fd` stays the caller's and must stay open.
  Result<void> open(EventLoop& loop, int fd);

  // As many bytes as it takes now, at least one; 0: none now, wait for EPOLLOUT on poll_fd(); -1: errno.
  ssize_t write(std::string_view bytes);
  int poll_fd() const { return own_ ? own_.get() : fd_; }
  std::size_t chunk_bytes() const { return chunk_bytes_; }  // more than this at once is of no use

 private:
  enum class Kind {
    direct,  // regular files, /dev/null: cannot be waited for, and need not be; own_ is an always ready
             // eventfd
    own,     // a pipe or terminal, opened again as own_, with O_NONBLOCK for us alone
    socket,
    shared,  // what could not be opened again: asked before each write, which is kept small
  };
  Kind kind_ = Kind::direct;
  int fd_ = -1;
  Fd own_;
  std::size_t chunk_bytes_ = 0;
};

// Calls back when a file is written to. One for all followers of a run: a user may have 128 inotify
// instances. It must outlive them.
class FileNotifier {
 public:
  explicit FileNotifier(EventLoop& loop) : loop_(loop) {}
  FileNotifier(const FileNotifier&) = delete;
  FileNotifier& operator=(const FileNotifier&) = delete;
  ~FileNotifier();

  Result<void> open();
  Result<int> add(int fd, std::function<void()> callback);  // a number for remove()
  void remove(int number);

 private:
  void on_readable();
  EventLoop& loop_;
  Fd fd_;
  std::unordered_map<int, std::function<void()>> callbacks_;
};

class OutputFollower {
 public:
  explicit OutputFollower(EventLoop& loop) : loop_(loop) {}
  OutputFollower(const OutputFollower&) = delete;
  OutputFollower& operator=(const OutputFollower&) = delete;
  ~OutputFollower() { stop(); }

  // Copies what is appended to `file_fd` from its present end on; it may be write-only. `file_fd` is needed
  // during the call only, `downstream_fd` for as long as the follower lives. Without a notifier, bytes move
  // when poke() is called.
  Result<void> open(int file_fd, int downstream_fd, FileNotifier* notifier);
  void poke();

  // Copies to what is the end of the file now, then calls back once and stops; at once, from inside this
  // call, where there is nothing to wait for. The callback may destroy the follower. A reader that is stuck
  // delays it for ever: the caller sets the limit.
  void finish(std::function<void()> on_drained);

  bool drained() const;                 // nothing is left to copy, or nobody to copy to
  int error() const { return error_; }  // errno that ended it (EPIPE: the reader has gone), 0
  std::uint64_t copied_bytes() const { return copied_bytes_; }

 private:
  std::uint64_t file_size() const;
  void copy_some();
  void wait_for_room(bool on);
  void end_with(int error);
  void stop();
  void check_drained();

  EventLoop& loop_;
  FileNotifier* notifier_ = nullptr;
  int notifier_number_ = -1;
  Fd file_;
  Downstream downstream_;
  std::size_t buffer_bytes_ = 0;
  std::unique_ptr<char[]> buffer_;
  std::uint64_t offset_ = 0;  // of the next byte to copy
  std::uint64_t copied_bytes_ = 0;
  std::uint64_t end_ = 0;  // where finish() is content
  std::function<void()> on_drained_;
  int error_ = 0;
  bool waiting_ = false;  // poll_fd() is watched
};

}  // namespace duct_bpf
