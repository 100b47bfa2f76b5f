// SPDX-License-Identifier: MIT
#include "core/event.hpp"

#include <cstring>

#include "abi.h"

namespace duct_bpf {
namespace {

template <typename T>
std::optional<T> read_as(std::span<const std::byte> message) {
  if (message.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, message.data(), sizeof value);
  return value;
}

std::optional<std::uint64_t> present(std::uint64_t value) {
  return value == ABI_ABSENT ? std::nullopt : std::optional(value);
}

std::optional<std::uint32_t> present(std::uint32_t value) {
  return value == ABI_ABSENT_U32 ? std::nullopt : std::optional(value);
}

// A time of the boot clock that still fits 64 bits as wall time: 146 years.
bool is_time(std::uint64_t boot_ns) { return boot_ns < std::uint64_t{1} << 62; }

std::optional<Event> decode_fork(std::span<const std::byte> message) {
  auto fork = read_as<abi::news_fork>(message);
  if (!fork || !is_time(fork->start_ns)) return std::nullopt;
  return ForkEvent{.key = fork->key,
                   .parent_key = fork->parent_key,
                   .image_id = fork->image_id,
                   .start_boot_ns = fork->start_ns,
                   .pid = fork->pid,
                   .ppid = fork->ppid,
                   .pid_ns = fork->pid_ns,
                   .depth = fork->depth,
                   .adopted = (fork->flags & abi::PROC_ADOPTED) != 0};
}

std::optional<Event> decode_exec(std::span<const std::byte> message) {
  auto exec = read_as<abi::news_exec>(message);
  if (!exec || !is_time(exec->header.time_ns)) return std::nullopt;
  std::size_t rest = message.size() - sizeof *exec;
  if (exec->exe_bytes > rest || exec->argv_bytes > rest - exec->exe_bytes) return std::nullopt;
  auto* text = reinterpret_cast<const char*>(message.data() + sizeof *exec);
  auto image = std::make_shared<Image>();
  image->exe.assign(text, exec->exe_bytes);
  image->argv = split_argv({text + exec->exe_bytes, exec->argv_bytes});
  image->argv_truncated = (exec->flags & abi::EXEC_ARGV_CUT) != 0;
  return ExecEvent{exec->key, exec->image_id, exec->header.time_ns, std::move(image)};
}

// Of the signal that ended it, if that is the last one that was seen.
std::optional<SignalSender> killer(const abi::signal_sender& sender, int exit_signal) {
  if (sender.signal != exit_signal || !(sender.flags & abi::SENDER_KNOWN)) return std::nullopt;
  return SignalSender{.pid = sender.pid ? std::optional(sender.pid) : std::nullopt,
                      .uid = sender.uid,
                      .comm = std::string(sender.comm, strnlen(sender.comm, sizeof sender.comm))};
}

std::optional<Event> decode_process(std::span<const std::byte> message) {
  auto news = read_as<abi::news_process>(message);
  if (!news || !is_time(news->info.start_ns) || !is_time(news->info.end_ns)) return std::nullopt;
  const abi::process_info& info = news->info;
  ProcessEvent event;
  event.key = news->key;
  event.image_id = info.image_id;
  event.start_boot_ns = info.start_ns;
  event.end_boot_ns = info.end_ns;
  event.final = news->header.kind == abi::NEWS_END;
  event.tree_peak = info.tree_peak;
  event.rss_at_tree_peak = info.rss_at_tree_peak;
  event.image_at_tree_peak = info.image_at_tree_peak;
  event.exited = (info.flags & abi::PROC_EXITED) != 0;

  Process& process = event.process;
  process.pid = info.pid;
  process.ppid = info.ppid;
  if (info.pid_ns && info.pid_ns != info.pid) process.pid_ns = info.pid_ns;
  process.depth = present(info.depth);
  process.adopted = (info.flags & abi::PROC_ADOPTED) != 0;
  process.num_execs = present(info.num_execs);
  process.comm.assign(info.comm, strnlen(info.comm, sizeof info.comm));
  process.uid = present(info.uid);
  process.sid = info.sid;
  process.cgroup_id = present(std::uint64_t{info.cgroup_id});
  if (event.exited && !(info.flags & abi::PROC_STATUS_UNKNOWN)) {
    unsigned status = info.wait_status, signal = status & 0x7f;
    if (signal) {
      process.exit_signal = static_cast<int>(signal);
      process.killed_by = killer(info.sender, *process.exit_signal);
      // One that somebody killed may be found by the kernel on its way out, too.
      process.oom_victim = (info.flags & abi::PROC_OOM_VICTIM) != 0 && !process.killed_by;
    } else {
      process.exit_code = static_cast<int>(status >> 8 & 0xff);
    }
    process.core_dumped = (status & 0x80) != 0;
  }
  Usage& usage = process.usage;
  Gauges& gauges = process.gauges;
#define METRIC(name, unit, signal_path, task_path, help) usage.name = present(news->usage.name);
#define SUMMED(name, unit, task_path, help) usage.name = present(news->usage.name);
#define GAUGE(name, unit, help) gauges.name = present(info.name);
#include "metrics.def"
  if (info.flags & abi::PROC_BORROWED_MM) {  // its last image had no memory of its own
    gauges.peak_rss_image = gauges.peak_vsz = 0;
    gauges.peak_rss = gauges.peak_rss.value_or(0);
  }
  if (usage.cpu_time && usage.user_time && usage.system_time)
    scale_times(*usage.cpu_time, *usage.user_time, *usage.system_time);
  return event;
}

std::optional<Event> decode_live(std::span<const std::byte> message) {
  auto live = read_as<abi::news_live>(message);
  if (!live) return std::nullopt;
  return LiveEvent{live->key, live->cpu_ns, live->rss_bytes, live->vsz_bytes, live->threads, live->state};
}

}  // namespace

std::optional<Event> decode(std::span<const std::byte> message) {
  auto header = read_as<abi::news_header>(message);
  if (!header || header->size < sizeof *header || header->size > message.size()) return std::nullopt;
  message = message.first(header->size);
  switch (header->kind) {
    case abi::NEWS_FORK: return decode_fork(message);
    case abi::NEWS_EXEC: return decode_exec(message);
    case abi::NEWS_END:
    case abi::NEWS_STATE: return decode_process(message);
    case abi::NEWS_LIVE: return decode_live(message);
    case abi::NEWS_EXIT: return ExitEvent{};
    case abi::NEWS_PEAK: return PeakEvent{};
  }
  return std::nullopt;
}

std::string state_text(std::uint32_t live_state) {
  std::string text(1, static_cast<char>(live_state & abi::LIVE_STATE_MASK));
  if (live_state & abi::LIVE_NICE_HIGH) text += '<';
  if (live_state & abi::LIVE_NICE_LOW) text += 'N';
  if (live_state & abi::LIVE_LOCKED) text += 'L';
  if (live_state & abi::LIVE_SESSION_LEADER) text += 's';
  if (live_state & abi::LIVE_MULTITHREADED) text += 'l';
  if (live_state & abi::LIVE_FOREGROUND) text += '+';
  return text;
}

std::vector<std::string> split_argv(std::string_view area) {
  std::vector<std::string> words;
  while (!area.empty()) {
    std::size_t end = area.find('\0');
    words.emplace_back(area.substr(0, end));
    if (end == std::string_view::npos) break;
    area.remove_prefix(end + 1);
  }
  return words;
}

void scale_times(std::uint64_t cpu_ns, std::uint64_t& user_ns, std::uint64_t& system_ns) {
  std::uint64_t ticks = user_ns + system_ns;
  if (ticks == 0) {  // too short for a tick: the kernel calls all of it user time
    user_ns = cpu_ns;
    return;
  }
  system_ns = static_cast<std::uint64_t>(static_cast<unsigned __int128>(system_ns) * cpu_ns / ticks);
  user_ns = cpu_ns - system_ns;
}

}  // namespace duct_bpf
