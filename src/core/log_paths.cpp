// SPDX-License-Identifier: MIT
#include "core/log_paths.hpp"

#include <ctime>
#include <utility>

namespace duct_bpf {
namespace {

constexpr std::string_view kDatetime = "datetime";
constexpr std::string_view kDeprecatedDatetime = "datetime_filesafe";
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// Calls text(piece) and field(name) in order; false where a brace has no partner.
template <typename OnText, typename OnField>
bool split_fields(std::string_view prefix, OnText&& text, OnField&& field) {
  while (!prefix.empty()) {
    const std::size_t brace = prefix.find_first_of("{}");
    text(prefix.substr(0, brace));
    if (brace == std::string_view::npos) return true;
    prefix.remove_prefix(brace);
    if (prefix.size() > 1 && prefix[0] == prefix[1]) {
      text(prefix.substr(0, 1));
      prefix.remove_prefix(2);
      continue;
    }
    const std::size_t end = prefix.find('}');
    if (prefix[0] == '}' || end == std::string_view::npos) return false;
    field(prefix.substr(1, end - 1));
    prefix.remove_prefix(end + 1);
  }
  return true;
}

std::string local_datetime(std::int64_t epoch_ns) {
  const std::time_t seconds = epoch_ns / kNsPerSecond;
  std::tm local{};
  localtime_r(&seconds, &local);
  char buffer[32];
  return {buffer, std::strftime(buffer, sizeof buffer, "%Y.%m.%dT%H.%M.%S", &local)};
}

}  // namespace

Result<std::string> expand_prefix(std::string_view prefix, std::int64_t epoch_ns, pid_t pid) {
  std::string expanded, unknown;
  const bool balanced = split_fields(
      prefix, [&](std::string_view text) { expanded += text; },
      [&](std::string_view name) {
        if (name == kDatetime || name == kDeprecatedDatetime) {
          expanded += local_datetime(epoch_ns);
        } else if (name == "pid") {
          expanded += std::to_string(pid);
        } else if (unknown.empty()) {
          unknown = "{" + std::string(name) + "}";
        }
      });
  const char* const hint = "known fields: {datetime}, {pid}; write {{ and }} for braces";
  if (!balanced) return Error{ErrorCode::usage, "a brace without its partner in the output prefix", hint};
  if (!unknown.empty()) {
    return Error{ErrorCode::usage, "unknown field " + unknown + " in the output prefix", hint};
  }
  return expanded;
}

bool uses_deprecated_field(std::string_view prefix) {
  bool found = false;
  split_fields(
      prefix, [](std::string_view) {},
      [&](std::string_view name) { found = found || name == kDeprecatedDatetime; });
  return found;
}

std::string prefix_pattern(std::string_view prefix) {
  std::string pattern;
  const auto literal = [&](std::string_view text) {
    for (const char c : text) {
      if (std::string_view("*?[\\").find(c) != std::string_view::npos) pattern += '\\';
      pattern += c;
    }
  };
  const std::size_t name = prefix.rfind('/') + 1;  // 0 where there is no directory
  bool any = false;                                // a field in the name
  const bool balanced = split_fields(prefix.substr(0, name), literal, [&](std::string_view) { pattern += '*'; }) &&
                        split_fields(
                            prefix.substr(name), [&](std::string_view text) { literal(any ? std::string_view() : text); },
                            [&](std::string_view) {
                              if (!any) pattern += '*';
                              any = true;
                            });
  if (!balanced) {
    pattern.clear();
    literal(prefix);
  }
  return pattern;
}

LogPaths log_paths(std::string prefix) {
  LogPaths paths{.prefix = std::move(prefix),
                 .stdout_file = {},
                 .stderr_file = {},
                 .usage = {},
                 .info = {},
                 .processes = {}};
  paths.stdout_file = paths.prefix + "stdout";
  paths.stderr_file = paths.prefix + "stderr";
  paths.usage = paths.prefix + "usage.jsonl";
  paths.info = paths.prefix + "info.json";
  paths.processes = paths.prefix + "processes.jsonl";
  return paths;
}

}  // namespace duct_bpf
