// SPDX-License-Identifier: MIT
// Records as text: keys, types and forms that readers (con-duct's among them) rely on.
#include <stdlib.h>
#include <time.h>

#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/record.hpp"
#include "log/process_text.hpp"

using namespace duct_bpf;
using Json = nlohmann::json;

namespace {

constexpr std::int64_t kTime = 1'700'000'000'123'456'789;  // 2023-11-14T22:13:20.123456 UTC

struct TimeZone {
  explicit TimeZone(const char* name) {
    if (const char* old = ::getenv("TZ")) before = old;
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~TimeZone() {
    if (before)
      ::setenv("TZ", before->c_str(), 1);
    else
      ::unsetenv("TZ");
    ::tzset();
  }
  std::optional<std::string> before;
};

// One whole line of JSON: nothing in it may break the line or be refused by a strict parser.
Json parsed(const std::string& line) {
  REQUIRE(!line.empty());
  REQUIRE(line.back() == '\n');
  for (std::size_t i = 0; i + 1 < line.size(); i++) REQUIRE(static_cast<unsigned char>(line[i]) >= ' ');
  std::vector<std::set<std::string>> keys;
  auto json = Json::parse(line, [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      FAIL("key twice: " << value);
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    return true;
  });
  return json;
}

// Name and type of each key of an object: i whole number, f float, s text, b bool, n null, l list, o object.
using Shape = std::map<std::string, char>;
Shape shape(const Json& object) {
  Shape found;
  for (auto& [key, value] : object.items())
    found[key] = value.is_number_integer() ? 'i'
                 : value.is_number_float() ? 'f'
                 : value.is_string()       ? 's'
                 : value.is_boolean()      ? 'b'
                 : value.is_null()         ? 'n'
                 : value.is_array()        ? 'l'
                                           : 'o';
  return found;
}

Shape all(std::initializer_list<const char*> names, char type) {
  Shape shape;
  for (const char* name : names) shape[name] = type;
  return shape;
}

std::shared_ptr<const Image> image(std::vector<std::string> argv, std::string exe = "/bin/x",
                                   bool cut = false) {
  auto made = std::make_shared<Image>();
  made->exe = std::move(exe);
  made->argv = std::move(argv);
  made->argv_truncated = cut;
  return made;
}

std::string process_line(const Process& process) {
  std::string line;
  append_process_line(line, process);
  return line;
}

Process full_process() {
  Process process;
  process.pid = 10;
  process.ppid = 9;
  process.pid_ns = 2;
  process.depth = 3;
  process.start_ns = kTime;
  process.end_ns = kTime + 2'000'000'001;
  process.image = image({"cc", "-c"}, "/usr/bin/cc", true);
  process.comm = "cc";
  process.num_execs = 4;
  process.exit_code = 5;
  process.uid = 4'000'000'000u;
  process.sid = 7;
  process.cgroup_id = ~0ULL - 1;
#define METRIC(name, unit, signal_path, task_path, help) process.usage.name = 1'000'000'001;
#define SUMMED(name, unit, task_path, help) process.usage.name = 1'000'000'001;
#define GAUGE(name, unit, help) process.gauges.name = ~0ULL - 1;
#include "metrics.def"
  return process;
}

ReportedProcess reported(pid_t pid) {
  ReportedProcess row;
  row.pid = pid;
  row.image = image({"a", "b c"});
  row.pcpu = 12.34567;
  row.pcpu_interval = 50;
  row.cpu_ns = 1'500'000'000;
  row.rss_bytes = 2500;
  row.vsz_bytes = 1ULL << 46;
  row.time_ns = kTime;
  row.elapsed_ns = 61'900'000'000;
  row.states = {{"Ss", 20}, {"R", 1}};
  return row;
}

Report report_of(std::vector<ReportedProcess> rows, std::uint64_t samples = 3) {
  Report report;
  report.time_ns = kTime;
  report.num_samples = samples;
  report.processes = std::move(rows);
  report.totals = {1000, 2000, 1.23456, 150, 2};
  report.averages = {500.5, 1000, 0.5, 75, 1.5};
  return report;
}

Json usage(const Report& report) { return parsed(usage_line(report, {4, 10'000})); }

Summary full_summary() {
  Summary summary;
  summary.command = "from the tracer";
  summary.logs_prefix = ".duct/x_";
  summary.working_directory = "/home/x";
  summary.exit_code = 0;
  summary.exit_signal = 9;
  summary.termination = "exit";
  summary.start_ns = kTime;
  summary.end_ns = kTime + 1;
  summary.wall_clock_s = 1.5;
  summary.num_samples = 2;
  summary.num_reports = 1;
  summary.peak_rss_bytes = summary.peak_vsz_bytes = summary.peak_pss_bytes = 1ULL << 40;
  summary.average_rss_bytes = summary.average_vsz_bytes = 1.5;
  summary.peak_pmem = summary.average_pmem = summary.peak_pcpu = summary.average_pcpu = 2.5;
  summary.peak_rss_time_ns = kTime;
  summary.num_processes = 3;
  summary.num_failed = 1;
  summary.max_processes = 2;
  summary.cpu_ns = 1'250'000'000;
  summary.completeness = {.forks = 2, .execs = 1, .exits = 2, .alive_at_end = 1};
  summary.peak_holders = {{10, kTime, "cc -c", 3000}, {11, kTime + 1000, "", 2000}};
  summary.cgroup_memory_peak_bytes = 5000;
  summary.memory_method = "fast";
  summary.memory_error_bound_bytes = 4096;
  summary.pss_cpu_s = 0.25;
  return summary;
}

RunInfo full_info() {
  RunInfo info;
  info.command = {"sleep", "1"};
  info.cpu_total = 4;
  info.memory_total_bytes = 1ULL << 36;
  info.hostname = "host";
  info.user = "me";
  info.environment = {{"SLURM_JOB_ID", "1"}, {"PBS_X", ""}};
  info.paths = log_paths(".duct/x_");
  info.message = "text";
  info.sampler = "bpf";
  info.kernel_release = "6.1";
  return info;
}

}  // namespace

TEST_CASE("a line of a process: words of any length, more than are held at once, and the ends of numbers") {
  Process process = full_process();
  std::vector<std::string> words;
  for (std::size_t size : {0u, 1u, 62u, 63u, 64u, 65u, 127u, 128u, 1535u, 1536u, 5000u}) words.emplace_back(size, 'x');
  for (int i = 0; i < 300; i++) words.push_back("word" + std::to_string(i));
  words.insert(words.end(), {"a\"b", "a\\b", "\n", "\xc3\xa4", std::string(63, 'y') + "\t", "last"});
  process.image = image(words, std::string(64, 'e'));
  process.comm = "a \"b\"";
  process.start_ns = 1'000'001'000;
  process.end_ns = std::numeric_limits<std::int64_t>::max();
  process.cgroup_id = std::numeric_limits<std::uint64_t>::max();
  process.ppid = std::numeric_limits<pid_t>::min();
  std::string line = process_line(process);
  REQUIRE((line.size() > 2 && line.back() == '\n' && line.find('\n') == line.size() - 1));
  auto json = Json::parse(line);
  CHECK(json["argv"] == words);
  CHECK(json["cmd"] == join_argv(words));
  CHECK(json["exe"] == std::string(64, 'e'));
  CHECK(json["comm"] == "a \"b\"");
  CHECK(json["cgroup_id"] == process.cgroup_id);
  CHECK(json["ppid"] == process.ppid);
  CHECK(line.find("\"start_time\":1.000001,\"end_time\":9223372036.854775,\"wall_time\":9223372035.854774807,") != std::string::npos);
}

TEST_CASE("a line of usage has the contract's keys with their types") {
  TimeZone utc("UTC");
  auto row = reported(10);
  row.pss_bytes = 99;
  Report report = report_of({row});
  Json line = usage(report);
  CHECK(
      shape(line) ==
      Shape{
          {"timestamp", 's'}, {"num_samples", 'i'}, {"processes", 'o'}, {"totals", 'o'}, {"averages", 'o'}});
  CHECK(shape(line["totals"]) == Shape{{"pmem", 'f'},
                                       {"pcpu", 'f'},
                                       {"rss", 'i'},
                                       {"vsz", 'i'},
                                       {"pcpu_interval", 'f'},
                                       {"processes", 'i'}});
  CHECK(shape(line["averages"]) == Shape{{"rss", 'f'},
                                         {"vsz", 'f'},
                                         {"pmem", 'f'},
                                         {"pcpu", 'f'},
                                         {"num_samples", 'i'},
                                         {"pcpu_interval", 'f'},
                                         {"processes", 'f'}});
  const Json& process = line["processes"]["10"];
  CHECK(shape(process) == Shape{{"pcpu", 'f'},
                                {"pmem", 'f'},
                                {"rss", 'i'},
                                {"vsz", 'i'},
                                {"timestamp", 's'},
                                {"etime", 's'},
                                {"stat", 'o'},
                                {"cmd", 's'},
                                {"pcpu_interval", 'f'},
                                {"cpu_time", 'f'},
                                {"pss", 'i'}});
  CHECK(line["timestamp"] == "2023-11-14T22:13:20.123456+00:00");
  CHECK(process["timestamp"] == line["timestamp"]);
  CHECK(line["num_samples"] == 3);
  CHECK((process["pcpu"] == 12.346 && process["pcpu_interval"] == 50.0 && process["cpu_time"] == 1.5));
  CHECK((process["pmem"] == 25.0 && process["rss"] == 2500 && process["vsz"] == 1ULL << 46 &&
         process["pss"] == 99));
  CHECK(process["etime"] == "01:01");
  CHECK(process["stat"] == Json{{"Ss", 20}, {"R", 1}});
  CHECK(process["cmd"] == "a b c");
  const Json &totals = line["totals"], &averages = line["averages"];
  CHECK((totals["rss"] == 1000 && totals["vsz"] == 2000 && totals["pmem"] == 1.235 &&
         totals["processes"] == 2));
  CHECK((totals["pcpu"] == 150.0 && totals["pcpu_interval"] == 150.0));
  CHECK((averages["rss"] == 500.5 && averages["vsz"] == 1000.0 && averages["pmem"] == 0.5 &&
         averages["pcpu"] == 75.0));
  CHECK((averages["num_samples"] == 3 && averages["processes"] == 1.5));

  report.others = 4;
  report.others_cpu_ns = 2'500'000'000;
  report.others_peak_rss_max_bytes = 77;
  CHECK(usage(report)["others"] == Json{{"count", 4}, {"cpu_time", 2.5}, {"peak_rss_max", 77}});
}

TEST_CASE("what was not measured is null in a line of usage, never 0") {
  ReportedProcess row;
  row.pid = 10;
  row.comm = "kid";
  Json line = usage(report_of({row}, 0));
  const Json& process = line["processes"]["10"];
  CHECK(shape(process) == Shape{{"pcpu", 'f'},
                                {"pmem", 'n'},
                                {"rss", 'n'},
                                {"vsz", 'n'},
                                {"timestamp", 's'},
                                {"etime", 's'},
                                {"stat", 'o'},
                                {"cmd", 's'},
                                {"pcpu_interval", 'f'},
                                {"cpu_time", 'f'}});
  CHECK(process["stat"] == Json::object());
  CHECK(process["cmd"] == "[kid]");
  CHECK(line["totals"]["processes"].is_null());
  for (const char* name : {"rss", "vsz", "pmem", "pcpu", "pcpu_interval", "processes"})
    CHECK(line["averages"][name].is_null());
  CHECK(line["averages"]["num_samples"] == 0);
  CHECK(usage(report_of({}))["processes"] == Json::object());
}

TEST_CASE("a pid that is used again in one report gets a key of its own") {
  auto rows = std::vector{reported(10), reported(11), reported(10), reported(10)};
  rows[2].rss_bytes = 2;
  rows[3].rss_bytes = 3;
  Json processes = usage(report_of(rows))["processes"];
  CHECK(processes.size() == 4);
  CHECK((processes["10#2"]["rss"] == 2 && processes["10#3"]["rss"] == 3 && processes["10"]["rss"] == 2500));
}

TEST_CASE("a line of a process that ended has every key that is known") {
  std::string text = process_line(full_process());
  Json line = parsed(text);
  Shape want = all({"pid",
                    "ppid",
                    "pid_ns",
                    "num_execs",
                    "exit_code",
                    "uid",
                    "sid",
                    "cgroup_id",
                    "depth",
                    "minor_faults",
                    "major_faults",
                    "voluntary_switches",
                    "involuntary_switches",
                    "read_chars",
                    "write_chars",
                    "read_bytes",
                    "write_bytes",
                    "max_threads",
                    "peak_rss",
                    "peak_rss_image",
                    "peak_vsz"},
                   'i');
  want.merge(all({"start_time", "end_time", "wall_time", "cpu_time", "user_time", "system_time"}, 'f'));
  want.merge(all({"cmd", "exe", "comm"}, 's'));
  want.merge(Shape{{"argv", 'l'}, {"argv_truncated", 'b'}});
  CHECK(shape(line) == want);
  CHECK(text.find("\"start_time\":1700000000.123456,") != std::string::npos);
  CHECK(text.find("\"end_time\":1700000002.123456,") != std::string::npos);
  CHECK(text.find("\"wall_time\":2.000000001,") != std::string::npos);
  CHECK(text.find("\"cpu_time\":1.000000001,") != std::string::npos);
  CHECK((line["pid"] == 10 && line["ppid"] == 9 && line["pid_ns"] == 2 && line["depth"] == 3 &&
         line["num_execs"] == 4));
  CHECK((line["exit_code"] == 5 && line["uid"] == 4'000'000'000u && line["sid"] == 7 &&
         line["minor_faults"] == 1'000'000'001));
  CHECK((line["cgroup_id"] == ~0ULL - 1 && line["peak_rss"] == ~0ULL - 1));  // beyond 2^63, not rounded
  CHECK((line["cmd"] == "cc -c" && line["exe"] == "/usr/bin/cc" && line["argv"] == Json{"cc", "-c"}));
  CHECK(line["argv_truncated"] == true);
}

TEST_CASE("every key of a process's line can be filtered by") {
  Process process = full_process();
  process.killed_by = SignalSender{};
  process.oom_victim = process.core_dumped = process.adopted = process.alive = true;
  const Json line = parsed(process_line(process));
  for (const auto& [key, value] : line.items()) {
    INFO(key);
    CHECK(duct_log::is_process_field(key));
  }
}

TEST_CASE("keys that are not known are left out of a process's line") {
  Process process;
  process.pid = 10;
  process.comm = "kid";
  process.start_ns = process.end_ns = kTime;
  const Shape least{{"pid", 'i'}, {"ppid", 'i'}, {"start_time", 'f'}, {"end_time", 'f'}, {"wall_time", 'f'},
                    {"cmd", 's'}, {"comm", 's'}};
  CHECK(shape(parsed(process_line(process))) == least);
  CHECK(parsed(process_line(process))["cmd"] == "[kid]");

  process.image = image({});  // seen to exec, without words: as ps shows it
  Json line = parsed(process_line(process));
  CHECK((line["cmd"] == "[kid]" && line["argv"] == Json::array() && line["exe"] == "/bin/x" &&
         !line.contains("argv_truncated")));
  process.image = image({""});
  CHECK(parsed(process_line(process))["cmd"] == "");
  process.image.reset();

  process.alive = process.adopted = true;
  line = parsed(process_line(process));
  CHECK((line["alive"] == true && line["adopted"] == true && !line.contains("end_time") &&
         line.contains("wall_time")));
  process.alive = process.adopted = false;
  process.exit_signal = 11;
  process.core_dumped = true;
  line = parsed(process_line(process));
  CHECK((line["exit_signal"] == 11 && line["core_dumped"] == true && !line.contains("exit_code")));
  process.end_ns = process.start_ns - 5;
  CHECK(parsed(process_line(process))["wall_time"] == 0.0);

  std::string two = "before\n";  // appends, and leaves alone what is there
  append_process_line(two, process);
  CHECK(two.starts_with("before\n{\"pid\":10,"));
}

TEST_CASE("any bytes in names and words give valid JSON on one line") {
  const std::string broken[] = {"\xff\xfe",         "cut \xe2\x82",        "\xc0\xaf", "\xed\xa0\x80", "\x80",
                                "\xf4\x90\x80\x80", std::string("a\0b", 3)};
  for (const std::string& bytes : broken) {
    Process process = full_process();
    process.comm = bytes;
    process.image = image({bytes, "w" + bytes}, bytes);
    Json line = parsed(process_line(process));
    CHECK(line["argv"].size() == 2);
    CHECK(line["argv"][1].get<std::string>().starts_with("w"));
    ReportedProcess row = reported(10);
    row.image = process.image;
    usage(report_of({row}));
    row.image.reset();
    row.comm = bytes;
    usage(report_of({row}));
    RunInfo info = full_info();
    info.command = {bytes};
    info.message = info.hostname = info.user = bytes;
    info.environment = {{"OSG" + bytes, bytes}};
    info.paths = log_paths(bytes);
    Summary summary = full_summary();
    summary.command = summary.logs_prefix = summary.working_directory = bytes;
    parsed(info_text(info, summary));
  }
  Process process;
  process.image = image({"q\"b\\", "\n\t\r\x01\x1b[0m\x7f", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"});
  std::string text = process_line(process);
  Json line = parsed(text);
  CHECK(line["argv"] == Json(process.image->argv));  // nothing that is valid is changed
  CHECK(line["cmd"] == join_argv(process.image->argv));
  CHECK(text.find("\\u001b[0m") != std::string::npos);
  process.image =
      image({"x\xff"
             "y"});
  CHECK(parsed(process_line(process))["cmd"] == "x\xef\xbf\xbdy");
}

TEST_CASE("words are joined by blanks, empty ones and all") {
  CHECK(join_argv({}) == "");
  CHECK(join_argv({""}) == "");
  CHECK(join_argv({"a", "", "b c"}) == "a  b c");
  CHECK(join_argv({"", "a"}) == " a");
  CHECK(command_text(nullptr, "sh") == "[sh]");
  CHECK(command_text(image({}).get(), "sh") == "[sh]");
  CHECK(command_text(image({"a", "b"}).get(), "sh") == "a b");
}

TEST_CASE("times are ISO 8601 in local time with offset and microseconds") {
  const std::pair<const char*, const char*> zones[] = {
      {"UTC", "2023-11-14T22:13:20.123456+00:00"},
      {"AAA-5:45", "2023-11-15T03:58:20.123456+05:45"},
      {"BBB3:30", "2023-11-14T18:43:20.123456-03:30"},
      {"CCC0:30", "2023-11-14T21:43:20.123456-00:30"},
      {"DDD5EEE,M3.2.0,M11.1.0", "2023-11-14T17:13:20.123456-05:00"}};
  for (auto [zone, text] : zones) {
    TimeZone here(zone);
    CHECK(iso_time(kTime) == text);
  }
  TimeZone summer("DDD5EEE,M3.2.0,M11.1.0");
  CHECK(iso_time(1'690'000'000'000'001'000) == "2023-07-22T00:26:40.000001-04:00");
}

TEST_CASE("elapsed time as ps writes ETIME") {
  const std::pair<std::int64_t, const char*> forms[] = {
      {0, "00:00"},           {59, "00:59"},          {60, "01:00"},
      {3599, "59:59"},        {3600, "01:00:00"},     {86399, "23:59:59"},
      {86400, "01-00:00:00"}, {90061, "01-01:01:01"}, {8640000, "100-00:00:00"},
      {-5, "00:00"}};
  for (auto [seconds, text] : forms)
    CHECK(elapsed_text(seconds * 1'000'000'000 + (seconds >= 0 ? 999'999'999 : 0)) == text);
}

TEST_CASE("info.json has the contract's keys with their types, and ours") {
  Json info = parsed(info_text(full_info(), full_summary()));
  CHECK(shape(info) == Shape{{"command", 's'},
                             {"system", 'o'},
                             {"env", 'o'},
                             {"gpu", 'n'},
                             {"duct_version", 's'},
                             {"schema_version", 's'},
                             {"record_version", 's'},
                             {"execution_summary", 'o'},
                             {"tracer", 'o'},
                             {"completeness", 'o'},
                             {"output_paths", 'o'},
                             {"working_directory", 's'},
                             {"message", 's'}});
  CHECK(shape(info["system"]) ==
        Shape{{"cpu_total", 'i'}, {"memory_total", 'i'}, {"hostname", 's'}, {"uid", 'i'}, {"user", 's'}});
  Shape summary = all({"exit_code", "peak_rss", "peak_vsz", "num_samples", "num_reports", "num_processes",
                       "num_execs", "max_processes", "num_failed", "num_killed", "num_oom_killed", "peak_pss", "cgroup_memory_peak", "exit_signal"},
                      'i');
  summary["peak_rss_processes"] = 'l';
  summary.merge(
      all({"wall_clock_time", "average_rss", "average_vsz", "peak_pmem", "average_pmem", "peak_pcpu",
           "average_pcpu", "start_time", "end_time", "cpu_time", "user_time", "system_time", "peak_rss_time"},
          'f'));
  summary.merge(all({"command", "logs_prefix", "working_directory", "termination"}, 's'));
  CHECK(shape(info["execution_summary"]) == summary);
  CHECK(shape(info["tracer"]) == Shape{{"sampler", 's'},
                                       {"tracer_version", 's'},
                                       {"kernel_release", 's'},
                                       {"memory_method", 's'},
                                       {"memory_error_bound", 'i'},
                                       {"startup_time", 'f'},
                                       {"overhead_cpu", 'f'},
                                       {"pss_cpu", 'f'}});
  Shape complete = all({"forks", "execs", "exits", "alive_at_end", "lost_forks", "lost_execs", "lost_exits",
                        "lost_argv", "spilled"},
                       'i');
  complete["exact"] = 'b';
  CHECK(shape(info["completeness"]) == complete);
  CHECK(shape(info["output_paths"]) ==
        all({"stdout", "stderr", "usage", "info", "processes", "prefix"}, 's'));

  CHECK(
      (info["command"] == "sleep 1" && info["schema_version"] == "0.2.2" && info["record_version"] == "1.0"));
  CHECK(info["duct_version"] == std::string(version()));
  CHECK(info["env"] == Json{{"SLURM_JOB_ID", "1"}, {"PBS_X", ""}});
  CHECK((info["system"]["cpu_total"] == 4 && info["system"]["memory_total"] == 1ULL << 36));
  CHECK(info["output_paths"]["usage"] == ".duct/x_usage.jsonl");
  const Json& run = info["execution_summary"];
  CHECK((run["exit_code"] == 0 && run["num_execs"] == 1 && run["peak_rss"] == 1ULL << 40 &&
         run["cpu_time"] == 1.25));
  CHECK(run["start_time"].get<double>() == Approx(1'700'000'000.123456).margin(1e-6));
  const Json& holders = run["peak_rss_processes"];
  REQUIRE(holders.size() == 2);
  CHECK(shape(holders[0]) == Shape{{"pid", 'i'}, {"start_time", 'f'}, {"cmd", 's'}, {"rss", 'i'}});
  CHECK((holders[0]["pid"] == 10 && holders[0]["cmd"] == "cc -c" && holders[0]["rss"] == 3000));
  CHECK((holders[1]["pid"] == 11 && holders[1]["rss"] == 2000));
  // A process's key is its pid and its start: it must be the same number in both records.
  CHECK(holders[0]["start_time"] == parsed(process_line(full_process()))["start_time"]);
  CHECK((run["cgroup_memory_peak"] == 5000 && info["tracer"]["pss_cpu"] == 0.25));
  CHECK(info["tracer"]["memory_method"] == "fast");
  CHECK(info["completeness"]["exact"] == true);

  // A reader flattens nested objects by leaf name: ours may not hide con-duct's, nor each other.
  std::map<std::string, int> leaves;
  for (auto& [key, value] : info.items()) {
    leaves[key]++;
    if (value.is_object() && key != "env")
      for (auto& [leaf, ignored] : value.items()) leaves[leaf]++;
  }
  for (const char* twice : {"command", "working_directory"}) CHECK(leaves.extract(twice).mapped() == 2);
  for (auto& [leaf, count] : leaves) {
    INFO(leaf);
    CHECK(count == 1);
  }
}

TEST_CASE("where processes were only seen by samples, info.json has the same keys, and null for what was not counted") {
  Summary summary = full_summary();
  Json counted = parsed(info_text(full_info(), summary));
  summary.completeness.counted = false;
  Json json = parsed(info_text(full_info(), summary));
  for (const char* part : {"execution_summary", "tracer", "completeness"}) {
    std::vector<std::string> before, now;
    for (auto& [key, value] : counted[part].items()) before.push_back(key);
    for (auto& [key, value] : json[part].items()) now.push_back(key);
    CHECK(now == before);
  }
  for (const char* name : {"forks", "execs", "exits", "lost_forks", "lost_execs", "lost_exits", "lost_argv", "spilled"}) {
    INFO(name);
    CHECK(json["completeness"][name].is_null());
  }
  CHECK(json["completeness"]["exact"] == false);
  CHECK(json["completeness"]["alive_at_end"].is_number());
  CHECK((json["execution_summary"]["num_execs"].is_null() && json["execution_summary"]["num_failed"].is_null()));
  CHECK(json["execution_summary"]["num_processes"].is_number());
}

TEST_CASE("what was not measured is null in info.json, never 0") {
  RunInfo info = full_info();
  info.environment.clear();
  Json json = parsed(info_text(info, Summary{}));
  CHECK(json["env"] == Json::object());
  const Json& run = json["execution_summary"];
  for (const char* name :
       {"exit_code", "exit_signal", "peak_rss", "average_rss", "peak_vsz", "average_vsz", "peak_pmem",
        "average_pmem", "peak_pcpu", "average_pcpu", "peak_rss_time", "peak_pss", "cgroup_memory_peak", "termination"}) {
    INFO(name);
    REQUIRE(run.contains(name));
    CHECK(run[name].is_null());
  }
  CHECK(json["tracer"]["memory_error_bound"].is_null());
  CHECK(run["peak_rss_processes"] == Json::array());
}

TEST_CASE("a record is exact only where nothing is missing") {
  Completeness complete{.forks = 3, .execs = 2, .exits = 3, .alive_at_end = 1, .spilled = 9};
  CHECK(complete.exact());  // spilled is late, not lost
  for (auto lost : {&Completeness::lost_forks, &Completeness::lost_execs, &Completeness::lost_exits,
                    &Completeness::lost_argv}) {
    Completeness with = complete;
    with.*lost = 1;
    CHECK_FALSE(with.exact());
  }
  for (auto count : {&Completeness::forks, &Completeness::exits, &Completeness::alive_at_end}) {
    Completeness with = complete;
    with.*count += 1;
    CHECK_FALSE(with.exact());
  }
}
