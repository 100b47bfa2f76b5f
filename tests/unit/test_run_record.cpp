// SPDX-License-Identifier: MIT
// Reading records: ours, con-duct's, and what is broken, foreign or hostile.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "log/line_file.hpp"
#include "log/record_time.hpp"
#include "log/run_record.hpp"

using namespace duct_log;

namespace {

constexpr const char* kInfo = R"({"command": "x", "schema_version": "0.2.2", "system": {"uid": 0, "cpu_total": 2},
 "execution_summary": {"exit_code": 3, "command": "x y", "peak_rss": null, "wall_clock_time": 1.5},
 "output_paths": {"prefix": "p_"}, "gpu": [{"index": "0"}]})";

class Directory {
 public:
  Directory() {
    char name[] = "/tmp/duct-log-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string path(const std::string& name = {}) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

 private:
  std::string path_;
};

struct Warnings {
  std::vector<std::string> said;
  Warn warn = [this](const std::string& text) { said.push_back(text); };
};

RunFiles processes_file(const std::string& path) {
  RunFiles files;
  files.processes = path;
  return files;
}

std::vector<Process> processes_in(const std::string& content, Warnings& warnings) {
  const Directory directory;
  const auto read = read_processes(processes_file(directory.write("processes.jsonl", content)), warnings.warn);
  REQUIRE(read);
  return *read;
}

std::string why(const std::string& info) {
  const Directory directory;
  const auto read = read_info(directory.write("info.json", info));
  return read ? "" : read.error().message.substr(directory.path("info.json").size());
}

}  // namespace

TEST_CASE("info.json: typed, and flattened as con-duct does", "[run_record]") {
  const Directory directory;
  const auto info = read_info(directory.write("info.json", kInfo));
  REQUIRE(info);
  CHECK(info->summary.exit_code == 3);
  CHECK(info->summary.wall_clock_time == 1.5);
  CHECK_FALSE(info->summary.peak_rss);
  CHECK(info->cpu_total == 2);
  CHECK_FALSE(info->tracer);
  std::vector<std::string> names;
  for (const auto& [name, value] : info->fields) names.push_back(name);
  CHECK(names == std::vector<std::string>{"command", "schema_version", "uid", "cpu_total", "exit_code", "peak_rss", "wall_clock_time",
                                          "prefix", "gpu"});
  CHECK(info->fields[0].second.text() == "x y");  // the later one wins, in the place of the first
}

TEST_CASE("info.json: what is none says why", "[run_record]") {
  CHECK(why("") == ": empty");
  CHECK(why("{\"command\": ") == ": not JSON, or cut off");
  CHECK(why("[1, 2]") == ": not the info.json of a run");
  CHECK(why("{\"name\": \"package\"}") == ": not the info.json of a run");
  CHECK(why(R"({"schema_version": "0.1.1", "execution_summary": {}})") == ": of a schema older than 0.2.0");
  CHECK(why(R"({"schema_version": 7, "execution_summary": {}})") == ": its schema_version is none");
  CHECK(why(std::string(kInfo) + "}") == ": not JSON, or cut off");
  CHECK(why("{\"a\": \"\xff\"}") == ": not UTF-8");
  CHECK(why(std::string(100000, '[') + std::string(100000, ']')) == ": nested too deep");
  CHECK(why("{\"a\": 1e99999}") == ": a number that is none, or is out of range");
  CHECK(why(R"({"schema_version": "0.2.0", "execution_summary": 5, "system": "x", "tracer": [], "completeness": 1})").empty());
  CHECK(why(R"({"schema_version": "1.0.0", "execution_summary": {"exit_code": "a", "peak_rss": [], "command": 9}})").empty());
}

