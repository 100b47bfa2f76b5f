// SPDX-License-Identifier: MIT
#include "log/process_text.hpp"

#include <string.h>

#include <algorithm>
#include <iterator>

#include "log/text.hpp"

namespace duct_log {
namespace {

template <typename T>
Json as_json(const T& value) {
  return {value};
}
template <typename T>
Json as_json(const std::optional<T>& value) {
  return value ? Json{*value} : Json{};
}

Json as_json(const std::vector<std::string>& words) {
  Json::List list;
  for (const std::string& word : words) list.push_back({word});
  return {std::move(list)};
}

template <auto member>
Json get(const Process& process) {
  return as_json(process.*member);
}

struct Field {
  std::string_view name;
  Json (*get)(const Process& process);
};
constexpr Field kFields[] = {
    {"pid", get<&Process::pid>},
    {"ppid", get<&Process::ppid>},
    {"pid_ns", get<&Process::pid_ns>},
    {"depth", get<&Process::depth>},
    {"uid", get<&Process::uid>},
    {"sid", get<&Process::sid>},
    {"cgroup_id", get<&Process::cgroup_id>},
    {"num_execs", get<&Process::num_execs>},
    {"exit_code", get<&Process::exit_code>},
    {"exit_signal", get<&Process::exit_signal>},
    {"max_threads", get<&Process::max_threads>},
    {"start_time", get<&Process::start_time>},
    {"end_time", get<&Process::end_time>},
    {"wall_time", get<&Process::wall_time>},
    {"alive", get<&Process::alive>},
    {"adopted", get<&Process::adopted>},
    {"core_dumped", get<&Process::core_dumped>},
    {"oom_killed", get<&Process::oom_killed>},
    {"cmd", get<&Process::cmd>},
    {"argv", get<&Process::argv>},
    {"argv_truncated", get<&Process::argv_truncated>},
    {"exe", get<&Process::exe>},
    {"comm", get<&Process::comm>},
    {"cpu_time", get<&Process::cpu_time>},
    {"user_time", get<&Process::user_time>},
    {"system_time", get<&Process::system_time>},
    {"peak_rss", get<&Process::peak_rss>},
    {"peak_rss_image", get<&Process::peak_rss_image>},
    {"peak_vsz", get<&Process::peak_vsz>},
    {"minor_faults", get<&Process::minor_faults>},
    {"major_faults", get<&Process::major_faults>},
    {"voluntary_switches", get<&Process::voluntary_switches>},
    {"involuntary_switches", get<&Process::involuntary_switches>},
    {"read_chars", get<&Process::read_chars>},
    {"write_chars", get<&Process::write_chars>},
    {"read_bytes", get<&Process::read_bytes>},
    {"write_bytes", get<&Process::write_bytes>},
    {"failed", [](const Process& process) { return Json{process.failed()}; }},
    {"killed_by", [](const Process& process) { return process.killed_by ? Json{process.killed_by->comm} : Json{}; }},
};

const Field* find_field(std::string_view name) {
  const auto found = std::find_if(std::begin(kFields), std::end(kFields), [&](const Field& field) { return field.name == name; });
  return found == std::end(kFields) ? nullptr : found;
}

}  // namespace

std::string signal_text(std::int64_t signal) {
  const char* const name = signal > 0 && signal < 65 ? sigabbrev_np(static_cast<int>(signal)) : nullptr;
  return name != nullptr ? name : "signal " + std::to_string(signal);
}

std::string exit_text(const Process& process) {
  if (process.alive) return "alive";
  if (process.exit_signal) return signal_text(*process.exit_signal) + (process.core_dumped ? ", core" : "");
  return process.exit_code ? std::to_string(*process.exit_code) : "-";
}

std::string killer_text(const Process& process) {
  if (process.oom_killed) return "the kernel: out of memory";
  if (!process.killed_by) return {};
  const KilledBy& killer = *process.killed_by;
  if (killer.pid == process.pid) return "itself";
  const std::string uid = killer.uid ? ", uid " + std::to_string(*killer.uid) : "";
  return escaped(killer.comm) + " (pid " + std::to_string(killer.pid) + uid + ")";
}

std::string command_text(const Process& process) {
  std::string_view command = process.cmd;
  // The words behind a program tell more than the directories before it.
  const std::size_t slash = command.substr(0, command.find(' ')).rfind('/');
  if (!command.empty() && command[0] == '/' && slash + 1 < command.size() && command[slash + 1] != ' ') command.remove_prefix(slash + 1);
  const std::string text = escaped(command.empty() ? "[" + process.comm + "]" : std::string(command));
  return process.num_execs == 0 && !process.adopted ? "(fork) " + text : text;
}

std::string program_of(const Process& process) {
  std::string_view name = !process.argv.empty() ? std::string_view(process.argv[0]) : std::string_view(process.exe);
  if (name.empty()) name = process.cmd.empty() ? std::string_view(process.comm) : std::string_view(process.cmd).substr(0, process.cmd.find(' '));
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') return std::string(name.substr(1, name.size() - 2));  // ps, where argv is gone
  const std::size_t slash = name.rfind('/');
  if (slash != std::string_view::npos && slash + 1 < name.size()) name.remove_prefix(slash + 1);
  return std::string(name);
}

Json process_field(const Process& process, std::string_view name) {
  const Field* const field = find_field(name);
  return field != nullptr ? field->get(process) : Json{};
}

bool is_process_field(std::string_view name) { return find_field(name) != nullptr; }

}  // namespace duct_log
