// SPDX-License-Identifier: MIT
#include "capture/pty.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "capture/os_error.hpp"

namespace duct_bpf {
namespace {

constexpr std::size_t kTurnReads = 16;  // others have a turn in the loop after this many
// No kernel keeps more than this for a terminal. Bounds finish() where something goes on printing for ever.
constexpr std::uint64_t kMaxBuffered = 1 << 20;

// The first of our streams that is a terminal; -1.
int our_terminal(const PtyOptions& options) {
  for (const int fd : {options.input_fd, options.output_fd, STDERR_FILENO}) {
    if (fd >= 0 && ::isatty(fd) == 1) return fd;
  }
  return -1;
}

// Changing the modes of a terminal from its background would stop us, and spoil it for those in its
// foreground.
bool in_background(int fd) {
  const pid_t foreground = ::tcgetpgrp(fd);
  return foreground > 0 && foreground != ::getpgrp();
}

}  // namespace

void RawTerminal::enter(int fd) {
  termios modes{};
  if (saved_ || fd < 0 || ::tcgetattr(fd, &modes) != 0 || in_background(fd)) return;
  fd_ = fd;
  saved_ = modes;
  ::cfmakeraw(&modes);
  ::tcsetattr(fd, TCSANOW, &modes);  // not TCSADRAIN: that waits for output which ^S may hold
}

void RawTerminal::leave() {
  if (saved_ && !in_background(fd_)) ::tcsetattr(fd_, TCSANOW, &*saved_);
  saved_.reset();
}

Result<void> Pty::open(PtyOptions options) {
  options_ = std::move(options);
  master_.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!master_ || ::grantpt(master_.get()) != 0 || ::unlockpt(master_.get()) != 0)
    return os_error("cannot open a pseudo terminal", errno);
  char name[64];
  if (const int error = ::ptsname_r(master_.get(), name, sizeof name); error != 0)
    return os_error("cannot name the pseudo terminal", error);
  slave_.reset(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave_) return os_error(name, errno);
  // The command may open its terminal again by name, which is a matter of the device's owner.
  if (options_.owner && ::fchown(slave_.get(), *options_.owner, static_cast<gid_t>(-1)) != 0)
    return os_error(std::string("cannot give away ") + name, errno);

  termios modes{};
  const int terminal = our_terminal(options_);
  if (terminal >= 0 && ::tcgetattr(terminal, &modes) == 0) ::tcsetattr(slave_.get(), TCSANOW, &modes);
  const bool typed = options_.input_fd >= 0 && ::isatty(options_.input_fd) == 1;
  if (!typed && ::tcgetattr(slave_.get(), &modes) == 0) {
    modes.c_lflag &= ~static_cast<tcflag_t>(ECHO);  // a file fed in is not part of what the command prints
    ::tcsetattr(slave_.get(), TCSANOW, &modes);
  }
  resize();
  return {};
}