TEST_CASE("processes: all keys of a line, and none of the line before", "[run_record]") {
  Warnings warnings;
  const auto processes = processes_in(
      R"({"pid":7,"ppid":1,"start_time":10.5,"end_time":11.5,"wall_time":1.0,"cmd":"a b","argv":["a","b"],"exe":"/a","comm":"a",)"
      R"("num_execs":1,"exit_signal":9,"core_dumped":true,"killed_by":{"pid":3,"comm":"k","uid":0},"cpu_time":0.25,"peak_rss":4096,"depth":2})"
      "\n"
      R"({"start_time":10.75,"pid":7,"new_key":{"deep":[1,{}]},"alive":true,"cmd":"c","exit_code":1})"
      "\n\n",
      warnings);
  CHECK(warnings.said.empty());
  REQUIRE(processes.size() == 2);
  CHECK(processes[0].argv == std::vector<std::string>{"a", "b"});
  CHECK(processes[0].killed_by->comm == "k");
  CHECK(processes[0].exit_signal == 9);
  CHECK(processes[0].core_dumped);
  CHECK(processes[0].depth == 2);
  CHECK(processes[0].failed());
  CHECK(processes[1].start_time == 10.75);
  CHECK(processes[1].alive);
  CHECK(processes[1].argv.empty());
  CHECK(processes[1].exe.empty());
  CHECK_FALSE(processes[1].killed_by);
  CHECK_FALSE(processes[1].exit_signal);
  CHECK_FALSE(processes[1].end_time);
  CHECK_FALSE(processes[1].core_dumped);
  const auto odd = processes_in("{\"pid\":7,\"start_time\":1,\"argv\":[\"a\"]}\n{\"pid\":8,\"start_time\":1,\"argv\":0}\n", warnings);
  REQUIRE(odd.size() == 2);
  CHECK(odd[1].argv.empty());
}

TEST_CASE("processes: lines that are none are named and skipped", "[run_record]") {
  Warnings warnings;
  const auto processes = processes_in(
      "{\"pid\":1,\"start_time\":1}\nnonsense\n{\"pid\":-4,\"start_time\":1}\n{\"pid\":\"1\",\"start_time\":1}\n\xff\n[]\n7\n"
      "{\"pid\":1,\"start_time\":2,\"peak_rss\":1e3,\"cpu_time\":\"x\"}\n{\"pid\":1,\"start_ti",
      warnings);
  REQUIRE(processes.size() == 2);
  CHECK_FALSE(processes[1].peak_rss);
  REQUIRE(warnings.said.size() == 4);
  CHECK_THAT(warnings.said[0], Catch::EndsWith("processes.jsonl: line 2: not JSON, or cut off, skipped"));
  CHECK_THAT(warnings.said[3], Catch::EndsWith("processes.jsonl: 4 more such lines, skipped"));
}

TEST_CASE("processes: halves of surrogate pairs are text still", "[run_record]") {
  Warnings warnings;
  const auto processes = processes_in(R"({"pid":1,"start_time":1,"cmd":"a\udcffb \ud83d\ude00 \\ud800 \ud800\u0041"})", warnings);
  REQUIRE(processes.size() == 1);
  CHECK(processes[0].cmd == "a\xef\xbf\xbd" "b \xf0\x9f\x98\x80 \\ud800 \xef\xbf\xbd" "A");
}

TEST_CASE("usage: con-duct's reports and ours", "[run_record]") {
  const Directory directory;
  Warnings warnings;
  RunFiles files;
  files.usage = directory.write(
      "usage.jsonl",
      R"({"timestamp": "2026-01-16T12:00:01.500000-05:00", "num_samples": 2, "processes": {"12": {"pcpu": 1.5, "rss": 10, "etime": "01-02:03:04", "cmd": "x"},)"
      R"( "12#2": {"cmd": "y"}, "total": {}}, "totals": {"rss": 20, "processes": 3}, "averages": {"rss": 5.5}, "others": {"count": 9}})"
      "\n{\"timestamp\": \"never\", \"processes\": {}}\n");
  const auto reports = read_reports(files, warnings.warn);
  REQUIRE(reports);
  REQUIRE(reports->size() == 1);
  const UsageReport& report = reports->front();
  CHECK(report.time == 1768582801.5);
  REQUIRE(report.processes.size() == 2);
  CHECK(report.processes[0].age == 93784);
  CHECK(report.processes[1].key == "12#2");
  CHECK(report.processes[1].pid == 12);
  CHECK(report.totals.processes == 3);
  CHECK(report.others_count == 9);
  CHECK(report.averages.rss == 5.5);
  CHECK(warnings.said.size() == 1);
}

