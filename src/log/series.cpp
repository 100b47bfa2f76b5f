// SPDX-License-Identifier: MIT
#include "log/series.hpp"

#include <algorithm>
#include <cmath>

#include "log/cpu_knots.hpp"
#include "log/whole.hpp"

namespace duct_log {
namespace {

constexpr double kLeastSpan_s = 1e-6;
constexpr double kLeastLife_s = 1e-6;  // one that was seen once has been there
constexpr std::size_t kFewReports = 3;  // fewer say nothing that the summary does not say

// Rates over stretches of time, summed up step by step: whole steps by a difference at both ends, so that a stretch costs
// the same however long it is.
class Spread {
 public:
  Spread(std::size_t steps, double step) : step_(step), partial_(steps, 0), change_(steps + 1, 0) {}

  void add(double from, double to, double amount) {
    const double length = to - from;
    const double limit = step_ * static_cast<double>(partial_.size());
    if (!(length > 0) || !(amount > 0) || to <= 0 || from >= limit) return;
    const double rate = amount / length;
    from = std::max(from, 0.0);
    to = std::min(to, limit);
    const std::size_t first = index(from), last = index(to);
    if (first == last) {
      partial_[first] += (to - from) * rate;
      return;
    }
    partial_[first] += (static_cast<double>(first + 1) * step_ - from) * rate;
    partial_[last] += (to - static_cast<double>(last) * step_) * rate;
    change_[first + 1] += rate;
    change_[last] -= rate;
  }

  // In each step, the amount by second.
  template <typename Take>
  void finish(Take&& take) const {
    double rate = 0;
    for (std::size_t i = 0; i < partial_.size(); ++i) {
      rate += change_[i];
      take(i, std::max(rate + partial_[i] / step_, 0.0));
    }
  }

 private:
  std::size_t index(double time) const { return whole(time / step_, partial_.size() - 1); }
  double step_;
  std::vector<double> partial_, change_;
};

// CPU time spread evenly over a process's life may come to more in a step than the CPUs can give: what is too much is
// carried on to the next steps that have room, and from the end back.
void keep_below(std::vector<double>& rates, double limit) {
  double carried = 0;
  const auto level = [&](double& rate) {
    const double wanted = rate + carried;
    rate = std::min(wanted, limit);
    carried = wanted - rate;
  };
  std::for_each(rates.begin(), rates.end(), level);
  std::for_each(rates.rbegin(), rates.rend(), level);
}

// The highest sum in each step of what comes and goes.
std::vector<double> highest_sums(std::vector<std::pair<double, double>> changes, std::size_t steps, double step) {
  // Who goes at a moment has gone before another comes.
  std::sort(changes.begin(), changes.end());
  std::vector<double> highest(steps, 0);
  double sum = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < steps; ++i) {
    const double end = i + 1 == steps ? std::numeric_limits<double>::infinity() : static_cast<double>(i + 1) * step;
    highest[i] = sum;
    for (; next < changes.size() && changes[next].first < end; ++next) {
      sum += changes[next].second;
      highest[i] = std::max(highest[i], sum);
    }
  }
  return highest;
}

void keep_highest(std::optional<double>& value, std::optional<double> other) {
  if (other && (!value || *other > *value)) value = other;
}

void drop_if_unknown(Series::Values& values) {
  if (std::none_of(values.begin(), values.end(), [](const auto& value) { return value.has_value(); })) values.clear();
}

}  // namespace

std::optional<double> cpu_seconds(const UsageProcess& process, CpuSource source) {
  if (source == CpuSource::known && process.cpu_time) return process.cpu_time;
  if (process.pcpu && process.age.value_or(0) >= 1) return *process.pcpu * *process.age / 100;
  return std::nullopt;
}

void SeriesMaker::add(const Process& process) {
  double end = process.end_time ? *process.end_time
               : process.wall_time ? process.start_time + *process.wall_time
                                   : summary_.end_time.value_or(process.start_time);
  end = std::max(end, process.start_time + kLeastLife_s);
  const double cpu = source_ == CpuSource::known ? process.cpu_time.value_or(std::nan("")) : std::nan("");
  lives_.push_back({process.pid, process.start_time, end, cpu, process.peak_rss.value_or(0), most_cpus(process.max_threads, cpus_)});
  if (!process.adopted) first_ = std::min(first_, process.start_time);
  last_ = std::max(last_, end);
}

void SeriesMaker::add(const UsageReport& report) {
  for (const UsageProcess& process : report.processes) {
    const double time = process.time.value_or(report.time);
    if (const auto cpu = cpu_seconds(process, source_)) knots_.push_back({process.pid, time, *cpu});
    first_ = std::min(first_, time);
  }
  const double from = windows_.empty() ? -std::numeric_limits<double>::infinity() : windows_.back().to;
  windows_.push_back({from, report.time, report.totals, report.averages});
  first_ = std::min(first_, report.time);
  last_ = std::max(last_, report.time);
}

