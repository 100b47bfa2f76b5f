// SPDX-License-Identifier: MIT
#include "capture/procfs_news.hpp"

#include <unistd.h>

#include <cstring>
#include <utility>

#include "capture/machine.hpp"

namespace duct_bpf {

std::uint64_t proc_tick_ns() { return 1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)); }

void ProcfsNews::append(std::string_view bytes) {
  auto* from = reinterpret_cast<const std::byte*>(bytes.data());
  waiting_.insert(waiting_.end(), from, from + bytes.size());
}

template <typename News>
void ProcfsNews::send(News& news, abi::news_kind kind, std::size_t more_bytes) {
  news.header.size = static_cast<abi::u32>(sizeof news + more_bytes);
  news.header.kind = kind;
  news.header.time_ns = boot_now_ns();
  append({reinterpret_cast<const char*>(&news), sizeof news});
}

void ProcfsNews::fork(const Member& member, const ProcStat& stat) {
  abi::news_fork news{};
  news.key = member.key;
  news.start_ns = stat.start_ticks * tick_ns_;
  news.pid = stat.pid;
  news.ppid = stat.ppid;
  news.depth = member.depth;
  news.flags = member.flags;
  send(news, abi::NEWS_FORK);
}

void ProcfsNews::image(Member& member, std::string_view exe, std::string_view argv) {
  abi::news_exec news{};
  news.key = member.key;
  news.image_id = member.image_id = next_image_++;
  if (argv.size() > max_argv_bytes_) news.flags = abi::EXEC_ARGV_CUT;
  argv = argv.substr(0, max_argv_bytes_);
  news.exe_bytes = static_cast<abi::u32>(exe.size());
  news.argv_bytes = static_cast<abi::u32>(argv.size());
  send(news, abi::NEWS_EXEC, exe.size() + argv.size());
  append(exe);
  append(argv);
}

void ProcfsNews::live(const Member& member) {
  const ProcStat& stat = member.stat;
  abi::news_live news{};
  news.key = member.key;
  news.cpu_ns = member.cpu_ns;
  news.rss_bytes = stat.vsz_bytes ? member.rss_bytes : 0;
  news.vsz_bytes = stat.vsz_bytes;
  news.threads = stat.threads;
  news.state = static_cast<unsigned char>(stat.state);
  if (stat.session == stat.pid) news.state |= abi::LIVE_SESSION_LEADER;
  if (stat.nice > 0) news.state |= abi::LIVE_NICE_LOW;
  if (stat.nice < 0) news.state |= abi::LIVE_NICE_HIGH;
  if (member.status.locked) news.state |= abi::LIVE_LOCKED;
  if (stat.threads > 1) news.state |= abi::LIVE_MULTITHREADED;
  if (stat.foreground_group == stat.group) news.state |= abi::LIVE_FOREGROUND;
  send(news, abi::NEWS_LIVE);
}

void ProcfsNews::process(const Member& member, abi::news_kind kind, std::optional<int> wait_status) {
  abi::news_process news;
  std::memset(&news, 0xff, sizeof news);  // ABI_ABSENT, but for what follows
  const ProcStat& stat = member.stat;
  news.key = member.key;
  abi::process_info& info = news.info;
  info.image_id = member.image_id;
  info.start_ns = stat.start_ticks * tick_ns_;
  info.end_ns = member.last_seen_ns;
  info.pid = stat.pid;
  info.ppid = member.forked_by;
  info.pid_ns = member.status.pid_ns;
  info.depth = member.depth;
  info.flags = member.flags;
  if (kind == abi::NEWS_END) info.flags |= abi::PROC_EXITED;
  if (!wait_status) info.flags |= abi::PROC_STATUS_UNKNOWN;
  info.wait_status = wait_status.value_or(0);
  if (member.status.uid) info.uid = *member.status.uid;
  info.sid = stat.session;
  std::memset(info.comm, 0, sizeof info.comm);
  info.sender = {};
  stat.comm.copy(info.comm, sizeof info.comm);
  info.max_threads = member.max_threads;
  info.peak_rss = member.peak_rss;
  info.peak_rss_image = member.peak_rss_image;
  info.peak_vsz = member.peak_vsz;
  news.usage.cpu_time = member.cpu_ns;
  if (stat.user_ticks + stat.system_ticks || !member.cpu_ns) {  // of less than a tick it is not known which it was
    news.usage.user_time = stat.user_ticks * tick_ns_;
    news.usage.system_time = stat.system_ticks * tick_ns_;
  }
  news.usage.minor_faults = stat.minor_faults;
  news.usage.major_faults = stat.major_faults;
  send(news, kind);
}

void ProcfsNews::hand_out(const Tracer::Sink& sink) {
  std::vector<std::byte> news = std::exchange(waiting_, {});
  for (std::size_t at = 0; at < news.size();) {
    abi::news_header header;
    std::memcpy(&header, news.data() + at, sizeof header);
    sink({news.data() + at, header.size});
    at += header.size;
  }
}

}  // namespace duct_bpf
