// SPDX-License-Identifier: MIT
#include "capture/event_loop.hpp"

#include <sys/timerfd.h>

#include <algorithm>
#include <array>

#include "capture/os_error.hpp"

namespace duct_bpf {
namespace {

// A fetched event carries the descriptor and the generation of the watch it was meant for: a descriptor
// number that was closed and given out again within one batch must not get the events of its predecessor.
std::uint64_t tag_of(int fd, std::uint32_t generation) {
  return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
}

timespec to_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

bool set_timer(int fd, std::uint64_t delay_ns, std::uint64_t interval_ns) {
  itimerspec spec{};
  spec.it_value = to_timespec(std::max<std::uint64_t>(delay_ns, 1));  // zero would disarm it
  spec.it_interval = to_timespec(interval_ns);
  return ::timerfd_settime(fd, 0, &spec, nullptr) == 0;
}

}  // namespace

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    cancel();
    loop_ = other.loop_;
    fd_ = std::move(other.fd_);
  }
  return *this;
}

void Timer::cancel() {
  if (!fd_) return;
  loop_->unwatch(fd_.get());
  fd_.reset();
}

void Timer::restart(std::uint64_t delay_ns) {
  if (fd_) set_timer(fd_.get(), delay_ns, 0);
}

Result<void> EventLoop::open() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return os_error("cannot create an epoll instance", errno);
  return {};
}

Result<void> EventLoop::watch(int fd, std::uint32_t events, Callback callback) {
  const std::uint32_t generation = next_generation_++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag_of(fd, generation);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return os_error("cannot wait for events of descriptor " + std::to_string(fd), errno);
  watches_[fd] = Watch{generation, std::make_shared<Callback>(std::move(callback))};
  return {};
}

void EventLoop::modify(int fd, std::uint32_t events) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag_of(fd, found->second.generation);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::unwatch(int fd) {
  if (watches_.erase(fd) != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

Result<Timer> EventLoop::add_timer(std::uint64_t delay_ns, std::uint64_t interval_ns,
                                   TimerCallback callback) {
  Fd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!fd) return os_error("cannot create a timer", errno);
  if (!set_timer(fd.get(), delay_ns, interval_ns)) return os_error("cannot set a timer", errno);
  const int raw = fd.get();
  auto watched = watch(raw, EPOLLIN, [raw, callback = std::move(callback)](std::uint32_t) {
    std::uint64_t expirations = 0;
    if (::read(raw, &expirations, sizeof expirations) == sizeof expirations) callback(expirations);
  });
  if (!watched) return watched.error();
  return Timer(this, std::move(fd));
}

void EventLoop::dispatch(const epoll_event& event) {
  const int fd = static_cast<int>(static_cast<std::uint32_t>(event.data.u64));
  const auto found = watches_.find(fd);
  if (found == watches_.end() || tag_of(fd, found->second.generation) != event.data.u64) return;
  const auto callback = found->second.callback;
  (*callback)(event.events);
}

void EventLoop::run() {
  std::array<epoll_event, 64> events;
  while (!stopped_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) break;  // only a loop that was not opened
    // What is left of a batch after stop() is not lost: it is level-triggered and will be seen by the next
    // run().
    for (int i = 0; i < count && !stopped_; ++i) dispatch(events[static_cast<std::size_t>(i)]);
  }
  stopped_ = false;
}

}  // namespace duct_bpf
