// SPDX-License-Identifier: MIT
// Writes the seeds of the fuzz targets into DIR/TARGET/: small inputs that are right, for the fuzzer to start from.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "abi.h"
#include "core/summary_format.hpp"
#include "record_seeds.hpp"

using namespace duct_bpf;

namespace {

template <typename T>
std::string message(std::uint32_t kind, T made, std::string_view tail = {}) {
  made.header = {static_cast<std::uint32_t>(sizeof made + tail.size()), kind, 77};
  std::string bytes(reinterpret_cast<const char*>(&made), sizeof made);
  bytes += tail;
  return std::string{static_cast<char>(bytes.size() & 0xff), static_cast<char>(bytes.size() >> 8)} + bytes;
}

template <typename T>
T zeroed() {
  T made;
  std::memset(&made, 0, sizeof made);
  made.key = 5;
  return made;
}

std::vector<std::string> event_streams() {
  auto fork = zeroed<abi::news_fork>();
  fork.pid = 7;
  fork.start_ns = 3;
  auto exec = zeroed<abi::news_exec>();
  exec.image_id = 9;
  exec.exe_bytes = 7;
  exec.argv_bytes = 8;
  auto end = zeroed<abi::news_process>();
  end.info.pid = 7;
  end.info.start_ns = 3;
  end.info.end_ns = 1000;
  end.info.image_id = 9;
  end.info.flags = abi::PROC_EXITED;
  std::strcpy(end.info.comm, "ls");
  auto live = zeroed<abi::news_live>();
  live.state = 'S' | abi::LIVE_SESSION_LEADER;
  const std::string forked = message(abi::NEWS_FORK, fork);
  const std::string executed = message(abi::NEWS_EXEC, exec, {"/bin/lsls\0-l\xff\0\n", 15});
  const std::string ended = message(abi::NEWS_END, end);
  return {forked, executed, ended, forked + executed + message(abi::NEWS_LIVE, live) + message(abi::NEWS_STATE, end) + ended,
          message(abi::NEWS_EXIT, abi::news_sign{}) + message(abi::NEWS_PEAK, abi::news_sign{})};
}

const std::vector<std::string> kEnvFiles = {
    "DUCT_LOG_LEVEL=DEBUG\n", "# a comment\n\nexport A = 'one\ntwo' # more\n", "B=\"\\n\\t\\\\ \\\" \\$x\"\nC=bare # not this\n", "D=\r\nE"};

const std::vector<std::string> kFormats = {
    std::string("text\n") + kDefaultSummaryFormat,
    "a\x1b[31m\xff\n{{{text!s:>20}}} {whole!S} {part:+012,.3f} {huge!T} {true!X} {nothing!N:.2f}",
    "b\n{largest:,d} {smallest:e} {part:.1%!P} {whole!D} {text:*^9s}"};

// A line of fields, and what is asked of them.
const std::string kFields = R"({"exit_code": 1, "prefix": "logs/2025.02.03T", "peak_rss": 5e8, "cpu_time": 3.5, "wall_clock_time": 2, "argv": ["a", "b"], "alive": true})";
const std::vector<std::string> kExpressions = {
    kFields + "\nexit_code != 0",
    kFields + "\nre.search('2025.02', prefix) and not (peak_rss > 500e6 or cpu_time / wall_clock_time >= 1.5)",
    kFields + "\n1 < exit_code < 9 or exit_code in [1, -2, 3] or 'a' not in argv",
    kFields + "\nre.fullmatch(r\"\\d+(?i)x*\", prefix + 'y') or re.match('^[a-z]{1,9}', 'q\\n') or alive is True or none is not None",
    "{\nnot not -+-.5e-300*(((exit_code)))"};

constexpr unsigned kNumViews = 21;  // fuzz_views.cpp

void write(const std::filesystem::path& dir, const std::vector<std::string>& seeds) {
  std::filesystem::create_directories(dir);
  for (std::size_t i = 0; i < seeds.size(); i++) std::ofstream(dir / std::to_string(i), std::ios::binary) << seeds[i];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: make_seeds DIR CON_DUCT_RECORDS\n";
    return 2;
  }
  const std::filesystem::path top = argv[1];
  write(top / "event", event_streams());
  write(top / "env_file", kEnvFiles);
  write(top / "summary_format", kFormats);
  write(top / "expression", kExpressions);
  std::vector<std::string> infos, usages, processes, views;
  for (const RecordSeed& seed : record_seeds(argv[2])) {
    infos.push_back(seed.info);
    usages.push_back(seed.usage);
    processes.push_back(seed.processes);
    for (unsigned view = 0; view < kNumViews; ++view)
      views.push_back(std::string(1, static_cast<char>(view)) + seed.info + '\x1e' + seed.usage + '\x1e' + seed.processes);
  }
  write(top / "info", infos);
  write(top / "usage", usages);
  write(top / "processes", processes);
  write(top / "views", views);
}
