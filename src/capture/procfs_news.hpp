// SPDX-License-Identifier: MIT
// A process as /proc showed it, and the messages (bpf/abi.h) that tell of it: what the kernel side would say, as far as
// it is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "abi.h"
#include "capture/fd.hpp"
#include "capture/tracer.hpp"
#include "core/proc_files.hpp"

namespace duct_bpf {

// A process that is counted, as it was when it was last looked at.
struct Member {
  std::uint64_t key = 0, image_id = 0;
  ProcStat stat;
  ProcStatus status;
  ProcSchedule schedule;
  Fd schedule_file;  // kept open where there is room: tells at little cost that it has not run
  pid_t forked_by = 0;
  std::uint32_t depth = ABI_ABSENT_U32, flags = 0;
  std::uint64_t cpu_ns = 0, rss_bytes = 0;
  std::uint64_t peak_rss = ABI_ABSENT, peak_rss_image = ABI_ABSENT, peak_vsz = ABI_ABSENT;
  std::uint32_t max_threads = 0;
  std::uint64_t last_seen_ns = 0;
  bool image_read = false;
  bool ended = false;  // a zombie: its last news was sent, its pid is still taken
};

std::uint64_t proc_tick_ns();  // the unit of times in stat

// Keeps messages until they are handed out.
class ProcfsNews {
 public:
  explicit ProcfsNews(std::size_t max_argv_bytes) : max_argv_bytes_(max_argv_bytes) {}
  void fork(const Member& member, const ProcStat& stat);
  void image(Member& member, std::string_view exe, std::string_view argv);  // gives it a new image_id
  void live(const Member& member);
  void state(const Member& member) { process(member, abi::NEWS_STATE, {}); }
  void end(const Member& member, std::optional<int> wait_status) { process(member, abi::NEWS_END, wait_status); }
  void hand_out(const Tracer::Sink& sink);

 private:
  void process(const Member& member, abi::news_kind kind, std::optional<int> wait_status);
  void append(std::string_view bytes);
  template <typename News>
  void send(News& news, abi::news_kind kind, std::size_t more_bytes = 0);

  std::size_t max_argv_bytes_;
  std::uint64_t next_image_ = 1;
  const std::uint64_t tick_ns_ = proc_tick_ns();
  std::vector<std::byte> waiting_;
};

}  // namespace duct_bpf
