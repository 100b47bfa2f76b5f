// SPDX-License-Identifier: MIT
// The formats of ls.
#pragma once

#include <string>
#include <vector>

#include "log/ls.hpp"

namespace duct_log {

// One row a run, a value a field.
using LsRows = std::vector<std::vector<Json>>;

void print_rows(LsFormat format, const std::vector<std::string>& fields, const LsRows& rows, const Console& console);

}  // namespace duct_log
