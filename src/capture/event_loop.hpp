// SPDX-License-Identifier: MIT
// The one loop of a run: epoll over descriptors and timers, in one thread. Nothing in it polls or sleeps.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "capture/fd.hpp"
#include "duct_bpf/error.hpp"

namespace duct_bpf {

class EventLoop;

// A timer of a loop; destroying it cancels it, also from inside its own callback. Must not outlive the loop.
class Timer {
 public:
  Timer() = default;
  Timer(Timer&& other) noexcept = default;
  Timer& operator=(Timer&& other) noexcept;
  ~Timer() { cancel(); }
  void cancel();
  // Once, after `delay_ns` from now, whatever it was set to before.
  void restart(std::uint64_t delay_ns);
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  friend class EventLoop;
  Timer(EventLoop* loop, Fd fd) : loop_(loop), fd_(std::move(fd)) {}
  EventLoop* loop_ = nullptr;
  Fd fd_;
};

class EventLoop {
 public:
  using Callback = std::function<void(std::uint32_t events)>;
  using TimerCallback = std::function<void(std::uint64_t expirations)>;

  EventLoop() = default;
  EventLoop(const EventLoop&) = delete;  // timers point to it
  EventLoop& operator=(const EventLoop&) = delete;

  Result<void> open();

  // Calls back, level-triggered, for as long as `fd` has one of `events`; EPOLLERR and EPOLLHUP are always
  // among them. The descriptor stays the caller's and must be unwatched before it is closed. Fails for what
  // cannot be waited for (regular files, /dev/null) and for a descriptor that is already watched.
  Result<void> watch(int fd, std::uint32_t events, Callback callback);
  void modify(int fd, std::uint32_t events);
  // After this the callback is not called again, even for an event that has already been fetched.
  void unwatch(int fd);

  // First after `delay_ns`, then each `interval_ns` (0: once) on CLOCK_MONOTONIC. Expirations that were
  // missed are one call, with their number.
  Result<Timer> add_timer(std::uint64_t delay_ns, std::uint64_t interval_ns, TimerCallback callback);

  // Until stop(). A stop() that came before makes it return at once.
  void run();
  void stop() { stopped_ = true; }

 private:
  struct Watch {
    std::uint32_t generation;
    std::shared_ptr<Callback> callback;  // shared with the call in progress, which may unwatch itself
  };
  void dispatch(const epoll_event& event);

  Fd epoll_;
  std::unordered_map<int, Watch> watches_;
  std::uint32_t next_generation_ = 0;
  bool stopped_ = false;
};

}  // namespace duct_bpf
