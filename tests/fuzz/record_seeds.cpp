// SPDX-License-Identifier: MIT
#include "record_seeds.hpp"

#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>

#include "core/record.hpp"

using namespace duct_bpf;

namespace {

constexpr std::int64_t kTime = 1'700'000'000'123'456'789;  // epoch, ns
constexpr std::int64_t kMs = 1'000'000;
constexpr std::size_t kMaxBytes = 3000;  // of a file: short inputs are tried more often

std::shared_ptr<const Image> image(std::vector<std::string> argv) {
  auto made = std::make_shared<Image>();
  made->exe = "/usr/bin/" + argv[0];
  made->argv = std::move(argv);
  return made;
}

Process process(pid_t pid, pid_t ppid, std::uint32_t depth, std::int64_t from_ms, std::int64_t to_ms, std::vector<std::string> argv) {
  Process made;
  made.pid = pid;
  made.ppid = ppid;
  made.depth = depth;
  made.start_ns = kTime + from_ms * kMs;
  made.end_ns = kTime + to_ms * kMs;
  made.comm = argv[0];
  made.image = image(std::move(argv));
  made.num_execs = 1;
  made.exit_code = 0;
  made.sid = 10;
  made.usage.cpu_time = static_cast<std::uint64_t>((to_ms - from_ms) * kMs / 2);
  made.gauges.peak_rss = 5'000'000;
  return made;
}

std::vector<Process> our_processes() {
  std::vector<Process> processes = {process(10, 9, 0, 0, 3000, {"make", "-j2"}), process(11, 10, 1, 10, 900, {"cc", "-c", "a \"b\".c"}),
                                    process(12, 10, 1, 20, 950, {"cc", "-c", "\xff\x1b[31m<b>.c"}), process(13, 11, 2, 30, 40, {"as"})};
  processes[2].exit_code = 1;
  processes[3].exit_code.reset();
  processes[3].exit_signal = 9;
  processes[3].killed_by = SignalSender{.pid = 10, .uid = 0, .comm = "make"};
  return processes;
}

Report our_report() {
  Report report;
  report.time_ns = kTime + 1000 * kMs;
  report.num_samples = 3;
  for (const Process& from : our_processes()) {
    ReportedProcess& row = report.processes.emplace_back();
    row.pid = from.pid == 13 ? 12 : from.pid;  // used twice
    row.image = from.image;
    row.pcpu = row.pcpu_interval = 50;
    row.cpu_ns = from.usage.cpu_time.value_or(0);
    row.rss_bytes = row.vsz_bytes = 5'000'000;
    row.time_ns = report.time_ns;
    row.elapsed_ns = 61'900 * kMs;
    row.states = {{"Ss", 2}, {"R", 1}};
  }
  report.others = 2;
  report.totals = {1000, 2000, 1.23456, 150, 2};
  report.averages = {500.5, 1000, 0.5, 75, 1.5};
  return report;
}

RecordSeed ours(const char* sampler) {
  RunInfo info;
  info.command = {"make", "-j2"};
  info.cpu_total = 2;
  info.memory_total_bytes = 1ULL << 33;
  info.hostname = "host";
  info.user = "me";
  info.environment = {{"SLURM_JOB_ID", "1"}};
  info.paths = log_paths(".duct/x_");
  info.message = "text";
  info.sampler = sampler;
  info.kernel_release = "6.1";
  Summary summary;
  summary.command = "make -j2";
  summary.exit_code = 0;
  summary.termination = "exit";
  summary.start_ns = kTime;
  summary.end_ns = kTime + 3000 * kMs;
  summary.wall_clock_s = 3;
  summary.num_samples = 3;
  summary.num_reports = 1;
  summary.peak_rss_bytes = 20'000'000;
  summary.peak_rss_time_ns = kTime + 500 * kMs;
  summary.cpu_ns = 2'000'000'000;
  summary.num_processes = 4;
  summary.num_failed = 2;
  summary.completeness = {.forks = 3, .execs = 4, .exits = 4, .alive_at_end = 0};
  summary.peak_holders = {{10, kTime, "make -j2", 3000}};
  RecordSeed seed{.info = info_text(info, summary), .usage = usage_line(our_report(), {2, 1ULL << 33}), .processes = {}};
  for (const Process& process : our_processes()) append_process_line(seed.processes, process);
  return seed;
}

// Whole lines.
std::string start_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(stream), {});
  if (text.size() > kMaxBytes) text.resize(text.rfind('\n', kMaxBytes) + 1);
  return text;
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::vector<RecordSeed> odd_ones() {
  const std::string summary = R"("schema_version": "0.2.2", "execution_summary": {"exit_code": )";
  return {{R"({"command": "\ud800 \udc00\ud83d\ude00", )" + summary + R"(1e400, "wall_clock_time": -1e308, "peak_rss": 99999999999999999999, "command": "x"}})",
           R"({"timestamp": "2026-01-16T12:01:52.5-05:00", "num_samples": 1e300, "processes": {"7#2": {"pcpu": 1, "etime": "99-23:59:59"}, "x": {}}})" "\n\n{\n",
           R"({"pid": 1, "start_time": 1e300, "end_time": -1e300, "exit_signal": 999, "argv": [1, "\u202e"]})" "\n"
           R"({"pid": 9223372036854775807, "start_time": 0, "alive": true, "killed_by": {"comm": "\u001b"}})" "\n"},
          {R"({"command": null, "env": {"A": )" + nested(70) + "}, " + summary + "null}}", nested(20) + "\n", "{\"pid\": \"1\"}\n\xff\n"},
          {"{" + summary + R"(0, "exit_code": 3, "start_time": 1.5, "end_time": 1e18}, "system": {"cpu_total": -5}})", "", "{\"pid\": 2, \"start_time\": 5, \"pid\": 3}"}};
}

}  // namespace

std::vector<RecordSeed> record_seeds(const std::filesystem::path& con_duct) {
  std::vector<RecordSeed> seeds = {ours("bpf"), ours("procfs")};
  for (const char* name : {"build", "escape", "failed", "killed", "odd", "old", "spike", "storm"}) {
    const auto file = [&](const char* what) { return start_of(con_duct / (std::string(name) + what)); };
    seeds.push_back({.info = file("_info.json"), .usage = file("_usage.jsonl"), .processes = {}});
  }
  for (RecordSeed& seed : odd_ones()) seeds.push_back(std::move(seed));
  return seeds;
}