Result<void> Pty::start() {
  master_port_.fd = master_.get();
  if (options_.output_fd >= 0) {
    auto opened = downstream_.open(loop_, options_.output_fd);
    if (!opened) return opened.error();
    output_port_.fd = downstream_.poll_fd();
    output_open_ = true;
  }
  if (options_.input_fd >= 0) {
    input_port_.fd = options_.input_fd;
    input_open_ = true;
    if (loop_.watch(options_.input_fd, EPOLLIN, [](std::uint32_t) {})) {
      loop_.unwatch(options_.input_fd);
    } else {  // a regular file, /dev/null: always readable
      ready_.reset(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
      if (!ready_) return os_error("cannot create an event descriptor", errno);
      input_port_.fd = ready_.get();
    }
  }
  slave_.reset();
  started_ = true;
  terminal_.enter(options_.input_fd);
  update();
  return {};
}

void Pty::resize() {
  winsize size{};
  const int terminal = our_terminal(options_);
  // The kernel itself tells the terminal's foreground group, if the size is another one.
  if (terminal >= 0 && ::ioctl(terminal, TIOCGWINSZ, &size) == 0) ::ioctl(master_.get(), TIOCSWINSZ, &size);
}

void Pty::suspend() { terminal_.leave(); }

void Pty::resume() {
  if (!started_) return;
  terminal_.enter(options_.input_fd);
  resize();  // it may have changed while we slept
}

void Pty::set_watch(Port& port, std::uint32_t events, void (Pty::*handler)(std::uint32_t)) {
  if (events == port.events || port.fd < 0) return;
  if (events == 0) {
    loop_.unwatch(port.fd);
  } else if (port.events != 0) {
    loop_.modify(port.fd, events);
  } else if (!loop_.watch(port.fd, events, [this, handler](std::uint32_t got) { (this->*handler)(got); })) {
    closed_ = true;  // out of kernel memory: better no relay than one that hangs
    return;
  }
  port.events = events;
}

// What to wait for follows from what is pending. A side that has nothing to do is not watched at all: a
// hang-up is reported in any case and would make the loop spin.
void Pty::update() {
  const bool read = !closed_ && to_output_.empty();
  const bool write = !closed_ && !to_master_.empty();
  set_watch(master_port_, (read ? EPOLLIN : 0u) | (write ? EPOLLOUT : 0u), &Pty::on_master);
  set_watch(input_port_, !closed_ && input_open_ && to_master_.empty() ? EPOLLIN : 0u, &Pty::on_input);
  set_watch(output_port_, !to_output_.empty() ? EPOLLOUT : 0u, &Pty::on_output);
}

void Pty::on_master(std::uint32_t events) {
  if ((events & EPOLLHUP) != 0) {  // nobody is left to read what is typed
    to_master_.clear();
    input_open_ = false;
  }
  if ((events & EPOLLOUT) != 0) write_master();
  if (to_output_.empty()) read_master();
  update();
  check_done();
}

void Pty::on_input(std::uint32_t) {
  // Our input is shared with others, so it stays blocking; the loop has just said that it has something. One
  // line of the terminal's buffer at a time.
  std::array<char, 4096> buffer;
  const ssize_t size = ::read(options_.input_fd, buffer.data(), buffer.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (size > 0) {
    to_master_.assign(buffer.data(), static_cast<std::size_t>(size));
    last_typed_ = to_master_.back();
  } else {
    end_input();
  }
  write_master();
  update();
}

void Pty::on_output(std::uint32_t) {
  write_output();
  if (done_ && to_output_.empty()) read_master();  // no event will say that there is nothing more
  update();
  check_done();
}

// A terminal has no end of file, only a key for it. It ends the line first where one has been begun.
void Pty::end_input() {
  input_open_ = false;
  termios modes{};
  const bool known = ::tcgetattr(master_.get(), &modes) == 0;
  const char key = known ? static_cast<char>(modes.c_cc[VEOF]) : '\x04';
  to_master_.assign(last_typed_ == '\n' ? 1 : 2, key);
}

void Pty::write_master() {
  while (!to_master_.empty()) {
    const ssize_t size = ::write(master_.get(), to_master_.data(), to_master_.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    to_master_.erase(0, size > 0 ? static_cast<std::size_t>(size) : to_master_.size());
  }
}

void Pty::read_master() {
  std::array<char, 16384> buffer;
  drained_ = false;
  for (std::size_t turn = 0; (turn < kTurnReads || done_) && !closed_ && to_output_.empty(); ++turn) {
    const ssize_t size = ::read(master_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) {
      drained_ = true;
      return;
    }
    if (size <= 0) {  // EIO: the last one to have the command's end open has closed it
      closed_ = true;
      return;
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
    if (options_.sink) options_.sink(bytes);
    if (output_open_) {
      to_output_ = bytes;
      write_output();
    }
    if (done_) {
      finish_budget_ -= std::min<std::uint64_t>(finish_budget_, bytes.size());
      if (finish_budget_ == 0) closed_ = true;
    }
  }
}

void Pty::write_output() {
  while (!to_output_.empty()) {
    const ssize_t size = downstream_.write(to_output_);
    if (size == 0) return;
    if (size < 0) {  // the reader has gone; the capture goes on
      output_error_ = errno;
      output_open_ = false;
      to_output_.clear();
      return;
    }
    to_output_.erase(0, static_cast<std::size_t>(size));
  }
}

void Pty::finish(std::function<void()> done) {
  done_ = std::move(done);
  finish_budget_ = kMaxBuffered;
  if (!started_) closed_ = true;
  if (!closed_ && to_output_.empty()) read_master();
  if (started_) update();
  check_done();
}

// The last thing its callers do: the callback may destroy this.
void Pty::check_done() {
  if (!done_ || !to_output_.empty() || !(closed_ || drained_)) return;
  stop();
  const auto done = std::exchange(done_, nullptr);
  done();
}

void Pty::stop() {
  closed_ = true;
  to_output_.clear();
  update();
  terminal_.leave();
}

}  // namespace duct_bpf
