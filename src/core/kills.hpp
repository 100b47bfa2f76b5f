// SPDX-License-Identifier: MIT
// Processes that somebody else ended: by a signal, or the kernel because memory ran out. For the summary. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "duct_bpf/profile.hpp"

namespace duct_bpf {

class Kills {
 public:
  void add(const Process& process);

  std::uint64_t killed() const { return killed_.count; }
  std::uint64_t out_of_memory() const { return out_of_memory_.count; }
  // "cc1 (pid 77) by earlyoom (pid 12, uid 0), as (pid 78) ... and 5 more"; empty if there were none.
  std::string killed_text() const { return killed_.text(); }
  std::string out_of_memory_text() const { return out_of_memory_.text(); }

 private:
  struct List {
    std::uint64_t count = 0;
    std::string first;  // the first few
    void add(std::string text);
    std::string text() const;
  };
  List killed_, out_of_memory_;
};

}  // namespace duct_bpf
