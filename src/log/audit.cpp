// SPDX-License-Identifier: MIT
#include "log/audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "log/noise.hpp"
#include "log/process_text.hpp"
#include "log/run_metrics.hpp"
#include "log/sampler_model.hpp"
#include "log/table.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

constexpr double kMostSamples = 1e7;
constexpr int kPhases = 20;

struct Lives {
  std::vector<Life> all;         // of which a sampler by session sees those in the command's own
  std::vector<Life> in_session;
  std::vector<std::string> programs;  // by number
  double end = 0;                // of the run, seconds from its start
  double cpu_time = 0;
  double peak_rss = 0;           // of the largest
};

// A process is in the session that it was in when it exited: nothing else is recorded.
Result<Lives> read_lives(const Run& run, const Warn& warn) {
  Lives lives;
  std::unordered_map<std::string, std::uint32_t> numbers;
  std::vector<std::optional<std::int64_t>> sessions;
  std::optional<std::int64_t> session;
  std::optional<double> start = run.info.summary.start_time, root_start;
  double earliest = 1e300, latest = 0;
  const auto read = for_each_process(run.files, warn, [&](const Process& process) {
    const auto [known, is_new] = numbers.emplace(program_of(process), static_cast<std::uint32_t>(numbers.size()));
    if (is_new) lives.programs.push_back(known->first);
    const double end = process.end_time.value_or(process.start_time + process.wall_time.value_or(0));
    lives.all.push_back({.begin = process.start_time, .end = end, .cpu_time = process.cpu_time.value_or(0),
                         .peak_rss = process.peak_rss.value_or(0), .program = known->second});
    sessions.push_back(process.sid);
    earliest = std::min(earliest, process.start_time);
    latest = std::max(latest, end);
    if (process.depth == 0 && !root_start) {
      root_start = process.start_time;
      session = process.sid;
    }
  });
  if (!read) return read.error();
  if (lives.all.empty()) return Error{ErrorCode::io, run.files.processes + ": no process in it", {}};
  const double zero = root_start ? *root_start : start.value_or(earliest);
  const auto wall = run.info.summary.wall_clock_time;
  lives.end = wall && start ? *start + *wall - zero : latest - zero;
  for (std::size_t i = 0; i < lives.all.size(); ++i) {
    Life& life = lives.all[i];
    life.begin -= zero;
    life.end -= zero;
    lives.cpu_time += life.cpu_time;
    lives.peak_rss = std::max(lives.peak_rss, static_cast<double>(life.peak_rss));
    if (!session || !sessions[i] || sessions[i] == session) lives.in_session.push_back(life);
  }
  return lives;
}

std::string share(double part, double whole) { return whole > 0 ? fmt::format(" ({:.0f} %)", 100 * part / whole) : ""; }

std::string range_text(const Spread& spread, std::string (*text)(double)) {
  if (text(spread.least) == text(spread.most)) return text(spread.mean);
  return text(spread.mean) + " (" + text(spread.least) + " to " + text(spread.most) + ")";
}

}  // namespace

Result<int> audit(const AuditOptions& options, const Console& console) {
  const auto run = load_run(options.run, console.warn);
  if (!run) return run.error();
  const auto lives = read_lives(*run, console.warn);
  if (!lives) return lives.error();
  if (lives->end / options.interval_s > kMostSamples)
    return Error{ErrorCode::usage, fmt::format("--interval: {} s is too short for a run of {}", options.interval_s, time_text(lives->end)), {}};
  if (run->info.tracer && run->info.tracer->sampler == "procfs")
    console.warn(run->files.prefix + ": recorded by samples itself, so what they missed is missing here as well");

  // What was never there cannot have been seen.
  const double most = run->info.summary.peak_rss.value_or(1e300);
  std::vector<Missed> missed;
  const Seen begun = simulate(lives->in_session, 0, options.interval_s, lives->end, true, &missed);
  std::vector<double> processes, cpu, memory, at_once;
  for (int phase = 0; phase < kPhases; ++phase) {
    const double first = options.interval_s * (phase + 0.5) / kPhases;
    const Seen seen = simulate(lives->in_session, first, options.interval_s, lives->end, false);
    processes.push_back(static_cast<double>(seen.processes));
    cpu.push_back(seen.cpu_time);
    memory.push_back(std::min(seen.peak_rss, most));
    at_once.push_back(static_cast<double>(seen.most_at_once));
  }

  const auto count = run_metric("num_processes").text;
  const auto time = run_metric("cpu_time").text;
  const auto bytes = run_metric("peak_rss").text;
  const ExecutionSummary& summary = run->info.summary;
  const auto all = static_cast<double>(lives->all.size());
  console.write(fitted(fmt::format("{}: {}", escaped(run->files.prefix), escaped(run->info.command.value_or(""))), console.width) + "\n");
  console.write(fmt::format("A sampler of the session, each {}, would have seen:\n", time_text(options.interval_s)));
  Table table({{.title = ""}, {.title = "recorded", .right = true}, {.title = "begins with the run", .right = true}, {.title = "begins at any moment", .right = true}});
  table.add({{"samples"}, {"-"}, {count(static_cast<double>(begun.samples))}, {"-"}});
  table.add({{"processes"}, {count(all)}, {count(static_cast<double>(begun.processes)) + share(static_cast<double>(begun.processes), all)},
             {range_text(spread_of(processes), count)}});
  table.add({{"  at once"}, {summary.max_processes ? count_text(summary.max_processes) : "-"}, {count(static_cast<double>(begun.most_at_once))},
             {range_text(spread_of(at_once), count)}});
  table.add({{"CPU time, about"}, {time(lives->cpu_time)}, {time(begun.cpu_time) + share(begun.cpu_time, lives->cpu_time)}, {range_text(spread_of(cpu), time)}});
  table.add({{"peak memory, at most"}, {summary.peak_rss ? bytes(*summary.peak_rss) : "-"}, {bytes(std::min(begun.peak_rss, most))}, {range_text(spread_of(memory), bytes)}});
  table.print(console);

  const std::size_t away = lives->all.size() - lives->in_session.size();
  if (away > 0) console.write(fmt::format("Ended in another session, where a sampler by session sees nothing: {}.\n", count(static_cast<double>(away))));
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < missed.size(); ++i) {
    if (missed[i].processes > 0) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return missed[a].processes != missed[b].processes ? missed[a].processes > missed[b].processes : lives->programs[a] < lives->programs[b];
  });
  if (!order.empty()) {
    console.write("\n" + console.styled(Style::bold, "Never seen by the one that begins with the run:") + "\n");
    Table programs({{.title = "processes", .right = true}, {.title = "CPU unseen", .right = true}, {.title = "program", .flexible = true}});
    for (std::size_t i = 0; i < std::min(order.size(), options.rows); ++i) {
      const Missed& row = missed[order[i]];
      programs.add({{count(static_cast<double>(row.processes))}, {time(row.cpu_time)}, {escaped(lives->programs[order[i]])}});
    }
    programs.print(console);
  }
  console.write("\n" + console.styled(Style::dim,
                                      wrapped("Simulated from when processes began and ended. CPU is taken as used evenly over a life, memory as at its peak "
                                              "all along (so the sampled peak is an upper bound). Any moment: 20 of them, without a last look at the end.",
                                              console.width, 0)) + "\n");
  return kOk;
}

}  // namespace duct_log
