// SPDX-License-Identifier: MIT
#include "log/show.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "log/process_text.hpp"
#include "log/run_digest.hpp"
#include "log/table.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kLabelWidth = 12;

std::string joined(const std::vector<std::string>& parts, const char* separator = ", ") {
  std::string text;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    text += (text.empty() ? "" : separator) + part;
  }
  return text;
}

class Screen {
 public:
  explicit Screen(const Console& console) : console_(console) {}
  void title(const std::string& text) { console_.write(console_.styled(Style::bold, fitted(text, console_.width)) + "\n"); }
  void line(const std::string& label, const std::string& text, Style style = Style::plain) {
    if (text.empty()) return;
    const std::string shown = wrapped(text, console_.width - kLabelWidth, kLabelWidth);
    console_.write(console_.styled(Style::dim, padded(label, kLabelWidth, false)) + console_.styled(style, shown) + "\n");
  }
  void heading(const std::string& text) { console_.write("\n" + console_.styled(Style::bold, wrapped(text, console_.width, 0)) + "\n"); }
  const Console& console() const { return console_; }

 private:
  const Console& console_;
};

std::string exit_line(const ExecutionSummary& summary) {
  std::string text = summary.exit_code ? std::to_string(*summary.exit_code) : "not known";
  if (summary.exit_signal) text += " (killed by SIG" + signal_text(*summary.exit_signal) + ")";
  if (summary.termination == "oom") text += ", by the kernel: out of memory";
  if (summary.termination == "timeout") text += ", the time for recording was over";
  if (summary.termination == "interrupted") text += ", interrupted";
  return text;
}

std::string cpu_line(const Info& info) {
  const ExecutionSummary& summary = info.summary;
  const auto percent = [](const char* what, std::optional<double> value) { return value ? what + percent_text(value) : std::string(); };
  const std::string of = info.cpu_total && *info.cpu_total > 0 && *info.cpu_total < 100000 ? " of " + std::to_string(100 * *info.cpu_total) + " %" : "";
  std::string time;
  if (summary.cpu_time) {
    time = time_text(summary.cpu_time);
    if (summary.user_time && summary.system_time)
      time += " (user " + time_text(summary.user_time) + ", system " + time_text(summary.system_time) + ")";
  }
  const std::string text = joined({time, percent("average ", summary.average_pcpu), percent("peak ", summary.peak_pcpu)});
  return text.empty() ? text : text + of;
}

std::string memory_line(const Info& info) {
  const ExecutionSummary& summary = info.summary;
  if (!summary.peak_rss) return {};
  std::string text = "peak " + bytes_text(summary.peak_rss);
  if (info.tracer && info.tracer->memory_error_bound && *info.tracer->memory_error_bound > 0)
    text += " (+-" + bytes_text(info.tracer->memory_error_bound) + ")";
  if (summary.peak_rss_time && summary.start_time) text += " at " + time_text(std::max(0.0, *summary.peak_rss_time - *summary.start_time));
  if (summary.peak_pss) text += ", shared pages once " + bytes_text(summary.peak_pss);
  return text + (info.memory_total ? ", of " + bytes_text(info.memory_total) : "");
}

std::string processes_line(const ExecutionSummary& summary, const RunDigest& digest) {
  if (digest.source == ProcessSource::samples) return count_text(digest.processes) + " seen by samples";
  const auto number = [](std::optional<std::int64_t> value, const char* what) { return value ? count_text(*value) + what : std::string(); };
  return joined({count_text(static_cast<std::int64_t>(digest.processes)), number(summary.max_processes, " at once"),
                 digest.alive > 0 ? count_text(static_cast<std::int64_t>(digest.alive)) + " alive at the end" : "",
                 count_text(static_cast<std::int64_t>(digest.failed)) + " failed"});
}

// Whether all of it is there, and if not, what is missing.
std::pair<std::string, Style> completeness_line(const Info& info, const RunDigest& digest) {
  const bool sampled = digest.source == ProcessSource::samples || (info.tracer && info.tracer->sampler == "procfs");
  if (sampled) return {"no: sampled, what came and went between two samples is not there", Style::yellow};
  if (!info.completeness) return {"not known: info.json says nothing of it", Style::yellow};
  const Completeness& complete = *info.completeness;
  if (complete.exact == true) return {fmt::format("yes, {} forks, {} exits, nothing lost", count_text(complete.forks), count_text(complete.exits)), Style::green};
  const auto lost = [](std::optional<std::int64_t> count, const char* what) {
    return count.value_or(0) > 0 ? count_text(count) + " " + what : std::string();
  };
  const std::string text = joined({lost(complete.lost_forks, "processes"), lost(complete.lost_execs, "execs"),
                                   lost(complete.lost_exits, "exits"), lost(complete.lost_argv, "command lines")});
  return {"no, lost: " + (text.empty() ? "forks and exits do not match" : text), Style::red};
}

