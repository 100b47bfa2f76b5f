// SPDX-License-Identifier: MIT
// Folds samples and ended processes into reports (one per report interval) and into the totals of the run. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/process_tree.hpp"

namespace duct_bpf {

struct Machine {
  unsigned cpus = 1;
  std::uint64_t memory_bytes = 1;
};

// A process as one report shows it: maxima over the samples of the window, the latest where there is no maximum.
struct ReportedProcess {
  pid_t pid = 0;
  std::shared_ptr<const Image> image;
  std::string comm;
  double pcpu = 0;            // ps's: CPU time since it started / time since it started, percent
  double pcpu_interval = 0;   // CPU time in the window / time alive in it, percent
  std::uint64_t cpu_ns = 0;   // since it started
  std::optional<std::uint64_t> rss_bytes, vsz_bytes, pss_bytes;
  std::int64_t time_ns = 0;   // when it was last seen, or ended
  std::int64_t elapsed_ns = 0;
  std::vector<std::pair<std::string, std::uint32_t>> states;
};

struct Totals {
  double rss_bytes = 0, vsz_bytes = 0, pmem = 0, pcpu = 0, processes = 0;
};

struct Report {
  std::int64_t time_ns = 0;
  std::uint64_t num_samples = 0;
  std::vector<ReportedProcess> processes;
  std::uint64_t others = 0;  // processes left out of the list, and what they amount to
  std::uint64_t others_cpu_ns = 0, others_peak_rss_max_bytes = 0;
  Totals totals;    // maxima of the simultaneous sums
  Totals averages;  // means over the samples
};

class Accountant {
 public:
  Accountant(Machine machine, std::size_t max_reported, std::int64_t start_ns)
      : machine_(machine), max_reported_(max_reported), start_ns_(start_ns), window_start_ns_(start_ns) {}

  // The run begins now, and not when this was made.
  void start_at(std::int64_t time_ns) { start_ns_ = window_start_ns_ = time_ns; }
  // Takes the tree's present state as a sample at `time_ns`.
  Sample sample(ProcessTree& tree, std::int64_t time_ns);
  // A process has left the tree; `entry` is what was known of it while it lived.
  void ended(const Process& process, const std::optional<LiveEntry>& entry);
  // A process that lives on when the run is over, or a zombie: counts for the totals of the run alone.
  void left_over(const Process& process, const std::optional<LiveEntry>& entry);
  // True if something happened since the last report.
  bool anything_to_report() const { return window_samples_ > 0 || others_.count > 0 || !ended_.empty(); }
  Report report(ProcessTree& tree, std::int64_t time_ns);
  // The last stretch of the run, from the last sample to its end.
  void finish(std::int64_t time_ns);

  // What events say of the tree's memory: its highest since the report before, and in the whole run. Then that of the
  // samples, in which not all processes are of the same moment, does not count.
  void note_window_peak(std::optional<std::uint64_t> bytes);
  void note_tree_peak(std::uint64_t bytes, std::int64_t time_ns);
  // The sum of PSS over the tree, taken when that of RSS was `rss_bytes`.
  void note_pss(std::uint64_t bytes, std::uint64_t rss_bytes);

  // CPU time of the tree so far, as of when it was last brought up to date.
  std::uint64_t tree_cpu_ns(const ProcessTree& tree) const;
  std::uint64_t last_tree_cpu_ns() const { return last_tree_cpu_ns_; }  // at the last sample

  // Fills in what is measured here: peaks, averages, counts, CPU.
  void summarize(Summary& summary) const;

 private:
  struct Folded {
    std::uint64_t count = 0, cpu_ns = 0, peak_rss_max = 0;
  };
  double rate(std::uint64_t tree_cpu_ns, std::int64_t time_ns, std::uint64_t threads);
  ReportedProcess reported(const LiveEntry& entry, std::int64_t time_ns) const;
  void fold(std::uint64_t cpu_ns, std::uint64_t rss_bytes);
  void fold_least(std::vector<ReportedProcess>& list, std::size_t keep);
  void count_process(const Process& process, const std::optional<LiveEntry>& entry);

  Machine machine_;
  std::size_t max_reported_;
  std::int64_t start_ns_;

  // The present window.
  std::uint64_t window_ = 1;
  std::int64_t window_start_ns_;
  std::uint64_t window_samples_ = 0;
  Totals window_max_, window_sum_;
  std::uint64_t window_process_peak_rss_ = 0, window_process_peak_vsz_ = 0;
  std::optional<std::uint64_t> window_tree_peak_;
  std::vector<ReportedProcess> ended_;
  Folded others_;
  std::uint64_t floor_cpu_ns_ = 0, floor_rss_bytes_ = 0;  // what ends with no more than both is folded at once; 0: none yet

  // CPU rate between samples.
  std::uint64_t ended_cpu_ns_ = 0;  // of processes that have left the tree
  std::uint64_t last_tree_cpu_ns_ = 0;
  std::int64_t last_rate_ns_ = 0;
  std::uint64_t carried_cpu_ns_ = 0;
  std::int64_t last_sample_ns_ = 0;
  std::uint64_t came_and_went_ = 0;  // threads of processes that no sample has seen: they began since the last one
  std::uint64_t last_threads_ = 0;  // at the last rate; none before the first sample
  struct Stretch {
    std::int64_t ns = 0;
    std::uint64_t cpu_ns = 0;
  } last_stretch_;

  // The run.
  std::uint64_t samples_ = 0, reports_ = 0;
  Totals run_max_, run_sum_;
  bool any_rate_ = false;
  struct Peak {
    std::uint64_t bytes = 0;
    std::int64_t time_ns = 0;
    void raise(std::uint64_t other, std::int64_t at_ns) {
      if (other > bytes) *this = {other, at_ns};
    }
  } sample_peak_, process_peak_, tree_peak_;  // as samples saw it; of a single process; as events tell
  Peak peak_rss() const;
  std::optional<std::uint64_t> peak_vsz_, peak_pss_;
  struct {
    std::uint64_t pss_bytes = 0, rss_bytes = 0;
  } nearest_;  // to the peak that PSS was taken
  std::uint64_t processes_ = 0, failed_ = 0, cpu_ns_ = 0, user_ns_ = 0, system_ns_ = 0;
};

}  // namespace duct_bpf
