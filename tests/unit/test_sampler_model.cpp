// SPDX-License-Identifier: MIT
// The model of a sampler, against one that really steps through the samples.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "log/sampler_model.hpp"

using namespace duct_log;

namespace {

Seen stepped(const std::vector<Life>& lives, double first, double interval, double end, bool last_look) {
  std::vector<double> times;
  for (int i = 0; first + i * interval < end; ++i) times.push_back(first + i * interval);
  if (last_look) times.push_back(end);
  Seen seen;
  seen.samples = times.size();
  std::vector<double> last(lives.size(), -1);
  for (std::size_t t = 0; t < times.size(); ++t) {
    const bool look = last_look && t + 1 == times.size();
    double rss = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < lives.size(); ++i) {
      // What ends at the last look is there still: nobody has reaped it.
      const bool there = lives[i].begin <= times[t] && (look ? lives[i].end >= times[t] : lives[i].end > times[t]);
      if (!there) continue;
      last[i] = times[t];
      rss += static_cast<double>(lives[i].peak_rss);
      ++count;
    }
    seen.peak_rss = std::max(seen.peak_rss, rss);
    seen.most_at_once = std::max(seen.most_at_once, count);
  }
  for (std::size_t i = 0; i < lives.size(); ++i) {
    if (last[i] < 0) continue;
    ++seen.processes;
    const double length = lives[i].end - lives[i].begin;
    seen.cpu_time += lives[i].cpu_time * (length > 0 ? std::min(1.0, (last[i] - lives[i].begin) / length) : 1);
  }
  return seen;
}

}  // namespace

TEST_CASE("the model sees what a sampler sees", "[sampler_model]") {
  std::mt19937 random(7);
  // Eighths are exact, so that begins and ends fall on samples too.
  const auto eighths = [&](int most) { return std::uniform_int_distribution<int>(0, most)(random) / 8.0; };
  for (int round = 0; round < 300; ++round) {
    const double end = 1 + eighths(80), interval = 0.25 + eighths(16), first = eighths(8);
    std::vector<Life> lives;
    for (int i = 0; i < 30; ++i) {
      const double begin = eighths(80);
      lives.push_back({.begin = begin, .end = std::min(end, begin) + eighths(24), .cpu_time = eighths(8), .peak_rss = i + 1, .program = 0});
      lives.back().end = std::max(lives.back().end, begin);
    }
    for (const bool last_look : {false, true}) {
      const Seen model = simulate(lives, first, interval, end, last_look);
      const Seen truth = stepped(lives, first, interval, end, last_look);
      INFO("end " << end << " interval " << interval << " first " << first << " last look " << last_look);
      CHECK(model.samples == truth.samples);
      CHECK(model.processes == truth.processes);
      CHECK(model.most_at_once == truth.most_at_once);
      CHECK(model.peak_rss == Approx(truth.peak_rss));
      CHECK(model.cpu_time == Approx(truth.cpu_time));
    }
  }
}

TEST_CASE("what no sample saw is counted by program", "[sampler_model]") {
  std::vector<Missed> missed;
  simulate({{0, 4, 4, 1, 0}, {0.5, 0.75, 1, 1, 2}, {1, 1.5, 1, 1, 2}}, 0, 1, 4, false, &missed);
  REQUIRE(missed.size() == 3);
  CHECK(missed[0].processes == 0);
  CHECK(missed[0].cpu_time == 1);
  CHECK(missed[2].processes == 1);
  CHECK(missed[2].cpu_time == 2);
}
