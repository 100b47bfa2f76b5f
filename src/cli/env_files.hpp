// SPDX-License-Identifier: MIT
// Settings from .env files, for both programs: /etc/duct/.env, ~/.config/duct/.env, .duct/.env, or those that
// DUCT_CONFIG_PATHS names.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "duct_bpf/run.hpp"

namespace duct_bpf {

// getenv(), or a test's own.
using EnvLookup = std::function<const char*(const char* name)>;

struct Setting {
  std::string value;
  std::string source;  // the file
};
using Settings = std::map<std::string, Setting, std::less<>>;

// The DUCT_ variables of all files; a later file wins. `note` is told which were read (debug) and which were left out and why:
// not there (debug), unreadable or malformed (warning).
Settings read_env_files(const EnvLookup& env, const std::function<void(LogLevel level, std::string text)>& note);

}  // namespace duct_bpf
