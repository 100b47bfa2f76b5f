// SPDX-License-Identifier: MIT
#include "core/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <ctime>
#include <iterator>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

namespace duct_bpf {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchemaVersion = "0.2.2";  // con-duct's
constexpr const char* kRecordVersion = "1.0";    // ours

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

void append_string(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out += '"';
    out += text;
    out += '"';
  } else {
    out += dump(std::string(text));
  }
}

double seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

// Microseconds: what a float holds of them is the same number as in text, so that a process is found by its start.
double epoch(std::int64_t ns) { return static_cast<double>(ns / 1000) / 1e6; }
double rounded(double value, double steps_per_unit) { return std::round(value * steps_per_unit) / steps_per_unit; }
double percent_value(double value) { return rounded(value, 1000); }

template <typename T>
Json nullable(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_value(const Value& value) {
  return std::visit(
      [](const auto& v) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>)
          return nullptr;
        else
          return v;
      },
      value);
}

template <typename T>
Value field(const std::optional<T>& value) {
  if (!value) return std::monostate{};
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<double>(*value);
  else
    return static_cast<std::int64_t>(*value);
}

// `,"name":` as it stands in a line, made when this is compiled: copied at its full width, which is one move of the processor or two.
struct Key {
  consteval Key(std::string_view name) {
    for (char c : {',', '"'}) text[size++] = c;
    for (char c : name) text[size++] = c;
    for (char c : {'"', ':'}) text[size++] = c;
  }
  consteval Key(const char* name) : Key(std::string_view(name)) {}
  char text[32] = {};
  std::size_t size = 0;
};

// Appends keys and values to an object under construction, which has one at least. In a buffer of its own, as a string looks after its
// size at each byte.
class Line {
 public:
  explicit Line(std::string& out) : out_(out) {}
  void number(const Key& name, std::int64_t value) {
    key(name);
    digits(value);
  }
  void unsigned_number(const Key& name, std::uint64_t value) {
    key(name);
    digits(value);
  }
  void ns_as_seconds(const Key& name, std::uint64_t ns) {
    key(name);
    digits(ns / 1'000'000'000);
    fraction<1'000'000'000>(ns % 1'000'000'000);
  }
  void ns_as_epoch(const Key& name, std::int64_t ns) {
    key(name);
    digits(ns / 1'000'000'000);
    fraction<1'000'000>(static_cast<std::uint64_t>(ns / 1000 % 1'000'000));
  }
  void metric(const Key& name, Unit unit, const std::optional<std::uint64_t>& value) {
    if (!value) return;
    if (unit == Unit::ns)
      ns_as_seconds(name, *value);
    else
      unsigned_number(name, *value);
  }
  void text(const Key& name, std::string_view value) {
    key(name);
    string(value);
  }
  void flag(const Key& name) {
    key(name);
    copy("true");
  }
  void words(const Key& name, const std::vector<std::string>& values) {
    key(name);
    put('[');
    for (std::size_t i = 0; i < values.size(); i++) {
      if (i) put(',');
      string(values[i]);
    }
    put(']');
  }
  void begin_object(const Key& name) {
    key(name);
    first_ = true;
  }
  void end_object() { put('}'); }
  void end() {
    copy("}\n");
    flush();
  }

 private:
  static constexpr std::size_t kLongestPiece = 64;  // a key or a number; a longer string goes its own way

  void key(const Key& name) {
    make_room();
    std::memcpy(buffer_ + used_, name.text, sizeof name.text);
    if (std::exchange(first_, false)) buffer_[used_] = '{';
    used_ += name.size;
  }
  template <typename Number>
  void digits(Number value) {
    make_room();
    used_ = static_cast<std::size_t>(std::to_chars(buffer_ + used_, std::end(buffer_), value).ptr - buffer_);
  }
  // With all its zeros, as the digits of a number with a 1 in front, which becomes the point.
  template <std::uint64_t steps>
  void fraction(std::uint64_t value) {
    std::size_t point = used_;
    digits(steps + value);
    buffer_[point] = '.';
  }
  void string(std::string_view value) {
    if (value.size() <= kLongestPiece && is_plain(value)) {
      put('"');
      copy(value);
      put('"');
    } else {
      flush();
      append_string(out_, value);
    }
  }
  void copy(std::string_view piece) {
    make_room();
    used_ += piece.copy(buffer_ + used_, kLongestPiece);
  }
  void put(char c) {
    make_room();
    buffer_[used_++] = c;
  }
  void make_room() {
    if (sizeof buffer_ - used_ < 2 * kLongestPiece) flush();
  }
  void flush() {
    out_.append(buffer_, used_);
    used_ = 0;
  }

  std::string& out_;
  char buffer_[1536];
  std::size_t used_ = 0;
  bool first_ = true;
};

// `samples` 0: no sum was taken at any time, and what is there comes from single processes.
Json totals_json(const Totals& totals, std::uint64_t samples) {
  return {{"pmem", percent_value(totals.pmem)},
          {"pcpu", percent_value(totals.pcpu)},
          {"rss", static_cast<std::uint64_t>(totals.rss_bytes)},
          {"vsz", static_cast<std::uint64_t>(totals.vsz_bytes)},
          {"pcpu_interval", percent_value(totals.pcpu)},
          {"processes", samples ? Json(static_cast<std::uint64_t>(totals.processes)) : Json(nullptr)}};
}

Json averages_json(const Totals& mean, std::uint64_t samples) {
  auto number = [&](double value) { return samples ? Json(value) : Json(nullptr); };
  return {{"rss", number(mean.rss_bytes)},
          {"vsz", number(mean.vsz_bytes)},
          {"pmem", number(percent_value(mean.pmem))},
          {"pcpu", number(percent_value(mean.pcpu))},
          {"num_samples", samples},
          {"pcpu_interval", number(percent_value(mean.pcpu))},
          {"processes", number(rounded(mean.processes, 1000))}};
}

}  // namespace

