// SPDX-License-Identifier: MIT
// What a sampler that looks at fixed times would have seen of processes whose lives are known. Of a life only its ends and
// totals are recorded, so: CPU is taken to be used evenly over it, and memory to be at its peak all the time (so the sum at a
// sample is the most that it can have been).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace duct_log {

struct Life {
  double begin = 0, end = 0;  // seconds from the start of the run
  double cpu_time = 0;
  std::int64_t peak_rss = 0;
  std::uint32_t program = 0;  // a number for it
};

struct Seen {
  std::size_t samples = 0;
  std::size_t processes = 0;
  std::size_t most_at_once = 0;
  double cpu_time = 0;    // until each process's last sample
  double peak_rss = 0;    // the highest sum over those there at a sample: no more than this
};

// Samples at `first`, first + interval, ... before `end`, and at `end` with `last_look` (the sampler looks once more when
// the command has ended). The number of samples has to be sane: (end - first) / interval of 10 million at most. Where
// `missed` is given: how many of each program no sample saw, and the CPU time that none saw.
struct Missed {
  std::size_t processes = 0;
  double cpu_time = 0;
};
Seen simulate(const std::vector<Life>& lives, double first, double interval, double end, bool last_look, std::vector<Missed>* missed = nullptr);

}  // namespace duct_log