double SeriesMaker::start() const { return summary_.start_time.value_or(std::isfinite(first_) ? first_ : 0); }

double SeriesMaker::span() const {
  const double end = std::max(summary_.end_time.value_or(start()), std::isfinite(last_) ? last_ : start());
  return std::max(end - start(), kLeastSpan_s);
}

Series SeriesMaker::make(std::size_t steps) {
  Series series;
  series.start = start();
  series.step = span() / static_cast<double>(steps);
  for (Series::Values* const values : {&series.cpu, &series.cpu_reported, &series.rss_at_most, &series.rss_reported, &series.rss_mean, &series.processes})
    values->resize(steps);
  spread_cpu(series);
  count_alive(series);
  take_reports(series);
  bound_memory(series);
  for (Series::Values* const values : {&series.cpu, &series.cpu_reported, &series.rss_at_most, &series.rss_reported, &series.rss_mean, &series.processes})
    drop_if_unknown(*values);
  return series;
}

void SeriesMaker::spread_cpu(Series& series) {
  std::sort(lives_.begin(), lives_.end(), [](const Life& a, const Life& b) { return a.pid != b.pid ? a.pid < b.pid : a.start < b.start; });
  std::sort(knots_.begin(), knots_.end(), [](const Knot& a, const Knot& b) { return a.pid != b.pid ? a.pid < b.pid : a.time < b.time; });
  Spread spread(series.cpu.size(), series.step);
  auto knot = knots_.begin();
  bool any = false;
  CpuKnots known;
  for (const Life& life : lives_) {
    known.begin(life.start, life.most_cpus);
    while (knot != knots_.end() && (knot->pid < life.pid || (knot->pid == life.pid && knot->time < life.start))) ++knot;
    for (; knot != knots_.end() && knot->pid == life.pid && knot->time <= life.end; ++knot) {
      if (std::isnan(life.cpu) || knot->cpu <= life.cpu) known.add(knot->time, knot->cpu);
    }
    if (!std::isnan(life.cpu)) known.add(life.end, life.cpu);
    for (std::size_t i = 1; i < known.knots().size(); ++i) {
      const auto &from = known.knots()[i - 1], &to = known.knots()[i];
      spread.add(from.time - series.start, to.time - series.start, to.used - from.used);
      any = true;
    }
  }
  if (!any) return;
  std::vector<double> rates;
  spread.finish([&](std::size_t, double rate) { rates.push_back(rate); });
  if (cpus_) keep_below(rates, static_cast<double>(*cpus_));
  std::transform(rates.begin(), rates.end(), series.cpu.begin(), [](double rate) { return rate * 100; });
}

void SeriesMaker::count_alive(Series& series) const {
  if (lives_.empty()) return;
  std::vector<std::pair<double, double>> changes;
  changes.reserve(lives_.size() * 2);
  for (const Life& life : lives_) {
    changes.emplace_back(life.start - series.start, 1);
    if (life.end - series.start < span()) changes.emplace_back(life.end - series.start, -1);
  }
  const auto alive = highest_sums(std::move(changes), series.processes.size(), series.step);
  std::copy(alive.begin(), alive.end(), series.processes.begin());
}

void SeriesMaker::take_reports(Series& series) const {
  if (windows_.size() < kFewReports && ledger_) return;
  for (const Window& window : windows_) {
    const double to = (window.to - series.start) / series.step;
    if (!(to >= 0)) continue;
    const std::size_t last_step = series.cpu_reported.size() - 1;
    const std::size_t first = whole((window.from - series.start) / series.step, last_step);
    const std::size_t last = std::max(whole(to, last_step), first);
    for (std::size_t i = first; i <= last; ++i) {
      keep_highest(series.cpu_reported[i], window.totals.pcpu);
      keep_highest(series.rss_reported[i], window.totals.rss);
      keep_highest(series.rss_mean[i], window.averages.rss);
    }
  }
}

void SeriesMaker::bound_memory(Series& series) const {
  if (!ledger_ || lives_.empty()) return;
  std::vector<std::pair<double, double>> changes;
  changes.reserve(lives_.size() * 2);
  for (const Life& life : lives_) {
    changes.emplace_back(life.start - series.start, static_cast<double>(life.peak_rss));
    if (life.end - series.start < span()) changes.emplace_back(life.end - series.start, -static_cast<double>(life.peak_rss));
  }
  const auto sums = highest_sums(std::move(changes), series.rss_at_most.size(), series.step);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double limit = std::min(summary_.peak_rss.value_or(sums[i]), series.rss_reported[i].value_or(sums[i]));
    series.rss_at_most[i] = std::min(sums[i], limit);
  }
}

}  // namespace duct_log
