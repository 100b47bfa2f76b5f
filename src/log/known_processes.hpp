// SPDX-License-Identifier: MIT
// The processes of a run, from the best record that there is of them.
#pragma once

#include "log/run_record.hpp"

namespace duct_log {

enum class ProcessSource {
  ledger,   // processes.jsonl
  samples,  // usage.jsonl alone, con-duct's say: those that a sample saw, as far as it saw them
};

// From samples a Process has pid, cmd, start_time (by its age, in whole seconds), wall_time and end_time (until it was last
// seen), peak_rss (largest sample), cpu_time (of its last report; con-duct's: pcpu x etime, where it was a second old). No parent, no exit code.
Result<ProcessSource> for_each_known_process(const RunFiles& files, const Warn& warn, const std::function<void(const Process&)>& take);

}  // namespace duct_log
