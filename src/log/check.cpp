// SPDX-License-Identifier: MIT
#include "log/check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "log/baseline.hpp"
#include "log/process_text.hpp"
#include "log/run_digest.hpp"
#include "log/run_metrics.hpp"
#include "log/table.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

class Verdicts {
 public:
  void add(bool holds, std::string what, std::string found, std::string limit) {
    all_hold_ = all_hold_ && holds;
    table_.add({holds ? Cell{"holds", Style::green} : Cell{"FAILS", Style::red}, {std::move(what)}, {std::move(found)}, {std::move(limit)}});
  }
  bool all_hold() const { return all_hold_; }
  void print(const Console& console) const { table_.print(console); }

 private:
  Table table_{{{.title = ""}, {.title = "what"}, {.title = "is", .right = true}, {.title = "limit", .flexible = true}}};
  bool all_hold_ = true;
};

std::string label_of(const RunMetric& metric) {
  const auto first = metric.label.find_first_not_of(' ');
  return std::string(metric.label.substr(first));
}

void check_limits(const CheckOptions& options, const ExecutionSummary& summary, Verdicts& verdicts) {
  for (const auto& [name, limit] : options.limits) {
    const RunMetric& metric = run_metric(name);
    const auto value = metric.of(summary);
    verdicts.add(value && *value <= limit, label_of(metric), value ? metric.text(*value) : "not recorded", metric.text(limit));
  }
}

// More than the mean by the tolerance is too much, unless a run of the baseline itself had as much.
void check_baseline(const Baseline& baseline, const CheckOptions& options, const ExecutionSummary& summary, Verdicts& verdicts) {
  for (const RunMetric& metric : run_metrics()) {
    const auto known = baseline.find(metric.name);
    if (known == baseline.end()) continue;
    const Spread& before = known->second;
    const double limit = std::max(before.mean * (1 + options.tolerance_percent / 100), before.most);
    const auto value = metric.of(summary);
    std::string found = value ? metric.text(*value) : "not recorded";
    if (value && before.mean > 0) found += fmt::format(" ({:+.1f} %)", 100 * (*value - before.mean) / before.mean);
    verdicts.add(value && *value <= limit, label_of(metric), std::move(found),
                 metric.text(limit) + fmt::format(", by a baseline of {}", metric.text(before.mean)));
  }
}

Result<void> check_processes(const CheckOptions& options, const Run& run, const Console& console, Verdicts& verdicts, std::vector<Process>& failures) {
  if (options.exact) {
    const bool exact = run.info.completeness && run.info.completeness->exact == true;
    verdicts.add(exact, "nothing lost", exact ? "exact" : run.info.completeness ? "not exact" : "not recorded", "exact");
  }
  if (!options.no_failed) return {};
  const auto exit_code = run.info.summary.exit_code;
  verdicts.add(exit_code == 0, "exit code", exit_code ? std::to_string(*exit_code) : "not recorded", "0");
  bool skipped = false;  // a line that cannot be read may be of one that failed
  const auto processes = digest(run.files, 5, [&](const std::string& warning) {
    skipped = true;
    console.warn(warning);
  });
  if (!processes && processes.error().code != ErrorCode::not_found) return processes.error();
  const bool sampled = !processes || processes->source == ProcessSource::samples || (run.info.tracer && run.info.tracer->sampler == "procfs");
  const Completeness complete = run.info.completeness.value_or(Completeness());
  const bool lost = skipped || complete.lost_forks.value_or(0) > 0 || complete.lost_exits.value_or(0) > 0;
  const bool none = !sampled && processes->failed_below == 0 && !lost;
  std::string found = sampled ? "not recorded" : count_text(static_cast<std::int64_t>(processes->failed_below));
  if (!sampled && lost) found += ", some not recorded";
  verdicts.add(none, "failed processes", std::move(found), "0");
  if (!sampled) failures = processes->failures;
  return {};
}

}  // namespace

Result<int> check(const CheckOptions& options, const Console& console) {
  if (options.limits.empty() && !options.no_failed && !options.exact && options.baseline.empty())
    return Error{ErrorCode::usage, "nothing to check", "duct-log check --help lists the limits, such as --max-peak-rss 2G"};
  Baseline baseline;
  if (!options.baseline.empty()) {
    auto read = read_baseline(options.baseline);
    if (!read) return read.error();
    baseline = std::move(*read);
  }
  const auto files = find_run(options.run);
  if (!files) return files.error();
  if (files->info.empty()) return Error{ErrorCode::not_found, files->prefix + "info.json: not there", {}};
  auto info = read_info(files->info);
  if (!info) return info.error();
  const Run run{.files = *files, .info = std::move(*info)};

  Verdicts verdicts;
  std::vector<Process> failures;
  check_limits(options, run.info.summary, verdicts);
  check_baseline(baseline, options, run.info.summary, verdicts);
  if (auto read = check_processes(options, run, console, verdicts, failures); !read) return read.error();
  verdicts.print(console);
  for (const Process& process : failures) {
    const std::string killer = killer_text(process);
    console.write(fitted(fmt::format("  failed ({}{}{}): {}", exit_text(process), killer.empty() ? "" : " by ", killer, command_text(process)), console.width) + "\n");
  }
  return verdicts.all_hold() ? kOk : kDoesNotHold;
}

}  // namespace duct_log