std::string join_argv(const std::vector<std::string>& argv) {
  std::string text;
  for (const std::string& word : argv) {
    if (!text.empty() || &word != argv.data()) text += ' ';
    text += word;
  }
  return text;
}

std::string command_text(const Image* image, const std::string& comm) {
  if (image && !image->argv.empty()) return join_argv(image->argv);
  return "[" + comm + "]";
}

std::string iso_time(std::int64_t epoch_ns) {
  std::time_t second = epoch_ns / 1'000'000'000;
  std::tm local{};
  localtime_r(&second, &local);
  long offset_minutes = local.tm_gmtoff / 60;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}{}{:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1,
                     local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, epoch_ns / 1000 % 1'000'000,
                     offset_minutes < 0 ? '-' : '+', std::labs(offset_minutes) / 60, std::labs(offset_minutes) % 60);
}

std::string elapsed_text(std::int64_t ns) {
  std::int64_t all = std::max<std::int64_t>(ns, 0) / 1'000'000'000;
  std::int64_t days = all / 86400, hours = all / 3600 % 24, minutes = all / 60 % 60, rest = all % 60;
  if (days) return fmt::format("{:02}-{:02}:{:02}:{:02}", days, hours, minutes, rest);
  if (hours) return fmt::format("{:02}:{:02}:{:02}", hours, minutes, rest);
  return fmt::format("{:02}:{:02}", minutes, rest);
}

