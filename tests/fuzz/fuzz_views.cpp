// SPDX-License-Identifier: MIT
// A whole run through the subcommands: the first byte chooses one, then info.json, usage.jsonl and processes.jsonl follow, a
// record separator (0x1e) between two. Oracle: no sanitizer complains; what is printed is harmless on a terminal, is JSON
// where it says so, and has no markup of a record.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "log/audit.hpp"
#include "log/baseline.hpp"
#include "log/by.hpp"
#include "log/check.hpp"
#include "log/compare.hpp"
#include "log/export.hpp"
#include "log/ls.hpp"
#include "log/plot.hpp"
#include "log/pp.hpp"
#include "log/report.hpp"
#include "log/show.hpp"
#include "log/tree.hpp"
#include "memory_file.hpp"

using namespace duct_log;
using namespace duct_bpf::fuzz;

namespace {

constexpr const char* kFiles[] = {"info.json", "usage.jsonl", "processes.jsonl"};

// Two runs: the one that is fuzzed, and another to compare it with.
class Directory {
 public:
  Directory() {
    char name[] = "/tmp/duct-log-fuzz-XXXXXX";
    require(mkdtemp(name) != nullptr);
    path_ = name;
    std::ofstream(other() + "info.json") << R"({"schema_version": "0.2.2", "execution_summary": {"exit_code": 0, "wall_clock_time": 1.5, "peak_rss": 5}})";
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string fuzzed() const { return path_ + "/a_"; }
  std::string other() const { return path_ + "/b_"; }
  void put(std::string_view records) const {
    for (const char* file : kFiles) {
      const std::size_t end = std::min(records.find('\x1e'), records.size());
      std::ofstream(fuzzed() + file, std::ios::binary | std::ios::trunc) << records.substr(0, end);
      records.remove_prefix(std::min(end + 1, records.size()));
    }
  }

 private:
  std::string path_;
};

enum class Kind { terminal, json, html, markdown };

struct Printed {
  Result<int> status;
  Kind kind = Kind::terminal;
};

Printed printed(unsigned choice, const Directory& at, const Console& console) {
  const std::string run = at.fuzzed();
  switch (choice) {
    case 0:
      return {show({.run = run}, console)};
    case 1:
      return {tree({.run = run, .filter = {}, .depth = {}}, console)};
    case 2:
      return {tree({.run = run, .filter = "failed or cpu_time > 1", .collapse = false, .rows = 3, .depth = 2}, console)};
    case 3:
      return {by({.run = run, .filter = {}}, console)};
    case 4:
      return {by({.run = run, .key = ByKey::words, .filter = "wall_time < 1", .sort = BySort::memory}, console)};
    case 5:
      return {compare({.a = run, .b = at.other()}, console)};
    case 6:
      return {audit({.run = run}, console)};
    case 7:
      return {check({.run = run, .limits = {{"peak_rss", 1e9}, {"cpu_time", 1}}, .no_failed = true, .exact = true, .baseline = {}}, console)};
    case 8:
      return {baseline({.runs = {run}}, console), Kind::json};
    case 9:
      return {plot({.run = run, .output = {}}, console)};
    case 10:
      return {export_run({.run = run, .output = {}, .format = ExportFormat::trace}, console), Kind::json};
    case 11:
      return {export_run({.run = run, .output = {}, .format = ExportFormat::json}, console), Kind::json};
    case 12:
      return {export_run({.run = run, .output = {}, .format = ExportFormat::csv}, console)};
    case 13:
      return {export_run({.run = run, .output = {}, .format = ExportFormat::csv, .rows = ExportRows::samples}, console)};
    case 14:
      return {report({.run = run, .output = {}, .format = ReportFormat::markdown}, console), Kind::markdown};
    case 15:
      return {report({.run = run, .output = {}, .format = ReportFormat::html, .max_processes = 4}, console), Kind::html};
    case 16:
      return {pp({.path = run + "info.json", .humanized = true}, console)};
    case 17:
      return {pp({.path = run + "usage.jsonl", .humanized = true}, console)};
    case 18:
      return {ls({.paths = {run}, .format = LsFormat::csv, .filter = {}, .sort = "peak_rss"}, console)};
    case 19:
      return {ls({.paths = {run}, .fields = {"env", "gpu", "command"}, .format = LsFormat::yaml, .filter = {}, .sort = {}}, console)};
    default:
      return {ls({.paths = {run}, .filter = "exit_code != 0 or peak_rss > 1", .sort = {}}, console)};
  }
}

// But for what the report itself writes around commands.
bool has_markup(std::string_view text) {
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string_view::npos; ++at) {
    if (text.substr(at, 6) != "<code>" && text.substr(at, 7) != "</code>") return true;
  }
  return false;
}

std::size_t tags_in(std::string_view text) { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '<')); }

bool is_json(std::string text) {
  const std::size_t size = text.size();
  text.append(kJsonPadding, ' ');
  return bool(parse_json(std::string_view(text).substr(0, size)));
}

// Those of the page itself: of a run of which nothing is known.
std::size_t tags_of_the_page(const Directory& at) {
  std::string page;
  const Console console{.write = [&](std::string_view text) { page += text; }, .warn = [](const std::string&) {}};
  require(bool(report({.run = at.other(), .output = {}, .format = ReportFormat::html}, console)));
  return tags_in(page);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Directory directory;
  static const std::size_t page_tags = tags_of_the_page(directory);
  if (size == 0) return 0;
  directory.put(view_of(data + 1, size - 1));
  std::string text;
  const Console console{.write = [&](std::string_view piece) { text += piece; }, .warn = [](const std::string&) {}, .width = 80};
  const auto [status, kind] = printed(data[0] % 21, directory, console);
  if (!status) {
    require(!status.error().message.empty());
    return 0;
  }
  require(kind == Kind::html || is_harmless(text));
  if (kind == Kind::json) require(is_json(text));
  if (kind == Kind::html) require(tags_in(text) == page_tags);
  if (kind == Kind::markdown) require(!has_markup(text));
  return 0;
}
