// SPDX-License-Identifier: MIT
// Which processes of a very large run are worth to be listed one by one.
#pragma once

#include <cstddef>
#include <vector>

#include "log/run_record.hpp"

namespace duct_log {

class ProcessChoice {
 public:
  void add(const Process& process);
  std::size_t count() const { return weights_.size(); }
  // By their order of coming: true for `most` of them at most. The command, then a quarter each of the failed ones, and of
  // those with the most CPU time, memory and duration.
  std::vector<bool> choose(std::size_t most) const;

 private:
  struct Weight {
    float cpu, rss, wall;
    bool failed, command;
  };
  std::vector<Weight> weights_;
};

}  // namespace duct_log