// By hand, because a run may have a million of these; a key whose value is not known is left out.
void append_process_line(std::string& out, const Process& process) {
  Line line(out);
  line.number("pid", process.pid);
  line.number("ppid", process.ppid);
  if (process.pid_ns) line.number("pid_ns", *process.pid_ns);
  line.ns_as_epoch("start_time", process.start_ns);
  if (!process.alive) line.ns_as_epoch("end_time", process.end_ns);
  line.ns_as_seconds("wall_time", std::max<std::int64_t>(process.end_ns - process.start_ns, 0));
  if (process.alive) line.flag("alive");
  if (process.adopted) line.flag("adopted");
  line.text("cmd", command_text(process.image.get(), process.comm));
  if (process.image) {
    line.words("argv", process.image->argv);
    if (process.image->argv_truncated) line.flag("argv_truncated");
    if (!process.image->exe.empty()) line.text("exe", process.image->exe);
  }
  line.text("comm", process.comm);
  if (process.num_execs) line.number("num_execs", *process.num_execs);
  if (process.exit_code) line.number("exit_code", *process.exit_code);
  if (process.exit_signal) line.number("exit_signal", *process.exit_signal);
  if (process.core_dumped) line.flag("core_dumped");
  if (const auto& sender = process.killed_by) {
    line.begin_object("killed_by");
    if (sender->pid) line.number("pid", *sender->pid);
    if (!sender->comm.empty()) line.text("comm", sender->comm);
    line.number("uid", sender->uid);
    line.end_object();
  }
  if (process.oom_victim) line.flag("oom_killed");
#define METRIC(name, unit, signal_path, task_path, help) line.metric(#name, Unit::unit, process.usage.name);
#define SUMMED(name, unit, task_path, help) line.metric(#name, Unit::unit, process.usage.name);
#define GAUGE(name, unit, help) line.metric(#name, Unit::unit, process.gauges.name);
#include "metrics.def"
  if (process.uid) line.number("uid", *process.uid);
  if (process.sid) line.number("sid", *process.sid);
  if (process.cgroup_id) line.unsigned_number("cgroup_id", *process.cgroup_id);
  if (process.depth) line.number("depth", *process.depth);
  line.end();
}

std::string usage_line(const Report& report, const Machine& machine) {
  Json processes = Json::object();
  std::unordered_map<pid_t, int> used;
  for (const ReportedProcess& row : report.processes) {
    int times = ++used[row.pid];
    std::string key = std::to_string(row.pid);
    if (times > 1) key += "#" + std::to_string(times);
    Json states = Json::object();
    for (auto& [state, count] : row.states) states[state] = count;
    Json process = {{"pcpu", percent_value(row.pcpu)}};
    process["pmem"] = row.rss_bytes ? Json(percent_value(100.0 * static_cast<double>(*row.rss_bytes) / machine.memory_bytes))
                                    : Json(nullptr);
    process["rss"] = nullable(row.rss_bytes);
    process["vsz"] = nullable(row.vsz_bytes);
    process["timestamp"] = iso_time(row.time_ns);
    process["etime"] = elapsed_text(row.elapsed_ns);
    process["stat"] = std::move(states);
    process["cmd"] = command_text(row.image.get(), row.comm);
    process["pcpu_interval"] = percent_value(row.pcpu_interval);
    process["cpu_time"] = seconds(row.cpu_ns);
    if (row.pss_bytes) process["pss"] = *row.pss_bytes;
    processes[key] = std::move(process);
  }
  Json line = {{"timestamp", iso_time(report.time_ns)},
               {"num_samples", report.num_samples},
               {"processes", std::move(processes)}};
  if (report.others)
    line["others"] = {{"count", report.others},
                      {"cpu_time", seconds(report.others_cpu_ns)},
                      {"peak_rss_max", report.others_peak_rss_max_bytes}};
  line["totals"] = totals_json(report.totals, report.num_samples);
  line["averages"] = averages_json(report.averages, report.num_samples);
  return dump(line) + "\n";
}

