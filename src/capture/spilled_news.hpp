// SPDX-License-Identifier: MIT
// Messages that found the ring full, and lie in the spill maps.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "capture/tracer.hpp"

namespace duct_bpf {

class SpilledNews {
 public:
  // `count`: where the kernel side counts how many were ever spilled, behind each. Descriptors of the maps of whole messages, and of
  // pieces of exec messages.
  SpilledNews(const std::uint64_t* count, int news_fd, int execs_fd)
      : count_(count), news_fd_(news_fd), execs_fd_(execs_fd) {}

  // Takes out of the maps what was spilled since the last time; false: nothing.
  bool collect();
  // By their time, those that are no later: they are handed out between those of the ring, so that a record neither overtakes the
  // argv it belongs to nor the other way round, as what was spilled came after what the ring was full of.
  void hand_out(std::uint64_t until_ns, const Tracer::Sink& sink);
  void hand_out_all(const Tracer::Sink& sink);

  static std::uint64_t time_of(std::span<const std::byte> message);

 private:
  const std::uint64_t* count_;
  int news_fd_, execs_fd_;
  std::uint64_t collected_ = 0;            // of the count
  std::uint64_t collected_before_ns_ = 0;  // when the maps were last looked into
  std::vector<std::string> messages_;      // by time
};

}  // namespace duct_bpf
