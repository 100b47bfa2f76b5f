// SPDX-License-Identifier: MIT
// Readers and whatever shows text, on records with bytes changed, cut and repeated: nothing may crash, hang or be shown raw.
// The seed is fixed, so that what fails once fails again; the sanitized build looks closer.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>

#include "log/by.hpp"
#include "log/compare.hpp"
#include "log/expression.hpp"
#include "log/ls.hpp"
#include "log/markdown_report.hpp"
#include "log/pp.hpp"
#include "log/show.hpp"
#include "log/text.hpp"
#include "log/tree.hpp"

using namespace duct_log;

namespace {

constexpr int kRounds = 3000;

const std::string kInfo =
    R"({"command": "x", "schema_version": "0.2.2", "record_version": "1.0", "system": {"cpu_total": 2, "memory_total": 1e9},)"
    R"( "execution_summary": {"exit_code": 0, "wall_clock_time": 1.5, "start_time": 1.5, "peak_rss": 5, "peak_rss_time": 2.5, "cpu_time": 1,)"
    R"( "peak_rss_processes": [{"pid": 1, "start_time": 1.5, "cmd": "x", "rss": 3}]}, "tracer": {"sampler": "bpf"}, "completeness": {"exact": true}})";
const std::string kProcesses =
    R"({"pid":1,"ppid":0,"start_time":1.5,"end_time":2.5,"wall_time":1.0,"cmd":"a b","argv":["a","b"],"comm":"a","exit_code":1,"cpu_time":0.5,"peak_rss":9,"depth":0})"
    "\n"
    R"({"pid":2,"ppid":1,"start_time":1.6,"wall_time":1.0,"cmd":"\u001b[31m\ud800","argv":["\u202e"],"exit_signal":9,"killed_by":{"pid":1,"comm":"k"},"depth":1})"
    "\n";
const std::string kUsage =
    R"({"timestamp": "2026-01-16T12:00:01.5-05:00", "num_samples": 2, "processes": {"12": {"pcpu": 1.5, "rss": 10, "etime": "01:02", "cmd": "x"}},)"
    R"( "totals": {"rss": 20}, "averages": {"rss": 5.5}})"
    "\n";

std::string mutated(std::string text, std::mt19937& random) {
  const auto below = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(random); };
  static const std::string kPieces[] = {"\x1b", "\xff", "{", "[", "\"", "null", "-1", "1e999", "9999999999999999999999", "\\ud800", "\n", "{}", "true", "\xe2\x80\xae", "0"};
  for (std::size_t i = 0, changes = 1 + below(4); i < changes && !text.empty(); ++i) {
    const std::size_t at = below(text.size());
    switch (below(4)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.erase(at, 1 + below(20));
        break;
      case 2:
        text.insert(at, kPieces[below(std::size(kPieces))]);
        break;
      default:
        text.insert(at, text.substr(below(text.size()), 1 + below(60)));
    }
  }
  return text;
}

bool harmless(const std::string& shown) {
  std::string line;
  for (const char c : shown) {
    if (c != '\n') line += c;
  }
  return escaped(line) == line;
}

}  // namespace

TEST_CASE("records with bytes changed", "[mutations]") {
  char name[] = "/tmp/duct-log-test-XXXXXX";
  const std::string directory = mkdtemp(name);
  const std::string prefix = directory + "/r_";
  std::mt19937 random(20261121);
  std::string shown;
  const Console console{.write = [&](std::string_view text) { shown += text; }, .warn = [](const std::string&) {}, .width = 80, .colors = false};
  for (int round = 0; round < kRounds; ++round) {
    const auto write = [&](const char* file, const std::string& text) {
      const bool change = std::uniform_int_distribution<int>(0, 2)(random) > 0;
      std::ofstream(prefix + file, std::ios::binary) << (change ? mutated(text, random) : text);
    };
    write("info.json", kInfo);
    write("usage.jsonl", kUsage);
    if (round % 3 > 0)
      write("processes.jsonl", kProcesses);
    else
      std::filesystem::remove(prefix + "processes.jsonl");
    shown.clear();
    const auto ignore = [](const Result<int>&) {};
    ignore(show({.run = prefix}, console));
    TreeOptions tree_options;
    ByOptions by_options;
    LsOptions ls_options;
    tree_options.run = by_options.run = prefix;
    ls_options.paths = {prefix};
    ls_options.format = static_cast<LsFormat>(round % 6);
    ignore(tree(tree_options, console));
    ignore(by(by_options, console));
    ignore(ls(ls_options, console));
    ignore(compare({.a = prefix, .b = prefix}, console));
    for (const char* file : {"info.json", "usage.jsonl", "processes.jsonl"}) ignore(pp({.path = prefix + file, .humanized = round % 2 == 0}, console));
    const Warn warn = [](const std::string&) {};
    if (const auto run = load_run(prefix, warn)) {
      if (const auto text = markdown_report(*run, warn)) shown += *text;
    }
    INFO("round " << round);
    REQUIRE(harmless(shown));
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("expressions with bytes changed", "[mutations]") {
  std::mt19937 random(7);
  for (int round = 0; round < 20 * kRounds; ++round) {
    const auto expression = Expression::parse(mutated("not (a == 1 and re.search('x.*[y]', b)) or c in [1, 'z', -2.5] and 1 < d / 3", random));
    if (expression) expression->holds([](std::string_view name) { return name == "a" ? Json{std::int64_t{1}} : Json{std::string("xyz")}; });
  }
}
