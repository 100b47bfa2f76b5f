// SPDX-License-Identifier: MIT
#include "log/run_files.hpp"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "core/log_paths.hpp"
#include "duct_bpf/run.hpp"

namespace duct_log {
namespace {

namespace fs = std::filesystem;
using duct_bpf::Error;
using duct_bpf::ErrorCode;
using duct_bpf::Result;

constexpr std::string_view kInfo = "info.json";
constexpr std::string_view kSuffixes[] = {kInfo, "usage.jsonl", "usage.json", "processes.jsonl", "stdout", "stderr"};

bool exists(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode);
}

std::string if_there(std::string path) { return exists(path) ? path : std::string(); }

RunFiles files_of(const std::string& prefix) {
  RunFiles files;
  files.prefix = prefix;
  files.info = if_there(prefix + std::string(kInfo));
  files.usage = if_there(prefix + "usage.jsonl");
  if (files.usage.empty()) files.usage = if_there(prefix + "usage.json");
  files.processes = if_there(prefix + "processes.jsonl");
  files.stdout_file = if_there(prefix + "stdout");
  files.stderr_file = if_there(prefix + "stderr");
  return files;
}

bool has_records(const RunFiles& files) { return !files.info.empty() || !files.usage.empty() || !files.processes.empty(); }

std::vector<RunFiles> runs_of(std::vector<std::string> info_files) {
  std::sort(info_files.begin(), info_files.end());
  std::vector<RunFiles> runs;
  for (const std::string& path : info_files) runs.push_back(files_of(path.substr(0, path.size() - kInfo.size())));
  return runs;
}

std::int64_t modified_ns(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return 0;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

const RunFiles& latest(const std::vector<RunFiles>& runs) {
  return *std::max_element(runs.begin(), runs.end(),
                           [](const RunFiles& a, const RunFiles& b) { return modified_ns(a.info) < modified_ns(b.info); });
}

}  // namespace

Result<std::vector<RunFiles>> find_runs(const std::string& argument) {
  std::error_code failure;
  if (fs::is_directory(argument, failure)) {
    std::vector<std::string> info_files;
    fs::directory_iterator entry(argument, failure);
    for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
      const std::string path = entry->path().string();
      if (path.size() >= kInfo.size() && path.compare(path.size() - kInfo.size(), kInfo.size(), kInfo) == 0)
        info_files.push_back(path);
    }
    if (failure) return Error{ErrorCode::io, argument + ": " + failure.message(), {}};
    if (!info_files.empty()) return runs_of(std::move(info_files));
    return Error{ErrorCode::not_found, argument + ": no records in this directory", "a run has a file that ends in info.json"};
  }
  for (const std::string_view suffix : kSuffixes) {
    const bool ends = argument.size() >= suffix.size() &&
                      argument.compare(argument.size() - suffix.size(), suffix.size(), suffix) == 0;
    if (!ends || !exists(argument)) continue;
    RunFiles files = files_of(argument.substr(0, argument.size() - suffix.size()));
    if (suffix == "usage.json") files.usage = argument;
    if (has_records(files)) return std::vector<RunFiles>{std::move(files)};
  }
  if (RunFiles files = files_of(argument); has_records(files)) return std::vector<RunFiles>{std::move(files)};
  if (exists(argument))
    return Error{ErrorCode::not_found, argument + ": not a file of a run", "name its info.json, its prefix or its directory"};
  return Error{ErrorCode::not_found, argument + ": no such run", "name its info.json, its prefix or its directory"};
}

std::string default_pattern() {
  const char* const given = std::getenv(kPrefixVariable);
  return duct_bpf::prefix_pattern(given != nullptr ? given : duct_bpf::Options().output_prefix) + std::string(kInfo);
}

std::vector<RunFiles> find_default_runs() {
  glob_t found{};
  std::vector<std::string> info_files;
  if (glob(default_pattern().c_str(), GLOB_NOSORT, nullptr, &found) == 0) info_files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return runs_of(std::move(info_files));
}

Result<RunFiles> find_run(const std::string& argument) {
  if (argument.empty()) {
    const auto runs = find_default_runs();
    if (runs.empty()) return Error{ErrorCode::not_found, "no run at " + default_pattern(), "name one: its info.json, its prefix or its directory"};
    return latest(runs);
  }
  auto runs = find_runs(argument);
  if (!runs) return runs.error();
  if (runs->size() == 1) return runs->front();
  return Error{ErrorCode::usage, argument + ": holds " + std::to_string(runs->size()) + " runs, one is wanted",
               "the latest is " + latest(*runs).prefix};
}

}  // namespace duct_log
