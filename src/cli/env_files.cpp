// SPDX-License-Identifier: MIT
#include "cli/env_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/env_file.hpp"

namespace duct_bpf {
namespace {

constexpr std::size_t kMaxEnvFileBytes = 1 << 20;

std::string value_of(const EnvLookup& env, const char* name) {
  const char* const value = env(name);
  return value != nullptr ? value : "";
}

std::vector<std::string> env_file_paths(const EnvLookup& env) {
  const std::string home = value_of(env, "HOME");
  std::string config = value_of(env, "XDG_CONFIG_HOME");
  if (config.empty()) config = "~/.config";
  const char* const given = env("DUCT_CONFIG_PATHS");  // empty: no files at all
  std::string_view list = given != nullptr ? given : "";
  std::vector<std::string> paths;
  if (given == nullptr) {
    paths = {"/etc/duct/.env", config + "/duct/.env", ".duct/.env"};
  }
  while (!list.empty()) {
    const std::size_t colon = std::min(list.find(':'), list.size());
    if (colon > 0) paths.emplace_back(list.substr(0, colon));
    list.remove_prefix(std::min(colon + 1, list.size()));
  }
  for (std::string& path : paths) {
    if (path.rfind("~/", 0) == 0 && !home.empty()) path.replace(0, 1, home);
  }
  return paths;
}

// Empty and errno set where it cannot be read. Does not wait for a writer where the path is a FIFO.
std::optional<std::string> read_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text;
  char buffer[16384];
  ssize_t got = 0;
  while (text.size() <= kMaxEnvFileBytes && (got = read(fd, buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  const int failure = got < 0 ? errno : text.size() > kMaxEnvFileBytes ? EFBIG : 0;
  close(fd);
  errno = failure;
  if (failure != 0) return std::nullopt;
  return text;
}

}  // namespace

Settings read_env_files(const EnvLookup& env, const std::function<void(LogLevel level, std::string text)>& note) {
  Settings settings;
  for (const std::string& path : env_file_paths(env)) {
    const auto text = read_file(path);
    if (!text) {
      const bool missing = errno == ENOENT || errno == ENOTDIR;
      note(missing ? LogLevel::debug : LogLevel::warning, fmt::format("{}: skipped: {}", path, std::strerror(errno)));
      continue;
    }
    auto variables = parse_env_file(*text);
    if (!variables) {
      note(LogLevel::warning, fmt::format("{}: skipped: {}", path, variables.error().message));
      continue;
    }
    for (auto& [name, value] : *variables) {
      if (name.rfind("DUCT_", 0) == 0) settings[name] = Setting{std::move(value), path};
    }
    note(LogLevel::debug, path + ": read");
  }
  return settings;
}

}  // namespace duct_bpf
