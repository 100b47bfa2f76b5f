// SPDX-License-Identifier: MIT
// Times as records write them.
#pragma once

#include <optional>
#include <string_view>

namespace duct_log {

// Epoch of ISO 8601: YYYY-MM-DDTHH:MM:SS[.fraction][Z|+HH:MM]; without an offset it is taken as local time.
std::optional<double> parse_iso_time(std::string_view text);

// Seconds of ps's ETIME: [[DD-]HH:]MM:SS.
std::optional<double> parse_etime(std::string_view text);

}  // namespace duct_log