// `all_cpu`: 0 where only some of it is known.
void print_processes(Screen& screen, const std::vector<Process>& processes, double all_cpu) {
  Table table({{.title = "CPU", .right = true}, {.title = "share", .right = true}, {.title = "memory", .right = true},
               {.title = "wall", .right = true}, {.title = "exit"}, {.title = "pid", .right = true}, {.title = "command", .flexible = true}});
  for (const Process& process : processes) {
    const auto share = process.cpu_time && all_cpu > 0 ? std::optional(100 * *process.cpu_time / all_cpu) : std::nullopt;
    table.add({{time_text(process.cpu_time)}, {percent_text(share)},
               {process.peak_rss ? bytes_text(static_cast<double>(*process.peak_rss)) : "-"}, {time_text(process.wall_time)},
               {exit_text(process), process.failed() ? Style::red : Style::plain}, {std::to_string(process.pid)}, {command_text(process)}});
  }
  table.print(screen.console(), 2);
}

void print_failures(Screen& screen, const RunDigest& digest, const ExecutionSummary& summary) {
  if (digest.failed_below == 0) return;
  const std::string count = count_text(static_cast<std::int64_t>(digest.failed_below));
  const std::string below = count + (digest.failed_below == 1 ? " process below the command" : " processes below the command");
  const bool silent = summary.exit_code == 0;
  screen.heading((silent ? "The command returned 0, but " + below + " failed" : "Failed: " + below) +
                 (digest.failures.size() < digest.failed_below ? "; the first:" : ":"));
  const bool killers = std::any_of(digest.failures.begin(), digest.failures.end(), [](const Process& process) { return !killer_text(process).empty(); });
  Table table({{.title = "exit"}, {.title = killers ? "killed by" : "", .flexible = true}, {.title = "pid", .right = true}, {.title = "parent", .right = true},
               {.title = "wall", .right = true}, {.title = "command", .flexible = true}});
  for (const Process& process : digest.failures) {
    table.add({{exit_text(process), Style::red}, {killer_text(process)}, {std::to_string(process.pid)},
               {process.ppid ? std::to_string(*process.ppid) : "-"}, {time_text(process.wall_time)}, {command_text(process)}});
  }
  table.print(screen.console(), 2);
}

}  // namespace

Result<int> show(const ShowOptions& options, const Console& console) {
  const auto run = load_run(options.run, console.warn);
  if (!run) return run.error();
  const auto processes = digest(run->files, options.count, console.warn);
  if (!processes && processes.error().code != ErrorCode::not_found) return processes.error();
  const Info& info = run->info;
  const ExecutionSummary& summary = info.summary;

  Screen screen(console);
  screen.title(escaped(info.command.value_or("(command not known)")));
  screen.line("run", joined({escaped(run->files.prefix), summary.start_time ? date_text(summary.start_time) : "",
                             info.hostname ? "on " + escaped(*info.hostname) : "", info.user ? "as " + escaped(*info.user) : ""}));
  screen.line("message", escaped(info.message.value_or("")));
  screen.line("exit", exit_line(summary), summary.exit_code == 0 ? Style::green : Style::red);
  screen.line("wall", summary.wall_clock_time ? time_text(summary.wall_clock_time) : "");
  screen.line("CPU", cpu_line(info));
  screen.line("memory", memory_line(info));
  if (!processes) return kOk;
  screen.line("processes", processes_line(summary, *processes));
  const auto [complete, style] = completeness_line(info, *processes);
  screen.line("complete", complete, style);
  const double all_cpu = processes->source == ProcessSource::ledger ? processes->cpu_time : 0;
  if (!processes->by_cpu.empty() && processes->by_cpu.front().cpu_time) {
    screen.heading("Most CPU:");
    print_processes(screen, processes->by_cpu, all_cpu);
  }
  if (!processes->by_memory.empty() && processes->by_memory.front().peak_rss) {
    screen.heading("Most memory:");
    print_processes(screen, processes->by_memory, all_cpu);
  }
  print_failures(screen, *processes, summary);
  return kOk;
}

}  // namespace duct_log
