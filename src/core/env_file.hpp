// SPDX-License-Identifier: MIT
// Reads the text of a .env file. Pure: where the files are and what their variables mean is the caller's
// business.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duct_bpf/error.hpp"

namespace duct_bpf {

// KEY=value lines, in order, a key named twice twice. `export ` before a key is allowed. Values: bare (to the
// end of the line or a # preceded by a blank, trimmed), 'single quoted' (verbatim), "double quoted" (\n \r \t
// \\ \" \$ are escapes, other backslashes stay); quoted ones may span lines. Nothing is expanded. Error
// usage: names the line.
Result<std::vector<std::pair<std::string, std::string>>> parse_env_file(std::string_view text);

}  // namespace duct_bpf
