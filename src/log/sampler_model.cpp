// SPDX-License-Identifier: MIT
#include "log/sampler_model.hpp"

#include <algorithm>
#include <cmath>

#include "log/whole.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kMostSamples = 100'000'000;

}  // namespace

Seen simulate(const std::vector<Life>& lives, double first, double interval, double end, bool last_look, std::vector<Missed>* missed) {
  Seen seen;
  const auto samples_before = [&](double time, std::size_t most) { return static_cast<std::int64_t>(whole(std::ceil((time - first) / interval), most)); };
  const std::int64_t regular = samples_before(end, kMostSamples);
  const std::int64_t samples = regular + (last_look ? 1 : 0);
  seen.samples = static_cast<std::size_t>(samples);
  const auto time_of = [&](std::int64_t sample) { return sample < regular ? first + static_cast<double>(sample) * interval : end; };
  // By how much the sums change from one sample to the next.
  std::vector<double> rss(seen.samples + 1);
  std::vector<std::int64_t> count(seen.samples + 1);
  for (const Life& life : lives) {
    const auto most = static_cast<std::size_t>(regular);
    const std::int64_t from = samples_before(life.begin, most);  // none of the regular ones: the last look, if there is one
    std::int64_t to = samples_before(life.end, most) - 1;        // the last before its end
    if (last_look && life.begin <= end && life.end >= end) to = regular;
    const bool is_seen = from <= to && to >= 0;
    double cpu = 0;
    if (is_seen) {
      const double length = life.end - life.begin;
      const double part = length > 0 ? std::clamp((time_of(to) - life.begin) / length, 0.0, 1.0) : 1;
      cpu = life.cpu_time * part;
      ++seen.processes;
      rss[static_cast<std::size_t>(from)] += static_cast<double>(life.peak_rss);
      rss[static_cast<std::size_t>(to) + 1] -= static_cast<double>(life.peak_rss);
      ++count[static_cast<std::size_t>(from)];
      --count[static_cast<std::size_t>(to) + 1];
    }
    seen.cpu_time += cpu;
    if (missed == nullptr) continue;
    if (missed->size() <= life.program) missed->resize(life.program + 1);
    (*missed)[life.program].processes += is_seen ? 0 : 1;
    (*missed)[life.program].cpu_time += life.cpu_time - cpu;
  }
  double sum = 0;
  std::int64_t there = 0;
  for (std::size_t i = 0; i < seen.samples; ++i) {
    sum += rss[i];
    there += count[i];
    seen.peak_rss = std::max(seen.peak_rss, sum);
    seen.most_at_once = std::max(seen.most_at_once, static_cast<std::size_t>(std::max<std::int64_t>(there, 0)));
  }
  return seen;
}

}  // namespace duct_log
