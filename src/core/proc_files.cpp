// SPDX-License-Identifier: MIT
#include "core/proc_files.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace duct_bpf {
namespace {

// Reads numbers one after the other, each behind blanks or tabs.
class Numbers {
 public:
  explicit Numbers(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}
  template <typename T>
  bool next(T& value) {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\t')) at_++;
    auto [after, failure] = std::from_chars(at_, end_, value);
    if (failure != std::errc()) return false;
    at_ = after;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

// The kernel writes a newline and a backslash in a name as \n and \\.
std::string unescaped(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      i++;
      name += text[i] == 'n' ? '\n' : text[i];
    } else {
      name += text[i];
    }
  }
  return name;
}

}  // namespace

std::optional<ProcStat> parse_proc_stat(std::string_view text) {
  // Behind the name there are numbers and one letter, so its end is the last parenthesis of the line.
  std::size_t begin = text.find('('), end = text.rfind(')');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin || text.size() < end + 4)
    return std::nullopt;
  ProcStat stat;
  if (!Numbers(text).next(stat.pid)) return std::nullopt;
  stat.comm = unescaped(text.substr(begin + 1, end - begin - 1));
  stat.state = text[end + 2];

  // Fields 4 to 52. Older kernels have all of them since 3.5.
  constexpr std::size_t kFirst = 4, kLast = 52;
  std::array<std::int64_t, kLast + 1> field{};
  Numbers numbers(text.substr(end + 3));
  for (std::size_t i = kFirst; i <= kLast; i++) {
    // Some are unsigned and beyond 2^63 (the limit on memory, 25).
    std::uint64_t number = 0;
    if (!numbers.next(field[i])) {
      if (!numbers.next(number)) return std::nullopt;
      field[i] = static_cast<std::int64_t>(number);
    }
  }
  auto natural = [&](std::size_t i) { return static_cast<std::uint64_t>(field[i]); };
  stat.ppid = static_cast<pid_t>(field[4]);
  stat.group = static_cast<pid_t>(field[5]);
  stat.session = static_cast<pid_t>(field[6]);
  stat.foreground_group = static_cast<pid_t>(field[8]);
  stat.minor_faults = natural(10);
  stat.major_faults = natural(12);
  stat.user_ticks = natural(14);
  stat.system_ticks = natural(15);
  stat.nice = field[19];
  stat.threads = static_cast<std::uint32_t>(field[20]);
  stat.start_ticks = natural(22);
  stat.vsz_bytes = natural(23);
  stat.rss_pages = field[24] > 0 ? natural(24) : 0;
  stat.readable = field[26] > 1;  // 1: there is code, but we may not know where
  if (stat.readable)
    for (std::size_t i : {26, 27, 28, 45, 46, 47, 48, 49, 50, 51})
      stat.image_mark = (stat.image_mark ^ natural(i)) * 0x9e3779b97f4a7c15 + i;
  stat.wait_status = static_cast<int>(field[52]);
  return stat;
}

ProcStatus parse_proc_status(std::string_view text) {
  ProcStatus status;
  auto kib = [](std::string_view rest) -> std::optional<std::uint64_t> {
    std::uint64_t number = 0;
    if (!Numbers(rest).next(number)) return std::nullopt;
    return number * 1024;
  };
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view name = line.substr(0, colon), rest = line.substr(colon + 1);
    if (name == "Uid") {
      std::uint32_t uid = 0;
      if (Numbers(rest).next(uid)) status.uid = uid;
    } else if (name == "NSpid") {  // from ours inwards: the last one is its own
      Numbers numbers(rest);
      for (pid_t pid = 0; numbers.next(pid);) status.pid_ns = pid;
    } else if (name == "VmPeak") {
      status.peak_vsz_bytes = kib(rest);
    } else if (name == "VmLck") {
      status.locked = kib(rest).value_or(0) > 0;
    } else if (name == "VmHWM") {
      status.peak_rss_bytes = kib(rest);
    } else if (name == "VmRSS") {
      status.rss_bytes = kib(rest);
      break;  // what follows is not asked for
    }
  }
  return status;
}

std::optional<ProcSchedule> parse_proc_schedule(std::string_view text) {
  ProcSchedule schedule;
  std::uint64_t waited_ns = 0;
  Numbers numbers(text);
  if (!numbers.next(schedule.cpu_ns) || !numbers.next(waited_ns) || !numbers.next(schedule.turns)) return std::nullopt;
  return schedule;
}

}  // namespace duct_bpf