Fields summary_fields(const Summary& summary) {
  auto text_or_null = [](const std::string& text) -> Value {
    if (text.empty()) return std::monostate{};
    return text;
  };
  const Completeness& complete = summary.completeness;
  auto counted = [&](std::uint64_t number) -> Value {
    if (!complete.counted) return std::monostate{};
    return static_cast<std::int64_t>(number);
  };
  return {
      {"exit_code", field(summary.exit_code)},
      {"command", summary.command},
      {"logs_prefix", summary.logs_prefix},
      {"wall_clock_time", summary.wall_clock_s},
      {"peak_rss", field(summary.peak_rss_bytes)},
      {"average_rss", field(summary.average_rss_bytes)},
      {"peak_vsz", field(summary.peak_vsz_bytes)},
      {"average_vsz", field(summary.average_vsz_bytes)},
      {"peak_pmem", field(summary.peak_pmem)},
      {"average_pmem", field(summary.average_pmem)},
      {"peak_pcpu", field(summary.peak_pcpu)},
      {"average_pcpu", field(summary.average_pcpu)},
      {"num_samples", static_cast<std::int64_t>(summary.num_samples)},
      {"num_reports", static_cast<std::int64_t>(summary.num_reports)},
      {"start_time", epoch(summary.start_ns)},
      {"end_time", epoch(summary.end_ns)},
      {"working_directory", summary.working_directory},
      {"num_processes", static_cast<std::int64_t>(summary.num_processes)},
      {"num_execs", counted(complete.execs)},
      {"cpu_time", seconds(summary.cpu_ns)},
      {"user_time", seconds(summary.user_ns)},
      {"system_time", seconds(summary.system_ns)},
      {"max_processes", static_cast<std::int64_t>(summary.max_processes)},
      {"num_failed", counted(summary.num_failed)},
      {"num_killed", counted(summary.num_killed)},
      {"num_oom_killed", counted(summary.num_oom_killed)},
      {"peak_rss_time", summary.peak_rss_time_ns ? Value(epoch(*summary.peak_rss_time_ns)) : std::monostate{}},
      {"peak_pss", field(summary.peak_pss_bytes)},
      {"cgroup_memory_peak", field(summary.cgroup_memory_peak_bytes)},
      {"termination", text_or_null(summary.termination)},
      {"exit_signal", field(summary.exit_signal)},
      // Beyond the record: for the summary that is printed.
      {"lost", counted(complete.lost() + complete.lost_argv)},
      {"alive_at_end", static_cast<std::int64_t>(complete.alive_at_end)},
      {"exact", complete.exact()},
      {"killed", summary.killed},
      {"oom_killed", summary.oom_killed},
  };
}

std::string info_text(const RunInfo& info, const Summary& summary) {
  Json execution = Json::object();
  for (auto& [name, value] : summary_fields(summary)) {
    if (name == "lost") break;  // from here on for print: in "completeness", or in words
    execution[name] = json_value(value);
  }
  Json holders = Json::array();
  for (const PeakHolder& holder : summary.peak_holders)
    holders.push_back({{"pid", holder.pid},
                       {"start_time", epoch(holder.start_ns)},
                       {"cmd", holder.command},
                       {"rss", holder.rss_bytes}});
  execution["peak_rss_processes"] = std::move(holders);
  Json environment = Json::object();
  for (auto& [name, value] : info.environment) environment[name] = value;
  const Completeness& complete = summary.completeness;
  auto counted = [&](std::uint64_t number) { return complete.counted ? Json(number) : Json(nullptr); };
  std::string command = join_argv(info.command);
  Json json = {
      {"command", command},
      {"system",
       {{"cpu_total", info.cpu_total},
        {"memory_total", info.memory_total_bytes},
        {"hostname", info.hostname},
        {"uid", info.uid},
        {"user", info.user}}},
      {"env", std::move(environment)},
      {"gpu", nullptr},
      {"duct_version", std::string(version())},
      {"schema_version", kSchemaVersion},
      {"record_version", kRecordVersion},
      {"execution_summary", std::move(execution)},
      {"tracer",
       {{"sampler", info.sampler},
        {"tracer_version", std::string(version())},
        {"kernel_release", info.kernel_release},
        {"memory_method", summary.memory_method},
        {"memory_error_bound", nullable(summary.memory_error_bound_bytes)},
        {"startup_time", summary.startup_s},
        {"overhead_cpu", summary.overhead_cpu_s},
        {"pss_cpu", summary.pss_cpu_s}}},
      {"completeness",
       {{"forks", counted(complete.forks)},
        {"execs", counted(complete.execs)},
        {"exits", counted(complete.exits)},
        {"alive_at_end", complete.alive_at_end},
        {"lost_forks", counted(complete.lost_forks)},
        {"lost_execs", counted(complete.lost_execs)},
        {"lost_exits", counted(complete.lost_exits)},
        {"lost_argv", counted(complete.lost_argv)},
        {"spilled", counted(complete.spilled)},
        {"exact", complete.exact()}}},
      {"output_paths",
       {{"stdout", info.paths.stdout_file},
        {"stderr", info.paths.stderr_file},
        {"usage", info.paths.usage},
        {"info", info.paths.info},
        {"processes", info.paths.processes},
        {"prefix", info.paths.prefix}}},
      {"working_directory", summary.working_directory},
      {"message", info.message},
  };
  return dump(json) + "\n";
}

}  // namespace duct_bpf
