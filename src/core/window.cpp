// SPDX-License-Identifier: MIT
#include "core/window.hpp"

#include <algorithm>
#include <cmath>

namespace duct_bpf {
namespace {

double percent(double part, double whole) { return whole > 0 ? 100.0 * part / whole : 0; }

void raise(double& maximum, double value) { maximum = std::max(maximum, value); }

template <typename T>
void raise(std::optional<T>& maximum, std::optional<T> value) {
  if (value && (!maximum || *value > *maximum)) maximum = value;
}

}  // namespace

// The tree's true CPU rate since the rate before, in percent. CPU time becomes known late: a running thread's with the
// next tick of its CPU, a short-lived process's when the kernel lets go of it. What is more than the machine (or the
// threads that there were) can have used in the stretch is carried into the next one, so that no rate is impossible
// and nothing is lost from their sum.
double Accountant::rate(std::uint64_t tree_cpu_ns, std::int64_t time_ns, std::uint64_t threads) {
  std::int64_t before = last_rate_ns_ ? last_rate_ns_ : start_ns_;
  std::int64_t elapsed = std::max<std::int64_t>(time_ns - before, 1);
  std::uint64_t used = tree_cpu_ns > last_tree_cpu_ns_ ? tree_cpu_ns - last_tree_cpu_ns_ : 0;
  used += carried_cpu_ns_;
  double able = std::max<std::uint64_t>(std::max(last_threads_, threads) + came_and_went_, 1);
  auto limit = static_cast<std::uint64_t>(std::min<double>(machine_.cpus, able) * static_cast<double>(elapsed));
  carried_cpu_ns_ = used > limit ? used - limit : 0;
  used -= carried_cpu_ns_;
  last_tree_cpu_ns_ = std::max(tree_cpu_ns, last_tree_cpu_ns_);
  last_rate_ns_ = time_ns;
  last_threads_ = threads;
  came_and_went_ = 0;
  last_stretch_ = {elapsed, used};
  return percent(static_cast<double>(used), static_cast<double>(elapsed));
}

void Accountant::note_window_peak(std::optional<std::uint64_t> bytes) { window_tree_peak_ = bytes; }

void Accountant::note_tree_peak(std::uint64_t bytes, std::int64_t time_ns) { tree_peak_ = {bytes, time_ns}; }

Accountant::Peak Accountant::peak_rss() const {
  Peak peak = tree_peak_.bytes ? tree_peak_ : sample_peak_;
  // No concurrent peak can be lower than that of one of its processes.
  std::int64_t time_ns = peak.time_ns;
  peak.raise(process_peak_.bytes, process_peak_.time_ns);
  // Where that is a little more, within the error of the sum, the moment is the sum's.
  if (tree_peak_.bytes >= peak.bytes - peak.bytes / 16) peak.time_ns = time_ns;
  return peak;
}

std::uint64_t Accountant::tree_cpu_ns(const ProcessTree& tree) const {
  std::uint64_t sum = ended_cpu_ns_;
  for (auto& [key, entry] : tree.live()) sum += entry.cpu_ns - std::min(entry.cpu_ns, entry.cpu_before_ns);
  return sum;
}

void Accountant::note_pss(std::uint64_t bytes, std::uint64_t rss_bytes) {
  raise(peak_pss_, std::optional(bytes));
  if (rss_bytes >= nearest_.rss_bytes) nearest_ = {bytes, rss_bytes};
}

Sample Accountant::sample(ProcessTree& tree, std::int64_t time_ns) {
  Sample sample;
  sample.time_ns = time_ns;
  std::uint64_t live_cpu = 0, threads = 0;
  for (auto& [key, entry] : tree.live()) {
    Sighting& seen = entry.sighting;
    if (seen.window != window_) {
      seen = {};
      seen.window = window_;
    }
    sample.processes++;
    sample.rss_bytes += entry.rss_bytes;
    sample.vsz_bytes += entry.vsz_bytes;
    live_cpu += entry.cpu_ns - std::min(entry.cpu_ns, entry.cpu_before_ns);
    threads += entry.threads;
    seen.last_seen_ns = time_ns;
    raise(seen.pcpu_max, percent(entry.cpu_ns, time_ns - entry.start_ns));
    seen.rss_max = std::max(seen.rss_max, entry.rss_bytes);
    seen.vsz_max = std::max(seen.vsz_max, entry.vsz_bytes);
    raise(seen.pss_max, entry.pss_bytes);
    auto state = std::find_if(seen.states.begin(), seen.states.end(), [state = entry.state](auto& s) { return s.first == state; });
    if (state == seen.states.end())
      seen.states.emplace_back(entry.state, 1);
    else
      state->second++;
  }
  sample.tree_cpu_ns = ended_cpu_ns_ + live_cpu;
  // The first sample comes with the command's first instruction, too early to speak of a rate: the next one covers both.
  if (samples_ > 0) {
    sample.cpu_percent = rate(sample.tree_cpu_ns, time_ns, threads);
    any_rate_ = true;
  } else {
    last_threads_ = threads;
  }

  last_sample_ns_ = time_ns;
  raise(window_max_.pcpu, sample.cpu_percent);
  raise(run_max_.pcpu, sample.cpu_percent);
  if (!sample.vsz_bytes) return sample;  // zombies at most: nobody whose memory could be averaged

  Totals sums{.rss_bytes = static_cast<double>(sample.rss_bytes),
              .vsz_bytes = static_cast<double>(sample.vsz_bytes),
              .pmem = percent(sample.rss_bytes, machine_.memory_bytes),
              .pcpu = sample.cpu_percent,
              .processes = static_cast<double>(sample.processes)};
  for (Totals* maximum : {&window_max_, &run_max_}) {
    raise(maximum->rss_bytes, sums.rss_bytes);
    raise(maximum->vsz_bytes, sums.vsz_bytes);
    raise(maximum->pmem, sums.pmem);
    raise(maximum->processes, sums.processes);
  }
  for (Totals* sum : {&window_sum_, &run_sum_}) {
    sum->rss_bytes += sums.rss_bytes;
    sum->vsz_bytes += sums.vsz_bytes;
    sum->pmem += sums.pmem;
    sum->pcpu += sums.pcpu;
    sum->processes += sums.processes;
  }
  sample_peak_.raise(sample.rss_bytes, time_ns);
  raise(peak_vsz_, std::optional(sample.vsz_bytes));
  window_samples_++;
  samples_++;
  return sample;
}

ReportedProcess Accountant::reported(const LiveEntry& entry, std::int64_t time_ns) const {
  const Sighting& seen = entry.sighting;
  ReportedProcess row;
  row.pid = entry.pid;
  row.image = entry.image;
  row.cpu_ns = entry.cpu_ns;
  if (seen.window == window_) {
    row.pcpu = seen.pcpu_max;
    row.rss_bytes = seen.rss_max;
    row.vsz_bytes = seen.vsz_max;
    row.pss_bytes = seen.pss_max;
    row.time_ns = seen.last_seen_ns;
    for (auto& [state, count] : seen.states) row.states.emplace_back(state_text(state), count);
  } else {
    row.time_ns = time_ns;
  }
  row.elapsed_ns = std::max<std::int64_t>(row.time_ns - entry.start_ns, 0);
  std::int64_t alive_ns = time_ns - std::max(entry.start_ns, window_start_ns_);
  std::uint64_t used = entry.cpu_ns - std::min(entry.cpu_ns, entry.window_start_cpu_ns);
  // Its CPU time is known a little later than the time that it was alive.
  double able = std::min<double>(machine_.cpus, std::max<std::uint32_t>(entry.threads, 1));
  row.pcpu_interval = std::min(percent(used, std::max<std::int64_t>(alive_ns, 1)), 100 * able);
  return row;
}

void Accountant::count_process(const Process& process, const std::optional<LiveEntry>& entry) {
  auto beyond = [](std::optional<std::uint64_t> value, std::uint64_t before) {
    return value ? *value - std::min(*value, before) : 0;
  };
  processes_++;
  if (process.exit_signal || process.exit_code.value_or(0) != 0) failed_++;
  cpu_ns_ += beyond(process.usage.cpu_time, entry ? entry->cpu_before_ns : 0);
  user_ns_ += beyond(process.usage.user_time, entry ? entry->user_before_ns : 0);
  system_ns_ += beyond(process.usage.system_time, entry ? entry->system_before_ns : 0);
  // That of an adopted one may have been before the run.
  if (process.gauges.peak_rss && !process.adopted) process_peak_.raise(*process.gauges.peak_rss, process.end_ns);
  raise(peak_vsz_, process.gauges.peak_vsz);
}

void Accountant::left_over(const Process& process, const std::optional<LiveEntry>& entry) {
  count_process(process, entry);
  std::uint64_t cpu = process.usage.cpu_time.value_or(0);
  ended_cpu_ns_ += cpu - std::min(cpu, entry ? entry->cpu_before_ns : 0);
  if (process.start_ns > last_sample_ns_) came_and_went_ += process.gauges.max_threads.value_or(1);
}

void Accountant::ended(const Process& process, const std::optional<LiveEntry>& entry) {
  count_process(process, entry);
  std::uint64_t cpu = process.usage.cpu_time.value_or(0);
  ended_cpu_ns_ += cpu - std::min(cpu, entry ? entry->cpu_before_ns : 0);
  if (process.start_ns > last_sample_ns_) came_and_went_ += process.gauges.max_threads.value_or(1);

  // What no sample saw is told by the ledger.
  std::optional<std::uint64_t> peak_rss = process.gauges.peak_rss_image ? process.gauges.peak_rss_image : process.gauges.peak_rss;
  bool seen = entry && entry->sighting.window == window_;
  std::uint64_t rss = std::max(peak_rss.value_or(0), seen ? entry->sighting.rss_max : 0);
  window_process_peak_rss_ = std::max(window_process_peak_rss_, rss);
  window_process_peak_vsz_ = std::max({window_process_peak_vsz_, process.gauges.peak_vsz.value_or(0), seen ? entry->sighting.vsz_max : 0});
  if (cpu <= floor_cpu_ns_ && rss <= floor_rss_bytes_ && floor_cpu_ns_) return fold(cpu, rss);

  LiveEntry last = entry ? *entry : LiveEntry{};
  last.pid = process.pid;
  last.start_ns = process.start_ns;
  last.image = process.image;
  last.cpu_ns = std::max(cpu, last.cpu_ns);
  last.threads = std::max<std::uint32_t>(last.threads, process.gauges.max_threads.value_or(1));
  ReportedProcess row = reported(last, process.end_ns);
  row.comm = process.comm;
  row.time_ns = process.end_ns;
  row.elapsed_ns = std::max<std::int64_t>(process.end_ns - process.start_ns, 0);
  // Its teardown, which is in its CPU time, comes after what counts as its end.
  raise(row.pcpu, percent(last.cpu_ns, std::max<double>(row.elapsed_ns, last.cpu_ns / static_cast<double>(last.threads))));
  raise(row.rss_bytes, peak_rss);
  raise(row.vsz_bytes, process.gauges.peak_vsz);
  ended_.push_back(std::move(row));
  if (ended_.size() >= 2 * max_reported_ + 64) fold_least(ended_, max_reported_);
}

void Accountant::fold(std::uint64_t cpu_ns, std::uint64_t rss_bytes) {
  others_.count++;
  others_.cpu_ns += cpu_ns;
  others_.peak_rss_max = std::max(others_.peak_rss_max, rss_bytes);
}

// Keeps the `keep` rows that count: half of them the largest in CPU, the other half the largest in memory.
void Accountant::fold_least(std::vector<ReportedProcess>& list, std::size_t keep) {
  if (list.size() <= keep) return;
  auto by_cpu = [](const ReportedProcess& a, const ReportedProcess& b) { return a.cpu_ns > b.cpu_ns; };
  auto by_rss = [](const ReportedProcess& a, const ReportedProcess& b) {
    return a.rss_bytes.value_or(0) > b.rss_bytes.value_or(0);
  };
  std::size_t half = keep / 2;
  std::nth_element(list.begin(), list.begin() + half, list.end(), by_cpu);
  std::nth_element(list.begin() + half, list.begin() + keep, list.end(), by_rss);
  for (std::size_t i = keep; i < list.size(); i++) fold(list[i].cpu_ns, list[i].rss_bytes.value_or(0));
  list.resize(keep);
  // Who is below both of these in this window would be folded the next time.
  if (half == 0) return;
  floor_cpu_ns_ = std::max_element(list.begin(), list.begin() + half, by_cpu)->cpu_ns;
  floor_rss_bytes_ = std::max_element(list.begin() + half, list.end(), by_rss)->rss_bytes.value_or(0);
}

Report Accountant::report(ProcessTree& tree, std::int64_t time_ns) {
  Report report;
  report.time_ns = time_ns;
  report.num_samples = window_samples_;
  report.processes = std::move(ended_);
  ended_.clear();
  for (auto& [key, entry] : tree.live()) {
    if (entry.sighting.window == window_) report.processes.push_back(reported(entry, time_ns));
    entry.window_start_cpu_ns = entry.cpu_ns;
  }
  fold_least(report.processes, max_reported_);
  report.others = others_.count;
  report.others_cpu_ns = others_.cpu_ns;
  report.others_peak_rss_max_bytes = others_.peak_rss_max;

  report.totals = window_max_;
  if (window_tree_peak_) {
    report.totals.rss_bytes = static_cast<double>(*window_tree_peak_);
  } else {
    // Between the samples there was at least what each single process is known to have held.
    raise(report.totals.rss_bytes, static_cast<double>(window_process_peak_rss_));
  }
  raise(report.totals.vsz_bytes, static_cast<double>(window_process_peak_vsz_));
  report.totals.pmem = percent(report.totals.rss_bytes, machine_.memory_bytes);
  if (window_samples_) {
    auto n = static_cast<double>(window_samples_);
    report.averages = {window_sum_.rss_bytes / n, window_sum_.vsz_bytes / n, window_sum_.pmem / n,
                       window_sum_.pcpu / n, window_sum_.processes / n};
  }
  window_++;
  window_start_ns_ = time_ns;
  window_samples_ = 0;
  window_max_ = window_sum_ = {};
  window_process_peak_rss_ = window_process_peak_vsz_ = 0;
  window_tree_peak_.reset();
  others_ = {};
  floor_cpu_ns_ = floor_rss_bytes_ = 0;
  reports_++;
  return report;
}

void Accountant::finish(std::int64_t time_ns) {
  // A last stretch that is short says little by itself: it is taken together with the one before.
  Stretch before = last_stretch_;
  double last = rate(ended_cpu_ns_, time_ns, last_threads_);
  if (any_rate_ && last_stretch_.ns < before.ns / 2)
    last = percent(last_stretch_.cpu_ns + before.cpu_ns, last_stretch_.ns + before.ns);
  any_rate_ = true;
  raise(run_max_.pcpu, last);
  raise(window_max_.pcpu, last);
}

void Accountant::summarize(Summary& summary) const {
  summary.num_samples = samples_;
  summary.num_reports = reports_;
  summary.num_processes = processes_;
  summary.num_failed = failed_;
  summary.cpu_ns = cpu_ns_;
  summary.user_ns = user_ns_;
  summary.system_ns = system_ns_;
  Peak peak = peak_rss();
  if (peak.bytes) {
    summary.peak_rss_bytes = peak.bytes;
    summary.peak_rss_time_ns = peak.time_ns;
    summary.peak_pmem = percent(peak.bytes, machine_.memory_bytes);
  }
  summary.peak_vsz_bytes = peak_vsz_;
  // Taken far from the peak it would say nothing of it: all that was not there yet may be nobody else's. Within 1/16 is near, as a
  // maximum makes itself known by being as much above the one before; or what PSS itself would not be far off by.
  std::uint64_t missing = peak.bytes - std::min(peak.bytes, nearest_.rss_bytes);
  if (missing <= std::max(peak.bytes / 16, nearest_.pss_bytes / 8)) summary.peak_pss_bytes = peak_pss_;
  if (samples_) {
    auto n = static_cast<double>(samples_);
    summary.average_rss_bytes = run_sum_.rss_bytes / n;
    summary.average_vsz_bytes = run_sum_.vsz_bytes / n;
    summary.average_pmem = run_sum_.pmem / n;
  }
  if (any_rate_) summary.peak_pcpu = run_max_.pcpu;
  if (summary.wall_clock_s > 0)
    summary.average_pcpu = percent(static_cast<double>(cpu_ns_), summary.wall_clock_s * 1e9);
}

}  // namespace duct_bpf
