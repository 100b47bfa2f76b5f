// SPDX-License-Identifier: MIT
#include "log/process_columns.hpp"

#include <algorithm>

#include "log/process_text.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kMaxWordBytes = 8192;  // of one argument: a script given by -c, say
constexpr std::size_t kMaxWords = 2000;      // of one process

}  // namespace

// Writes the values of one process into the columns; they come in the same order for each.
class ProcessColumns::Row {
 public:
  explicit Row(std::vector<Column>& columns) : columns_(columns) {}

  template <typename T>
  void add(const char* name, const std::optional<T>& value) {
    if (next_ == columns_.size()) columns_.push_back({.name = name, .values = {}});
    Column& column = columns_[next_++];
    if (!column.values.empty()) column.values += ',';
    if (value) {
      append_json(column.values, *value);
      column.empty = false;
    } else {
      column.values += "null";
    }
  }
  void seconds(const char* name, const std::optional<double>& value) { add(name, value ? std::optional(microseconds(*value)) : std::nullopt); }
  void flag(const char* name, bool value) { add(name, value ? std::optional(1) : std::nullopt); }

 private:
  std::vector<Column>& columns_;
  std::size_t next_ = 0;
};

ProcessColumns::ProcessColumns(double start, double end) : start_(start), end_(end) {}

std::size_t ProcessColumns::word(const std::string& text) {
  const auto [at, added] = words_.try_emplace(text.substr(0, kMaxWordBytes), words_.size());
  if (added) {
    if (!words_text_.empty()) words_text_ += ',';
    append_json_string(words_text_, at->first);
  }
  return at->second;
}

std::size_t ProcessColumns::argv(const Process& process) {
  std::string list = "[";
  const std::size_t count = std::min(process.argv.size(), kMaxWords);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) list += ',';
    list += std::to_string(word(process.argv[i]));
  }
  if (count == 0 && !process.cmd.empty()) list += std::to_string(word(process.cmd));
  list += ']';
  const auto [at, added] = argvs_.try_emplace(std::move(list), argvs_.size());
  if (added) {
    if (!argvs_text_.empty()) argvs_text_ += ',';
    argvs_text_ += at->first;
  }
  return at->second;
}

void ProcessColumns::add(const Process& process) {
  ++count_;
  Row row(columns_);
  const bool long_word = std::any_of(process.argv.begin(), process.argv.end(), [](const std::string& text) { return text.size() > kMaxWordBytes; });
  row.add("pid", std::optional(process.pid));
  row.add("ppid", process.ppid);
  row.seconds("start", process.start_time - start_);
  row.seconds("end", std::max(process.end_time.value_or(end_), process.start_time) - start_);
  row.add("argv", std::optional(argv(process)));
  row.add("program", std::optional(word(program_of(process))));
  row.flag("argv_cut", process.argv_truncated || long_word || process.argv.size() > kMaxWords);
  row.add("exe", process.exe.empty() ? std::nullopt : std::optional(word(process.exe)));
  row.flag("alive", process.alive);
  row.flag("adopted", process.adopted);
  row.add("exit_code", process.exit_code);
  row.add("exit_signal", process.exit_signal);
  row.add("ending", process.exit_code || process.exit_signal || process.alive ? std::optional(word(exit_text(process))) : std::nullopt);
  row.add("killed_by", process.killed_by ? std::optional(word(killer_text(process))) : std::nullopt);
  row.seconds("cpu_time", process.cpu_time);
  row.seconds("user_time", process.user_time);
  row.seconds("system_time", process.system_time);
  row.add("peak_rss", process.peak_rss);
  row.add("minor_faults", process.minor_faults);
  row.add("major_faults", process.major_faults);
  row.add("voluntary_switches", process.voluntary_switches);
  row.add("involuntary_switches", process.involuntary_switches);
  row.add("read_chars", process.read_chars);
  row.add("write_chars", process.write_chars);
  row.add("read_bytes", process.read_bytes);
  row.add("write_bytes", process.write_bytes);
  row.add("max_threads", process.max_threads);
  row.add("num_execs", process.num_execs);
  row.add("uid", process.uid);
  row.add("sid", process.sid);
  row.add("depth", process.depth);
}

void ProcessColumns::finish(JsonObject& data) {
  {
    JsonObject to(data.key("columns"));
    for (const char* const needed : {"pid", "start", "end", "argv", "program"}) {
      if (count_ == 0) to.key(needed) += "[]";
    }
    for (const Column& column : columns_) {
      if (!column.empty) to.key(column.name).append("[").append(column.values).append("]");
    }
  }
  data.key("words").append("[").append(words_text_).append("]");
  data.key("argvs").append("[").append(argvs_text_).append("]");
}

}  // namespace duct_log
