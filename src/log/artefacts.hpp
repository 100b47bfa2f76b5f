// SPDX-License-Identifier: MIT
// Why the numbers of two records differ although the runs may not: what each way of measuring does to them.
#pragma once

#include <string>
#include <vector>

#include "log/run_set.hpp"

namespace duct_log {

// A sentence each; those that apply to these two.
std::vector<std::string> artefacts(const RunSet& a, const RunSet& b);

}  // namespace duct_log