TEST_CASE("lines: any length, bounded", "[line_file]") {
  const Directory directory;
  const std::string long_line(3 << 20, 'a');
  const auto path = directory.write("lines", long_line + "\nb\n \n" + std::string(kMaxLineBytes + 5, 'c') + "\nd");
  std::vector<Line> lines;
  std::vector<std::string> texts;
  REQUIRE(for_each_line(path, [&](const Line& line) {
    lines.push_back(line);
    texts.emplace_back(line.text);
  }));
  REQUIRE(lines.size() == 4);
  CHECK(texts[0] == long_line);
  CHECK(texts[1] == "b");
  CHECK(lines[2].too_long);
  CHECK(lines[2].number == 4);
  CHECK(texts[2].empty());
  CHECK(texts[3] == "d");
  CHECK_FALSE(lines[3].ended);
  CHECK_FALSE(lines[3].too_long);
}

TEST_CASE("lines: not from what is no file", "[line_file]") {
  const Directory directory;
  REQUIRE(mkfifo(directory.path("fifo").c_str(), 0600) == 0);
  CHECK_FALSE(for_each_line(directory.path("fifo"), [](const Line&) {}));
  CHECK_FALSE(read_file(directory.path("fifo")));
  CHECK_FALSE(read_file(directory.path()));
  CHECK_FALSE(read_file(directory.path("nothing")));
  CHECK_FALSE(read_file(directory.write("large", std::string(kMaxLineBytes + 1, ' '))));
}

TEST_CASE("runs: by file, prefix and directory", "[run_files]") {
  const Directory directory;
  directory.write("a_info.json", kInfo);
  directory.write("a_usage.json", "");
  directory.write("a_stdout", "");
  REQUIRE(find_run(directory.path()));
  CHECK(find_run(directory.path())->prefix == directory.path("a_"));
  for (const char* name : {"a_info.json", "a_usage.json", "a_stdout", "a_"}) {
    const auto run = find_run(directory.path(name));
    REQUIRE(run);
    CHECK(run->info == directory.path("a_info.json"));
    CHECK(run->usage == directory.path("a_usage.json"));
    CHECK(run->processes.empty());
  }
  directory.write("b_info.json", kInfo);
  CHECK(find_runs(directory.path())->size() == 2);
  CHECK(find_run(directory.path()).error().code == ErrorCode::usage);
  CHECK(find_runs(directory.path("c_")).error().code == ErrorCode::not_found);
  directory.write("c_stdout", "");
  CHECK(find_runs(directory.path("c_stdout")).error().code == ErrorCode::not_found);
}

TEST_CASE("runs: without info.json, as one that was cut off", "[run_record]") {
  const Directory directory;
  Warnings warnings;
  directory.write("a_info.json", "");
  CHECK_FALSE(load_run(directory.path("a_"), warnings.warn));
  directory.write("a_processes.jsonl", "{\"pid\":1,\"start_time\":1}\n");
  CHECK(load_run(directory.path("a_"), warnings.warn));
  CHECK(warnings.said.size() == 1);
}

TEST_CASE("times of records", "[record_time]") {
  CHECK(parse_iso_time("1970-01-01T00:00:10Z") == 10);
  CHECK(parse_iso_time("1970-01-01T01:00:10.250000+01:00") == 10.25);
  CHECK(parse_etime("01:02") == 62);
  CHECK(parse_etime("100:00:01") == 360001);
  for (const char* text : {"", "x", "1970", "1970-01-01T00:00", "1970-01-01T00:00:10+1", "1970-01-01T00:00:10 "})
    CHECK_FALSE(parse_iso_time(text));
  for (const char* text : {"", "a:b", "1-", "-", ":", "inf:nan", "1e9:00", "99999999999:00"}) CHECK_FALSE(parse_etime(text));
}
