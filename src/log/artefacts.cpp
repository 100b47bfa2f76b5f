// SPDX-License-Identifier: MIT
#include "log/artefacts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "log/text.hpp"

namespace duct_log {
namespace {

struct Side {
  const char* name;
  const RunSet& set;
  std::string recorder;
  bool samples() const { return recorder != "bpf"; }
  std::optional<double> mean(std::string_view metric) const {
    const auto values = set.values(run_metric(metric));
    return values.empty() ? std::nullopt : std::optional(spread_of(values).mean);
  }
};

void of_one(const Side& side, std::vector<std::string>& notes) {
  const Info& info = side.set.info();
  const auto peak_cpu = side.mean("peak_pcpu");
  if (side.recorder == "con-duct") {
    const bool impossible = peak_cpu && info.cpu_total && *peak_cpu > 100.0 * static_cast<double>(*info.cpu_total);
    notes.push_back(fmt::format("{}: con-duct's CPU percentages are sums of ps's lifetime averages (CPU time since a process began / its age): a "
                                "burst of a young process counts too much, of an old one too little{}",
                                side.name, impossible ? fmt::format("; its peak of {} is more than {} CPUs can do", percent_text(*peak_cpu), *info.cpu_total) : ""));
  }
  const auto rss = side.mean("peak_rss"), pss = side.mean("peak_pss");
  if (rss && pss && *rss > 1.2 * *pss) {
    notes.push_back(fmt::format("{}: RSS is a sum, in which a page that n processes share counts n times: {} of {} are such repeats (PSS counts them once)",
                                side.name, bytes_text(*rss - *pss), bytes_text(*rss)));
  }
}

void of_both(const Side& sampled, const Side& other, std::vector<std::string>& notes) {
  if (!sampled.samples() || other.samples()) return;
  if (sampled.set.has_processes && sampled.set.processes < other.set.processes) {
    notes.push_back(fmt::format("{}: sampled, it knows {} of some {} processes; what came and went between two samples, or left the session, is not there",
                                sampled.name, count_text(std::llround(sampled.set.processes)), count_text(std::llround(other.set.processes))));
  }
  if (sampled.mean("peak_rss") && other.mean("peak_rss")) {
    notes.push_back(fmt::format("{}: its peak memory is that of the highest sample; {} follows the sum by events, between the samples too", sampled.name,
                                other.name));
  }
  if (sampled.recorder == "procfs" && sampled.mean("cpu_time")) {
    notes.push_back(fmt::format("{}: its CPU time is as of each process's last sample: what was used after it, and by processes that no sample saw, is missing",
                                sampled.name));
  }
}

}  // namespace

std::vector<std::string> artefacts(const RunSet& a, const RunSet& b) {
  const Side sides[] = {{"A", a, recorder_of(a.info())}, {"B", b, recorder_of(b.info())}};
  std::vector<std::string> notes;
  if (a.info().command != b.info().command) notes.push_back("The commands are not the same");
  if (a.info().hostname != b.info().hostname || a.info().cpu_total != b.info().cpu_total) notes.push_back("The machines are not the same");
  of_both(sides[0], sides[1], notes);
  of_both(sides[1], sides[0], notes);
  for (const Side& side : sides) of_one(side, notes);
  const auto x = sides[0].mean("peak_rss"), y = sides[1].mean("peak_rss");
  double bound = 0;
  for (const Side& side : sides) {
    if (side.set.info().tracer) bound += side.set.info().tracer->memory_error_bound.value_or(0);
  }
  if (x && y && *x != *y && std::abs(*x - *y) <= bound)
    notes.push_back("The peaks of memory differ by less than they may be off (" + bytes_text(bound) + "); --memory exact is off by less");
  return notes;
}

}  // namespace duct_log
