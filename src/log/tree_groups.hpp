// SPDX-License-Identifier: MIT
// The process tree with equal siblings made one: those whose program, way of ending and children are equal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "log/run_record.hpp"

namespace duct_log {

// What a row of the tree needs of a process; a run may have a million.
struct TreeProcess {
  std::int64_t pid = 0;
  std::optional<std::int64_t> ppid, depth;
  double start_time = 0;
  float cpu_time = 0, wall_time = 0;
  std::int64_t peak_rss = 0;
  bool failed = false;
  std::string program;  // what makes siblings equal
  std::string command;  // as shown, cut
  std::string exit;     // as shown, with the killer
};

struct TreeGroup {
  std::size_t parent = 0;             // group; of the first one its own
  std::size_t first = 0;              // the first process of it
  std::size_t count = 0;
  double cpu_time = 0;                // of its processes,
  double total_cpu_time = 0;          // and of all below them
  std::int64_t peak_rss = 0;          // of the largest
  double wall_time = 0;               // of the longest
  std::vector<std::size_t> children;  // groups, by the start of their first process
};

// Group 0 has no process: it is the parent of the roots. Parents come before their children. `collapse` false: each
// process is a group of its own.
std::vector<TreeGroup> groups_of(const std::vector<TreeProcess>& processes, bool collapse);

}  // namespace duct_log
