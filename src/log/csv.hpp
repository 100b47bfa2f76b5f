// SPDX-License-Identifier: MIT
// A value as a field of a CSV line.
#pragma once

#include <string>

#include "log/json.hpp"

namespace duct_log {

// Quoted where it has to be (RFC 4180); text is escaped(), so a record is one line. Null is empty.
std::string csv_text(const Json& value);

}  // namespace duct_log
