// SPDX-License-Identifier: MIT
// duct-log audit: what a sampler would have seen of a run whose processes are all known.
#pragma once

#include <string>

#include "log/console.hpp"

namespace duct_log {

struct AuditOptions {
  std::string run;             // empty: the latest
  double interval_s = 1.0;
  std::size_t rows = 10;       // programs missed most
};

// Error usage: an interval that makes no sense for the run's length; not_found: no record of its processes.
Result<int> audit(const AuditOptions& options, const Console& console);

}  // namespace duct_log
