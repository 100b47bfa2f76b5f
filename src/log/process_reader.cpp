// SPDX-License-Identifier: MIT
// processes.jsonl: one process a line, and there may be a million of them. So lines are not made into trees: each value goes
// from the parser into its member, and one Process serves for all lines.
#include <iterator>

#include "log/json_parser.hpp"
#include "log/line_warnings.hpp"
#include "log/run_record.hpp"

namespace duct_log {
namespace {

namespace dom = simdjson::dom;

// What is of another type than it should be is left as it is: empty.
template <typename T>
void read(const dom::element& from, std::optional<T>& to) {
  T value{};
  if (from.get(value) == simdjson::SUCCESS) to = value;
}
template <typename T>
void read(const dom::element& from, T& to) {
  T value{};
  if (from.get(value) == simdjson::SUCCESS) to = value;
}
void read(const dom::element& from, std::string& to) {
  std::string_view text;
  if (from.get(text) == simdjson::SUCCESS) to.assign(text);
}
void read(const dom::element& from, std::vector<std::string>& to) {
  dom::array words;
  if (from.get(words) != simdjson::SUCCESS) return to.clear();  // there may be those of the line before
  std::size_t count = 0;  // words of the line before are written over: no memory is asked for
  for (const dom::element word : words) {
    if (count == to.size()) to.emplace_back();
    to[count].clear();
    read(word, to[count++]);
  }
  to.resize(count);
}
void read(const dom::element& from, std::optional<KilledBy>& to) {
  dom::object object;
  if (from.get(object) != simdjson::SUCCESS) return;
  KilledBy killer;
  for (const auto& [name, value] : object) {
    if (name == "pid") read(value, killer.pid);
    if (name == "comm") read(value, killer.comm);
    if (name == "uid") read(value, killer.uid);
  }
  to = std::move(killer);
}

template <auto member>
void read_member(const dom::element& from, Process& to) {
  read(from, to.*member);
}

struct Key {
  std::string_view name;
  void (*read)(const dom::element& from, Process& to);
};
// In the order in which they are written, so that each is found at once behind the one before.
constexpr Key kKeys[] = {
    {"pid", read_member<&Process::pid>},
    {"ppid", read_member<&Process::ppid>},
    {"pid_ns", read_member<&Process::pid_ns>},
    {"start_time", read_member<&Process::start_time>},
    {"end_time", read_member<&Process::end_time>},
    {"wall_time", read_member<&Process::wall_time>},
    {"alive", read_member<&Process::alive>},
    {"adopted", read_member<&Process::adopted>},
    {"cmd", read_member<&Process::cmd>},
    {"argv", read_member<&Process::argv>},
    {"argv_truncated", read_member<&Process::argv_truncated>},
    {"exe", read_member<&Process::exe>},
    {"comm", read_member<&Process::comm>},
    {"num_execs", read_member<&Process::num_execs>},
    {"exit_code", read_member<&Process::exit_code>},
    {"exit_signal", read_member<&Process::exit_signal>},
    {"core_dumped", read_member<&Process::core_dumped>},
    {"killed_by", read_member<&Process::killed_by>},
    {"oom_killed", read_member<&Process::oom_killed>},
    {"cpu_time", read_member<&Process::cpu_time>},
    {"user_time", read_member<&Process::user_time>},
    {"system_time", read_member<&Process::system_time>},
    {"minor_faults", read_member<&Process::minor_faults>},
    {"major_faults", read_member<&Process::major_faults>},
    {"voluntary_switches", read_member<&Process::voluntary_switches>},
    {"involuntary_switches", read_member<&Process::involuntary_switches>},
    {"read_chars", read_member<&Process::read_chars>},
    {"write_chars", read_member<&Process::write_chars>},
    {"read_bytes", read_member<&Process::read_bytes>},
    {"write_bytes", read_member<&Process::write_bytes>},
    {"max_threads", read_member<&Process::max_threads>},
    {"peak_rss", read_member<&Process::peak_rss>},
    {"peak_rss_image", read_member<&Process::peak_rss_image>},
    {"peak_vsz", read_member<&Process::peak_vsz>},
    {"uid", read_member<&Process::uid>},
    {"sid", read_member<&Process::sid>},
    {"cgroup_id", read_member<&Process::cgroup_id>},
    {"depth", read_member<&Process::depth>},
};
constexpr std::size_t kNumKeys = std::size(kKeys);

// Everything but what holds memory, which is written over.
void clear(Process& process) {
  Process empty;
  for (auto member : {&Process::cmd, &Process::exe, &Process::comm}) {
    (process.*member).clear();
    std::swap(empty.*member, process.*member);
  }
  std::swap(empty.argv, process.argv);
  process = std::move(empty);
}

// False: no process.
bool take_line(const dom::element& line, Process& process) {
  dom::object object;
  if (line.get(object) != simdjson::SUCCESS) return false;
  clear(process);
  std::size_t next = 0;
  bool has_start = false, has_argv = false;
  for (const auto& [name, value] : object) {
    std::size_t tried = 0;
    while (tried < kNumKeys && kKeys[next].name != name) {
      next = (next + 1) % kNumKeys;
      ++tried;
    }
    if (tried == kNumKeys) continue;
    kKeys[next].read(value, process);
    has_start = has_start || name == "start_time";
    has_argv = has_argv || name == "argv";
    next = (next + 1) % kNumKeys;
  }
  if (!has_argv) process.argv.clear();
  return process.pid > 0 && has_start;
}

}  // namespace

Result<void> for_each_process(const RunFiles& files, const Warn& warn, const std::function<void(const Process&)>& take) {
  if (files.processes.empty()) {
    return Error{ErrorCode::not_found, files.prefix + "processes.jsonl: not there",
                 "con-duct keeps no record of processes; duct-bpf does, unless -t leaves processes-summary out"};
  }
  LineWarnings warnings(files.processes, warn);
  JsonParser parser;
  Process process;
  return for_each_line(files.processes, [&](const Line& line) {
    if (!warnings.usable(line)) return;
    const auto json = parser.parse(line.text);
    if (!json) return warnings.skip(line, json.error().message);
    if (!take_line(*json, process)) return warnings.skip(line, "not a process");
    take(process);
  });
}

Result<std::vector<Process>> read_processes(const RunFiles& files, const Warn& warn) {
  std::vector<Process> processes;
  const auto read = for_each_process(files, warn, [&](const Process& process) { processes.push_back(process); });
  if (!read) return read.error();
  return processes;
}

}  // namespace duct_log
