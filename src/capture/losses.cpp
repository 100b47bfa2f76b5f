// SPDX-License-Identifier: MIT
#include "capture/losses.hpp"

namespace duct_bpf {

std::vector<std::string> loss_texts(const TracerCounts& counts, std::uint64_t malformed) {
  const struct {
    std::uint64_t count;
    const char* before;
    const char* after;
  } causes[] = {
      {counts.lost_forks_full, "",
       " processes and their descendants are not recorded: too many at once; raise --max-processes"},
      {counts.lost_forks_busy, "", " processes and their descendants are not recorded: the kernel's table was locked"},
      {counts.missed_forks, "the kernel skipped ", " looks at a fork: such processes and their descendants are not recorded"},
      {counts.missed_execs, "the kernel skipped ", " looks at an exec: such processes are recorded with the image before"},
      {counts.missed_exits, "the kernel skipped ", " looks at an exit: such processes have no record, or count as alive"},
      {counts.lost_fork_news, "", " processes are missing from the samples, not from the records; raise --ring-size"},
      {counts.lost_numbers, "CPU time and counts of ",
       " processes are not recorded: the kernel had let go of them before they were read"},
      {counts.lost_ends, "the records of ", " processes found no room in the kernel; raise --ring-size"},
      {malformed, "", " messages of the tracer made no sense"},
      {counts.lost_argv, "arguments of ",
       " programs are not recorded; raise --ring-size if the machine is short of CPU"},
  };
  std::vector<std::string> texts;
  for (auto& [count, before, after] : causes)
    if (count) texts.push_back(before + std::to_string(count) + after);
  return texts;
}

}  // namespace duct_bpf
