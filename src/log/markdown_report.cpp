// SPDX-License-Identifier: MIT
#include "log/markdown_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "log/process_text.hpp"
#include "log/run_digest.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kRows = 5;
constexpr std::size_t kMostWidth = 100;  // of a command

std::string code(const std::string& escaped_text) { return "<code>" + markdown_text(fitted(escaped_text, kMostWidth)) + "</code>"; }

std::string outcome(const ExecutionSummary& summary) {
  if (!summary.exit_code) return "not known how it ended";
  if (*summary.exit_code == 0) return "exit 0";
  const std::string signal = summary.exit_signal ? " (SIG" + signal_text(*summary.exit_signal) + ")" : "";
  return fmt::format("**exit {}{}**", *summary.exit_code, signal);
}

std::string totals(const Info& info, const RunDigest* digest) {
  const ExecutionSummary& summary = info.summary;
  const auto failed = digest == nullptr || digest->source == ProcessSource::samples ? std::nullopt : std::optional<std::int64_t>(digest->failed);
  const auto processes = digest == nullptr ? summary.num_processes : std::optional<std::int64_t>(digest->processes);
  std::string text = "| wall clock | CPU time | average CPU | peak memory (RSS) | PSS | processes | failed |\n|--:|--:|--:|--:|--:|--:|--:|\n";
  text += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", time_text(summary.wall_clock_time), time_text(summary.cpu_time), percent_text(summary.average_pcpu),
                      bytes_text(summary.peak_rss), bytes_text(summary.peak_pss), count_text(processes), count_text(failed));
  return text;
}

std::string failures(const RunDigest& digest, const ExecutionSummary& summary) {
  if (digest.failed_below == 0) return {};
  const std::string count = count_text(static_cast<std::int64_t>(digest.failed_below)) + (digest.failed_below == 1 ? " process" : " processes");
  std::string text = summary.exit_code == 0 ? "\n**The command returned 0, but " + count + " below it failed**" : "\n" + count + " below the command failed";
  text += digest.failures.size() < digest.failed_below ? "; the first:\n" : ":\n";
  text += "\n| exit | killed by | process |\n|---|---|---|\n";
  for (const Process& process : digest.failures)
    text += fmt::format("| {} | {} | {} |\n", markdown_text(exit_text(process)), markdown_text(killer_text(process)), code(command_text(process)));
  return text;
}

std::string most_cpu(const RunDigest& digest) {
  if (digest.by_cpu.empty() || !digest.by_cpu.front().cpu_time) return {};
  std::string text = "\n| CPU | peak memory | wall | most CPU |\n|--:|--:|--:|---|\n";
  for (const Process& process : digest.by_cpu) {
    text += fmt::format("| {} | {} | {} | {} |\n", time_text(process.cpu_time), process.peak_rss ? bytes_text(static_cast<double>(*process.peak_rss)) : "-",
                        time_text(process.wall_time), code(command_text(process)));
  }
  return text;
}

std::string completeness(const Info& info, const RunDigest* digest) {
  const bool sampled = digest == nullptr || digest->source == ProcessSource::samples || (info.tracer && info.tracer->sampler == "procfs");
  if (sampled) return "\nSampled: what came and went between two samples is not there.\n";
  if (info.completeness && info.completeness->exact == true) return "\nEvery process was seen, none lost.\n";
  return "\n**Not complete: some processes or their numbers were lost.**\n";
}

}  // namespace

std::string markdown_text(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::string_view(" /-,=").find(c) != std::string_view::npos;
    // Behind a character reference there is never markup, nor the address of a page.
    safe += plain || static_cast<unsigned char>(c) >= 0x80 ? std::string(1, c) : fmt::format("&#{};", static_cast<int>(c));
  }
  return safe;
}

Result<std::string> markdown_report(const Run& run, const Warn& warn) {
  const auto read = digest(run.files, kRows, warn);
  if (!read && read.error().code != ErrorCode::not_found) return read.error();
  const RunDigest* const processes = read ? &*read : nullptr;
  std::string text = "### " + code(escaped(run.info.command.value_or("(command not known)"))) + ": " + outcome(run.info.summary) + "\n\n";
  text += totals(run.info, processes);
  if (processes != nullptr) text += failures(*processes, run.info.summary) + most_cpu(*processes);
  return text + completeness(run.info, processes);
}

}  // namespace duct_log
